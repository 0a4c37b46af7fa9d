/* SPDX-License-Identifier: MIT */
#include "tests/sim/swarm.h"

#include <assert.h>
#include <stdlib.h>

static const uint32_t lanes_per_fetching = 8; /* at most so many lanes read what was fetched */

static void draw_node(struct sim_node *node, const struct plan *plan, struct dice *dice)
{
	node->slots = (uint32_t)dice_magnitude(dice, 1, plan->slots_max);
	node->lanes = node->slots;
	if (plan->fetching && node->lanes > lanes_per_fetching)
		node->lanes = (uint32_t)dice_between(dice, 1, lanes_per_fetching);
	node->slowness = (uint32_t)dice_magnitude(dice, 1, plan->slowness_max);
	if (dice_chance(dice, plan->no_codec))
		node->flavour = FLAVOUR_NO_CODEC;
	else if (dice_chance(dice, plan->full_disk))
		node->flavour = FLAVOUR_FULL_DISK;
}

void swarm_restart(struct swarm *swarm, uint32_t node)
{
	swarm->nodes[node].process = swarm->processes++;
}

void swarm_init(struct swarm *swarm, const struct plan *plan, struct dice *dice)
{
	*swarm = (struct swarm) { .tasks_count = 1 };
	swarm->nodes_count = plan->nodes + plan->nodes_later + 1;
	swarm->nodes = calloc(swarm->nodes_count, sizeof(*swarm->nodes));
	if (!swarm->nodes)
		abort();
	for (uint32_t i = 0; i < swarm->nodes_count; i++) {
		draw_node(&swarm->nodes[i], plan, dice);
		swarm_restart(swarm, i);
	}
	swarm->nodes[swarm->nodes_count - 1].flavour = FLAVOUR_HEALTHY; /* the calm's */
}

void swarm_release(struct swarm *swarm)
{
	free(swarm->nodes);
	free(swarm->workers);
	free(swarm->tasks);
	*swarm = (struct swarm) { 0 };
}

uint32_t swarm_join(struct swarm *swarm, uint32_t node)
{
	assert(node < swarm->nodes_count);
	if (swarm->count == swarm->capacity) {
		swarm->capacity = swarm->capacity ? swarm->capacity * 2 : 64;
		swarm->workers = realloc(swarm->workers, swarm->capacity * sizeof(*swarm->workers));
		if (!swarm->workers)
			abort();
	}
	swarm->workers[swarm->count] = (struct sim_worker) { .node = node, .silent_us = INT64_MAX };
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

uint32_t swarm_put(struct swarm *swarm, struct queue *queue, uint64_t job, uint32_t attempt)
{
	uint32_t index = task_new(swarm);
	swarm->tasks[index] =
		(struct task) { .job = job, .attempt = attempt, .previous = queue->last };
	if (queue->last == 0)
		queue->first = index;
	else
		swarm->tasks[queue->last].next = index;
	queue->last = index;
	queue->count++;
	return index;
}

struct task swarm_remove(struct swarm *swarm, struct queue *queue, uint32_t index)
{
	struct task task = swarm->tasks[index];
	if (task.previous == 0)
		queue->first = task.next;
	else
		swarm->tasks[task.previous].next = task.next;
	if (task.next == 0)
		queue->last = task.previous;
	else
		swarm->tasks[task.next].previous = task.previous;
	queue->count--;
	swarm->tasks[index].next = swarm->tasks_free;
	swarm->tasks_free = index;
	return task;
}

bool swarm_has_healthy(const struct swarm *swarm)
{
	for (uint32_t i = 0; i < swarm->nodes_count; i++) {
		const struct sim_node *node = &swarm->nodes[i];
		if (node->joined && !node->ended && node->flavour == FLAVOUR_HEALTHY)
			return true;
	}
	return false;
}
