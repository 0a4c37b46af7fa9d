/* SPDX-License-Identifier: MIT */
/* What will happen in virtual time, soonest first; of two at the same time, the older first. */
#ifndef SCIAME_TESTS_SIM_AGENDA_H
#define SCIAME_TESTS_SIM_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/scheduler.h"

enum item_type {
	ITEM_DELIVER,   /* event reaches the scheduler; if it is a worker's, unless that was cut */
	ITEM_ENUMERATE, /* the enumerator has its next piece ready */
	ITEM_JOIN,      /* a new worker */
	ITEM_ARRIVE,    /* worker, job, attempt: a job reaches its worker */
	ITEM_DONE,      /* worker, job, attempt, code, duration_us: a lane has ended its job */
	ITEM_FATE,      /* worker: what was drawn for it comes over it */
	ITEM_CANCEL_HEARD, /* worker: it learns that the run is canceled */
	ITEM_CALM,         /* no more faults from here on */
};

struct item {
	int64_t at_us;
	uint64_t order; /* filled by agenda_add */
	enum item_type type;
	bool from_worker; /* DELIVER: lost if the worker is cut off by then */
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
