/* SPDX-License-Identifier: MIT */
/*
 * What stands in a text that may be a date: its time of the day, its zone, what names and signs
 * tell of year, month and day, and the numbers that are left. Pure and linear.
 */
#ifndef SCIAME_WORKER_KINDS_FEEDS_DATE_PARTS_H
#define SCIAME_WORKER_KINDS_FEEDS_DATE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FEEDS_DATE_NUMBERS_MAX = 3,
	FEEDS_DATE_NONE = -1, /* a part that is not known */
};

struct feeds_date_number {
	int64_t value;
	size_t digits; /* 1 to 4 */
};

struct feeds_date_parts {
	/* Year, month and day as they stand in the text; a named month is not among them. */
	struct feeds_date_number numbers[FEEDS_DATE_NUMBERS_MAX];
	size_t count;
	char separator; /* between the first two; 0: white space or a word */
	bool minus;     /* the text starts with -, which leaves out the century (ISO 8601:1988) */
	bool strange;   /* an unknown word stands where the month's name should */
	/* Known without the numbers, or FEEDS_DATE_NONE. Not checked: a month may be 13. */
	int year, month, day;
	int day_of_year, week; /* of a week, day is 1 Monday to 7 */
	int weekday;           /* its name: 0 Sunday to 6 */
	bool timed; /* seconds is the time of the day, by the clock of 12 hours if half */
	bool unix;  /* seconds is the whole date: since 1970 */
	int64_t seconds;
	int half;     /* 0 before noon, 1 after, or FEEDS_DATE_NONE */
	int zone_min; /* east of UTC; 0 if none is given */
};

/* Reads size bytes. false: there is something in them that no date has. */
bool feeds_date_parts(const char *text, size_t size, struct feeds_date_parts *parts);

/* A year of so many digits in full: 03 is 2003, 70 is 1970, 103 is 2003. */
int feeds_date_year(int64_t value, size_t digits);

#endif
