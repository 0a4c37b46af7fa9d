/* SPDX-License-Identifier: MIT */
/* What will happen in virtual time, soonest first; of two at the same time, the older first. */
#ifndef SCIAME_TESTS_SIM_AGENDA_H
#define SCIAME_TESTS_SIM_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/scheduler.h"

enum item_type {
	/* These reach the master, or wait while it stands still: */
	ITEM_DELIVER,   /* event; if from_worker, unless its session is not known any more */
	ITEM_ENUMERATE, /* epoch: the enumerator has its next piece ready */
	ITEM_TICK,      /* epoch: the scheduler's deadline has come */
	/* These reach a worker, or wait while it is frozen: */
	ITEM_ARRIVE,  /* worker, job, attempt: a job reaches it */
	ITEM_DONE,    /* worker, task: a lane has ended its job */
	ITEM_KILLED,  /* worker: a job that it runs ends all of it */
	ITEM_BEAT,    /* worker: it is time for its beat */
	ITEM_TOLD,    /* worker: it learns that the run is halted or canceled */
	ITEM_EVICTED, /* worker: it learns that its session has ended */
	/* These happen: */
	ITEM_JOIN,  /* node: its next session */
	ITEM_FAULT, /* worker: something comes over it */
	ITEM_FENCE, /* worker: has it heard nothing for too long? */
	ITEM_THAW,  /* worker */
	ITEM_FREEZE_MASTER,
	ITEM_THAW_MASTER,
	ITEM_STEP_CLOCK,
	ITEM_KILL_MASTER,
	ITEM_CALM, /* no more faults from here on */
};

struct item {
	int64_t at_us;
	uint64_t order; /* filled by agenda_add */
	enum item_type type;
	bool from_worker;
	uint32_t epoch, task;
	struct event event;
};

/* Zeroed: empty. */
struct agenda {
	struct item *items; /* a binary heap */
	size_t count, capacity;
	uint64_t added;
};

void agenda_add(struct agenda *agenda, struct item item);

/* Takes the next item out. False if there is none. */
bool agenda_take(struct agenda *agenda, struct item *item);

void agenda_release(struct agenda *agenda);

#endif
