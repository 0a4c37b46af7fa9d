/* SPDX-License-Identifier: MIT */
/* Executors and jobs of the tests' own kind (tests/support/errand_kind.c). */
#ifndef SCIAME_TESTS_SUPPORT_ERRANDS_H
#define SCIAME_TESTS_SUPPORT_ERRANDS_H

#include <sciame/executor.h>

enum { ERRANDS_LATE_MS = 60000 }; /* longest time that anything may take */

/* An executor with so many lanes that knows errands. Fails the test when it can't be opened. */
struct sciame_executor *errands_open(int lanes);

/* options: all but kinds are taken; lanes 0 are 2. */
struct sciame_executor *errands_open_with(struct sciame_executor_options options);

struct sciame_future *errands_submit(struct sciame_executor *executor, const char *what);

/* Waits for it and releases it: its report as text, or the message of its error. */
void errands_expect(struct sciame_future *future, const char *report);
void errands_expect_failure(struct sciame_future *future, const char *part);

/* Waits until it is running. */
void errands_await_running(struct sciame_future *future);

#endif
