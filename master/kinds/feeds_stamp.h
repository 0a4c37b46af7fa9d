/* SPDX-License-Identifier: MIT */
/* Moments as text, in UTC and in English, whatever the locale. Pure. */
#ifndef SCIAME_MASTER_KINDS_FEEDS_STAMP_H
#define SCIAME_MASTER_KINDS_FEEDS_STAMP_H

#include <stdbool.h>
#include <stdint.h>

/* Where the text is built; returned is a pointer to it. */
struct stamp {
	char text[64];
};

/* Whether a moment (seconds since 1970) is of the years 1 to 9999; only these have a text. */
bool stamp_is_writable(int64_t s);

const char *stamp_iso(struct stamp *stamp, int64_t s);    /* 2026-01-02T03:04:05Z */
const char *stamp_date(struct stamp *stamp, int64_t s);   /* 2026-01-02 */
const char *stamp_clock(struct stamp *stamp, int64_t s);  /* 03:04 */
const char *stamp_minute(struct stamp *stamp, int64_t s); /* 2026-01-02 03:04 */
const char *stamp_short(struct stamp *stamp, int64_t s);  /* 2 Jan 2026 */
const char *stamp_long(struct stamp *stamp, int64_t s);   /* Friday, 2 January 2026 */

/* Fri, 02 Jan 2026 03:04:05 GMT: RFC 822 with four digits, as OPML has it */
const char *stamp_mail(struct stamp *stamp, int64_t s);

/* A span in its largest unit: "3 days", "1 hour", "less than a minute". */
const char *stamp_span(struct stamp *stamp, int64_t seconds);

/* The day that a moment belongs to, as a number that grows by one a day. */
int64_t stamp_day(int64_t s);

#endif
