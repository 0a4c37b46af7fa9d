/* SPDX-License-Identifier: MIT */
/* Workers (sessions) and nodes (processes): what each may be given, and when it is given up. */
#include "master/scheduler_state.h"

#include <assert.h>
#include <stdlib.h>

enum {
	MEAN_WEIGHT = 16,     /* a result counts for 1/16 of a worker's mean duration */
	ALL_MEAN_WEIGHT = 64, /* the same of the mean of all */
	NS_PER_US = 1000,
	MARK_MS = 1000,        /* between two notes of how much was sent */
	TRUST_MAX = 16,        /* successes that a node can have to its credit */
	DEATHS_MS = 60 * 1000, /* deaths of a node longer ago are forgotten */
	DEATHS_MAX = 5,        /* more of them in this time are an illness */
	NODES_IDLE_MAX = 1024, /* nodes without a session that are remembered */
};

struct worker *worker_find(const struct scheduler *s, uint32_t number)
{
	return table_find(&s->workers, (uint64_t)number + 1); /* 0 is a number, but no key */
}

static struct node *node_find(const struct scheduler *s, uint32_t number)
{
	return table_find(&s->nodes, (uint64_t)number + 1);
}

static void node_due(struct scheduler *s, int64_t at_ms)
{
	if (s->node_due_ms < 0 || at_ms < s->node_due_ms)
		s->node_due_ms = at_ms;
}

static bool is_able(const struct worker *worker)
{
	const struct node *node = worker->node;
	return !worker->draining && !worker->suspect && node->rest_until_ms < 0 &&
	       node->paused_ms < 0;
}

/* How many more jobs it may be given now. */
static uint32_t room(const struct worker *worker)
{
	bool probes = !worker->draining && !worker->suspect && worker->node->rest_until_ms < 0 &&
		      worker->node->may_probe && worker->held_count == 0;
	if (worker->reserved || worker->credits <= worker->held_count)
		return 0;
	if (probes)
		return 1;
	return worker->able ? worker->credits - worker->held_count : 0;
}

void worker_update(struct scheduler *s, struct worker *worker)
{
	bool able = is_able(worker);
	if (able != worker->able) {
		s->able += able ? 1 : (uint32_t)-1;
		worker->node->able += able ? 1 : (uint32_t)-1;
		worker->able = able;
	}
	s->free_credits -= worker->free_credits;
	worker->free_credits = room(worker);
	s->free_credits += worker->free_credits;
	if (worker->free_credits > 0 && link_alone(&worker->link))
		link_insert(s->ring.previous, &worker->link);
	else if (worker->free_credits == 0)
		link_remove(&worker->link);
}

static void node_update(struct scheduler *s, const struct node *node)
{
	for (struct link *at = node->workers.next; at != &node->workers; at = at->next)
		worker_update(s, ((struct ref *)at)->owner);
}

/* Work for SCHEDULER_AHEAD_MS on each slot besides the job that is in it. */
static uint32_t credits_for(const struct worker *worker)
{
	uint64_t least = (uint64_t)worker->slots + 1;
	uint64_t most = least > SCHEDULER_CREDITS_MAX ? least : SCHEDULER_CREDITS_MAX;
	uint64_t ahead_ns = (uint64_t)MEAN_WEIGHT * SCHEDULER_AHEAD_MS * SCHEDULER_NS_PER_MS;
	uint64_t ahead = (ahead_ns + worker->means_ns - 1) / worker->means_ns;
	uint64_t credits = worker->slots * (1 + ahead);
	if (credits < least)
		credits = least;
	if (credits > most)
		credits = most;
	return (uint32_t)credits;
}

static void mean_learn(uint64_t *means_ns, uint64_t duration_ns, uint64_t weight)
{
	if (*means_ns == 0)
		*means_ns = duration_ns * weight;
	else
		*means_ns += duration_ns - *means_ns / weight;
}

void worker_learn(struct scheduler *s, struct worker *worker, uint32_t duration_us)
{
	uint64_t duration_ns = (uint64_t)(duration_us ? duration_us : 1) * NS_PER_US;
	mean_learn(&worker->means_ns, duration_ns, MEAN_WEIGHT);
	mean_learn(&s->means_ns, duration_ns, ALL_MEAN_WEIGHT);
	worker->credits = credits_for(worker);
	worker_update(s, worker);
}

void worker_hear(struct scheduler *s, struct worker *worker)
{
	worker->heard_ms = s->now_ms;
	link_remove(&worker->heard.link);
	link_insert(s->heard.previous, &worker->heard.link);
	if (!worker->suspect)
		return;
	worker->suspect = false;
	worker_update(s, worker);
}

static struct node *node_new(struct scheduler *s, uint32_t number)
{
	struct node *node = scheduler_allocate(sizeof(*node));
	*node = (struct node) { .number = number, .rest_until_ms = -1, .paused_ms = -1 };
	link_init(&node->idle.link);
	link_init(&node->workers);
	node->idle.owner = node;
	table_insert(&s->nodes, (uint64_t)number + 1, node);
	return node;
}

static void node_enter(struct scheduler *s, struct node *node)
{
	if (link_alone(&node->workers)) {
		s->nodes_present++;
		s->nodes_paused += node->paused_ms >= 0;
	}
	if (!link_alone(&node->idle.link))
		s->idle_nodes_count--;
	link_remove(&node->idle.link);
}

/* Its last session has ended: it is remembered for a while, in case it comes back. */
static void node_leave(struct scheduler *s, struct node *node)
{
	s->nodes_present--;
	s->nodes_paused -= node->paused_ms >= 0;
	link_insert(s->idle_nodes.previous, &node->idle.link);
	s->idle_nodes_count++;
	if (s->idle_nodes_count <= NODES_IDLE_MAX)
		return;
	struct node *oldest = ((struct ref *)s->idle_nodes.next)->owner;
	link_remove(&oldest->idle.link);
	s->idle_nodes_count--;
	table_remove(&s->nodes, (uint64_t)oldest->number + 1);
	free(oldest);
}

static bool node_dies_often(const struct scheduler *s, const struct node *node)
{
	return node->deaths > DEATHS_MAX && s->now_ms - node->died_ms <= DEATHS_MS;
}

struct worker *worker_new(struct scheduler *s, const struct event *hello)
{
	struct worker *worker = scheduler_allocate(sizeof(*worker));
	struct node *node = node_find(s, hello->node);
	if (!node)
		node = node_new(s, hello->node);
	node_enter(s, node);
	worker->node = node;
	worker->number = hello->worker;
	worker->slots = hello->slots;
	worker->lanes = hello->lanes;
	worker->credits = hello->slots + 1;
	worker->mark_ms = worker->old_mark_ms = s->now_ms;
	link_init(&worker->link);
	link_init(&worker->held);
	link_init(&worker->heard.link);
	worker->heard.owner = worker->of_node.owner = worker;
	link_insert(&node->workers, &worker->of_node.link);
	table_insert(&s->workers, (uint64_t)worker->number + 1, worker);
	s->counts.workers++;
	worker_hear(s, worker);
	worker_update(s, worker);
	return worker;
}

static void worker_forget(struct scheduler *s, struct worker *worker)
{
	assert(worker->held_count == 0);
	assert(worker->free_credits == 0);
	assert(!worker->able);
	if (s->reserved == worker)
		s->reserved = NULL;
	table_remove(&s->workers, (uint64_t)worker->number + 1);
	link_remove(&worker->heard.link);
	link_remove(&worker->of_node.link);
	if (link_alone(&worker->node->workers))
		node_leave(s, worker->node);
	s->counts.workers--;
	emit(s, (struct action) { .type = ACTION_FORGET, .worker = worker->number });
	free(worker);
}

void worker_forget_if_drained(struct scheduler *s, struct worker *worker)
{
	if (worker->draining && worker->held_count == 0)
		worker_forget(s, worker);
}

void worker_drain(struct scheduler *s, struct worker *worker)
{
	worker->draining = true;
	worker_update(s, worker);
	worker_forget_if_drained(s, worker);
}

static bool is_listed(const struct worker *worker, const struct copy *copy)
{
	return copy->entry->where == WHERE_OUT && worker->beats > 0 && copy->beat == worker->beats;
}

/*
 * What runs alone has a beat of its own when it begins: before that it is innocent, unless its
 * worker dies again and again before it can beat.
 */
static bool is_guilty_alone(const struct copy *copy)
{
	return copy->beat > 0 || ++copy->entry->losses % SCHEDULER_LOSSES_MAX == 0;
}

/* The listed ones, and of the others the first: a beat is soon out of date. */
static bool is_guilty(const struct worker *worker, const struct copy *copy, uint32_t *more)
{
	if (copy->alone)
		return is_guilty_alone(copy);
	if (is_listed(worker, copy))
		return true;
	if (*more == 0)
		return false;
	(*more)--;
	return true;
}

static void blame_running(struct scheduler *s, struct worker *worker)
{
	uint32_t more = worker->lanes;
	for (struct link *at = worker->held.next; at != &worker->held; at = at->next)
		more -= more > 0 && is_listed(worker, (const struct copy *)at);
	for (struct link *at = worker->held.next, *next = NULL; at != &worker->held; at = next) {
		struct copy *copy = (struct copy *)at;
		next = at->next;
		if (copy->entry->where == WHERE_SETTLED || !is_guilty(worker, copy, &more))
			continue;
		copy_take_back(s, copy);
		entry_blame(s, copy->entry, copy->attempt, worker);
	}
}

static void node_died(struct scheduler *s, struct node *node)
{
	if (s->now_ms - node->died_ms > DEATHS_MS)
		node->deaths = 0;
	node->deaths++;
	node->died_ms = s->now_ms;
}

/* What it had not started goes to others at no cost. The newest goes first to keep the order. */
void worker_lose(struct scheduler *s, struct worker *worker, bool blame)
{
	worker->draining = true;
	worker_update(s, worker);
	if (blame) {
		blame_running(s, worker);
		node_died(s, worker->node);
	}
	while (!link_alone(&worker->held)) {
		struct copy *copy = (struct copy *)worker->held.previous;
		struct entry *entry = copy->entry;
		bool settled = entry->where == WHERE_SETTLED;
		copy_take_back(s, copy);
		if (!settled)
			entry_come_back(s, entry);
	}
	worker_forget(s, worker);
}

void worker_evict(struct scheduler *s, struct worker *worker, enum evict_reason reason)
{
	struct action action = { .type = ACTION_EVICT, .worker = worker->number, .reason = reason };
	emit(s, action);
	worker_lose(s, worker, reason == EVICT_SILENT);
}

bool worker_evict_if_sick(struct scheduler *s, struct worker *worker)
{
	/* the last node that takes jobs is better than none */
	if (!node_dies_often(s, worker->node) || s->able == worker->node->able)
		return false;
	worker_evict(s, worker, EVICT_SICK);
	return true;
}

/*
 * Whether what was sent 2 s ago has not reached a worker that beats: then its channel is broken.
 * One beat alone may be old: after an interruption it arrives together with what it misses.
 */
static bool is_deaf(const struct scheduler *s, struct worker *worker, uint64_t received)
{
	bool missing = s->now_ms - worker->old_mark_ms >= 2 * MARK_MS;
	missing = missing && received < worker->old_mark_sent;
	if (!missing || !worker->deaf) {
		worker->deaf = missing;
		worker->deaf_ms = s->now_ms;
	}
	return missing && s->now_ms - worker->deaf_ms >= MARK_MS;
}

void worker_beat(struct scheduler *s, struct worker *worker, uint64_t received)
{
	worker->beats++;
	if (is_deaf(s, worker, received)) {
		worker_evict(s, worker, EVICT_DEAF);
		return;
	}
	if (s->now_ms - worker->mark_ms >= MARK_MS) {
		worker->old_mark_ms = worker->mark_ms;
		worker->old_mark_sent = worker->mark_sent;
		worker->mark_ms = s->now_ms;
		worker->mark_sent = worker->sent;
	}
	(void)worker_evict_if_sick(s, worker); /* nothing follows that would need it */
}

void workers_forgive(struct scheduler *s)
{
	while (!link_alone(&s->suspects))
		worker_hear(s, ((struct ref *)s->suspects.next)->owner);
	for (struct link *at = s->heard.next; at != &s->heard; at = at->next) {
		struct worker *worker = ((struct ref *)at)->owner;
		worker->heard_ms = s->now_ms;
		worker->mark_ms = worker->old_mark_ms = s->now_ms;
		worker->mark_sent = worker->old_mark_sent = 0;
		worker->deaf = false;
	}
}

static void expire_silence(struct scheduler *s)
{
	while (!link_alone(&s->heard)) {
		struct worker *worker = ((struct ref *)s->heard.next)->owner;
		if (s->now_ms - worker->heard_ms < SCHEDULER_SUSPECT_MS)
			break;
		link_remove(&worker->heard.link);
		link_insert(s->suspects.previous, &worker->heard.link);
		worker->suspect = true;
		worker_update(s, worker);
	}
	while (!link_alone(&s->suspects)) {
		struct worker *worker = ((struct ref *)s->suspects.next)->owner;
		if (s->now_ms - worker->heard_ms < SCHEDULER_DEAD_MS)
			break;
		worker_evict(s, worker, EVICT_SILENT);
	}
}

/* Rests that are over and probes that are due. */
static void expire_nodes(struct scheduler *s)
{
	size_t cursor = 0;
	if (s->node_due_ms < 0 || s->now_ms < s->node_due_ms)
		return;
	s->node_due_ms = -1;
	for (struct node *node; (node = table_next(&s->nodes, &cursor));) {
		if (node->rest_until_ms >= 0 && s->now_ms >= node->rest_until_ms)
			node->rest_until_ms = -1;
		else if (node->rest_until_ms >= 0)
			node_due(s, node->rest_until_ms);
		bool waits = node->paused_ms >= 0 && !node->may_probe;
		if (waits && s->now_ms >= node->probe_at_ms)
			node->may_probe = true;
		else if (waits)
			node_due(s, node->probe_at_ms);
		node_update(s, node);
	}
}

void workers_expire(struct scheduler *s)
{
	expire_silence(s);
	expire_nodes(s);
}

void node_succeeded(struct scheduler *s, struct node *node, int64_t sent_ms)
{
	node->results++;
	if (node->trust < TRUST_MAX)
		node->trust++;
	if (node->paused_ms < 0 || sent_ms < node->paused_ms)
		return;
	node->paused_ms = -1;
	node->may_probe = false;
	s->nodes_paused--;
	node_update(s, node);
}

void node_failed(struct node *node)
{
	node->results++;
	if (node->trust > -TRUST_MAX)
		node->trust--;
}

void node_probe(struct scheduler *s, struct node *node)
{
	node->may_probe = false;
	node->probe_at_ms = s->now_ms + SCHEDULER_PROBE_MS;
	node_due(s, node->probe_at_ms);
	node_update(s, node);
}

bool node_pause(struct scheduler *s, struct node *node)
{
	if (node->paused_ms >= 0)
		return false;
	node->paused_ms = s->now_ms;
	s->nodes_paused++;
	node_probe(s, node);
	return true;
}

static void node_rest(struct scheduler *s, struct node *node)
{
	uint32_t length_ms = (uint32_t)SCHEDULER_REST_MS << node->rests;
	const struct worker *worker = ((struct ref *)node->workers.next)->owner;
	node->rests++;
	node->results = node->disproved = 0;
	node->rest_until_ms = s->now_ms + length_ms;
	node_due(s, node->rest_until_ms);
	struct action action = {
		.type = ACTION_REST, .worker = worker->number, .count = length_ms
	};
	emit(s, action);
	node_update(s, node);
}

void node_disprove(struct scheduler *s, uint32_t number)
{
	struct node *node = node_find(s, number);
	if (!node)
		return;
	node->disproved++;
	if (node->results < SCHEDULER_SICK_RESULTS || 2 * node->disproved <= node->results)
		return;
	if (link_alone(&node->workers) || node->rest_until_ms >= 0)
		return;
	if (node->rests < SCHEDULER_RESTS_MAX) {
		node_rest(s, node);
		return;
	}
	while (!link_alone(&node->workers))
		worker_evict(s, ((struct ref *)node->workers.next)->owner, EVICT_SICK);
}

bool node_is_doubtful(const struct scheduler *s, const struct node *node)
{
	return node->trust <= 0 && s->able > node->able;
}

void workers_release(struct scheduler *s)
{
	size_t cursor = 0;
	for (void *worker; (worker = table_next(&s->workers, &cursor));)
		free(worker);
	cursor = 0;
	for (void *node; (node = table_next(&s->nodes, &cursor));)
		free(node);
	table_release(&s->workers);
	table_release(&s->nodes);
}
