/* SPDX-License-Identifier: MIT */
/*
 * The two forms that nearly all dates of feeds have: "Mon, 06 Sep 2010 16:45:00 +0000" (RFC 822)
 * and "2010-09-06T16:45:00Z" (RFC 3339). Only a short cut: what it reads, feeds_date_parts() would
 * read as the same date, at twenty times the cost.
 */
#ifndef SCIAME_WORKER_KINDS_FEEDS_DATE_STRICT_H
#define SCIAME_WORKER_KINDS_FEEDS_DATE_STRICT_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/kinds/feeds_date_parts.h"

/*
 * Reads size bytes, white space of ASCII around them allowed. false: it is another form, about
 * which nothing is said; *parts is undefined then.
 */
bool feeds_date_strict(const char *text, size_t size, struct feeds_date_parts *parts);

#endif
