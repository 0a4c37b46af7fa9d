/* SPDX-License-Identifier: MIT */
/*
 * Judges the scheduler from outside: told of each event before the step and of each action after
 * it, it keeps plain books of its own (books.h) and names the first rule that was broken.
 *
 *     checker_event(c, &event);
 *     scheduler_step(s, &event, &actions);
 *     checker_step(c, s, &actions);
 *     if (checker_broken(c)) ...
 */
#ifndef SCIAME_TESTS_SIM_CHECKER_H
#define SCIAME_TESTS_SIM_CHECKER_H

#include <stdbool.h>
#include <stdint.h>

#include "master/scheduler.h"
#include "tests/sim/plan.h"

struct checker;

/* plan is borrowed until checker_free. */
struct checker *checker_new(const struct plan *plan);
void checker_free(struct checker *c);

void checker_event(struct checker *c, const struct event *event);
void checker_step(
	struct checker *c, const struct scheduler *scheduler, const struct actions *actions);

/* For a rule that the caller has seen broken; the first one stays. */
void checker_fail(struct checker *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The rule that was broken and how, or NULL. Borrowed. */
const char *checker_broken(const struct checker *c);

/* The scheduler has said FINISH. */
bool checker_finished(const struct checker *c);

/* Copies in workers' hands now, and copies that were there when their worker was lost. */
uint64_t checker_outstanding(const struct checker *c);

#endif
