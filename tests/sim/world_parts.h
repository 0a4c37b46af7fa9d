/* SPDX-License-Identifier: MIT */
/*
 * What world*.c share; nobody else includes this. All that happens is an item of the agenda.
 * What reaches the scheduler goes through master_happen(), which lets the checker look at the
 * step and then carries the actions out.
 */
#ifndef SCIAME_TESTS_SIM_WORLD_PARTS_H
#define SCIAME_TESTS_SIM_WORLD_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/agenda.h"
#include "tests/sim/checker.h"
#include "tests/sim/dice.h"
#include "tests/sim/ledger.h"
#include "tests/sim/plan.h"
#include "tests/sim/swarm.h"

enum {
	BEAT_US = 1000 * 1000,
	FENCE_US = 4 * 1000 * 1000, /* a worker that hears nothing for so long ends its session */
	RUNNING_LISTED_MAX = 64,    /* in one beat */
};

struct sim_job {
	uint32_t length_us;
	enum nature nature;
	enum error_code code; /* of a failure */
	uint32_t times;       /* FAILS_SOMETIMES: before it succeeds */
	uint32_t failures;    /* so far */
	uint32_t successes;   /* times that it was done */
	uint32_t kills;       /* workers that it has killed */
	uint32_t blames;      /* before this start of the master */
};

struct world {
	struct plan plan;
	struct dice dice;
	struct agenda agenda;
	struct swarm swarm;
	struct ledger ledger;
	struct sim_job *jobs;
	struct checker *checker;
	struct scheduler *scheduler;
	struct actions actions;
	int64_t now_us;
	int64_t clock_us;   /* how far the master's clock is ahead of the world's */
	int64_t master_us;  /* until then the master stands still */
	int64_t stirred_us; /* when something last went forward */
	int64_t tick_us;    /* the next ITEM_TICK; INT64_MAX: none */
	uint32_t epoch;
	uint64_t events;
	uint64_t deeds, deeds_max; /* events without beats, of which idle workers make many */
	uint64_t asked;
	uint32_t found;   /* next job to look at */
	uint64_t excused; /* jobs that may have been done once more than needed */
	bool enumerating; /* the next piece is on the agenda */
	bool exhausted, halted, canceled, calm, trace;
};

/* Of a thousand; never in the calm. */
bool world_chance(struct world *w, uint32_t per_mille);
void world_later(struct world *w, uint64_t delay_us, struct item item);
uint64_t world_delay_us(struct world *w); /* of a message */
struct sim_worker *world_worker(struct world *w, uint32_t number);
uint32_t world_job(const struct world *w, uint64_t number); /* index */
bool world_target_full(const struct world *w);

/* world_master.c: the master's loop around the scheduler. */
void master_start(struct world *w);
void master_release(struct world *w);
bool master_happen(struct world *w, struct event event); /* false after a broken rule */
void master_deliver(struct world *w, const struct item *item);
void master_enumerate(struct world *w, const struct item *item);
void master_tick(struct world *w, const struct item *item);
void master_thaw(struct world *w);
void master_kill(struct world *w);

/* world_sessions.c: what workers do by themselves. */
void session_join(struct world *w, uint32_t node);
void session_arrive(struct world *w, const struct event *event);
void session_done(struct world *w, const struct item *item);
void session_killed(struct world *w, const struct item *item);
void session_beat(struct world *w, uint32_t number);
void session_told(struct world *w, uint32_t number);
void session_tell(struct world *w, struct event event); /* to the master */
void session_hand_back(struct world *w, uint32_t number);
/* Its session ends: what it runs and holds is gone. */
void session_stop(struct world *w, uint32_t number);
/* The node's next session, if it comes back at all. */
void session_return_later(struct world *w, uint32_t node, int64_t from_us);

/* world_faults.c: what comes over workers and the master. */
void faults_plan(struct world *w); /* of the master and of the run */
void faults_plan_worker(struct world *w, uint32_t number);
void faults_happen(struct world *w, uint32_t number);
void faults_fence(struct world *w, uint32_t number);
void faults_thaw(struct world *w, uint32_t number);
void faults_evicted(struct world *w, uint32_t number);
void faults_crash(struct world *w, uint32_t number);
void faults_freeze_master(struct world *w);
void faults_step_clock(struct world *w);

#endif
