/* SPDX-License-Identifier: MIT */
/*
 * The dates of feeds: RFC 822 with its many sins, RFC 3339, W3CDTF with its partial forms, and
 * what real feeds write besides. Pure: no clock, no locale.
 */
#ifndef SCIAME_WORKER_KINDS_FEEDS_DATE_H
#define SCIAME_WORKER_KINDS_FEEDS_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads a date of size bytes (UTF-8, white space around it allowed). No zone is UTC, unless the
 * language of the date says where it comes from (Korean); missing parts are the earliest (a month
 * is its first day, a day its midnight). false: no date; *seconds is not changed. *seconds: since
 * 1970-01-01 UTC; years 1 to 9999.
 */
bool feeds_date(const char *text, size_t size, int64_t *seconds);

#endif
