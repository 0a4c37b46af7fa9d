/* SPDX-License-Identifier: MIT */
/*
 * The books are arrays over all jobs and all workers that a plan can have, where the scheduler
 * has lists and tables of what is in flight. An event moves jobs between the stages and leaves
 * debts behind (a job to settle, a worker to forget); the actions must pay them, all of them and
 * nothing else.
 */
#include "tests/sim/checker.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/chain.h"
#include "tests/sim/credit.h"

enum stage {
	STAGE_UNKNOWN,
	STAGE_PENDING,
	STAGE_OUTSTANDING,
	STAGE_ENDED, /* must be settled in this very step */
	STAGE_SETTLED,
};

enum presence {
	PRESENCE_UNKNOWN,
	PRESENCE_HERE,
	PRESENCE_DRAINING,
	PRESENCE_LEAVING, /* must be forgotten in this very step */
	PRESENCE_GONE,
};

struct book_job {
	enum stage stage;
	enum error_code code; /* ENDED: with which it must be settled */
	uint32_t holder;      /* OUTSTANDING: index of the worker */
	uint32_t attempt;
	uint32_t blamed;
};

struct book_worker {
	enum presence presence;
	struct credit credit;
	struct chain held;
	uint64_t credit_peak;
	uint64_t free_low, free_high;
	uint64_t waiting_since; /* sends so far when it last began to wait for a job */
	uint64_t patience;      /* sends after which it must have got one */
};

struct checker {
	const struct plan *plan;
	struct book_job *jobs;
	struct book_worker *workers;
	struct chain_node *job_nodes, *worker_nodes;
	struct chain pending, waiting; /* waiting: workers with free credit */
	bool exhausted, canceled, finished;
	bool cancel_owed;
	uint32_t ended, leaving; /* debts of this step */
	uint64_t asked, found, settled, outstanding, present, sends;
	uint64_t free_low, free_high;
	uint64_t credit_peaks, in_flight_max; /* of those present; the highest so far */
	char broken[256];
};

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count + 1, size); /* an empty plan has arrays, too */
	if (!memory)
		abort();
	return memory;
}

void checker_fail(struct checker *c, const char *format, ...)
{
	if (c->broken[0] != '\0')
		return;
	va_list list;
	va_start(list, format);
	(void)vsnprintf(c->broken, sizeof(c->broken), format, list); /* a cut message is fine */
	va_end(list);
}

/* The index of a job's number; plan->jobs if there is no such job. */
static uint32_t job_index(const struct checker *c, uint64_t number)
{
	uint64_t index = number / c->plan->job_stride - 1; /* wraps for 0 */
	bool known = number % c->plan->job_stride == 0 && index < c->plan->jobs;
	return known ? (uint32_t)index : c->plan->jobs;
}

static uint32_t worker_index(const struct checker *c, uint32_t number)
{
	uint32_t index = number - c->plan->worker_first;
	return index < c->plan->workers_max ? index : c->plan->workers_max;
}

static uint64_t job_number(const struct checker *c, uint32_t index)
{
	return (index + UINT64_C(1)) * c->plan->job_stride;
}

/* What a worker may still get, and whether it waits, after any change of either. */
static void recount(struct checker *c, uint32_t index)
{
	struct book_worker *w = &c->workers[index];
	bool here = w->presence == PRESENCE_HERE;
	uint64_t low = here && w->credit.low > w->held.count ? w->credit.low - w->held.count : 0;
	uint64_t high = here && w->credit.high > w->held.count ? w->credit.high - w->held.count : 0;
	c->free_low += low - w->free_low;
	c->free_high += high - w->free_high;
	w->free_low = low;
	w->free_high = high;
	if (low > 0 && !c->worker_nodes[index].linked) {
		w->waiting_since = c->sends;
		w->patience = c->present;
		chain_push_last(&c->waiting, c->worker_nodes, index);
	} else if (low == 0 && c->worker_nodes[index].linked) {
		chain_remove(&c->waiting, c->worker_nodes, index);
	}
}

static void note_peak(struct checker *c, struct book_worker *w)
{
	if (w->credit.high > w->credit_peak) {
		c->credit_peaks += w->credit.high - w->credit_peak;
		w->credit_peak = w->credit.high;
	}
	if (c->credit_peaks > c->in_flight_max)
		c->in_flight_max = c->credit_peaks;
}

static void end(struct checker *c, uint32_t job, enum error_code code)
{
	c->jobs[job].stage = STAGE_ENDED;
	c->jobs[job].code = code;
	c->ended++;
}

static void come_back(struct checker *c, uint32_t job)
{
	c->jobs[job].stage = STAGE_PENDING;
	chain_push_first(&c->pending, c->job_nodes, job);
}

static void leave(struct checker *c, uint32_t index)
{
	struct book_worker *w = &c->workers[index];
	w->presence = PRESENCE_LEAVING;
	c->leaving++;
	c->present--;
	c->credit_peaks -= w->credit_peak;
	recount(c, index);
}

static void leave_if_drained(struct checker *c, uint32_t index)
{
	const struct book_worker *w = &c->workers[index];
	if (w->presence == PRESENCE_DRAINING && w->held.count == 0)
		leave(c, index);
}

static void take_from_holder(struct checker *c, uint32_t job)
{
	uint32_t holder = c->jobs[job].holder;
	chain_remove(&c->workers[holder].held, c->job_nodes, job);
	c->outstanding--;
	recount(c, holder);
}

/* The job that this worker holds with this attempt, or plan->jobs. */
static uint32_t held_job(const struct checker *c, const struct event *event)
{
	uint32_t index = job_index(c, event->job);
	const struct book_job *job = &c->jobs[index];
	bool held = job->stage == STAGE_OUTSTANDING && job->attempt == event->attempt &&
		    job->holder == worker_index(c, event->worker);
	return held ? index : c->plan->jobs;
}

static void on_found(struct checker *c, const struct event *event)
{
	uint32_t index = job_index(c, event->job);
	struct book_job *job = &c->jobs[index];
	assert(index < c->plan->jobs);
	assert(job->stage == STAGE_UNKNOWN);
	c->found++;
	c->asked--;
	if (c->canceled) {
		end(c, index, ERROR_CANCELED);
		return;
	}
	job->stage = STAGE_PENDING;
	chain_push_last(&c->pending, c->job_nodes, index);
}

static void on_hello(struct checker *c, const struct event *event)
{
	uint32_t index = worker_index(c, event->worker);
	struct book_worker *w = &c->workers[index];
	assert(w->presence == PRESENCE_UNKNOWN);
	w->presence = PRESENCE_HERE;
	chain_init(&w->held);
	credit_init(&w->credit, event->slots);
	c->present++;
	note_peak(c, w);
	recount(c, index);
}

static bool is_final(const struct checker *c, const struct book_job *job, enum error_code code)
{
	bool done = code == ERROR_NONE || code == ERROR_CANCELED;
	return c->canceled || done || job->blamed >= error_attempts_max(code);
}

static void on_result(struct checker *c, const struct event *event)
{
	uint32_t index = held_job(c, event);
	struct book_job *job = &c->jobs[index];
	if (index == c->plan->jobs)
		return;
	take_from_holder(c, index);
	if (event->code != ERROR_CANCELED) {
		credit_learn(&c->workers[job->holder].credit, event->duration_us);
		note_peak(c, &c->workers[job->holder]);
		recount(c, job->holder);
	}
	job->blamed++;
	if (is_final(c, job, event->code))
		end(c, index, event->code);
	else
		come_back(c, index);
	leave_if_drained(c, job->holder);
}

static void hand_back(struct checker *c, uint32_t job)
{
	take_from_holder(c, job);
	if (c->canceled)
		end(c, job, ERROR_CANCELED);
	else
		come_back(c, job);
}

static void on_returned(struct checker *c, const struct event *event)
{
	uint32_t index = held_job(c, event);
	if (index == c->plan->jobs)
		return;
	hand_back(c, index);
	leave_if_drained(c, c->jobs[index].holder);
}

static void on_gone(struct checker *c, const struct event *event)
{
	uint32_t index = worker_index(c, event->worker);
	struct book_worker *w = &c->workers[index];
	if (w->presence != PRESENCE_HERE && w->presence != PRESENCE_DRAINING)
		return;
	w->presence = PRESENCE_DRAINING;
	recount(c, index);
	while (event->type == EVENT_LOST && w->held.count > 0)
		hand_back(c, w->held.last);
	leave_if_drained(c, index);
}

static void on_cancel(struct checker *c)
{
	if (c->canceled)
		return;
	c->canceled = true;
	c->cancel_owed = true;
	while (c->pending.count > 0) {
		uint32_t job = c->pending.first;
		chain_remove(&c->pending, c->job_nodes, job);
		end(c, job, ERROR_CANCELED);
	}
}

void checker_event(struct checker *c, const struct event *event)
{
	if (c->finished)
		return;
	switch (event->type) {
	case EVENT_TICK:
		break;
	case EVENT_FOUND:
		on_found(c, event);
		break;
	case EVENT_EXHAUSTED:
		c->exhausted = true;
		c->asked = 0;
		break;
	case EVENT_HELLO:
		on_hello(c, event);
		break;
	case EVENT_RESULT:
		on_result(c, event);
		break;
	case EVENT_RETURNED:
		on_returned(c, event);
		break;
	case EVENT_LOST:
	case EVENT_DRAIN:
		on_gone(c, event);
		break;
	case EVENT_CANCEL:
		on_cancel(c);
		break;
	}
}

static void on_enumerate(struct checker *c, const struct action *action)
{
	if (c->exhausted || c->canceled)
		checker_fail(c, "asked for jobs although there is nothing to ask for");
	if (action->count == 0)
		checker_fail(c, "asked for no job");
	c->asked += action->count;
	if (c->pending.count + c->asked > c->free_high)
		checker_fail(c, "asked for %" PRIu32 " jobs, more than there is free credit for",
			action->count);
}

static bool may_send(struct checker *c, const struct action *action, uint32_t job, uint32_t worker)
{
	const struct book_job *j = &c->jobs[job];
	const struct book_worker *w = &c->workers[worker];
	if (c->canceled)
		checker_fail(c, "job %" PRIu64 " sent after cancellation", action->job);
	else if (j->stage == STAGE_ENDED)
		checker_fail(c, "job %" PRIu64 " tried again after its last attempt", action->job);
	else if (j->stage != STAGE_PENDING)
		checker_fail(c, "job %" PRIu64 " sent although not pending", action->job);
	else if (job != c->pending.first)
		checker_fail(c, "job %" PRIu64 " sent before %" PRIu64 ", which was first",
			action->job, job_number(c, c->pending.first));
	else if (action->attempt != j->attempt + 1)
		checker_fail(c, "job %" PRIu64 " sent as attempt %" PRIu32 " after %" PRIu32,
			action->job, action->attempt, j->attempt);
	else if (w->presence != PRESENCE_HERE)
		checker_fail(c, "job sent to worker %" PRIu32 ", which takes none", action->worker);
	else if (w->held.count >= w->credit.high)
		checker_fail(c, "worker %" PRIu32 " sent more than its %" PRIu64 " credits",
			action->worker, w->credit.high);
	return c->broken[0] == '\0';
}

static void on_send(struct checker *c, const struct action *action)
{
	uint32_t job = job_index(c, action->job);
	uint32_t worker = worker_index(c, action->worker);
	if (!may_send(c, action, job, worker))
		return;
	chain_remove(&c->pending, c->job_nodes, job);
	chain_push_last(&c->workers[worker].held, c->job_nodes, job);
	c->jobs[job].stage = STAGE_OUTSTANDING;
	c->jobs[job].holder = worker;
	c->jobs[job].attempt++;
	c->outstanding++;
	c->sends++;
	if (c->worker_nodes[worker].linked) /* begins to wait anew, behind the others */
		chain_remove(&c->waiting, c->worker_nodes, worker);
	recount(c, worker);
}

static void on_settle(struct checker *c, const struct action *action)
{
	struct book_job *job = &c->jobs[job_index(c, action->job)];
	if (job->stage == STAGE_SETTLED) {
		checker_fail(c, "job %" PRIu64 " settled twice", action->job);
	} else if (job->stage != STAGE_ENDED) {
		checker_fail(c, "job %" PRIu64 " settled although not ended", action->job);
	} else if (action->code != job->code || action->attempt != job->attempt) {
		checker_fail(c,
			"job %" PRIu64 " settled as %d of attempt %" PRIu32 ", not %d of %" PRIu32,
			action->job, (int)action->code, action->attempt, (int)job->code,
			job->attempt);
	} else {
		job->stage = STAGE_SETTLED;
		c->settled++;
		c->ended--;
	}
}

static void on_forget(struct checker *c, const struct action *action)
{
	struct book_worker *w = &c->workers[worker_index(c, action->worker)];
	if (w->presence != PRESENCE_LEAVING) {
		checker_fail(c, "worker %" PRIu32 " forgotten although there", action->worker);
		return;
	}
	w->presence = PRESENCE_GONE;
	c->leaving--;
}

static void on_finish(struct checker *c, bool is_last)
{
	if (c->finished)
		checker_fail(c, "finished twice");
	if (!is_last)
		checker_fail(c, "something comes after the end of the run");
	if (!c->exhausted && !c->canceled)
		checker_fail(c, "finished although there may be more jobs");
	if (c->found != c->settled)
		checker_fail(c, "finished with %" PRIu64 " jobs unsettled", c->found - c->settled);
	c->finished = true;
}

static void check_action(struct checker *c, const struct action *action, bool is_last)
{
	switch (action->type) {
	case ACTION_ENUMERATE:
		on_enumerate(c, action);
		break;
	case ACTION_SEND:
		on_send(c, action);
		break;
	case ACTION_SETTLE:
		on_settle(c, action);
		break;
	case ACTION_FORGET:
		on_forget(c, action);
		break;
	case ACTION_CANCEL:
		if (!c->cancel_owed)
			checker_fail(c, "canceled without being told, or twice");
		c->cancel_owed = false;
		break;
	case ACTION_FINISH:
		on_finish(c, is_last);
		break;
	}
}

static void check_debts(struct checker *c)
{
	if (c->ended > 0)
		checker_fail(c, "%" PRIu32 " jobs ended and were not settled", c->ended);
	if (c->leaving > 0)
		checker_fail(c, "a worker left and was not forgotten");
	if (c->cancel_owed)
		checker_fail(c, "the workers were not told of the cancellation");
	if ((c->exhausted || c->canceled) && c->found == c->settled && !c->finished)
		checker_fail(c, "all is settled and the run did not finish");
}

static void check_progress(struct checker *c)
{
	if (c->canceled || c->finished)
		return;
	if (c->pending.count > 0 && c->waiting.count > 0)
		checker_fail(c, "a job waits although a worker has free credit");
	if (!c->exhausted && c->pending.count + c->asked < c->free_low)
		checker_fail(c, "credit is free and no job was asked for");
	if (c->waiting.count > 0) {
		const struct book_worker *first = &c->workers[c->waiting.first];
		if (c->sends - first->waiting_since >= first->patience)
			checker_fail(c, "worker %" PRIu32 " is passed over",
				c->plan->worker_first + c->waiting.first);
	}
}

static void check_counts(struct checker *c, const struct scheduler_counts *counts)
{
	uint64_t in_flight = c->pending.count + c->outstanding;
	if (c->found != in_flight + c->settled)
		checker_fail(c, "jobs found are not pending, outstanding or settled");
	if (in_flight + c->asked > c->in_flight_max)
		checker_fail(c, "%" PRIu64 " jobs in flight, more than all credits", in_flight);
	if (counts->found != c->found || counts->settled != c->settled)
		checker_fail(c, "the scheduler's count of jobs is wrong");
	if (counts->pending != c->pending.count || counts->outstanding != c->outstanding)
		checker_fail(c, "the scheduler's count of jobs in flight is wrong");
	if (counts->workers != c->present)
		checker_fail(c, "the scheduler's count of workers is wrong");
}

void checker_actions(
	struct checker *c, const struct actions *actions, struct scheduler_counts counts)
{
	if (c->finished) {
		if (actions->count > 0)
			checker_fail(c, "something happens after the end of the run");
		return;
	}
	for (size_t i = 0; i < actions->count && c->broken[0] == '\0'; i++)
		check_action(c, &actions->items[i], i + 1 == actions->count);
	check_debts(c);
	check_progress(c);
	check_counts(c, &counts);
}

const char *checker_broken(const struct checker *c)
{
	return c->broken[0] == '\0' ? NULL : c->broken;
}

bool checker_finished(const struct checker *c)
{
	return c->finished;
}

struct checker *checker_new(const struct plan *plan)
{
	struct checker *c = allocate(1, sizeof(*c));
	c->plan = plan;
	c->jobs = allocate(plan->jobs, sizeof(*c->jobs));
	c->workers = allocate(plan->workers_max, sizeof(*c->workers));
	c->job_nodes = allocate(plan->jobs, sizeof(*c->job_nodes));
	c->worker_nodes = allocate(plan->workers_max, sizeof(*c->worker_nodes));
	chain_init(&c->pending);
	chain_init(&c->waiting);
	return c;
}

void checker_free(struct checker *c)
{
	if (!c)
		return;
	free(c->jobs);
	free(c->workers);
	free(c->job_nodes);
	free(c->worker_nodes);
	free(c);
}
