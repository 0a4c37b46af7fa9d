/* SPDX-License-Identifier: MIT */
/* Dates of feeds: each form that is read, each that is refused, and what the odd ones mean. */
#include "worker/kinds/feeds_date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct example {
	const char *text, *date; /* NULL: no date */
};

/* text as "2004-01-01T19:48:21Z", or NULL. */
static const char *read_date(const char *text, size_t size)
{
	static char shown[64];
	int64_t seconds = 0;
	if (!feeds_date(text, size, &seconds))
		return NULL;
	time_t when = (time_t)seconds;
	struct tm tm;
	assert_non_null(gmtime_r(&when, &tm));
	snprintf(shown, sizeof(shown), "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return shown;
}

static void check(const struct example *examples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *date = read_date(examples[i].text, strlen(examples[i].text));
		const char *expected = examples[i].date;
		bool same = (date == NULL) == (expected == NULL) &&
			    (date == NULL || strcmp(date, expected) == 0);
		if (!same)
			fail_msg("'%s' is %s, not %s", examples[i].text, date ? date : "no date",
				expected ? expected : "no date");
	}
}

#define CHECK(...)                                                                                 \
	do {                                                                                       \
		static const struct example examples[] = { __VA_ARGS__ };                          \
		check(examples, sizeof(examples) / sizeof(*examples));                             \
	} while (0)

static void test_date_of_rfc_822_is_read_with_its_sins(void **state)
{
	(void)state;
	CHECK({ "Thu, 01 Jan 2004 19:48:21 GMT", "2004-01-01T19:48:21Z" },
		{ "thu, 1 JAN 2004 19:48:21 gmt", "2004-01-01T19:48:21Z" },
		{ "01 Jan 2004 19:48:21 GMT", "2004-01-01T19:48:21Z" },
		{ "Fri, 01 Jan 2004 19:48:21 GMT", "2004-01-01T19:48:21Z" },
		{ "Thurs., 1 January 2004 9:48 UT", "2004-01-01T09:48:00Z" },
		{ "Thu,01Jan2004 19:48:21", "2004-01-01T19:48:21Z" },
		{ "01 Jan 04 19:48 Z", "2004-01-01T19:48:00Z" },
		{ "1 Jan 69 00:00 Z", "1969-01-01T00:00:00Z" },
		{ "1 Jan 68 00:00 Z", "2068-01-01T00:00:00Z" },
		{ "1 Jan 104 00:00 Z", "2004-01-01T00:00:00Z" },
		{ "03 Jan 02 1500 GMT", "2002-01-03T15:00:00Z" },
		{ "Thu, Jan 01 2004 19:48:21", "2004-01-01T19:48:21Z" },
		{ "Thursday, 01-Jan-04 19:48:21 GMT", "2004-01-01T19:48:21Z" },
		{ "Thu, 1st of January, 2004 at 7:48 p.m.", "2004-01-01T19:48:00Z" },
		{ "Mon, 16. Nov. 2020 - 3:09pm", "2020-11-16T15:09:00Z" },
		{ "16-Nov-2020 10:14:00 -0500", "2020-11-16T15:14:00Z" },
		{ "Thu (day), 01 Jan (a (nested) one) 2004 19:48:21 (open",
			"2004-01-01T19:48:21Z" },
		{ " \t\r\n\u00A0Thu, 01 Jan 2004\n 19:48:21 GMT \n", "2004-01-01T19:48:21Z" },
		{ "Wed,  1 Feb 2006 10:27:25 -0500", "2006-02-01T15:27:25Z" });
}

static void test_date_zone_by_name_number_or_both(void **state)
{
	(void)state;
	CHECK({ "01 Jan 2004 12:00:00 EST", "2004-01-01T17:00:00Z" },
		{ "01 Jan 2004 12:00:00 CEST", "2004-01-01T10:00:00Z" },
		{ "01 Jan 2004 12:00:00 ET", "2004-01-01T17:00:00Z" },
		{ "01 Jan 2004 12:00:00 A", "2004-01-01T13:00:00Z" },
		{ "01 Jan 2004 12:00:00 n", "2004-01-01T11:00:00Z" },
		{ "01 Jan 2004 12:00:00 Etc/GMT", "2004-01-01T12:00:00Z" },
		{ "01 Jan 2004 12:00:00 XYZT", "2004-01-01T12:00:00Z" },
		{ "01 Jan 2004 12:00:00 +0230", "2004-01-01T09:30:00Z" },
		{ "01 Jan 2004 12:00:00-02:30", "2004-01-01T14:30:00Z" },
		{ "01 Jan 2004 12:00:00 +2", "2004-01-01T10:00:00Z" },
		{ "01 Jan 2004 12:00:00 +130", "2004-01-01T10:30:00Z" },
		{ "01 Jan 2004 12:00:00 GMT+02:00", "2004-01-01T10:00:00Z" },
		{ "01 Jan 2004 12:00:00 UTC-2", "2004-01-01T14:00:00Z" },
		{ "01 Jan 2004 12:00:00 -0800 (PST)", "2004-01-01T20:00:00Z" },
		{ "01 Jan 2004 12:00:00 +0200 CEST", "2004-01-01T10:00:00Z" },
		{ "2020-11-08T16:20:00-05:00Z", "2020-11-08T21:20:00Z" },
		{ "01 Jan 2004 12:00:00 +00000", NULL });
}

static void test_date_of_iso_8601_in_full_and_in_part(void **state)
{
	(void)state;
	CHECK({ "2003-12-31T10:14:55Z", "2003-12-31T10:14:55Z" },
		{ "2003-12-31t10:14:55z", "2003-12-31T10:14:55Z" },
		{ "2003-12-31T10:14:55-08:00", "2003-12-31T18:14:55Z" },
		{ "2003-12-31 10:14:55.5 -00:20", "2003-12-31T10:34:55Z" },
		{ "2003-12-31T10:14:55,123456789+0100", "2003-12-31T09:14:55Z" },
		{ "2003-12-31T5:14", "2003-12-31T05:14:00Z" },
		{ "2003-12-31T10+01", "2003-12-31T09:00:00Z" },
		{ "2003-12-31+01:00", "2003-12-30T23:00:00Z" },
		{ "2003-12-31-01:00", "2003-12-31T01:00:00Z" },
		{ "2003-12-31", "2003-12-31T00:00:00Z" }, { "2003-12", "2003-12-01T00:00:00Z" },
		{ "2003", "2003-01-01T00:00:00Z" }, { "03-12-31", "2003-12-31T00:00:00Z" },
		{ "031231", "2003-12-31T00:00:00Z" }, { "-03-12", "2003-12-01T00:00:00Z" },
		{ "-0312", "2003-12-01T00:00:00Z" }, { "2003-335", "2003-12-01T00:00:00Z" },
		{ "2003335", "2003-12-01T00:00:00Z" }, { "03-335", "2003-12-01T00:00:00Z" },
		{ "03335", "2003-12-01T00:00:00Z" },
		{ "2003-012-31T10:14:55+00:00", "2003-12-31T10:14:55Z" },
		{ "20031231", "2003-12-31T00:00:00Z" },
		{ "20031231T101455Z", "2003-12-31T10:14:55Z" },
		{ "20031231T1014+0100", "2003-12-31T09:14:00Z" },
		{ "20031231101455", "2003-12-31T10:14:55Z" },
		{ "200312311014", "2003-12-31T10:14:00Z" },
		{ "2003-W52-3", "2003-12-24T00:00:00Z" },
		{ "2009W011T10:00Z", "2008-12-29T10:00:00Z" },
		{ "2009-W53", "2009-12-28T00:00:00Z" });
}

static void test_date_of_other_programs(void **state)
{
	(void)state;
	CHECK({ "Sun Jan  4 16:29:06 2004", "2004-01-04T16:29:06Z" },
		{ "Sun Jan  4 16:29:06 PST 2004", "2004-01-05T00:29:06Z" },
		{ "Sun Jul 15 01:16:00 +0000 2012", "2012-07-15T01:16:00Z" },
		{ "Thu Nov 12 2020 17:00:00 GMT+0000 (Coordinated Universal Time)",
			"2020-11-12T17:00:00Z" },
		{ "Fri, 2006/09/15 08:19:53 EDT", "2006-09-15T12:19:53Z" },
		{ "09/15/2014 4:20 pm PST", "2014-09-16T00:20:00Z" },
		{ "10/30/23 21:55:58", "2023-10-30T21:55:58Z" },
		{ "26/06/2020", "2020-06-26T00:00:00Z" },
		{ "31.12.2003 10.14", "2003-12-31T10:14:00Z" },
		{ "10:14:55 31-12-2003", "2003-12-31T10:14:55Z" },
		{ "12/2003", "2003-12-01T00:00:00Z" }, { "March 2020", "2020-03-01T00:00:00Z" },
		{ "2020/13/05", "2020-05-13T00:00:00Z" },
		{ "2020-11-08 16:20:00.123 +0000 UTC m=+0.1", "2020-11-08T16:20:00Z" },
		{ "02/Jan/2006:15:04:05 +0100", "2006-01-02T14:04:05Z" },
		{ "1072915200", "2004-01-01T00:00:00Z" },
		{ "1072915200.25", "2004-01-01T00:00:00Z" },
		{ "1072915200000", "2004-01-01T00:00:00Z" });
}

static void test_date_in_words_of_other_languages(void **state)
{
	(void)state;
	CHECK({ "Do, 29 Mär 2018 00:00:00 +0200", "2018-03-28T22:00:00Z" },
		{ "5. Mai 2020, 10:00 Uhr", "2020-05-05T10:00:00Z" },
		{ "ven., 03 juil. 2020 15h30", "2020-07-03T15:30:00Z" },
		{ "mar., 01 DÉC. 2020 16:11:02 +0000", "2020-12-01T16:11:02Z" },
		{ "martedì, 5 maggio 2020 10:00", "2020-05-05T10:00:00Z" },
		{ "miércoles, 5 de agosto de 2020 1:30 p. m.", "2020-08-05T13:30:00Z" },
		{ "terça-feira, 5 de março de 2020", "2020-03-05T00:00:00Z" },
		{ "2004-július-13T9:15-05:00", "2004-07-13T14:15:00Z" },
		{ "Κυρ, 11 Ιούλ 2004 12:00:00 EST", "2004-07-11T17:00:00Z" },
		{ "Пт, 03 Января 2020 12:00:00 +0300", "2020-01-03T09:00:00Z" },
		{ "2004-05-25 오후 11:23:17", "2004-05-25T14:23:17Z" },
		{ "2004년 05월 28일  01:31:15", "2004-05-27T16:31:15Z" },
		{ "2020年3月5日(木) 午後3時5分", "2020-03-05T15:05:00Z" });
}

static void test_date_order_follows_the_name_of_the_day(void **state)
{
	(void)state;
	CHECK({ "03/06/2020", "2020-03-06T00:00:00Z" },
		{ "Wed, 03/06/2020", "2020-06-03T00:00:00Z" },
		{ "Tue, 03/06/2020", "2020-03-06T00:00:00Z" },
		{ "11 04 2020", "2020-04-11T00:00:00Z" },
		{ "Wed, 11 04 2020", "2020-11-04T00:00:00Z" });
}

static void test_date_noon_and_midnight_by_halves_of_the_day(void **state)
{
	(void)state;
	CHECK({ "Jan 4 2016 12:37 p.m.", "2016-01-04T12:37:00Z" },
		{ "Jan 4 2016 12:37 AM", "2016-01-04T00:37:00Z" },
		{ "Jan 4 2016 7pm", "2016-01-04T19:00:00Z" },
		{ "Jan 4 2016 15:00 PM", "2016-01-04T15:00:00Z" });
}

static void test_date_impossible_parts_run_over(void **state)
{
	(void)state;
	CHECK({ "Thu, 31 Jun 2004 19:48:21 GMT", "2004-07-01T19:48:21Z" },
		{ "31 Feb 2020", "2020-03-02T00:00:00Z" },
		{ "2003-02-29T10:00:00Z", "2003-03-01T10:00:00Z" },
		{ "01 Jan 2004 24:00:00 GMT", "2004-01-02T00:00:00Z" },
		{ "2003-12-31T25:62:61Z", "2004-01-01T02:03:01Z" },
		{ "2003-12-31T23:59:60Z", "2004-01-01T00:00:00Z" },
		{ "Wed, 32 Jan 2004 10:00:00", NULL }, { "Wed, 0 Jan 2004", NULL },
		{ "2020-13-01", NULL }, { "2020-00-10", NULL }, { "2020-367", NULL },
		{ "2020-W54", NULL }, { "2020-W10-9", NULL });
}

static void test_date_stays_within_years_1_to_9999(void **state)
{
	(void)state;
	CHECK({ "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z" },
		{ "9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z" },
		{ "0001-01-01T00:00:00+00:01", NULL }, { "9999-12-31T23:59:60Z", NULL },
		{ "0000-00-00T00:00:00Z", NULL }, { "Sun, 31 Dec 9999 23:59:59 -9999", NULL });
}

static void test_date_refuses_what_is_none(void **state)
{
	(void)state;
	CHECK({ "", NULL }, { "   ", NULL }, { "-", NULL }, { "5", NULL }, { "12:30", NULL },
		{ "yesterday", NULL }, { "Invalid Date", NULL }, { "3 days ago", NULL },
		{ "1 Jan", NULL }, { "Jan", NULL }, { "(01 Jan 2004)", NULL },
		{ "Ost, 11 Urt 2007 16:00:00 +0000", NULL }, { "12345678901", NULL },
		{ "-1072915200", NULL }, { "123456789012345", NULL }, { "\xFF\xC3\xE5", NULL });
}

static void test_date_leaves_seconds_alone_when_it_fails(void **state)
{
	(void)state;
	int64_t seconds = 17;
	assert_false(feeds_date("never", 5, &seconds));
	assert_int_equal(seconds, 17);
}

/* The size alone says where the text ends; checked under ASan, which sees every byte too many. */
static void test_date_reads_no_byte_past_size(void **state)
{
	(void)state;
	static const char *const texts[] = { "Thu, 01 Jan 2004 07:48:21.5 p.m. GMT+02:00 (x)",
		"2003-W52-3T10:14:55,5Z", "2004년 05월 28일 오후 1시", "2003-12-31-05:00 Ιούλ." };
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		for (size_t size = 0; size <= strlen(texts[i]); size++) {
			char *copy = malloc(size + (size == 0));
			assert_non_null(copy);
			memcpy(copy, texts[i], size);
			(void)read_date(copy, size);
			free(copy);
		}
	}
}

static void test_date_refuses_long_texts(void **state)
{
	(void)state;
	char text[300];
	memset(text, ' ', sizeof(text));
	memcpy(text, "2004", 4);
	assert_non_null(read_date(text, 256));
	assert_null(read_date(text, 257));
}

/* Every day of 400 years against the C library. */
static void test_date_days_are_those_of_the_calendar(void **state)
{
	(void)state;
	for (int64_t day = -135140; day < 11000; day++) {
		time_t when = (time_t)(day * 86400);
		struct tm tm;
		char text[64];
		int64_t seconds = 0;
		assert_non_null(gmtime_r(&when, &tm));
		snprintf(text, sizeof(text), "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1,
			tm.tm_mday);
		assert_true(feeds_date(text, strlen(text), &seconds));
		assert_int_equal(seconds, day * 86400);
	}
}

/*
 * The comment that is put behind a date means nothing, but the short cut doesn't know it: so both
 * readers are asked.
 */
static void compare_readers(const char *text)
{
	char commented[128];
	int64_t seconds = 0, tolerant = 0;
	snprintf(commented, sizeof(commented), "%s ()", text);
	bool read = feeds_date(text, strlen(text), &seconds);
	bool expected = feeds_date(commented, strlen(commented), &tolerant);
	if (read != expected || seconds != tolerant)
		fail_msg("'%s' is %lld, not %lld", text, (long long)seconds, (long long)tolerant);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static int pick(uint32_t *state, int from, int to)
{
	return from + (int)(next_random(state) % (uint32_t)(to - from + 1));
}

static void write_random_date(char text[static 96], uint32_t *random)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
		"Aug", "Sep", "Oct", "Nov", "Dec" };
	static const char *const zones[] = { "GMT", "UTC", "Z", "+0000", "-0730", "+9999", "-0000",
		"+05:30", "-12:00", "EST", "+1", "" };
	int zone = pick(random, 0, sizeof(zones) / sizeof(*zones) - 1);
	int year = pick(random, 0, 9) == 0 ? pick(random, 0, 9999) : pick(random, 1900, 2100);
	int day = pick(random, 0, 40), hour = pick(random, 0, 30), minute = pick(random, 0, 70);
	int second = pick(random, 0, 70);
	switch (pick(random, 0, 3)) {
	case 0:
		snprintf(text, 96, "%s, %02d %s %04d %02d:%02d:%02d %s", days[pick(random, 0, 6)],
			day, months[pick(random, 0, 11)], year, hour, minute, second, zones[zone]);
		break;
	case 1:
		snprintf(text, 96, " %s, %d %s %04d %02d:%02d:%02d %s\n", days[pick(random, 0, 6)],
			day, months[pick(random, 0, 11)], year, hour, minute, second, zones[zone]);
		break;
	case 2:
		snprintf(text, 96, "%04d-%02d-%02dT%02d:%02d:%02d%s", year, pick(random, 0, 14),
			day, hour, minute, second, zones[zone]);
		break;
	case 3:
		snprintf(text, 96, "%04d-%02d-%02dT%02d:%02d:%02d.%d%s\t", year,
			pick(random, 0, 14), day, hour, minute, second, pick(random, 0, 99999),
			zones[zone]);
		break;
	}
}

static void test_date_short_cut_reads_what_the_tolerant_reader_does(void **state)
{
	(void)state;
	uint32_t random = 1;
	char text[96];
	for (int i = 0; i < 50000; i++) {
		write_random_date(text, &random);
		compare_readers(text);
		/* One byte is wrong, missing or doubled. */
		size_t size = strlen(text), at = next_random(&random) % size;
		int change = pick(&random, 0, 2);
		if (change == 0)
			text[at] = (char)pick(&random, ' ', '~');
		else
			memmove(text + at + (change == 1), text + at + (change == 2),
				size - at + (change == 1));
		if (strchr(text, '(') == NULL) /* it would hold the comment, too */
			compare_readers(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_date_of_rfc_822_is_read_with_its_sins),
		cmocka_unit_test(test_date_zone_by_name_number_or_both),
		cmocka_unit_test(test_date_of_iso_8601_in_full_and_in_part),
		cmocka_unit_test(test_date_of_other_programs),
		cmocka_unit_test(test_date_in_words_of_other_languages),
		cmocka_unit_test(test_date_order_follows_the_name_of_the_day),
		cmocka_unit_test(test_date_noon_and_midnight_by_halves_of_the_day),
		cmocka_unit_test(test_date_impossible_parts_run_over),
		cmocka_unit_test(test_date_stays_within_years_1_to_9999),
		cmocka_unit_test(test_date_refuses_what_is_none),
		cmocka_unit_test(test_date_leaves_seconds_alone_when_it_fails),
		cmocka_unit_test(test_date_reads_no_byte_past_size),
		cmocka_unit_test(test_date_refuses_long_texts),
		cmocka_unit_test(test_date_days_are_those_of_the_calendar),
		cmocka_unit_test(test_date_short_cut_reads_what_the_tolerant_reader_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
