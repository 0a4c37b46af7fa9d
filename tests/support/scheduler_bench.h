/* SPDX-License-Identifier: MIT */
/*
 * A scheduler for the cases of unit tests. A step's actions come back as one line: "send 1>7.2" is
 * job 1 to worker 7 as attempt 2 ("!" behind it: alone, "=": a twin), "settle 1.2=7" job 1 with its
 * attempt and code, "blame 1.2@7#3" the third blame of job 1 for the end of worker 7.
 */
#ifndef SCIAME_TESTS_SUPPORT_SCHEDULER_BENCH_H
#define SCIAME_TESTS_SUPPORT_SCHEDULER_BENCH_H

#include <stdint.h>

#include "master/scheduler.h"

struct bench {
	struct scheduler *scheduler;
	struct actions actions;
	int64_t now_ms; /* of the next step */
	char line[4096];
};

/* cmocka's; zeros mean retries 0 and no twins. */
int bench_setup(void **state);
int bench_teardown(void **state);

/* The same bench with another scheduler. */
void bench_options(struct bench *bench, struct scheduler_options options);

/* The step's actions, borrowed until the next step. */
const char *bench_step(struct bench *bench, struct event event);

const char *found(struct bench *bench, uint64_t job);
const char *exhausted(struct bench *bench);
const char *hello(
	struct bench *bench, uint32_t worker, uint32_t slots); /* its node: 100 + worker */
const char *heard(struct bench *bench, uint32_t worker);
const char *beat(struct bench *bench, uint32_t worker, uint64_t received);
const char *started(struct bench *bench, uint32_t worker, uint64_t job, uint32_t attempt);
const char *died(struct bench *bench, uint32_t worker);
const char *left(struct bench *bench, uint32_t worker);
const char *drain(struct bench *bench, uint32_t worker);
const char *cancel(struct bench *bench);
const char *halt(struct bench *bench);
const char *late(struct bench *bench, uint64_t job, uint32_t attempt);
const char *tick(struct bench *bench, int64_t now_ms);

/* Durations of a second keep the credits at slots * 2. */
struct event result(uint32_t worker, uint64_t job, uint32_t attempt, enum error_code code);
struct event returned(uint32_t worker, uint64_t job, uint32_t attempt);

#endif
