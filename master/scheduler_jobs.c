/* SPDX-License-Identifier: MIT */
/* The way of one job: which list it is in, and what the end of an attempt does to it. */
#include "master/scheduler_state.h"

#include <assert.h>
#include <stdlib.h>

enum {
	ACTIONS_MIN = 64,  /* room in struct actions at first */
	SPARES_MIN = 1024, /* entries kept although fewer jobs are in flight */
	DELAYED_MIN = 64,  /* room for delayed jobs at first */
	BACKOFF_FACTOR = 4,
	JITTER_PARTS = 1024, /* a delay is between 1/2 and 3/2 of its length, in so many steps */
};

void link_init(struct link *link)
{
	link->previous = link;
	link->next = link;
}

bool link_alone(const struct link *link)
{
	return link->next == link;
}

void link_insert(struct link *previous, struct link *link)
{
	link->previous = previous;
	link->next = previous->next;
	link->next->previous = link;
	previous->next = link;
}

void link_remove(struct link *link)
{
	link->previous->next = link->next;
	link->next->previous = link->previous;
	link_init(link);
}

void *scheduler_allocate(size_t size)
{
	void *memory = calloc(1, size);
	if (!memory)
		abort();
	return memory;
}

void emit(struct scheduler *s, struct action action)
{
	struct actions *actions = s->actions;
	if (actions->count == actions->capacity) {
		size_t capacity = actions->capacity ? actions->capacity * 2 : ACTIONS_MIN;
		struct action *items = realloc(actions->items, capacity * sizeof(*items));
		if (!items)
			abort();
		actions->items = items;
		actions->capacity = capacity;
	}
	actions->items[actions->count++] = action;
}

bool is_stopping(const struct scheduler *s)
{
	return s->state >= STATE_HALTING;
}

struct entry *entry_new(struct scheduler *s, uint64_t job)
{
	struct entry *entry = NULL;
	if (link_alone(&s->spares)) {
		entry = scheduler_allocate(sizeof(*entry));
	} else {
		entry = (struct entry *)s->spares.next;
		link_remove(&entry->link);
		s->spares_count--;
	}
	*entry = (struct entry) { .job = job, .doubted = SCHEDULER_NO_NODE };
	link_init(&entry->link);
	link_init(&entry->flight.link);
	entry->flight.owner = entry;
	for (size_t i = 0; i < SCHEDULER_COPIES_MAX; i++) {
		link_init(&entry->copies[i].link);
		entry->copies[i].entry = entry;
	}
	table_insert(&s->jobs, job, entry);
	return entry;
}

/* The spares never outnumber the jobs in flight by more than SPARES_MIN. */
static void entry_forget(struct scheduler *s, struct entry *entry)
{
	table_remove(&s->jobs, entry->job);
	link_insert(&s->spares, &entry->link);
	s->spares_count++;
	while (s->spares_count > table_count(&s->jobs) + SPARES_MIN) {
		struct link *spare = s->spares.next;
		link_remove(spare);
		s->spares_count--;
		free(spare);
	}
}

static void heap_set(struct scheduler *s, size_t at, struct entry *entry)
{
	s->delayed[at] = entry;
	entry->delay_at = at;
}

static void heap_rise(struct scheduler *s, size_t at, struct entry *entry)
{
	for (; at > 0 && s->delayed[(at - 1) / 2]->due_ms > entry->due_ms; at = (at - 1) / 2)
		heap_set(s, at, s->delayed[(at - 1) / 2]);
	heap_set(s, at, entry);
}

static void heap_sink(struct scheduler *s, size_t at, struct entry *entry)
{
	size_t count = s->counts.delayed;
	for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
		if (child + 1 < count && s->delayed[child + 1]->due_ms < s->delayed[child]->due_ms)
			child++;
		if (s->delayed[child]->due_ms >= entry->due_ms)
			break;
		heap_set(s, at, s->delayed[child]);
		at = child;
	}
	heap_set(s, at, entry);
}

static void heap_add(struct scheduler *s, struct entry *entry)
{
	if (s->counts.delayed == s->delayed_capacity) {
		size_t capacity = s->delayed_capacity ? s->delayed_capacity * 2 : DELAYED_MIN;
		struct entry **list = realloc(s->delayed, capacity * sizeof(*list));
		if (!list)
			abort();
		s->delayed = list;
		s->delayed_capacity = capacity;
	}
	heap_rise(s, s->counts.delayed++, entry);
}

static void heap_remove(struct scheduler *s, const struct entry *entry)
{
	size_t at = entry->delay_at;
	struct entry *last = s->delayed[--s->counts.delayed];
	if (last == entry)
		return;
	heap_rise(s, at, last);
	heap_sink(s, last->delay_at, last);
}

/* Takes an entry that is not out from wherever it waits. */
static void leave(struct scheduler *s, struct entry *entry)
{
	if (entry->where == WHERE_DELAYED)
		heap_remove(s, entry);
	else if (entry->where != WHERE_NOWHERE)
		s->counts.pending--;
	link_remove(&entry->link);
	entry->where = WHERE_NOWHERE;
}

static void wait_in(struct scheduler *s, struct entry *entry, enum where where, struct link *before)
{
	leave(s, entry);
	link_insert(before, &entry->link);
	entry->where = where;
	s->counts.pending++;
}

void entry_pend_first(struct scheduler *s, struct entry *entry)
{
	wait_in(s, entry, WHERE_PENDING, &s->pending);
}

void entry_pend_last(struct scheduler *s, struct entry *entry)
{
	leave(s, entry); /* first: it may be the last one itself */
	wait_in(s, entry, WHERE_PENDING, s->pending.previous);
}

struct copy *copy_held(const struct scheduler *s, const struct event *event)
{
	struct entry *entry = event->job ? table_find(&s->jobs, event->job) : NULL;
	for (size_t i = 0; entry && i < SCHEDULER_COPIES_MAX; i++) {
		struct copy *copy = &entry->copies[i];
		if (copy->worker && copy->worker->number == event->worker &&
			copy->attempt == event->attempt)
			return copy;
	}
	return NULL;
}

void copy_send(struct scheduler *s, struct entry *entry, struct worker *worker)
{
	bool twin = entry->where == WHERE_OUT;
	bool reserved = entry->where == WHERE_ALONE;
	struct copy *copy = entry->copies[0].worker ? &entry->copies[1] : &entry->copies[0];
	assert(!copy->worker);
	if (!twin)
		leave(s, entry);
	entry->where = WHERE_OUT;
	entry->copies_count++;
	copy->worker = worker;
	copy->attempt = ++entry->attempt;
	copy->alone = reserved;
	copy->beat = 0;
	copy->sent_ms = s->now_ms;
	link_insert(worker->held.previous, &copy->link);
	worker->held_count++;
	worker->sent++;
	link_remove(&entry->flight.link);
	if (!twin && !reserved)
		link_insert(s->flights.previous, &entry->flight.link);
	if (twin)
		s->counts.twins++;
	else
		s->counts.outstanding++;
	if (worker->node->paused_ms >= 0)
		node_probe(s, worker->node);
	link_remove(&worker->link); /* worker_update puts it at the end of the ring */
	worker_update(s, worker);
	struct action action = {
		.type = ACTION_SEND,
		.job = entry->job,
		.worker = worker->number,
		.attempt = copy->attempt,
		.alone = entry->blames > 0 || entry->hangs > 0,
		.twin = twin,
	};
	emit(s, action);
}

void copy_take_back(struct scheduler *s, struct copy *copy)
{
	struct worker *worker = copy->worker;
	struct entry *entry = copy->entry;
	link_remove(&copy->link);
	copy->worker = NULL;
	worker->held_count--;
	if (copy->alone) {
		worker->reserved = false;
	}
	worker_update(s, worker);
	link_remove(&entry->flight.link);
	if (--entry->copies_count > 0)
		return;
	if (entry->where == WHERE_SETTLED) {
		entry_forget(s, entry);
		return;
	}
	entry->where = WHERE_NOWHERE;
	s->counts.outstanding--;
}

void entry_settle(struct scheduler *s, struct entry *entry, enum error_code code, uint32_t attempt)
{
	if (entry->where == WHERE_OUT)
		s->counts.outstanding--;
	else
		leave(s, entry);
	link_remove(&entry->flight.link);
	struct action action = {
		.type = ACTION_SETTLE,
		.job = entry->job,
		.attempt = attempt,
		.code = code,
	};
	emit(s, action);
	s->counts.settled++;
	entry->where = WHERE_SETTLED; /* while its worker is busy with the copy that came second */
	if (entry->copies_count == 0)
		entry_forget(s, entry);
}

void entry_come_back(struct scheduler *s, struct entry *entry)
{
	if (entry->copies_count > 0)
		return;
	if (is_stopping(s))
		entry_settle(s, entry, ERROR_CANCELED, entry->attempt);
	else if (entry->blames > 0) /* still under suspicion */
		wait_in(s, entry, WHERE_ALONE, &s->alone);
	else if (entry->second_opinion)
		wait_in(s, entry, WHERE_ELSEWHERE, &s->elsewhere);
	else
		entry_pend_first(s, entry);
}

/* 1/2 to 3/2 of length, by SplitMix64 (Steele, Lea, Flood 2014) of the seed, job and try. */
static uint32_t jitter(const struct scheduler *s, const struct entry *entry, uint32_t length_ms)
{
	uint64_t x = s->options.seed + entry->job * UINT64_C(0x9E3779B97F4A7C15) + entry->retries;
	x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
	x ^= x >> 31;
	return length_ms / 2 + (uint32_t)(x % (JITTER_PARTS + 1)) * length_ms / JITTER_PARTS;
}

void entry_delay(struct scheduler *s, struct entry *entry, uint32_t attempt)
{
	uint32_t length_ms = SCHEDULER_BACKOFF_MS;
	for (uint32_t i = 0; i < entry->retries && length_ms < SCHEDULER_BACKOFF_MAX_MS; i++)
		length_ms *= BACKOFF_FACTOR;
	if (length_ms > SCHEDULER_BACKOFF_MAX_MS)
		length_ms = SCHEDULER_BACKOFF_MAX_MS;
	entry->retries++;
	s->counts.retries++;
	uint32_t delay_ms = jitter(s, entry, length_ms);
	entry->due_ms = s->now_ms + delay_ms;
	entry->where = WHERE_DELAYED;
	heap_add(s, entry);
	struct action action = {
		.type = ACTION_DELAY,
		.job = entry->job,
		.attempt = attempt,
		.count = delay_ms,
	};
	emit(s, action);
}

void entry_to_elsewhere(struct scheduler *s, struct entry *entry, const struct node *node)
{
	entry->doubted = node->number;
	entry->second_opinion = true;
	if (entry->blames > 0) /* and alone, which looks at the node, too */
		wait_in(s, entry, WHERE_ALONE, s->alone.previous);
	else
		wait_in(s, entry, WHERE_ELSEWHERE, s->elsewhere.previous);
}

void entry_blame(
	struct scheduler *s, struct entry *entry, uint32_t attempt, const struct worker *worker)
{
	entry->blames++;
	if (!entry->second_opinion)
		entry->doubted = worker->node->number;
	s->counts.blames++;
	struct action action = {
		.type = ACTION_BLAME,
		.job = entry->job,
		.attempt = attempt,
		.worker = worker->number,
		.count = entry->blames,
	};
	emit(s, action);
	if (entry->blames >= SCHEDULER_BLAMES_MAX)
		entry_settle(s, entry, ERROR_QUARANTINED, attempt);
	else if (entry->copies_count > 0)
		return; /* its twin runs on */
	else if (is_stopping(s))
		entry_settle(s, entry, ERROR_CANCELED, attempt);
	else
		wait_in(s, entry, WHERE_ALONE, s->alone.previous);
}

void entry_hang(struct scheduler *s, struct entry *entry, uint32_t attempt)
{
	if (++entry->hangs >= SCHEDULER_HANGS_MAX)
		entry_settle(s, entry, ERROR_QUARANTINED, attempt);
	else
		entry_come_back(s, entry);
}

void jobs_wake(struct scheduler *s)
{
	while (s->counts.delayed > 0 && s->delayed[0]->due_ms <= s->now_ms)
		entry_come_back(s, s->delayed[0]);
}

static void cancel_list(struct scheduler *s, const struct link *list)
{
	while (!link_alone(list)) {
		struct entry *entry = (struct entry *)list->next;
		entry_settle(s, entry, ERROR_CANCELED, entry->attempt);
	}
}

void jobs_cancel(struct scheduler *s)
{
	cancel_list(s, &s->alone);
	cancel_list(s, &s->elsewhere);
	cancel_list(s, &s->pending);
	while (s->counts.delayed > 0)
		entry_settle(s, s->delayed[0], ERROR_CANCELED, s->delayed[0]->attempt);
}

void jobs_release(struct scheduler *s)
{
	size_t cursor = 0;
	for (void *entry; (entry = table_next(&s->jobs, &cursor));)
		free(entry);
	while (!link_alone(&s->spares)) {
		struct link *spare = s->spares.next;
		link_remove(spare);
		free(spare);
	}
	table_release(&s->jobs);
	free(s->delayed);
}
