/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a condition, with an end:
 *
 *     int64_t end = deadline_start();
 *     while (!condition()) {
 *             deadline_check(end);
 *             ... poll with DEADLINE_STEP_MS ...
 *     }
 */
#ifndef SCIAME_TESTS_SUPPORT_DEADLINE_H
#define SCIAME_TESTS_SUPPORT_DEADLINE_H

#include <stdint.h>

enum {
	DEADLINE_MS = 20000,   /* longest time that one condition may take */
	DEADLINE_STEP_MS = 10, /* longest time to wait before a condition is looked at again */
};

int64_t deadline_start(void);
/* Fails the test when the time is over. */
void deadline_check(int64_t end);

#endif
