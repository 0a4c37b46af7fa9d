/* SPDX-License-Identifier: MIT */
/*
 * Decides which job goes to which worker and when the run has ended. PURE: events in, actions
 * out; no clock, no I/O, no randomness. It knows jobs and workers by number only.
 *
 * A job:   found -> PENDING -> OUTSTANDING(worker, attempt) -> settled and forgotten
 *                      ^______________|   worker lost, or a retry
 * A run:   LISTING -> DRAINING (nothing more to find) -> FINISHED
 *             \____________\______________-> CANCELING -> FINISHED
 *
 * Credits: a worker may hold slots * (1 + ceil(100 ms / mean duration)) jobs, at least one more
 * than it has slots, at most 1,024 (proto/README.md, "Credits"). Jobs are asked for (ENUMERATE)
 * only while credits are free, so memory follows the jobs in flight, not the jobs in all.
 *
 *     scheduler_step(s, &event, &actions);   for each thing that happened
 *     for (i = 0; i < actions.count; i++)    do actions.items[i], in this order
 *     scheduler_deadline_ms(s)               when to send the next EVENT_TICK, or -1
 */
#ifndef SCIAME_MASTER_SCHEDULER_H
#define SCIAME_MASTER_SCHEDULER_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum {
	SCHEDULER_CREDITS_MAX = 1024, /* jobs at one worker, or its slots + 1 if more */
	SCHEDULER_AHEAD_MS = 100,     /* work that a worker should have ahead of it */
	SCHEDULER_WORKERS_MAX = 4096, /* workers at once; more is an assertion */
};

struct scheduler;

enum event_type {
	EVENT_TICK,      /* time has passed; nothing else happened */
	EVENT_FOUND,     /* job: one of those that ENUMERATE asked for. Numbers only ever rise */
	EVENT_EXHAUSTED, /* no more jobs to find; what was asked for and not found is void */
	EVENT_HELLO,     /* worker, slots: a new worker can take jobs. A number is used once */
	EVENT_RESULT,    /* worker, job, attempt, code, duration_us; late or twice: dropped */
	EVENT_RETURNED,  /* worker, job, attempt: handed back unstarted; nobody is to blame */
	EVENT_LOST,      /* worker: gone. What it held goes to others, as another attempt */
	EVENT_DRAIN,     /* worker: finishes what it holds and gets nothing more */
	EVENT_CANCEL,    /* start nothing new, settle what waits as ERROR_CANCELED */
};

struct event {
	enum event_type type;
	int64_t now_ms;
	uint64_t job;
	uint32_t worker;
	uint32_t slots;       /* HELLO: lanes of the worker, 1 or more */
	uint32_t attempt;     /* RESULT, RETURNED */
	enum error_code code; /* RESULT: ERROR_NONE is success */
	uint32_t duration_us; /* RESULT: in the lane */
};

enum action_type {
	ACTION_ENUMERATE, /* count: answer with FOUNDs, at most count in all, or EXHAUSTED */
	ACTION_SEND,      /* worker, job, attempt */
	ACTION_SETTLE,    /* job, attempt, code: final, exactly once for each job; forget it */
	ACTION_FORGET,    /* worker: it drained and holds nothing, or it was lost */
	ACTION_CANCEL,    /* tell every worker, and go on telling them */
	ACTION_FINISH,    /* every job that was found is settled; the last action of a run */
};

struct action {
	enum action_type type;
	uint64_t job;
	uint32_t worker;
	uint32_t attempt;
	uint32_t count;
	enum error_code code;
};

/* Zeroed by the caller before the first use; scheduler_step starts it anew each time. */
struct actions {
	struct action *items;
	size_t count, capacity;
};

struct scheduler_counts {
	uint64_t found, settled; /* jobs so far; found - settled are pending or outstanding */
	uint32_t pending, outstanding, workers;
};

struct scheduler *scheduler_new(void);
void scheduler_free(struct scheduler *s);
void actions_release(struct actions *actions);

/*
 * One event. One that breaks the rules above (a job found twice) is an assertion. After FINISH
 * nothing leads to an action any more, and a FOUND is an assertion.
 */
void scheduler_step(struct scheduler *s, const struct event *event, struct actions *actions);

/* The time on EVENT_TICK's clock at which something is due without any other event, or -1. */
int64_t scheduler_deadline_ms(const struct scheduler *s);

struct scheduler_counts scheduler_counts(const struct scheduler *s);

#endif
