/* SPDX-License-Identifier: MIT */
#include "tests/sim/plan.h"

enum {
	SECOND_US = 1000 * 1000,
	SHORT_US = 2 * SECOND_US, /* jobs up to here are the rule */
};

/* Most seeds do without this fault. */
static uint32_t draw_rate(struct dice *dice, uint32_t most)
{
	return dice_chance(dice, 650) ? 0 : (uint32_t)dice_magnitude(dice, 1, most);
}

static void draw_options(struct plan *plan, struct dice *dice)
{
	plan->options.retries = (uint32_t)dice_between(dice, 0, 5);
	plan->options.twins = dice_chance(dice, 500);
	plan->options.target_wait_ms = (int64_t)dice_magnitude(dice, 1, 30 * 1000);
	plan->options.seed = dice_between(dice, 0, UINT64_MAX - 1);
}

static void draw_nodes(struct plan *plan, struct dice *dice)
{
	plan->nodes = (uint32_t)dice_between(dice, 1, 8);
	if (dice_chance(dice, 80))
		plan->nodes = (uint32_t)dice_between(dice, 0, 64);
	plan->nodes_later = (uint32_t)dice_between(dice, 0, 6);
	if (dice_chance(dice, 4))
		plan->nodes = (uint32_t)dice_between(dice, 1000, 3500);
	plan->node_first = dice_chance(dice, 900) ? (uint32_t)dice_between(dice, 0, 1)
						  : UINT32_MAX - 2 * SCHEDULER_WORKERS_MAX;
	plan->worker_first = dice_chance(dice, 900) ? (uint32_t)dice_between(dice, 0, 1)
						    : UINT32_MAX - (UINT32_C(1) << 24);
	plan->slots_max = (uint32_t)dice_magnitude(dice, 1, dice_chance(dice, 20) ? 2000 : 16);
	plan->fetching = dice_chance(dice, 100);
	plan->slowness_max = (uint32_t)dice_magnitude(dice, 1, dice_chance(dice, 100) ? 100 : 4);
	plan->no_codec = draw_rate(dice, 300);
	plan->full_disk = draw_rate(dice, 300);
}

static void draw_natures(struct plan *plan, struct dice *dice)
{
	static const uint32_t most[NATURE_COUNT] = {
		[NATURE_KILLS_LANE] = 100,
		[NATURE_KILLS_LANE_ONCE] = 200,
		[NATURE_KILLS_LANE_AT_RANDOM] = 200,
		[NATURE_KILLS_WORKER] = 5,
		[NATURE_HANGS] = 50,
		[NATURE_FAILS_SOMETIMES] = 300,
		[NATURE_FAILS_TRANSIENT] = 200,
		[NATURE_FAILS_PERMANENT] = 600,
		[NATURE_FAILS_TARGET] = 20,
	};
	for (enum nature nature = NATURE_GOOD + 1; nature < NATURE_COUNT; nature++)
		plan->natures[nature] = draw_rate(dice, most[nature]);
	plan->blamed = draw_rate(dice, 100);
}

static void draw_jobs(struct plan *plan, struct dice *dice)
{
	plan->jobs = (uint32_t)dice_magnitude(dice, 1, 6000);
	if (dice_chance(dice, 50))
		plan->jobs = (uint32_t)dice_between(dice, 0, 3);
	if (dice_chance(dice, 30))
		plan->jobs = (uint32_t)dice_between(dice, 2000, 20000);
	plan->job_stride = dice_chance(dice, 800) ? 1 : dice_magnitude(dice, 1, UINT64_C(1) << 48);
	plan->length_low_us = dice_magnitude(dice, 1, SECOND_US);
	if (plan->jobs > 2000)
		plan->length_low_us = dice_magnitude(dice, 1, 10 * 1000);
	plan->length_high_us = plan->length_low_us;
	if (dice_chance(dice, 700))
		plan->length_high_us =
			dice_magnitude(dice, plan->length_low_us, plan->length_low_us + SHORT_US);
	if (dice_chance(dice, 50) && plan->jobs < 100)
		plan->length_high_us = dice_magnitude(dice, SHORT_US, 20 * SECOND_US);
	if (dice_chance(dice, 30))
		plan->length_low_us = 0;
	draw_natures(plan, dice);
}

static void draw_network(struct plan *plan, struct dice *dice)
{
	plan->delay_low_us = dice_magnitude(dice, 1, 1000);
	plan->delay_high_us = dice_magnitude(dice, plan->delay_low_us, 100 * 1000);
	plan->late_us = dice_magnitude(dice, plan->delay_high_us, 6 * SECOND_US);
	plan->detection_us = dice_magnitude(dice, 1000, SECOND_US);
	plan->listing_us = dice_magnitude(dice, 1, 100 * 1000);
	plan->piece_max = (uint32_t)dice_magnitude(dice, 1, 5000);
	plan->exhausted_at_once = dice_chance(dice, 500);
	plan->duplicate = draw_rate(dice, 500);
	plan->late = draw_rate(dice, 30);
	plan->forge = draw_rate(dice, 200);
	plan->hand_back = draw_rate(dice, 300);
}

/* A fault that comes after the end tests nothing: the time is drawn around the run's own. */
static void draw_times(struct plan *plan, struct dice *dice)
{
	uint64_t mean_us = (plan->length_low_us + plan->length_high_us) / 2;
	uint64_t lanes = (uint64_t)(plan->nodes + 1) * (plan->slots_max + 1) / 2;
	uint64_t listing_us = (uint64_t)plan->jobs / plan->piece_max * plan->listing_us / 2;
	uint64_t span_us = plan->jobs * mean_us / lanes + listing_us + 4 * plan->delay_high_us;
	if (span_us > 40 * (uint64_t)SECOND_US)
		span_us = 40 * (uint64_t)SECOND_US;
	plan->span_us = (int64_t)span_us + 1;
	plan->calm_us = plan->span_us * (int64_t)dice_between(dice, 1, 3);
	plan->cancel_us = plan->halt_us = plan->full_us = -1;
	if (dice_chance(dice, 150))
		plan->cancel_us = (int64_t)dice_magnitude(dice, 1, span_us);
	if (dice_chance(dice, 150))
		plan->halt_us = (int64_t)dice_magnitude(dice, 1, span_us);
	plan->cancel_drop = (uint32_t)dice_between(dice, 0, 1000);
	if (dice_chance(dice, 100)) {
		plan->full_us = (int64_t)dice_between(dice, 0, span_us);
		plan->full_until_us = dice_chance(dice, 300)
					      ? INT64_MAX
					      : plan->full_us + (int64_t)dice_magnitude(
									dice, 1000, 40 * SECOND_US);
	}
}

/* Nothing else makes work twice: then what deaths cost can be counted exactly. */
static void keep_only_deaths(struct plan *plan, struct dice *dice)
{
	for (enum fault fault = 0; fault < FAULT_COUNT; fault++)
		plan->faults[fault] = 0;
	plan->natures[NATURE_KILLS_WORKER] = 0;
	plan->no_codec = plan->full_disk = plan->late = plan->forge = 0;
	plan->full_us = -1;
	plan->master_freezes = plan->clock_steps = 0;
	plan->options.twins = false;
	plan->deaths = (uint32_t)dice_between(dice, 1, 8);
	plan->only_deaths = true;
}

static void draw_faults(struct plan *plan, struct dice *dice)
{
	for (enum fault fault = 0; fault < FAULT_COUNT; fault++)
		plan->faults[fault] = draw_rate(dice, 100);
	plan->fault_gap_us = dice_magnitude(dice, 200 * 1000, 20 * SECOND_US);
	plan->returns = (uint32_t)dice_between(dice, 0, 1000);
	if (dice_chance(dice, 200))
		plan->master_freezes = (uint32_t)dice_between(dice, 1, 4);
	if (dice_chance(dice, 200))
		plan->clock_steps = (uint32_t)dice_between(dice, 1, 4);
	if (dice_chance(dice, 200))
		plan->deaths = (uint32_t)dice_between(dice, 1, 5);
	if (dice_chance(dice, 100))
		keep_only_deaths(plan, dice);
}

/* So many jobs that fail in passing, and so fast, that there is no room for more. */
static void fill_delayed(struct plan *plan)
{
	for (enum nature nature = 0; nature < NATURE_COUNT; nature++)
		plan->natures[nature] = 0;
	plan->natures[NATURE_FAILS_TRANSIENT] = 1000;
	plan->jobs = 3 * SCHEDULER_DELAYED_MAX / 2;
	plan->options.retries = 3;
	plan->length_low_us = 0;
	plan->length_high_us = plan->slowness_max = 1;
	plan->slots_max = 100;
	plan->piece_max = 5000;
	plan->listing_us = 1000;
	plan->delay_high_us = plan->delay_low_us;
	plan->late = plan->no_codec = plan->full_disk = 0;
	plan->cancel_us = plan->halt_us = plan->full_us = -1;
}

struct plan plan_draw(struct dice *dice)
{
	struct plan plan = { 0 };
	draw_options(&plan, dice);
	draw_nodes(&plan, dice);
	draw_jobs(&plan, dice);
	draw_network(&plan, dice);
	draw_times(&plan, dice);
	draw_faults(&plan, dice);
	if (dice_chance(dice, 6))
		fill_delayed(&plan);
	return plan;
}
