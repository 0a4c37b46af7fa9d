/* SPDX-License-Identifier: MIT */
/*
 * The virtual workers: what each holds and runs, and what has come over it. They know neither
 * the scheduler nor the network; world.c carries the messages.
 */
#ifndef SCIAME_TESTS_SIM_SWARM_H
#define SCIAME_TESTS_SIM_SWARM_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/dice.h"
#include "tests/sim/plan.h"

enum fate {
	FATE_STAYS,
	FATE_CRASHES,  /* it stops; what it has sent may or may not arrive */
	FATE_CUT_OFF,  /* it works on and nobody hears it */
	FATE_MISTAKEN, /* it works on and is heard, but was declared lost */
	FATE_DRAINS,   /* it hands back what it has not started */
};

struct task {
	uint64_t job;
	uint32_t attempt;
	uint32_t next; /* index of the task behind it, 0 if none */
};

struct sim_worker {
	enum fate fate;
	uint32_t slots, busy;
	uint32_t slowness;
	uint32_t first, last; /* tasks not started, 0 if none */
	bool stopped;         /* runs nothing any more */
	bool cut;             /* nothing from it arrives any more */
	bool leaving;         /* something of its fate has happened: not for the calm */
	bool draining;
	bool canceled; /* knows that the run is canceled */
};

struct swarm {
	struct sim_worker *workers; /* plan->workers_max */
	uint32_t count;
	struct task *tasks; /* index 0 is none */
	uint32_t tasks_count, tasks_capacity, tasks_free;
};

void swarm_init(struct swarm *swarm, const struct plan *plan);
void swarm_release(struct swarm *swarm);

/* A new worker with all that chance decides about it. Returns its index. */
uint32_t swarm_join(struct swarm *swarm, const struct plan *plan, struct dice *dice);

/* Puts a job behind those that the worker has not started. */
void swarm_put(struct swarm *swarm, struct sim_worker *worker, uint64_t job, uint32_t attempt);

/* Takes the oldest job that the worker has not started. False if there is none. */
bool swarm_take(struct swarm *swarm, struct sim_worker *worker, struct task *task);

/* Whether a worker is there that will stay and answer. */
bool swarm_has_healthy(const struct swarm *swarm);

#endif
