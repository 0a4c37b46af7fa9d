/* SPDX-License-Identifier: MIT */
/*
 * Dates of feeds: feeds_date_strict() or else feeds_date_parts() reads what is there, here is
 * decided what it means.
 *
 * Impossible parts run over as they do in mktime(3), which most readers of feeds are built on:
 * 31 June is 1 July, 25:61 is 2:01 the day after. A month 13 or a day 32 is no date.
 */
#include "worker/kinds/feeds_date.h"

#include "worker/kinds/feeds_date_parts.h"
#include "worker/kinds/feeds_date_strict.h"

enum {
	DATE_BYTES_MAX = 256, /* what scripts write, names of the zone in full, has up to 90 */
	MINUTE_S = 60,
	HOUR_S = 3600,
	DAY_S = 86400,
};

static const int64_t SECONDS_FIRST = -62135596800; /* 0001-01-01T00:00:00Z */
static const int64_t SECONDS_LAST = 253402300799;  /* 9999-12-31T23:59:59Z */

/* Days since 1970-01-01 in the Gregorian calendar; a day past the month's end runs over. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	/* Years start in March, so that the leap day is the last; eras are 400 of them. */
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

/* 0 Sunday to 6. 1970-01-01 was a Thursday. */
static int weekday_of(int64_t days)
{
	return (int)(((days + 4) % 7 + 7) % 7);
}

static bool is_year(struct feeds_date_number n)
{
	return n.digits > 2 || n.value > 31;
}

/* A month by its name, with a day, a year or both. */
static bool arrange_named(struct feeds_date_parts *p)
{
	const struct feeds_date_number *n = p->numbers;
	if (p->count == 0)
		return false;
	if (p->count == 1 && !is_year(n[0]))
		return false;
	size_t year = p->count == 1 || is_year(n[0]) ? 0 : 1;
	p->year = feeds_date_year(n[year].value, n[year].digits);
	p->day = p->count == 1 ? 1 : (int)n[1 - year].value;
	return true;
}

static bool arrange_two(struct feeds_date_parts *p)
{
	const struct feeds_date_number *n = p->numbers;
	p->day = 1;
	size_t year = !is_year(n[0]) && is_year(n[1]) && n[1].digits != 3;
	if (!is_year(n[year]) && !p->minus && n[1].digits != 3)
		return false;
	p->year = feeds_date_year(n[year].value, n[year].digits);
	p->month = (int)n[1 - year].value;
	if (n[1].digits == 3) {
		p->day_of_year = p->month;
		p->month = FEEDS_DATE_NONE;
	}
	return true;
}

static void swap_day(struct feeds_date_parts *p)
{
	int month = p->month;
	p->month = p->day;
	p->day = month;
}

/* Three numbers: year first, or last after M/D (United States) or D.M, D-M and D M (elsewhere). */
static void arrange_three(struct feeds_date_parts *p)
{
	const struct feeds_date_number *n = p->numbers;
	bool short_iso = p->separator == '-' && n[1].value <= 12 && n[2].digits <= 2;
	if (is_year(n[0]) || (short_iso && n[2].value <= 31)) {
		p->year = feeds_date_year(n[0].value, n[0].digits);
		p->month = (int)n[1].value;
		p->day = (int)n[2].value;
		if (p->month > 12 && p->separator != '-')
			swap_day(p);
		return;
	}
	p->year = feeds_date_year(n[2].value, n[2].digits);
	p->month = (int)n[p->separator != '/'].value;
	p->day = (int)n[p->separator == '/'].value;
	if (p->month > 12)
		swap_day(p);
	/* The name of the day decides where both orders are possible. */
	if (p->weekday == FEEDS_DATE_NONE || p->day > 12 || p->day < 1 || p->month < 1)
		return;
	if (weekday_of(days_of(p->year, p->month, p->day)) != p->weekday &&
		weekday_of(days_of(p->year, p->day, p->month)) == p->weekday)
		swap_day(p);
}

static bool arrange_one(struct feeds_date_parts *p)
{
	const struct feeds_date_number *n = p->numbers;
	if (n[0].digits != 4)
		return false;
	if (p->week != FEEDS_DATE_NONE || !p->minus) {
		p->year = (int)n[0].value;
		return true;
	}
	p->year = feeds_date_year(n[0].value / 100, 2);
	p->month = (int)(n[0].value % 100);
	return true;
}

/* Finds year, month and day among the numbers. */
static bool arrange(struct feeds_date_parts *p)
{
	if (p->year != FEEDS_DATE_NONE)
		return true;
	if (p->month != FEEDS_DATE_NONE)
		return arrange_named(p);
	if (p->strange)
		return false;
	if (p->count == 3) {
		arrange_three(p);
		return true;
	}
	if (p->count == 2)
		return arrange_two(p);
	return p->count == 1 && arrange_one(p);
}

/* The day that was read. false: there is no such day, month or year. */
static bool find_day(const struct feeds_date_parts *p, int64_t *days)
{
	int month = p->month == FEEDS_DATE_NONE ? 1 : p->month;
	int day = p->day == FEEDS_DATE_NONE ? 1 : p->day;
	if (p->year < 1 || p->year > 9999)
		return false;
	if (p->week != FEEDS_DATE_NONE) {
		/* Week 1 is that of 4 January (ISO 8601); weeks start on Monday. */
		int64_t fourth = days_of(p->year, 1, 4);
		*days = fourth - (weekday_of(fourth) + 6) % 7 + (p->week - 1) * 7 + day - 1;
		return p->week >= 1 && p->week <= 53 && day >= 1 && day <= 7;
	}
	if (p->day_of_year != FEEDS_DATE_NONE) {
		*days = days_of(p->year, 1, p->day_of_year);
		return p->day_of_year >= 1 && p->day_of_year <= 366;
	}
	*days = days_of(p->year, month, day);
	return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* The time of the day by the clock of 24 hours. */
static int64_t clock_seconds(const struct feeds_date_parts *p)
{
	int64_t hour = p->seconds / HOUR_S;
	if (p->half == 1 && hour < 12)
		return p->seconds + 12 * HOUR_S;
	if (p->half == 0 && hour == 12)
		return p->seconds - 12 * HOUR_S;
	return p->seconds;
}

bool feeds_date(const char *text, size_t size, int64_t *seconds)
{
	struct feeds_date_parts parts;
	if (size > DATE_BYTES_MAX)
		return false;
	if (!feeds_date_strict(text, size, &parts) && !feeds_date_parts(text, size, &parts))
		return false;
	int64_t result = parts.seconds;
	if (!parts.unix) {
		int64_t days = 0;
		if (!arrange(&parts) || !find_day(&parts, &days))
			return false;
		result = days * DAY_S + clock_seconds(&parts) - parts.zone_min * (int64_t)MINUTE_S;
	}
	if (result < SECONDS_FIRST || result > SECONDS_LAST)
		return false;
	*seconds = result;
	return true;
}
