/* SPDX-License-Identifier: MIT */
/*
 * A step first lets the event change the books (on_*), then does what is due by the clock, hands
 * out what can be handed out (dispatch), asks for more (enumerate) and looks whether all is done.
 */
#include "master/scheduler.h"

#include <assert.h>
#include <stdlib.h>

#include "master/scheduler_state.h"

static void enter(struct scheduler *s, enum state state)
{
	assert(state > s->state); /* a run only goes forward */
	s->state = state;
}

static void on_found(struct scheduler *s, const struct event *event)
{
	assert(s->asked > 0);
	assert(event->job > s->job_last);
	assert(event->blames < SCHEDULER_BLAMES_MAX);
	s->asked--;
	s->job_last = event->job;
	s->counts.found++;
	struct entry *entry = entry_new(s, event->job);
	entry->blames = event->blames;
	if (is_stopping(s) || entry->blames > 0)
		entry_come_back(s, entry);
	else
		entry_pend_last(s, entry);
}

static void on_exhausted(struct scheduler *s)
{
	s->asked = 0;
	if (s->state == STATE_LISTING)
		enter(s, STATE_DRAINING);
}

static void on_hello(struct scheduler *s, const struct event *event)
{
	assert(event->slots > 0 && event->slots < UINT32_MAX);
	assert(event->lanes > 0);
	assert(event->node < SCHEDULER_NO_NODE);
	assert(s->counts.workers < SCHEDULER_WORKERS_MAX);
	(void)worker_evict_if_sick(
		s, worker_new(s, event)); /* nothing follows that would need it */
}

/* A success counts whoever had the job, as long as it is open: the output is there. */
static void on_late(struct scheduler *s, const struct event *event)
{
	struct entry *entry = event->job ? table_find(&s->jobs, event->job) : NULL;
	if (entry && entry->where != WHERE_SETTLED && event->attempt > 0 &&
		event->attempt <= entry->attempt)
		entry_settle(s, entry, ERROR_NONE, event->attempt);
}

static void on_success(struct scheduler *s, struct entry *entry, const struct event *event)
{
	uint32_t doubted = entry->doubted;
	entry_settle(s, entry, ERROR_NONE, event->attempt);
	const struct worker *worker = worker_find(s, event->worker);
	if (doubted != SCHEDULER_NO_NODE && doubted != worker->node->number)
		node_disprove(s, doubted);
}

/* The target is the run's affair; a job that is alone in not finding room there has failed. */
static void on_target(
	struct scheduler *s, struct entry *entry, struct node *node, const struct event *event)
{
	entry->target_tries += node_pause(s, node);
	if (!entry->second_opinion)
		entry->doubted = node->number;
	if (entry->copies_count == 0 && entry->target_tries >= SCHEDULER_TARGET_TRIES_MAX)
		entry_settle(s, entry, event->code, event->attempt);
	else if (entry->copies_count > 0 || is_stopping(s) || entry->blames > 0 ||
		 entry->second_opinion)
		entry_come_back(s, entry);
	else /* the next probe is another job: it may be this one that finds no place anywhere */
		entry_pend_last(s, entry);
}

static void on_failure(
	struct scheduler *s, struct entry *entry, struct node *node, const struct event *event)
{
	enum error_class class = error_class(event->code, event->number);
	bool tried = is_stopping(s);
	bool doubtful = node_is_doubtful(s, node);
	bool asks = !entry->second_opinion && doubtful; /* another node */
	if (entry->copies_count > 0 && (class == ERROR_CLASS_TRANSIENT || asks))
		return; /* its twin runs on */
	if (class == ERROR_CLASS_TRANSIENT && entry->retries < s->options.retries) {
		if (tried)
			entry_come_back(s, entry);
		else
			entry_delay(s, entry, event->attempt);
	} else if (asks && tried) {
		entry_come_back(s, entry);
	} else if (asks) {
		entry_to_elsewhere(s, entry, node);
	} else {
		entry_settle(s, entry, event->code, event->attempt);
	}
}

/* The copy of this result is not out any more. */
static void judge(struct scheduler *s, struct entry *entry, const struct event *event)
{
	struct worker *worker = worker_find(s, event->worker);
	switch (error_class(event->code, event->number)) {
	case ERROR_CLASS_DONE:
		on_success(s, entry, event);
		break;
	case ERROR_CLASS_CANCELED:
		entry_come_back(s, entry);
		break;
	case ERROR_CLASS_DEATH:
		entry_blame(s, entry, event->attempt, worker);
		break;
	case ERROR_CLASS_HANG:
		entry_hang(s, entry, event->attempt);
		break;
	case ERROR_CLASS_TARGET:
		on_target(s, entry, worker->node, event);
		break;
	case ERROR_CLASS_TRANSIENT:
	case ERROR_CLASS_PERMANENT:
		on_failure(s, entry, worker->node, event);
		break;
	}
}

/* Of a job that was cut off, or found no room for its output, the time says nothing. */
static bool says_how_long(enum error_class class)
{
	return class == ERROR_CLASS_DONE || class == ERROR_CLASS_PERMANENT ||
	       class == ERROR_CLASS_TRANSIENT;
}

static void on_result(struct scheduler *s, const struct event *event)
{
	struct worker *worker = worker_find(s, event->worker);
	struct copy *copy = copy_held(s, event);
	if (worker)
		worker_hear(s, worker);
	if (!copy) {
		if (event->code == ERROR_NONE)
			on_late(s, event);
		return;
	}
	struct entry *entry = copy->entry;
	int64_t sent_ms = copy->sent_ms;
	bool settled = entry->where == WHERE_SETTLED;
	copy_take_back(s, copy);
	if (event->code == ERROR_NONE)
		node_succeeded(s, worker->node, sent_ms);
	else if (event->code != ERROR_CANCELED)
		node_failed(worker->node);
	if (says_how_long(error_class(event->code, event->number)))
		worker_learn(s, worker, event->duration_us);
	if (!settled)
		judge(s, entry, event);
	worker = worker_find(s, event->worker); /* a sick one is gone */
	if (worker)
		worker_forget_if_drained(s, worker);
}

static void on_returned(struct scheduler *s, const struct event *event)
{
	struct worker *worker = worker_find(s, event->worker);
	struct copy *copy = copy_held(s, event);
	if (worker)
		worker_hear(s, worker);
	if (!copy)
		return;
	struct entry *entry = copy->entry;
	bool settled = entry->where == WHERE_SETTLED;
	copy_take_back(s, copy);
	if (!settled)
		entry_come_back(s, entry);
	worker_forget_if_drained(s, worker);
}

static void on_started(struct scheduler *s, const struct event *event)
{
	struct copy *copy = copy_held(s, event);
	if (copy)
		copy->beat = copy->worker->beats;
}

static void stop(struct scheduler *s, enum state state, enum action_type type)
{
	if (s->state >= state)
		return;
	enter(s, state);
	emit(s, (struct action) { .type = type });
	jobs_cancel(s);
}

/* An event of one worker, if it is there. */
static void on_worker(struct scheduler *s, const struct event *event)
{
	struct worker *worker = worker_find(s, event->worker);
	if (!worker)
		return;
	if (event->type == EVENT_LOST) {
		worker_lose(s, worker, event->blame);
		return;
	}
	worker_hear(s, worker);
	if (event->type == EVENT_BEAT)
		worker_beat(s, worker, event->received);
	else if (event->type == EVENT_DRAIN)
		worker_drain(s, worker);
}

static void apply(struct scheduler *s, const struct event *event)
{
	switch (event->type) {
	case EVENT_TICK:
		break;
	case EVENT_FOUND:
		on_found(s, event);
		break;
	case EVENT_EXHAUSTED:
		on_exhausted(s);
		break;
	case EVENT_HELLO:
		on_hello(s, event);
		break;
	case EVENT_HEARD:
	case EVENT_BEAT:
	case EVENT_LOST:
	case EVENT_DRAIN:
		on_worker(s, event);
		break;
	case EVENT_STARTED:
		on_started(s, event);
		break;
	case EVENT_RESULT:
		on_result(s, event);
		break;
	case EVENT_LATE:
		on_late(s, event);
		break;
	case EVENT_RETURNED:
		on_returned(s, event);
		break;
	case EVENT_AWOKE:
		workers_forgive(s);
		break;
	case EVENT_HALT:
		stop(s, STATE_HALTING, ACTION_HALT);
		break;
	case EVENT_CANCEL:
		stop(s, STATE_CANCELING, ACTION_CANCEL);
		break;
	}
}

/* Whether any node can write the target. What says so may have happened at any place of a step. */
static void watch_target(struct scheduler *s)
{
	bool full = s->nodes_present > 0 && s->nodes_paused == s->nodes_present;
	if (is_stopping(s) || (s->nodes_present == 0 && s->full_since_ms >= 0))
		return;
	if (full && s->full_since_ms < 0) {
		s->full_since_ms = s->now_ms;
		emit(s, (struct action) { .type = ACTION_PAUSE });
	} else if (!full && s->full_since_ms >= 0) {
		s->full_since_ms = -1;
		emit(s, (struct action) { .type = ACTION_RESUME });
	}
	if (full && s->now_ms - s->full_since_ms >= s->options.target_wait_ms) {
		emit(s, (struct action) { .type = ACTION_ABORT, .code = ERROR_TARGET });
		stop(s, STATE_CANCELING, ACTION_CANCEL);
	}
}

static void enumerate(struct scheduler *s)
{
	uint64_t coming = s->counts.pending + s->asked;
	if (s->state != STATE_LISTING || s->free_credits <= coming)
		return;
	if (s->counts.delayed >= SCHEDULER_DELAYED_MAX)
		return;
	uint64_t count = s->free_credits - coming;
	if (count > UINT32_MAX)
		count = UINT32_MAX;
	s->asked += count;
	emit(s, (struct action) { .type = ACTION_ENUMERATE, .count = (uint32_t)count });
}

static void finish(struct scheduler *s)
{
	if (s->state == STATE_LISTING || s->counts.found != s->counts.settled)
		return;
	enter(s, STATE_FINISHED);
	emit(s, (struct action) { .type = ACTION_FINISH });
}

struct scheduler *scheduler_new(const struct scheduler_options *options)
{
	struct scheduler *s = scheduler_allocate(sizeof(*s));
	s->options = *options;
	s->node_due_ms = s->full_since_ms = -1;
	struct link *const lists[] = { &s->pending, &s->alone, &s->elsewhere, &s->spares, &s->ring,
		&s->heard, &s->suspects, &s->flights, &s->idle_nodes };
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		link_init(lists[i]);
	return s;
}

void scheduler_free(struct scheduler *s)
{
	if (!s)
		return;
	jobs_release(s);
	workers_release(s);
	free(s);
}

void actions_release(struct actions *actions)
{
	free(actions->items);
	*actions = (struct actions) { 0 };
}

static int64_t earlier(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static int64_t silence_deadline_ms(const struct link *list, int64_t limit_ms)
{
	if (link_alone(list))
		return -1;
	const struct worker *worker = ((const struct ref *)list->next)->owner;
	return worker->heard_ms + limit_ms;
}

int64_t scheduler_deadline_ms(const struct scheduler *s)
{
	if (s->state == STATE_FINISHED)
		return -1;
	int64_t at_ms = silence_deadline_ms(&s->heard, SCHEDULER_SUSPECT_MS);
	at_ms = earlier(at_ms, silence_deadline_ms(&s->suspects, SCHEDULER_DEAD_MS));
	at_ms = earlier(at_ms, s->node_due_ms);
	if (s->counts.delayed > 0)
		at_ms = earlier(at_ms, s->delayed[0]->due_ms);
	if (s->full_since_ms >= 0 && s->nodes_present > 0 && !is_stopping(s))
		at_ms = earlier(at_ms, s->full_since_ms + s->options.target_wait_ms);
	return is_stopping(s) ? at_ms : earlier(at_ms, twin_deadline_ms(s));
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
	assert(event->now_ms >= s->now_ms);
	s->now_ms = event->now_ms;
	s->actions = actions;
	apply(s, event);
	workers_expire(s);
	jobs_wake(s);
	watch_target(s);
	if (!is_stopping(s))
		dispatch(s);
	enumerate(s);
	finish(s);
	s->actions = NULL;
}
