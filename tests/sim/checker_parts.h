/* SPDX-License-Identifier: MIT */
/* What checker*.c share; nobody else includes this. */
#ifndef SCIAME_TESTS_SIM_CHECKER_PARTS_H
#define SCIAME_TESTS_SIM_CHECKER_PARTS_H

#include "tests/sim/books.h"
#include "tests/sim/checker.h"

/* checker_events.c: an event by itself, before time is looked at. */
void checker_apply(struct checker *c, const struct event *event);

/* What a worker that left held is somebody else's, or to blame. */
void checker_take_back(struct checker *c, uint32_t worker, bool blame);

/* What waits is not run any more: it must be settled as canceled. */
void checker_stop_sending(struct checker *c);

/* checker_actions.c */
void checker_action(struct checker *c, const struct action *action, bool is_last);

/* checker_rules.c: what must hold after each step. deadline_ms: the scheduler's. */
void checker_rules(struct checker *c, const struct scheduler_counts *counts, int64_t deadline_ms);

#endif
