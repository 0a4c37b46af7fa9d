/* SPDX-License-Identifier: MIT */
/*
 * What a seed draws before its run: how many nodes there are, how long the jobs are, what is
 * wrong with some of them, and which faults happen how often. Each seed has its own mix; many
 * faults are left out altogether, for a fault that is always there hides what happens without it.
 */
#ifndef SCIAME_TESTS_SIM_PLAN_H
#define SCIAME_TESTS_SIM_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "master/scheduler.h"
#include "tests/sim/dice.h"

/* What can come over a worker. */
enum fault {
	FAULT_CRASH,    /* kill -9: its connection drops, or nothing is heard any more */
	FAULT_CUT_UP,   /* the master hears nothing from it for a while */
	FAULT_CUT_DOWN, /* it hears nothing from the master for a while */
	FAULT_CUT_BOTH,
	FAULT_FREEZE,   /* SIGSTOP for 1-30 s */
	FAULT_DEAF,     /* from now on its jobs get lost on the way */
	FAULT_MISTAKEN, /* it is called lost although it is well */
	FAULT_DRAIN,    /* SIGTERM: it hands back what it has not started */
	FAULT_COUNT,
};

/* What is wrong with a job. */
enum nature {
	NATURE_GOOD,
	NATURE_KILLS_LANE,
	NATURE_KILLS_LANE_ONCE,
	NATURE_KILLS_LANE_AT_RANDOM,
	NATURE_KILLS_WORKER,
	NATURE_HANGS,
	NATURE_FAILS_SOMETIMES, /* a few times, then it succeeds */
	NATURE_FAILS_TRANSIENT, /* always */
	NATURE_FAILS_PERMANENT,
	NATURE_FAILS_TARGET, /* its own place can't be written */
	NATURE_COUNT,
};

struct plan {
	struct scheduler_options options;

	uint32_t jobs;
	uint64_t job_stride; /* job i has the number (i + 1) * stride */
	uint64_t length_low_us, length_high_us;
	uint32_t natures[NATURE_COUNT]; /* of a thousand jobs; the rest is good */
	uint32_t blamed;                /* of a thousand jobs, before this start of the master */

	uint32_t nodes;        /* at the start */
	uint32_t nodes_later;  /* that join in between */
	uint32_t node_first;   /* number of the first one */
	uint32_t worker_first; /* number of the first session */
	uint32_t slots_max;
	bool fetching;                  /* slots outnumber the lanes */
	uint32_t slowness_max;          /* the slowest node takes so many times as long */
	uint32_t no_codec;              /* nodes that fail everything, of a thousand */
	uint32_t full_disk;             /* nodes whose target is full */
	int64_t full_us, full_until_us; /* all targets are full; -1: never */

	uint64_t delay_low_us, delay_high_us; /* of a message */
	uint64_t late_us;                     /* the same when it is late */
	uint64_t detection_us;                /* from a dropped connection to LOST */
	uint64_t listing_us;                  /* longest time to the enumerator's next piece */
	uint32_t piece_max;                   /* jobs in it */
	bool exhausted_at_once;               /* not only when it is asked once more */
	uint32_t duplicate, late, forge, hand_back; /* of a thousand messages */

	uint32_t faults[FAULT_COUNT]; /* their weights; all 0: there are none */
	uint64_t fault_gap_us;        /* from one to the next at one node */
	uint32_t returns;             /* of a thousand nodes that ended, as a new session */
	uint32_t master_freezes, clock_steps, deaths; /* of the master, in this run */

	bool only_deaths; /* no other fault that could make a job run twice */

	int64_t cancel_us, halt_us; /* -1: never */
	uint32_t cancel_drop; /* of a thousand jobs, handed back instead of reported as canceled */
	int64_t span_us;      /* about how long the run takes: faults are spread over it */
	int64_t calm_us;      /* no more faults from then on */
};

struct plan plan_draw(struct dice *dice);

#endif
