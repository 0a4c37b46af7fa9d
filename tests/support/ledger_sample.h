/* SPDX-License-Identifier: MIT */
/*
 * A ledger whose jobs are numbered and settled in order, so that what a file holds after any
 * accident can be told from what it should: the first so many. Whatever fails here ends the test.
 */
#ifndef SCIAME_TESTS_SUPPORT_LEDGER_SAMPLE_H
#define SCIAME_TESTS_SUPPORT_LEDGER_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "master/ledger.h"

extern const struct ledger_options ledger_sample_command; /* without a path */

struct ledger *ledger_sample_open(const char *path);
void ledger_sample_close(struct ledger *ledger, bool ended);

/* A job that is DONE, with all that an outcome has; its target follows from its source. */
struct ledger_entry ledger_sample_entry(const char *source);

/* Settles the job with this number. */
void ledger_sample_settle(struct ledger *ledger, unsigned number);

/*
 * How many jobs the file holds. It must be sound, hold the first so many and no others, and have
 * counted them. A file that is missing or has no tables yet holds none.
 */
unsigned ledger_sample_check(const char *path);

/* The number that a query gives. */
int64_t ledger_sample_ask(const char *path, const char *query);

#endif
