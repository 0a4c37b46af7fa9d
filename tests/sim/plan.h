/* SPDX-License-Identifier: MIT */
/*
 * What a seed draws before its run: how large the swarm is, how long the jobs are, and which
 * faults happen how often. Each seed has its own mix; many faults are left out altogether, for
 * a fault that is always there hides what happens without it.
 */
#ifndef SCIAME_TESTS_SIM_PLAN_H
#define SCIAME_TESTS_SIM_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/dice.h"

struct plan {
	uint32_t jobs;
	uint64_t job_stride; /* job i has the number (i + 1) * stride */
	uint64_t length_low_us, length_high_us;
	uint32_t workers;      /* at the start */
	uint32_t workers_max;  /* with all that may come later */
	uint32_t worker_first; /* number of the first one */
	uint32_t slots_max;
	uint32_t slowness_max; /* the slowest worker takes so many times as long */

	uint64_t delay_low_us, delay_high_us; /* of a message */
	uint64_t late_us;                     /* the same when it is late */
	uint64_t detection_us;                /* from a worker's end to its LOST */
	uint64_t listing_us;                  /* longest time to the enumerator's next piece */
	uint32_t piece_max;                   /* jobs in it */
	bool exhausted_at_once;               /* not only when it is asked once more */

	/* Of a thousand jobs: */
	uint32_t kill_always, kill_once, time_out, fail;
	/* Of a thousand messages: */
	uint32_t duplicate, late, forge, hand_back;
	/* Of a thousand workers; the rest stays until the end. */
	uint32_t crash, cut, mistaken, drain;
	uint32_t replace; /* a worker that left is followed by a new one */

	int64_t cancel_us;    /* -1: never */
	uint32_t cancel_drop; /* of a thousand jobs, handed back instead of reported as canceled */
	int64_t span_us;      /* about how long the run takes: faults are spread over it */
	int64_t calm_us;      /* no more faults from then on */
};

struct plan plan_draw(struct dice *dice);

#endif
