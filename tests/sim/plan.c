/* SPDX-License-Identifier: MIT */
#include "tests/sim/plan.h"

#include "master/scheduler.h"

/* Half of the seeds do without this fault. */
static uint32_t draw_rate(struct dice *dice, uint32_t most)
{
	return dice_chance(dice, 500) ? 0 : (uint32_t)dice_magnitude(dice, 1, most);
}

static void draw_swarm(struct plan *plan, struct dice *dice)
{
	plan->workers = (uint32_t)dice_between(dice, 1, 8);
	if (dice_chance(dice, 100))
		plan->workers = (uint32_t)dice_between(dice, 0, 64);
	if (dice_chance(dice, 20))
		plan->workers = (uint32_t)dice_between(dice, 1000, 3500);
	plan->workers_max = plan->workers + (uint32_t)dice_between(dice, 4, 64);
	if (dice_chance(dice, 4))
		plan->workers_max = plan->workers = SCHEDULER_WORKERS_MAX;
	plan->worker_first = dice_chance(dice, 900) ? (uint32_t)dice_between(dice, 0, 1)
						    : UINT32_MAX - SCHEDULER_WORKERS_MAX * 2;
	plan->slots_max = (uint32_t)dice_magnitude(dice, 1, dice_chance(dice, 20) ? 2000 : 16);
	plan->slowness_max = (uint32_t)dice_magnitude(dice, 1, dice_chance(dice, 100) ? 100 : 4);
}

static void draw_jobs(struct plan *plan, struct dice *dice)
{
	plan->jobs = (uint32_t)dice_magnitude(dice, 1, 6000);
	if (dice_chance(dice, 50))
		plan->jobs = (uint32_t)dice_between(dice, 0, 3);
	if (dice_chance(dice, 40) || (plan->workers > 64 && dice_chance(dice, 500)))
		plan->jobs = (uint32_t)dice_between(dice, 2000, 20000);
	plan->job_stride = dice_chance(dice, 800) ? 1 : dice_magnitude(dice, 1, UINT64_C(1) << 48);
	plan->length_low_us = dice_magnitude(dice, 1, 1000 * 1000);
	plan->length_high_us = plan->length_low_us;
	if (dice_chance(dice, 700))
		plan->length_high_us = dice_magnitude(dice, plan->length_low_us, 10 * 1000 * 1000);
	if (dice_chance(dice, 30))
		plan->length_low_us = 0;
	plan->kill_always = draw_rate(dice, 300);
	plan->kill_once = draw_rate(dice, 500);
	plan->time_out = draw_rate(dice, 300);
	plan->fail = draw_rate(dice, 1000);
}

static void draw_network(struct plan *plan, struct dice *dice)
{
	plan->delay_low_us = dice_magnitude(dice, 1, 1000);
	plan->delay_high_us = dice_magnitude(dice, plan->delay_low_us, 100 * 1000);
	plan->late_us = dice_magnitude(dice, plan->delay_high_us, 20 * 1000 * 1000);
	plan->detection_us = dice_magnitude(dice, 1000, 5 * 1000 * 1000);
	plan->listing_us = dice_magnitude(dice, 1, 100 * 1000);
	plan->piece_max = (uint32_t)dice_magnitude(dice, 1, 5000);
	plan->exhausted_at_once = dice_chance(dice, 500);
	plan->duplicate = draw_rate(dice, 500);
	plan->late = draw_rate(dice, 300);
	plan->forge = draw_rate(dice, 200);
	plan->hand_back = draw_rate(dice, 400);
}

/* A fault that comes after the end tests nothing: the time is drawn around the run's own. */
static void draw_times(struct plan *plan, struct dice *dice)
{
	uint64_t mean_us = (plan->length_low_us + plan->length_high_us) / 2;
	uint64_t lanes = (uint64_t)(plan->workers + 1) * (plan->slots_max + 1) / 2;
	uint64_t listing_us = (uint64_t)plan->jobs / plan->piece_max * plan->listing_us / 2;
	uint64_t span_us = plan->jobs * mean_us / lanes + listing_us + 4 * plan->delay_high_us;
	plan->span_us = (int64_t)span_us + 1;
	plan->calm_us = plan->span_us * (int64_t)dice_between(dice, 1, 3);
	plan->cancel_us = -1;
	if (dice_chance(dice, 250))
		plan->cancel_us = (int64_t)dice_magnitude(dice, 1, span_us);
	plan->cancel_drop = (uint32_t)dice_between(dice, 0, 1000);
}

struct plan plan_draw(struct dice *dice)
{
	struct plan plan = { 0 };
	draw_swarm(&plan, dice);
	draw_jobs(&plan, dice);
	draw_network(&plan, dice);
	plan.crash = draw_rate(dice, 250);
	plan.cut = draw_rate(dice, 250);
	plan.mistaken = draw_rate(dice, 250);
	plan.drain = draw_rate(dice, 250);
	plan.replace = (uint32_t)dice_between(dice, 0, 1000);
	draw_times(&plan, dice);
	return plan;
}
