/* SPDX-License-Identifier: MIT */
/*
 * The rules of scheduler.h. Each event costs constant time for each action it leads to, and
 * nothing is allocated in the steady state: a job's entry moves between the list of pending
 * jobs, the list of its worker and the list of spares.
 *
 * A step first lets the event change the lists (on_*), then hands out what can be handed out
 * (dispatch), asks for more (enumerate) and looks whether all is done (finish).
 */
#include "master/scheduler.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/table.h"

enum {
	ACTIONS_MIN = 64,  /* room in struct actions at first */
	SPARES_MIN = 1024, /* entries kept although fewer jobs are in flight */
	MEAN_WEIGHT = 16,  /* a result counts for 1/16 of the mean duration */
	NS_PER_US = 1000,
	NS_PER_MS = 1000 * 1000,
};

enum state {
	STATE_LISTING,
	STATE_DRAINING,
	STATE_CANCELING,
	STATE_FINISHED,
};

/* First member of whatever is in a list; a list is a link that belongs to nothing. */
struct link {
	struct link *previous, *next;
};

struct worker {
	struct link link;  /* in the ring while it has free credit, else linked to itself */
	struct link held;  /* entries, oldest first */
	uint64_t means_ns; /* MEAN_WEIGHT times the mean duration; 0 before the first result */
	uint32_t number, slots;
	uint32_t held_count, credits, free_credits;
	bool draining;
};

struct entry {
	struct link link;
	uint64_t job;
	struct worker *worker; /* NULL: pending */
	uint32_t attempt;      /* number of the last SEND; 0 before the first */
	uint32_t tries;        /* of these, how many ended with a result */
};

struct scheduler {
	enum state state;
	struct table jobs;    /* job -> entry */
	struct table workers; /* number + 1 -> worker */
	struct link pending;  /* entries; what comes back goes to the front */
	struct link ring;     /* workers with free credit; the first one is served next */
	struct link spares;   /* entries of no job */
	size_t spares_count;
	uint64_t job_last;     /* the highest number found */
	uint64_t asked;        /* by ENUMERATE and not found yet */
	uint64_t free_credits; /* of all workers */
	struct scheduler_counts counts;
};

static void link_init(struct link *link)
{
	link->previous = link;
	link->next = link;
}

static bool link_alone(const struct link *link)
{
	return link->next == link;
}

static void link_insert(struct link *previous, struct link *link)
{
	link->previous = previous;
	link->next = previous->next;
	link->next->previous = link;
	previous->next = link;
}

static void link_remove(struct link *link)
{
	link->previous->next = link->next;
	link->next->previous = link->previous;
	link_init(link);
}

static void *allocate(size_t size)
{
	void *memory = calloc(1, size);
	if (!memory)
		abort();
	return memory;
}

static void emit(struct actions *actions, struct action action)
{
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

static void enter(struct scheduler *s, enum state state)
{
	assert(state > s->state); /* a run only goes forward */
	s->state = state;
}

static struct entry *entry_new(struct scheduler *s, uint64_t job)
{
	struct entry *entry = NULL;
	if (link_alone(&s->spares)) {
		entry = allocate(sizeof(*entry));
	} else {
		entry = (struct entry *)s->spares.next;
		link_remove(&entry->link);
		s->spares_count--;
	}
	*entry = (struct entry) { .job = job };
	link_init(&entry->link);
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

static struct worker *worker_find(const struct scheduler *s, uint32_t number)
{
	return table_find(&s->workers, (uint64_t)number + 1); /* 0 is a number, but no key */
}

/* After any change of what a worker holds or may hold. */
static void worker_update(struct scheduler *s, struct worker *worker)
{
	bool can_take = !worker->draining && worker->credits > worker->held_count;
	s->free_credits -= worker->free_credits;
	worker->free_credits = can_take ? worker->credits - worker->held_count : 0;
	s->free_credits += worker->free_credits;
	if (can_take && link_alone(&worker->link))
		link_insert(s->ring.previous, &worker->link);
	else if (!can_take)
		link_remove(&worker->link);
}

/* Work for SCHEDULER_AHEAD_MS on each slot besides the job that is in it. */
static uint32_t credits_for(const struct worker *worker)
{
	uint64_t least = (uint64_t)worker->slots + 1;
	uint64_t most = least > SCHEDULER_CREDITS_MAX ? least : SCHEDULER_CREDITS_MAX;
	uint64_t ahead_ns = (uint64_t)MEAN_WEIGHT * SCHEDULER_AHEAD_MS * NS_PER_MS;
	uint64_t ahead = (ahead_ns + worker->means_ns - 1) / worker->means_ns;
	uint64_t credits = worker->slots * (1 + ahead);
	if (credits < least)
		credits = least;
	if (credits > most)
		credits = most;
	return (uint32_t)credits;
}

static void worker_learn(struct scheduler *s, struct worker *worker, uint32_t duration_us)
{
	uint64_t duration_ns = (uint64_t)(duration_us ? duration_us : 1) * NS_PER_US;
	if (worker->means_ns == 0)
		worker->means_ns = duration_ns * MEAN_WEIGHT;
	else
		worker->means_ns += duration_ns - worker->means_ns / MEAN_WEIGHT;
	worker->credits = credits_for(worker);
	worker_update(s, worker);
}

static void worker_forget(struct scheduler *s, struct worker *worker, struct actions *actions)
{
	assert(worker->held_count == 0);
	assert(worker->free_credits == 0);
	table_remove(&s->workers, (uint64_t)worker->number + 1);
	s->counts.workers--;
	emit(actions, (struct action) { .type = ACTION_FORGET, .worker = worker->number });
	free(worker);
}

static void worker_forget_if_drained(
	struct scheduler *s, struct worker *worker, struct actions *actions)
{
	if (worker->draining && worker->held_count == 0)
		worker_forget(s, worker, actions);
}

/* The entry of a job that this very worker holds with this very attempt, or NULL. */
static struct entry *held_by(const struct scheduler *s, const struct event *event)
{
	struct entry *entry = event->job ? table_find(&s->jobs, event->job) : NULL;
	if (!entry || !entry->worker)
		return NULL;
	if (entry->worker->number != event->worker || entry->attempt != event->attempt)
		return NULL;
	return entry;
}

static void take_back(struct scheduler *s, struct entry *entry)
{
	struct worker *worker = entry->worker;
	link_remove(&entry->link);
	entry->worker = NULL;
	s->counts.outstanding--;
	worker->held_count--;
	worker_update(s, worker);
}

/* entry is in no list. */
static void settle(
	struct scheduler *s, struct entry *entry, enum error_code code, struct actions *actions)
{
	struct action action = {
		.type = ACTION_SETTLE,
		.job = entry->job,
		.attempt = entry->attempt,
		.code = code,
	};
	emit(actions, action);
	s->counts.settled++;
	entry_forget(s, entry);
}

static void pend_first(struct scheduler *s, struct entry *entry)
{
	link_insert(&s->pending, &entry->link);
	s->counts.pending++;
}

static void pend_last(struct scheduler *s, struct entry *entry)
{
	link_insert(s->pending.previous, &entry->link);
	s->counts.pending++;
}

static struct entry *take_pending(struct scheduler *s)
{
	struct entry *entry = (struct entry *)s->pending.next;
	link_remove(&entry->link);
	s->counts.pending--;
	return entry;
}

/* For a job that its worker did not do, through no fault of the job. */
static void pend_or_cancel(struct scheduler *s, struct entry *entry, struct actions *actions)
{
	if (s->state == STATE_CANCELING)
		settle(s, entry, ERROR_CANCELED, actions);
	else
		pend_first(s, entry);
}

static void on_found(struct scheduler *s, const struct event *event, struct actions *actions)
{
	assert(s->asked > 0);
	assert(event->job > s->job_last);
	s->asked--;
	s->job_last = event->job;
	s->counts.found++;
	struct entry *entry = entry_new(s, event->job);
	if (s->state == STATE_CANCELING)
		settle(s, entry, ERROR_CANCELED, actions);
	else
		pend_last(s, entry);
}

static void on_exhausted(struct scheduler *s)
{
	s->asked = 0;
	if (s->state == STATE_LISTING)
		enter(s, STATE_DRAINING);
}

static void on_hello(struct scheduler *s, const struct event *event)
{
	assert(event->slots > 0);
	assert(event->slots < UINT32_MAX);
	assert(s->counts.workers < SCHEDULER_WORKERS_MAX);
	struct worker *worker = allocate(sizeof(*worker));
	worker->number = event->worker;
	worker->slots = event->slots;
	worker->credits = event->slots + 1;
	link_init(&worker->link);
	link_init(&worker->held);
	table_insert(&s->workers, (uint64_t)worker->number + 1, worker);
	s->counts.workers++;
	worker_update(s, worker);
}

/*
 * What a canceled job took says nothing about the worker. Success and cancellation have one
 * attempt in the table of error.c, so that they always settle.
 */
static void on_result(struct scheduler *s, const struct event *event, struct actions *actions)
{
	struct entry *entry = held_by(s, event);
	if (!entry)
		return;
	struct worker *worker = entry->worker;
	take_back(s, entry);
	if (event->code != ERROR_CANCELED)
		worker_learn(s, worker, event->duration_us);
	entry->tries++;
	if (s->state == STATE_CANCELING || entry->tries >= error_attempts_max(event->code))
		settle(s, entry, event->code, actions);
	else
		pend_first(s, entry);
	worker_forget_if_drained(s, worker, actions);
}

static void on_returned(struct scheduler *s, const struct event *event, struct actions *actions)
{
	struct entry *entry = held_by(s, event);
	if (!entry)
		return;
	struct worker *worker = entry->worker;
	take_back(s, entry);
	pend_or_cancel(s, entry, actions);
	worker_forget_if_drained(s, worker, actions);
}

static void on_drain(struct scheduler *s, const struct event *event, struct actions *actions)
{
	struct worker *worker = worker_find(s, event->worker);
	if (!worker)
		return;
	worker->draining = true;
	worker_update(s, worker);
	worker_forget_if_drained(s, worker, actions);
}

/* Nobody is blamed here: entry->tries stays. The newest goes first to keep the order. */
static void on_lost(struct scheduler *s, const struct event *event, struct actions *actions)
{
	struct worker *worker = worker_find(s, event->worker);
	if (!worker)
		return;
	worker->draining = true;
	worker_update(s, worker);
	while (!link_alone(&worker->held)) {
		struct entry *entry = (struct entry *)worker->held.previous;
		take_back(s, entry);
		pend_or_cancel(s, entry, actions);
	}
	worker_forget(s, worker, actions);
}

static void on_cancel(struct scheduler *s, struct actions *actions)
{
	if (s->state == STATE_CANCELING)
		return;
	enter(s, STATE_CANCELING);
	emit(actions, (struct action) { .type = ACTION_CANCEL });
	while (s->counts.pending > 0)
		settle(s, take_pending(s), ERROR_CANCELED, actions);
}

/* One job to each worker in turn. Nothing is pending while canceling. */
static void dispatch(struct scheduler *s, struct actions *actions)
{
	while (s->counts.pending > 0 && !link_alone(&s->ring)) {
		struct worker *worker = (struct worker *)s->ring.next;
		struct entry *entry = take_pending(s);
		entry->worker = worker;
		entry->attempt++;
		link_insert(worker->held.previous, &entry->link);
		worker->held_count++;
		s->counts.outstanding++;
		link_remove(&worker->link); /* worker_update puts it at the end of the ring */
		worker_update(s, worker);
		struct action action = {
			.type = ACTION_SEND,
			.job = entry->job,
			.worker = worker->number,
			.attempt = entry->attempt,
		};
		emit(actions, action);
	}
}

static void enumerate(struct scheduler *s, struct actions *actions)
{
	uint64_t coming = s->counts.pending + s->asked;
	if (s->state != STATE_LISTING || s->free_credits <= coming)
		return;
	uint64_t count = s->free_credits - coming;
	if (count > UINT32_MAX)
		count = UINT32_MAX;
	s->asked += count;
	emit(actions, (struct action) { .type = ACTION_ENUMERATE, .count = (uint32_t)count });
}

static void finish(struct scheduler *s, struct actions *actions)
{
	if (s->state == STATE_LISTING || s->counts.found != s->counts.settled)
		return;
	enter(s, STATE_FINISHED);
	emit(actions, (struct action) { .type = ACTION_FINISH });
}

static void apply(struct scheduler *s, const struct event *event, struct actions *actions)
{
	switch (event->type) {
	case EVENT_TICK:
		break;
	case EVENT_FOUND:
		on_found(s, event, actions);
		break;
	case EVENT_EXHAUSTED:
		on_exhausted(s);
		break;
	case EVENT_HELLO:
		on_hello(s, event);
		break;
	case EVENT_RESULT:
		on_result(s, event, actions);
		break;
	case EVENT_RETURNED:
		on_returned(s, event, actions);
		break;
	case EVENT_LOST:
		on_lost(s, event, actions);
		break;
	case EVENT_DRAIN:
		on_drain(s, event, actions);
		break;
	case EVENT_CANCEL:
		on_cancel(s, actions);
		break;
	}
}

struct scheduler *scheduler_new(void)
{
	struct scheduler *s = allocate(sizeof(*s));
	link_init(&s->pending);
	link_init(&s->ring);
	link_init(&s->spares);
	return s;
}

void scheduler_free(struct scheduler *s)
{
	if (!s)
		return;
	size_t cursor = 0;
	for (void *entry; (entry = table_next(&s->jobs, &cursor));)
		free(entry);
	cursor = 0;
	for (void *worker; (worker = table_next(&s->workers, &cursor));)
		free(worker);
	while (!link_alone(&s->spares)) {
		struct link *spare = s->spares.next;
		link_remove(spare);
		free(spare);
	}
	table_release(&s->jobs);
	table_release(&s->workers);
	free(s);
}

void actions_release(struct actions *actions)
{
	free(actions->items);
	*actions = (struct actions) { 0 };
}

int64_t scheduler_deadline_ms(const struct scheduler *s)
{
	(void)s; /* nothing is timed yet */
	return -1;
}

struct scheduler_counts scheduler_counts(const struct scheduler *s)
{
	return s->counts;
}

void scheduler_step(struct scheduler *s, const struct event *event, struct actions *actions)
{
	actions->count = 0;
	if (s->state == STATE_FINISHED) {
		assert(event->type != EVENT_FOUND);
		return;
	}
	apply(s, event, actions);
	dispatch(s, actions);
	enumerate(s, actions);
	finish(s, actions);
}
