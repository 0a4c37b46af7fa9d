/* SPDX-License-Identifier: MIT */
/* strftime would ask the locale for the names. */
#include "master/kinds/feeds_stamp.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

enum { DAY_S = 24 * 60 * 60 };

#define FIRST_S INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define LAST_S INT64_C(253402300799)  /* 9999-12-31T23:59:59Z */

static const char *const months[] = { "January", "February", "March", "April", "May", "June",
	"July", "August", "September", "October", "November", "December" };
static const char *const weekdays[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
	"Friday", "Saturday" };

bool stamp_is_writable(int64_t s)
{
	return s >= FIRST_S && s <= LAST_S;
}

static struct tm fields(int64_t s)
{
	assert(stamp_is_writable(s));
	time_t moment = (time_t)s;
	struct tm tm = { 0 };
	(void)gmtime_r(&moment, &tm); /* fails for years that do not fit an int only */
	return tm;
}

/* count digits of a number and what follows them: each entry has dates, and printf is slow. */
static char *digits(char *end, int number, int count, char next)
{
	for (int i = count - 1; i >= 0; i--, number /= 10)
		end[i] = (char)('0' + number % 10);
	end[count] = next;
	return end + count + 1;
}

const char *stamp_iso(struct stamp *stamp, int64_t s)
{
	struct tm tm = fields(s);
	char *end = digits(stamp->text, tm.tm_year + 1900, 4, '-');
	end = digits(end, tm.tm_mon + 1, 2, '-');
	end = digits(end, tm.tm_mday, 2, 'T');
	end = digits(end, tm.tm_hour, 2, ':');
	end = digits(end, tm.tm_min, 2, ':');
	end = digits(end, tm.tm_sec, 2, 'Z');
	*end = '\0';
	return stamp->text;
}

const char *stamp_date(struct stamp *stamp, int64_t s)
{
	struct tm tm = fields(s);
	(void)snprintf(stamp->text, sizeof(stamp->text), "%04d-%02d-%02d", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday);
	return stamp->text;
}

const char *stamp_clock(struct stamp *stamp, int64_t s)
{
	struct tm tm = fields(s);
	(void)snprintf(stamp->text, sizeof(stamp->text), "%02d:%02d", tm.tm_hour, tm.tm_min);
	return stamp->text;
}

const char *stamp_minute(struct stamp *stamp, int64_t s)
{
	struct tm tm = fields(s);
	(void)snprintf(stamp->text, sizeof(stamp->text), "%04d-%02d-%02d %02d:%02d",
		tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min);
	return stamp->text;
}

const char *stamp_short(struct stamp *stamp, int64_t s)
{
	struct tm tm = fields(s);
	(void)snprintf(stamp->text, sizeof(stamp->text), "%d %.3s %d", tm.tm_mday,
		months[tm.tm_mon], tm.tm_year + 1900);
	return stamp->text;
}

const char *stamp_long(struct stamp *stamp, int64_t s)
{
	struct tm tm = fields(s);
	(void)snprintf(stamp->text, sizeof(stamp->text), "%s, %d %s %d", weekdays[tm.tm_wday],
		tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900);
	return stamp->text;
}

const char *stamp_mail(struct stamp *stamp, int64_t s)
{
	struct tm tm = fields(s);
	(void)snprintf(stamp->text, sizeof(stamp->text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		weekdays[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
		tm.tm_min, tm.tm_sec);
	return stamp->text;
}

const char *stamp_span(struct stamp *stamp, int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = { { DAY_S, "day" }, { 60 * 60, "hour" }, { 60, "minute" } };
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		int64_t count = seconds / units[i].seconds;
		if (count > 0) {
			(void)snprintf(stamp->text, sizeof(stamp->text), "%" PRId64 " %s%s", count,
				units[i].name, count == 1 ? "" : "s");
			return stamp->text;
		}
	}
	return "less than a minute";
}

int64_t stamp_day(int64_t s)
{
	return s >= 0 ? s / DAY_S : -((DAY_S - 1 - s) / DAY_S);
}
