/* SPDX-License-Identifier: MIT */
/*
 * Dates that are written as the standards say. Whatever needs a second look is left to the tolerant
 * reader: another case, a missing part, a day over 31 (which may be a year).
 */
#include "worker/kinds/feeds_date_strict.h"

#include <string.h>

enum {
	MINUTE_S = 60,
	HOUR_S = 3600,
	DAY_MAX = 31,
	NAME_SIZE = 3,
};

struct reader {
	const char *at, *end;
	bool failed; /* nothing that was read since counts */
};

static bool is_space(char byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_digit(const struct reader *r)
{
	return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

/* Whether the next byte is this one, which is stepped over then. */
static bool take(struct reader *r, char byte)
{
	if (r->at == r->end || *r->at != byte)
		return false;
	r->at++;
	return true;
}

static void expect(struct reader *r, char byte)
{
	r->failed = !take(r, byte) || r->failed;
}

/* Exactly so many digits. */
static int number(struct reader *r, int digits)
{
	int value = 0;
	for (; digits > 0 && is_digit(r); digits--)
		value = value * 10 + (*r->at++ - '0');
	r->failed = r->failed || digits > 0 || is_digit(r);
	return value;
}

/* The place of a name of three letters in a list of them. */
static int name(struct reader *r, const char *names)
{
	for (int i = 0; names[i * NAME_SIZE] != '\0' && r->end - r->at >= NAME_SIZE; i++) {
		if (memcmp(r->at, names + i * NAME_SIZE, NAME_SIZE) != 0)
			continue;
		r->at += NAME_SIZE;
		return i;
	}
	r->failed = true;
	return 0;
}

static void read_time(struct reader *r, struct feeds_date_parts *parts)
{
	parts->seconds = number(r, 2) * HOUR_S;
	expect(r, ':');
	parts->seconds += number(r, 2) * MINUTE_S;
	expect(r, ':');
	parts->seconds += number(r, 2);
	parts->timed = true;
}

/* +hhmm, or +hh:mm where separator is the colon. */
static void read_offset(struct reader *r, struct feeds_date_parts *parts, char separator)
{
	int sign = take(r, '-') ? -1 : 1;
	if (sign > 0)
		expect(r, '+');
	int minutes = 0;
	if (separator != '\0') {
		minutes = number(r, 2) * 60;
		expect(r, separator);
		minutes += number(r, 2);
	} else {
		minutes = number(r, 4);
		minutes = minutes / 100 * 60 + minutes % 100;
	}
	parts->zone_min = sign * minutes;
}

/* Mon, 06 Sep 2010 16:45:00 +0000; GMT, UTC or Z for the zone. */
static void read_mail(struct reader *r, struct feeds_date_parts *parts)
{
	parts->weekday = name(r, "SunMonTueWedThuFriSat");
	expect(r, ',');
	expect(r, ' ');
	bool single = r->end - r->at > 1 && r->at[1] == ' ';
	parts->day = number(r, single ? 1 : 2);
	expect(r, ' ');
	parts->month = 1 + name(r, "JanFebMarAprMayJunJulAugSepOctNovDec");
	expect(r, ' ');
	parts->year = number(r, 4);
	expect(r, ' ');
	read_time(r, parts);
	expect(r, ' ');
	if (take(r, 'Z'))
		return;
	if (r->at < r->end && (*r->at == 'G' || *r->at == 'U'))
		(void)name(r, "GMTUTC"); /* both are 0 */
	else
		read_offset(r, parts, '\0');
}

/* 2010-09-06T16:45:00.123+00:00; Z for the zone. */
static void read_internet(struct reader *r, struct feeds_date_parts *parts)
{
	parts->year = number(r, 4);
	expect(r, '-');
	parts->month = number(r, 2);
	expect(r, '-');
	parts->day = number(r, 2);
	expect(r, 'T');
	read_time(r, parts);
	if (take(r, '.'))
		for (r->failed = r->failed || !is_digit(r); is_digit(r); r->at++)
			continue;
	if (!take(r, 'Z'))
		read_offset(r, parts, ':');
}

bool feeds_date_strict(const char *text, size_t size, struct feeds_date_parts *parts)
{
	struct reader r = { .at = text, .end = text + size };
	while (r.at < r.end && is_space(*r.at))
		r.at++;
	while (r.at < r.end && is_space(r.end[-1]))
		r.end--;
	*parts = (struct feeds_date_parts) {
		.day_of_year = FEEDS_DATE_NONE,
		.week = FEEDS_DATE_NONE,
		.half = FEEDS_DATE_NONE,
	};
	if (is_digit(&r))
		read_internet(&r, parts);
	else
		read_mail(&r, parts);
	return !r.failed && r.at == r.end && parts->day >= 1 && parts->day <= DAY_MAX;
}
