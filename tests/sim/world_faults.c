/* SPDX-License-Identifier: MIT */
/* What comes over workers and the master, and what follows from it by itself. */
#include "tests/sim/world_parts.h"

enum {
	SECOND_US = 1000 * 1000,
	CUT_MAX_US = 30 * SECOND_US,
	FREEZE_MAX_US = 30 * SECOND_US,
	JUMP_MAX_US = 1800 * SECOND_US,
	MASTER_FREEZE_MAX_US = 20 * SECOND_US,
};

static void lost_later(struct world *w, uint32_t number, uint64_t delay_us, bool blame)
{
	struct item item = { .type = ITEM_DELIVER, .from_worker = true };
	item.event.type = EVENT_LOST;
	item.event.worker = number;
	item.event.blame = blame;
	world_later(w, delay_us, item);
}

static void of_worker_later(
	struct world *w, uint32_t number, enum item_type type, uint64_t delay_us)
{
	struct item item = { .type = type };
	item.event.worker = number;
	world_later(w, delay_us, item);
}

static uint64_t detection_us(struct world *w)
{
	return dice_between(&w->dice, 1, w->plan.detection_us);
}

/* What it has sent last may not arrive; its end is noticed by the connection, or by silence. */
void faults_crash(struct world *w, uint32_t number)
{
	uint32_t node = world_worker(w, number)->node;
	session_stop(w, number);
	if (dice_chance(&w->dice, 500))
		world_worker(w, number)->silent_us = w->now_us;
	if (dice_chance(&w->dice, 700))
		lost_later(w, number, detection_us(w), true);
	swarm_restart(&w->swarm, node);
	if (w->calm || dice_chance(&w->dice, w->plan.returns))
		session_return_later(w, node, w->now_us);
	else
		w->swarm.nodes[node].ended = true;
}

/* It ends its session by itself and begins another one. */
static void fence(struct world *w, uint32_t number)
{
	struct sim_worker *worker = world_worker(w, number);
	if (worker->stopped)
		return;
	int64_t heals_us = worker->up_us > worker->down_us ? worker->up_us : worker->down_us;
	uint32_t node = worker->node;
	session_stop(w, number);
	if (dice_chance(&w->dice, 500))
		lost_later(w, number, detection_us(w), dice_chance(&w->dice, 500));
	session_return_later(w, node, heals_us);
}

void faults_fence(struct world *w, uint32_t number)
{
	const struct sim_worker *worker = world_worker(w, number);
	bool hears = w->now_us >= worker->down_us && w->now_us >= w->master_us;
	if (!hears)
		fence(w, number);
}

void faults_evicted(struct world *w, uint32_t number)
{
	struct sim_worker *worker = world_worker(w, number);
	if (worker->stopped)
		return;
	uint32_t node = worker->node;
	int64_t heals_us = worker->up_us > worker->down_us ? worker->up_us : worker->down_us;
	session_stop(w, number);
	session_return_later(w, node, heals_us);
}

void faults_thaw(struct world *w, uint32_t number)
{
	struct sim_worker *worker = world_worker(w, number);
	int64_t stood_us = w->now_us - worker->cut_us;
	worker->frozen_us = 0;
	if (stood_us >= FENCE_US)
		fence(w, number);
}

static void cut(struct world *w, uint32_t number, bool up, bool down)
{
	struct sim_worker *worker = world_worker(w, number);
	int64_t until_us = w->now_us + (int64_t)dice_magnitude(&w->dice, SECOND_US, CUT_MAX_US);
	if (up)
		worker->up_us = until_us;
	if (!down)
		return;
	worker->down_us = until_us;
	if (until_us - w->now_us > FENCE_US)
		of_worker_later(
			w, number, ITEM_FENCE, FENCE_US - dice_between(&w->dice, 0, SECOND_US));
}

static void freeze(struct world *w, uint32_t number)
{
	struct sim_worker *worker = world_worker(w, number);
	uint64_t length_us = dice_magnitude(&w->dice, SECOND_US, FREEZE_MAX_US);
	worker->frozen_us = w->now_us + (int64_t)length_us;
	worker->cut_us = w->now_us;
	of_worker_later(w, number, ITEM_THAW, length_us);
}

static void drain(struct world *w, uint32_t number)
{
	struct sim_worker *worker = world_worker(w, number);
	uint32_t node = worker->node;
	worker->draining = true;
	session_tell(w, (struct event) { .type = EVENT_DRAIN, .worker = number });
	session_hand_back(w, number);
	if (dice_chance(&w->dice, 300))
		lost_later(w, number, detection_us(w) + world_delay_us(w), false);
	w->swarm.nodes[node].ended = true;
}

static enum fault draw_fault(struct world *w)
{
	uint32_t total = 0;
	for (enum fault fault = 0; fault < FAULT_COUNT; fault++)
		total += w->plan.faults[fault];
	if (total == 0)
		return FAULT_COUNT;
	uint64_t roll = dice_between(&w->dice, 0, total - 1);
	enum fault fault = 0;
	while (roll >= w->plan.faults[fault])
		roll -= w->plan.faults[fault++];
	return fault;
}

void faults_happen(struct world *w, uint32_t number)
{
	struct sim_worker *worker = world_worker(w, number);
	if (w->calm || worker->stopped || worker->draining)
		return;
	switch (draw_fault(w)) {
	case FAULT_CRASH:
		faults_crash(w, number);
		break;
	case FAULT_CUT_UP:
		cut(w, number, true, false);
		break;
	case FAULT_CUT_DOWN:
		cut(w, number, false, true);
		break;
	case FAULT_CUT_BOTH:
		cut(w, number, true, true);
		break;
	case FAULT_FREEZE:
		freeze(w, number);
		break;
	case FAULT_DEAF:
		worker->deaf = true;
		break;
	case FAULT_MISTAKEN:
		lost_later(w, number, 1, dice_chance(&w->dice, 500));
		of_worker_later(w, number, ITEM_EVICTED, detection_us(w));
		break;
	case FAULT_DRAIN:
		drain(w, number);
		break;
	case FAULT_COUNT:
		return;
	}
	faults_plan_worker(w, number);
}

void faults_plan_worker(struct world *w, uint32_t number)
{
	uint64_t gap_us = w->plan.fault_gap_us;
	if (!w->calm)
		of_worker_later(w, number, ITEM_FAULT, dice_between(&w->dice, 1, 2 * gap_us));
}

static void item_at(struct world *w, int64_t at_us, struct item item)
{
	item.at_us = at_us;
	agenda_add(&w->agenda, item);
}

static void plan_event(struct world *w, int64_t at_us, enum event_type type)
{
	struct item item = { .type = ITEM_DELIVER };
	item.event.type = type;
	if (at_us < 0)
		return;
	item_at(w, at_us, item);
	if (dice_chance(&w->dice, 300)) /* said twice */
		item_at(w, at_us + (int64_t)world_delay_us(w), item);
}

static void plan_many(struct world *w, uint32_t count, enum item_type type)
{
	for (uint32_t i = 0; i < count; i++)
		item_at(w, (int64_t)dice_between(&w->dice, 0, (uint64_t)w->plan.calm_us),
			(struct item) { .type = type });
}

static void plan_join(struct world *w, uint32_t node, uint64_t at_us)
{
	struct item item = { .type = ITEM_JOIN };
	item.event.node = node;
	w->swarm.nodes[node].joined = true;
	item_at(w, (int64_t)at_us, item);
}

void faults_plan(struct world *w)
{
	const struct plan *plan = &w->plan;
	for (uint32_t i = 0; i < plan->nodes; i++)
		plan_join(w, i, world_delay_us(w));
	for (uint32_t i = 0; i < plan->nodes_later; i++)
		plan_join(w, plan->nodes + i, dice_between(&w->dice, 0, (uint64_t)plan->calm_us));
	plan_many(w, plan->master_freezes, ITEM_FREEZE_MASTER);
	plan_many(w, plan->clock_steps, ITEM_STEP_CLOCK);
	plan_many(w, plan->deaths, ITEM_KILL_MASTER);
	item_at(w, plan->calm_us, (struct item) { .type = ITEM_CALM });
	plan_event(w, plan->cancel_us, EVENT_CANCEL);
	plan_event(w, plan->halt_us, EVENT_HALT);
}

/* All workers miss its beats, too. */
void faults_freeze_master(struct world *w)
{
	if (w->calm || w->master_us != 0 || checker_finished(w->checker))
		return;
	uint64_t length_us = dice_magnitude(&w->dice, SECOND_US, MASTER_FREEZE_MAX_US);
	w->master_us = w->now_us + (int64_t)length_us;
	world_later(w, length_us, (struct item) { .type = ITEM_THAW_MASTER });
	for (uint32_t i = 0; i < w->swarm.count && length_us > FENCE_US; i++) {
		if (!w->swarm.workers[i].stopped)
			of_worker_later(w, w->plan.worker_first + i, ITEM_FENCE,
				FENCE_US - dice_between(&w->dice, 0, SECOND_US));
	}
}

/* As after a suspend of its machine: what was silence is nobody's fault. */
void faults_step_clock(struct world *w)
{
	if (w->calm || w->master_us != 0 || checker_finished(w->checker))
		return;
	w->clock_us += (int64_t)dice_magnitude(&w->dice, 1000, JUMP_MAX_US);
	w->tick_us = INT64_MAX;
	master_thaw(w);
}
