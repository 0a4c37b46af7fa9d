/* SPDX-License-Identifier: MIT */
/*
 * What failed and why, kept until the end of the run in an unnamed temporary file, so that
 * memory stays flat however much fails.
 */
#ifndef SCIAME_MASTER_FAILURES_H
#define SCIAME_MASTER_FAILURES_H

#include <stdint.h>
#include <stdio.h>

#include "common/error.h"

struct failures;

/* Never fails: without room for the file the failures are only counted, which is said once. */
struct failures *failures_open(void);
void failures_close(struct failures *failures);

/* name: bytes, may be empty; reason: text. Logs the failure and keeps it. */
void failures_add(struct failures *failures, const char *name, const char *reason);

uint64_t failures_count(const struct failures *failures);

/* Calls each for every failure in the order in which they came. */
void failures_each(struct failures *failures,
	void (*each)(void *context, const char *name, const char *reason), void *context);

#endif
