/* SPDX-License-Identifier: MIT */
#include "tests/sim/swarm.h"

#include <assert.h>
#include <stdlib.h>

void swarm_init(struct swarm *swarm, const struct plan *plan)
{
	*swarm = (struct swarm) { .tasks_count = 1 };
	swarm->workers = calloc(plan->workers_max, sizeof(*swarm->workers));
	if (!swarm->workers)
		abort();
}

void swarm_release(struct swarm *swarm)
{
	free(swarm->workers);
	free(swarm->tasks);
	*swarm = (struct swarm) { 0 };
}

static enum fate draw_fate(const struct plan *plan, struct dice *dice)
{
	uint64_t roll = dice_between(dice, 0, 999);
	if (roll < plan->crash)
		return FATE_CRASHES;
	roll -= plan->crash;
	if (roll < plan->cut)
		return FATE_CUT_OFF;
	roll -= plan->cut;
	if (roll < plan->mistaken)
		return FATE_MISTAKEN;
	roll -= plan->mistaken;
	return roll < plan->drain ? FATE_DRAINS : FATE_STAYS;
}

uint32_t swarm_join(struct swarm *swarm, const struct plan *plan, struct dice *dice)
{
	assert(swarm->count < plan->workers_max);
	struct sim_worker *worker = &swarm->workers[swarm->count];
	worker->slots = (uint32_t)dice_magnitude(dice, 1, plan->slots_max);
	worker->slowness = (uint32_t)dice_magnitude(dice, 1, plan->slowness_max);
	worker->fate = draw_fate(plan, dice);
	if (swarm->count + 1 == plan->workers_max)
		worker->fate = FATE_STAYS; /* nobody could take its place */
	return swarm->count++;
}

static uint32_t task_new(struct swarm *swarm)
{
	uint32_t index = swarm->tasks_free;
	if (index != 0) {
		swarm->tasks_free = swarm->tasks[index].next;
		return index;
	}
	if (swarm->tasks_count >= swarm->tasks_capacity) {
		swarm->tasks_capacity = swarm->tasks_capacity ? swarm->tasks_capacity * 2 : 256;
		swarm->tasks = realloc(swarm->tasks, swarm->tasks_capacity * sizeof(*swarm->tasks));
		if (!swarm->tasks)
			abort();
	}
	return swarm->tasks_count++;
}

void swarm_put(struct swarm *swarm, struct sim_worker *worker, uint64_t job, uint32_t attempt)
{
	uint32_t index = task_new(swarm);
	swarm->tasks[index] = (struct task) { .job = job, .attempt = attempt };
	if (worker->first == 0)
		worker->first = index;
	else
		swarm->tasks[worker->last].next = index;
	worker->last = index;
}

bool swarm_take(struct swarm *swarm, struct sim_worker *worker, struct task *task)
{
	uint32_t index = worker->first;
	if (index == 0)
		return false;
	*task = swarm->tasks[index];
	worker->first = task->next;
	swarm->tasks[index].next = swarm->tasks_free;
	swarm->tasks_free = index;
	return true;
}

bool swarm_has_healthy(const struct swarm *swarm)
{
	for (uint32_t i = 0; i < swarm->count; i++) {
		if (!swarm->workers[i].leaving)
			return true;
	}
	return false;
}
