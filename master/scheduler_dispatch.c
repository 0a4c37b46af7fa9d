/* SPDX-License-Identifier: MIT */
/* Who gets what. Each stage takes what the one before it has left. */
#include "master/scheduler_state.h"

#include <assert.h>

enum {
	SEARCH_MAX = 64, /* workers or jobs that are looked at before one waits for the next step */
	TWINS_PER_JOBS = 20,
	MEANS_WEIGHT = 64, /* of struct scheduler's means_ns */
};

/* Whether a worker of another node could take it, now or later. */
static bool can_go_elsewhere(const struct scheduler *s, uint32_t doubted)
{
	const struct node *node = table_find(&s->nodes, (uint64_t)doubted + 1);
	return doubted != SCHEDULER_NO_NODE && s->able > (node ? node->able : 0);
}

/* The first in the ring, on another node than this one if there is one; idle: it holds nothing. */
static struct worker *find_worker(const struct scheduler *s, uint32_t doubted, bool idle)
{
	bool elsewhere = can_go_elsewhere(s, doubted);
	const struct link *at = s->ring.next;
	for (size_t i = 0; at != &s->ring && i < SEARCH_MAX; i++, at = at->next) {
		struct worker *worker = (struct worker *)at;
		if (elsewhere && worker->node->number == doubted)
			continue;
		if (!idle || worker->held_count == 0)
			return worker;
	}
	return NULL;
}

static void reserve(struct scheduler *s, struct worker *worker)
{
	s->reserved = worker;
	worker->reserved = true;
	worker_update(s, worker);
}

static void release_reserved(struct scheduler *s)
{
	struct worker *worker = s->reserved;
	s->reserved = NULL;
	worker->reserved = false;
	worker_update(s, worker);
}

/* One that holds nothing, the reserved one first, or NULL. */
static struct worker *find_empty(struct scheduler *s, const struct entry *entry)
{
	struct worker *worker = s->reserved;
	bool empty = worker && worker->held_count == 0;
	if (!empty ||
		(worker->node->number == entry->doubted && can_go_elsewhere(s, entry->doubted)))
		return find_worker(s, entry->doubted, true);
	s->reserved = NULL;
	return worker;
}

/*
 * Workers that hold nothing get what runs alone at once. When there is none, one is kept free of
 * other jobs until it holds nothing: only one, so that suspects don't hold up all others.
 */
static void dispatch_alone(struct scheduler *s)
{
	if (s->reserved && !s->reserved->able)
		release_reserved(s);
	for (size_t i = 0; i < SEARCH_MAX && !link_alone(&s->alone); i++) {
		struct entry *entry = (struct entry *)s->alone.next;
		struct worker *worker = find_empty(s, entry);
		if (!worker)
			break;
		worker->reserved = true;
		copy_send(s, entry, worker);
	}
	/* Not needed any more, or of the node that the next one is not to run on. */
	if (s->reserved && (link_alone(&s->alone) || s->reserved->held_count == 0))
		release_reserved(s);
	if (s->reserved || link_alone(&s->alone))
		return;
	const struct entry *entry = (const struct entry *)s->alone.next;
	struct worker *worker = find_worker(s, entry->doubted, false);
	if (worker && worker->held_count > 0)
		reserve(s, worker);
}

static void dispatch_elsewhere(struct scheduler *s)
{
	struct link *at = s->elsewhere.next;
	for (size_t i = 0; at != &s->elsewhere && i < SEARCH_MAX && !link_alone(&s->ring); i++) {
		struct entry *entry = (struct entry *)at;
		at = at->next;
		struct worker *worker = find_worker(s, entry->doubted, false);
		if (worker)
			copy_send(s, entry, worker);
	}
}

static void dispatch_pending(struct scheduler *s)
{
	while (!link_alone(&s->pending) && !link_alone(&s->ring))
		copy_send(s, (struct entry *)s->pending.next, (struct worker *)s->ring.next);
}

static bool may_twin(const struct scheduler *s)
{
	uint64_t most = s->counts.found / TWINS_PER_JOBS + SCHEDULER_TWINS_FREE;
	return s->options.twins && s->state == STATE_DRAINING && s->counts.pending == 0 &&
	       s->counts.twins < most;
}

/* A worker with an idle slot that is not the one which has the job. */
static struct worker *find_idle(const struct scheduler *s, const struct entry *entry)
{
	const struct worker *holder = entry->copies[0].worker;
	if (!holder)
		holder = entry->copies[1].worker;
	const struct link *at = s->ring.next;
	for (size_t i = 0; at != &s->ring && i < SEARCH_MAX; i++, at = at->next) {
		struct worker *worker = (struct worker *)at;
		if (worker != holder && worker->able && worker->node->number != entry->doubted &&
			worker->held_count < worker->slots)
			return worker;
	}
	return NULL;
}

/* The job that was sent longest ago and somebody could take, or NULL. */
static struct entry *find_straggler(const struct scheduler *s, struct worker **worker)
{
	const struct link *at = s->flights.next;
	if (!may_twin(s) || link_alone(&s->ring))
		return NULL;
	for (size_t i = 0; at != &s->flights && i < SEARCH_MAX; i++, at = at->next) {
		struct entry *entry = ((const struct ref *)at)->owner;
		*worker = find_idle(s, entry);
		if (*worker)
			return entry;
	}
	return NULL;
}

static int64_t twin_at_ms(const struct scheduler *s, const struct entry *entry)
{
	const struct copy *copy = &entry->copies[entry->copies[0].worker ? 0 : 1];
	int64_t mean_ms = (int64_t)(s->means_ns / MEANS_WEIGHT / SCHEDULER_NS_PER_MS);
	int64_t age_ms = SCHEDULER_TWIN_MEANS * mean_ms;
	return copy->sent_ms + (age_ms > SCHEDULER_TWIN_MS ? age_ms : SCHEDULER_TWIN_MS);
}

int64_t twin_deadline_ms(const struct scheduler *s)
{
	struct worker *worker;
	const struct entry *entry = find_straggler(s, &worker);
	return entry ? twin_at_ms(s, entry) : -1;
}

static void dispatch_twins(struct scheduler *s)
{
	struct worker *worker;
	struct entry *entry;
	while ((entry = find_straggler(s, &worker)) && twin_at_ms(s, entry) <= s->now_ms)
		copy_send(s, entry, worker);
}

void dispatch(struct scheduler *s)
{
	assert(!is_stopping(s));
	dispatch_alone(s);
	dispatch_elsewhere(s);
	dispatch_pending(s);
	dispatch_twins(s);
}
