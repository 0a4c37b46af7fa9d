/* SPDX-License-Identifier: MIT */
/*
 * The virtual nodes and their sessions: what each holds and runs, and what has come over it.
 * They know neither the scheduler nor the network; world*.c carry the messages.
 */
#ifndef SCIAME_TESTS_SIM_SWARM_H
#define SCIAME_TESTS_SIM_SWARM_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/dice.h"
#include "tests/sim/plan.h"

enum flavour {
	FLAVOUR_HEALTHY,
	FLAVOUR_NO_CODEC,  /* fails every job for good */
	FLAVOUR_FULL_DISK, /* can't write any output */
};

struct sim_node {
	enum flavour flavour;
	uint32_t slots, lanes;
	uint32_t slowness;
	uint32_t process; /* how many processes all nodes had before this one */
	bool joined;      /* it has a session, or will have one soon */
	bool ended;       /* for good */
};

struct task {
	uint64_t job;
	uint32_t attempt;
	uint32_t previous, next; /* indices of its neighbours, 0 if none */
};

struct queue {
	uint32_t first, last, count;
};

/* One session of a node. */
struct sim_worker {
	uint32_t node;
	struct queue waiting, running;      /* tasks */
	uint64_t received;                  /* jobs */
	int64_t to_master_us, to_worker_us; /* when the last message of that channel arrives */
	int64_t up_us, down_us;             /* when a cut connection works again */
	int64_t cut_us;                     /* when it began to hear nothing; 0: it hears */
	int64_t silent_us;                  /* what would arrive from then on is lost */
	int64_t frozen_us;                  /* until then it does nothing */
	bool known;                         /* the master has its Hello and has not forgotten it */
	bool stopped;                       /* this session has ended */
	bool deaf;                          /* jobs get lost on the way to it */
	bool draining, halted, canceled;
};

struct swarm {
	struct sim_node *nodes; /* all that there may be */
	uint32_t nodes_count, processes;
	struct sim_worker *workers;
	uint32_t count, capacity;
	struct task *tasks; /* index 0 is none */
	uint32_t tasks_count, tasks_capacity, tasks_free;
};

/* With all nodes that may ever join, and what chance decides about them. */
void swarm_init(struct swarm *swarm, const struct plan *plan, struct dice *dice);
void swarm_release(struct swarm *swarm);

/* It is started again, and a stranger from now on. */
void swarm_restart(struct swarm *swarm, uint32_t node);

/* A new session. Returns its index; pointers to workers are void from then on. */
uint32_t swarm_join(struct swarm *swarm, uint32_t node);

/* Puts a job behind the others. Returns the task's index, good until it is removed. */
uint32_t swarm_put(struct swarm *swarm, struct queue *queue, uint64_t job, uint32_t attempt);

/* Returns what was there. */
struct task swarm_remove(struct swarm *swarm, struct queue *queue, uint32_t index);

/* Whether a node is there that can do all that can be done. */
bool swarm_has_healthy(const struct swarm *swarm);

#endif
