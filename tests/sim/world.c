/* SPDX-License-Identifier: MIT */
/* The loop over the agenda, and the bounds within which a run must end. */
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/world_parts.h"

enum {
	STILL_US = 60 * 1000 * 1000, /* longest time in which nothing goes forward, in the calm */
	FAILURES_MAX = 4,            /* of a job that fails sometimes */
};

bool world_chance(struct world *w, uint32_t per_mille)
{
	return !w->calm && dice_chance(&w->dice, per_mille);
}

void world_later(struct world *w, uint64_t delay_us, struct item item)
{
	item.at_us = w->now_us + (int64_t)delay_us;
	agenda_add(&w->agenda, item);
}

uint64_t world_delay_us(struct world *w)
{
	if (world_chance(w, w->plan.late))
		return dice_magnitude(&w->dice, w->plan.delay_high_us, w->plan.late_us);
	return dice_magnitude(&w->dice, w->plan.delay_low_us, w->plan.delay_high_us);
}

struct sim_worker *world_worker(struct world *w, uint32_t number)
{
	return &w->swarm.workers[number - w->plan.worker_first];
}

uint32_t world_job(const struct world *w, uint64_t number)
{
	return (uint32_t)(number / w->plan.job_stride - 1);
}

bool world_target_full(const struct world *w)
{
	return w->plan.full_us >= 0 && w->now_us >= w->plan.full_us &&
	       w->now_us < w->plan.full_until_us;
}

static void on_calm(struct world *w)
{
	w->calm = true;
	w->stirred_us = w->now_us;
	if (!swarm_has_healthy(&w->swarm))
		session_join(w, w->swarm.nodes_count - 1);
}

/* What a frozen master or worker does not see waits in the order in which it came. */
static bool waits(struct world *w, const struct item *item)
{
	int64_t until_us = 0;
	if (item->type <= ITEM_TICK)
		until_us = w->master_us;
	else if (item->type <= ITEM_EVICTED)
		until_us = world_worker(w, item->event.worker)->frozen_us;
	if (until_us == 0)
		return false;
	world_later(w, until_us > w->now_us ? (uint64_t)(until_us - w->now_us) : 0, *item);
	return true;
}

static void on_item(struct world *w, const struct item *item)
{
	uint32_t worker = item->event.worker;
	switch (item->type) {
	case ITEM_DELIVER:
		master_deliver(w, item);
		break;
	case ITEM_ENUMERATE:
		master_enumerate(w, item);
		break;
	case ITEM_TICK:
		master_tick(w, item);
		break;
	case ITEM_ARRIVE:
		session_arrive(w, &item->event);
		break;
	case ITEM_DONE:
		session_done(w, item);
		break;
	case ITEM_KILLED:
		session_killed(w, item);
		break;
	case ITEM_BEAT:
		session_beat(w, worker);
		break;
	case ITEM_TOLD:
		session_told(w, worker);
		break;
	case ITEM_EVICTED:
		faults_evicted(w, worker);
		break;
	case ITEM_JOIN:
		session_join(w, item->event.node);
		break;
	case ITEM_FAULT:
		faults_happen(w, worker);
		break;
	case ITEM_FENCE:
		faults_fence(w, worker);
		break;
	case ITEM_THAW:
		faults_thaw(w, worker);
		break;
	case ITEM_FREEZE_MASTER:
		faults_freeze_master(w);
		break;
	case ITEM_THAW_MASTER:
		master_thaw(w);
		break;
	case ITEM_STEP_CLOCK:
		faults_step_clock(w);
		break;
	case ITEM_KILL_MASTER:
		if (w->master_us == 0)
			master_kill(w);
		break;
	case ITEM_CALM:
		on_calm(w);
		break;
	}
}

static void draw_job(struct world *w, struct sim_job *job)
{
	static const enum error_code transient[] = { ERROR_NETWORK, ERROR_IO };
	static const enum error_code permanent[] = { ERROR_IO, ERROR_INPUT, ERROR_LIMIT,
		ERROR_PROTOCOL, ERROR_START };
	const struct plan *plan = &w->plan;
	uint64_t length_us = plan->length_low_us;
	if (length_us < plan->length_high_us)
		length_us = dice_magnitude(&w->dice, length_us + 1, plan->length_high_us);
	job->length_us = (uint32_t)length_us;
	for (enum nature nature = NATURE_GOOD + 1; nature < NATURE_COUNT; nature++) {
		if (job->nature == NATURE_GOOD && dice_chance(&w->dice, plan->natures[nature]))
			job->nature = nature;
	}
	job->times = (uint32_t)dice_between(&w->dice, 1, FAILURES_MAX);
	if (job->nature == NATURE_FAILS_PERMANENT)
		job->code = permanent[dice_between(&w->dice, 0, 4)];
	else
		job->code = transient[dice_between(&w->dice, 0, 1)];
	if (dice_chance(&w->dice, plan->blamed))
		job->blames = (uint32_t)dice_between(&w->dice, 1, SCHEDULER_BLAMES_MAX - 1);
}

static void world_init(struct world *w, uint64_t seed, bool trace)
{
	*w = (struct world) { .trace = trace };
	dice_init(&w->dice, seed);
	w->plan = plan_draw(&w->dice);
	w->deeds_max = UINT64_C(400) * (w->plan.jobs + w->plan.nodes) + 1000000;
	swarm_init(&w->swarm, &w->plan, &w->dice);
	ledger_init(&w->ledger, w->plan.jobs);
	w->jobs = calloc(w->plan.jobs + UINT64_C(1), sizeof(*w->jobs));
	if (!w->jobs)
		abort();
	for (uint32_t i = 0; i < w->plan.jobs; i++)
		draw_job(w, &w->jobs[i]);
}

static void world_release(struct world *w)
{
	master_release(w);
	agenda_release(&w->agenda);
	swarm_release(&w->swarm);
	ledger_release(&w->ledger);
	actions_release(&w->actions);
	free(w->jobs);
}

/* Two jobs on the slowest lane (the first one may be a twin that came second), and all delays. */
static int64_t still_max_us(const struct plan *plan)
{
	uint64_t job_us = 2 * plan->length_high_us * plan->slowness_max;
	uint64_t wait_us = (uint64_t)plan->options.target_wait_ms * 1000;
	return STILL_US + (int64_t)(job_us + wait_us + plan->late_us + plan->listing_us);
}

static void check_bounds(struct world *w)
{
	if (checker_finished(w->checker))
		return;
	if (w->calm && w->now_us - w->stirred_us > still_max_us(&w->plan))
		checker_fail(w->checker, "nothing goes forward in %" PRId64 " ms of calm",
			(w->now_us - w->stirred_us) / 1000);
	if (w->deeds > w->deeds_max)
		checker_fail(w->checker, "the run did not end after %" PRIu64 " events", w->events);
	if (w->agenda.count == 0)
		checker_fail(w->checker, "the run waits for nothing and has not ended");
}

/* Over all starts of the master. */
static void check_ledger(struct world *w)
{
	uint64_t doubled = 0;
	if (w->ledger.doubled)
		checker_fail(w->checker, "the ledger has two outcomes of a job");
	for (uint32_t i = 0; i < w->plan.jobs; i++) {
		const struct ledger_row *row = &w->ledger.rows[i];
		bool listed = w->exhausted || i < w->found;
		if (listed && !row->settled && row->blames < SCHEDULER_BLAMES_MAX)
			checker_fail(
				w->checker, "job %" PRIu32 " has no outcome at the end", i + 1);
		doubled += w->jobs[i].successes > 1 ? w->jobs[i].successes - 1 : 0;
	}
	if (w->plan.only_deaths && doubled > w->excused)
		checker_fail(w->checker,
			"%" PRIu64 " jobs done twice, %" PRIu64 " in flight at deaths", doubled,
			w->excused);
}

struct verdict world_run(uint64_t seed, bool trace)
{
	struct world w;
	struct item item;
	world_init(&w, seed, trace);
	master_start(&w);
	faults_plan(&w);
	while (!checker_broken(w.checker) && agenda_take(&w.agenda, &item)) {
		w.now_us = item.at_us;
		if (!waits(&w, &item))
			on_item(&w, &item);
		check_bounds(&w);
	}
	if (!checker_broken(w.checker))
		check_ledger(&w);
	struct verdict verdict = { .events = w.events };
	if (checker_broken(w.checker))
		(void)snprintf(verdict.broken, sizeof(verdict.broken), "%s",
			checker_broken(w.checker)); /* of the same size */
	world_release(&w);
	return verdict;
}
