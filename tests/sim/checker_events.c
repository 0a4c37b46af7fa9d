/* SPDX-License-Identifier: MIT */
/* What an event means, before the scheduler has said anything: the books move, debts are made. */
#include "tests/sim/checker_parts.h"

#include <assert.h>

static bool is_ending(const struct checker *c)
{
	return c->halted || c->canceled;
}

/* The job has no copy any more and is not settled: it waits, or is settled unrun. */
static void come_back(struct checker *c, uint32_t job)
{
	struct book_job *j = &c->jobs[job];
	if (books_copies(c, job) > 0)
		return;
	if (is_ending(c)) {
		books_end(c, job, ERROR_CANCELED, BOOKS_NONE);
		return;
	}
	if (j->stage == STAGE_OUTSTANDING)
		c->outstanding--;
	books_pend(c, job);
}

static void note_failure(struct checker *c, struct book_job *job, uint32_t node)
{
	c->nodes[node].failures++;
	if (job->failed_on[0] != node) {
		job->failed_on[1] = job->failed_on[0];
		job->failed_on[0] = node;
	}
}

static void owe_blame(struct checker *c, uint32_t job, uint32_t worker, uint32_t attempt)
{
	struct book_job *j = &c->jobs[job];
	int at = j->owed[0].worker == BOOKS_NONE ? 0 : 1;
	assert(j->owed[at].worker == BOOKS_NONE);
	j->owed[at].worker = worker;
	j->owed[at].attempt = attempt;
	j->blames++;
	c->blames_owed++;
	note_failure(c, j, c->workers[worker].node);
}

static bool is_open(const struct book_job *job)
{
	return job->stage != STAGE_UNKNOWN && job->stage != STAGE_ENDED &&
	       job->stage != STAGE_SETTLED;
}

/* Takes a job out of where it waits or runs, because it was settled there. */
static void end_open(struct checker *c, uint32_t job, enum error_code code, uint32_t attempt)
{
	struct book_job *j = &c->jobs[job];
	if (j->stage == STAGE_PENDING)
		books_unpend(c, job);
	else if (j->stage == STAGE_DELAYED)
		c->delayed--;
	books_end(c, job, code, attempt);
}

/* A worker died with this copy in its hands, and it counts as the reason. */
static void blame_copy(struct checker *c, uint32_t copy)
{
	const struct copy *of = &c->copies[copy];
	struct book_job *j = &c->jobs[of->job];
	owe_blame(c, of->job, of->worker, of->attempt);
	for (int i = 0; i < COPIES_MAX; i++) {
		if (j->copies[i] != BOOKS_NONE && c->sent_nodes[j->copies[i]].linked)
			chain_remove(&c->sent, c->sent_nodes, j->copies[i]); /* no twin any more */
	}
}

static bool is_listed(const struct checker *c, uint32_t copy)
{
	const struct book_worker *w = &c->workers[c->copies[copy].worker];
	return w->beats > 0 && c->copies[copy].listed == w->beats;
}

/* "Running alone it is blamed only if a beat has listed it, else for each LOSSES_MAX-th worker" */
static void blame_alone(struct checker *c, uint32_t copy)
{
	struct book_job *job = &c->jobs[c->copies[copy].job];
	if (!is_open(job))
		return;
	bool innocent = c->copies[copy].listed == 0;
	job->losses += innocent;
	if (!innocent || job->losses % SCHEDULER_LOSSES_MAX == 0)
		blame_copy(c, copy);
}

/* "the jobs that its last beat listed as running and that it still holds, and, up to `lanes` in
   all, the first others that it holds" */
static void blame_held(struct checker *c, uint32_t worker)
{
	const struct book_worker *w = &c->workers[worker];
	uint32_t listed = 0;
	if (w->alone != BOOKS_NONE) {
		blame_alone(c, w->alone);
		return;
	}
	for (uint32_t i = w->held.first; i != CHAIN_END; i = c->held_nodes[i].next)
		listed += is_listed(c, i) && is_open(&c->jobs[c->copies[i].job]);
	uint32_t others = w->lanes > listed ? w->lanes - listed : 0;
	for (uint32_t i = w->held.first; i != CHAIN_END; i = c->held_nodes[i].next) {
		if (!is_open(&c->jobs[c->copies[i].job]))
			continue;
		bool is_other = !is_listed(c, i);
		if (is_other && others == 0)
			continue;
		others -= is_other;
		blame_copy(c, i);
	}
}

/* More than 5 within 60 s of each other, and the node may be called sick. */
static void note_death(struct checker *c, uint32_t node)
{
	struct book_node *n = &c->nodes[node];
	bool soon = n->deaths > 0 && c->now_ms - n->death_ms <= NODE_DEATHS_MS;
	n->deaths = soon ? n->deaths + 1 : 1;
	n->death_ms = c->now_ms;
}

void checker_take_back(struct checker *c, uint32_t worker, bool blame)
{
	struct book_worker *w = &c->workers[worker];
	if (blame) {
		blame_held(c, worker);
		note_death(c, w->node);
	}
	while (w->held.count > 0) {
		uint32_t copy = w->held.first, job = c->copies[copy].job;
		uint32_t attempt = c->copies[copy].attempt;
		books_drop_copy(c, copy);
		if (!is_open(&c->jobs[job]))
			continue;
		if (c->jobs[job].blames >= SCHEDULER_BLAMES_MAX)
			books_end(c, job, ERROR_QUARANTINED, attempt);
		else
			come_back(c, job);
	}
}

static void on_found(struct checker *c, const struct event *event)
{
	uint32_t index = books_job(c, event->job);
	struct book_job *job = &c->jobs[index];
	assert(index < c->plan->jobs);
	assert(job->stage == STAGE_UNKNOWN);
	c->found++;
	c->asked--;
	job->blames = job->blames_told = event->blames;
	job->losses = 0;
	if (is_ending(c))
		books_end(c, index, ERROR_CANCELED, 0);
	else
		books_pend(c, index);
}

static void learn(struct checker *c, const struct event *event, bool accepted)
{
	uint32_t index = books_worker(c, event->worker);
	struct book_worker *w = &c->workers[index];
	enum error_class class = error_class(event->code, event->number);
	if (class != ERROR_CLASS_DONE && class != ERROR_CLASS_PERMANENT &&
		class != ERROR_CLASS_TRANSIENT)
		return;
	if (event->duration_us < c->shortest_us)
		c->shortest_us = event->duration_us;
	if (event->duration_us > c->longest_us)
		c->longest_us = event->duration_us;
	if (accepted)
		credit_learn(&w->credit, event->duration_us);
	credit_learn(&w->credit_of_all, event->duration_us);
	books_recount(c, index);
}

/* Failures of its nodes that turn out to have been theirs. */
static void note_success(
	struct checker *c, const struct book_job *job, uint32_t node, int64_t sent_ms)
{
	c->nodes[node].successes++;
	for (int i = 0; i < 2; i++) {
		if (job->failed_on[i] != BOOKS_NONE && job->failed_on[i] != node)
			c->nodes[job->failed_on[i]].unjust++;
	}
	if (c->nodes[node].paused != ANSWER_NO && sent_ms < c->nodes[node].paused_ms) {
		books_pause(c, node, ANSWER_MAYBE); /* it may have been written before */
	} else if (c->nodes[node].paused != ANSWER_NO) {
		c->resume_owed = c->run_paused && !is_ending(c) && c->nodes[node].here > 0;
		books_pause(c, node, ANSWER_NO);
	}
}

/* "A failure of class PERMANENT on a node that is not [trusted], while a worker of another node is
   there, is tried once on another node." How trust is counted is the scheduler's: only what
   follows from any count is demanded. */
static void on_permanent(struct checker *c, uint32_t job, const struct event *event, uint32_t node)
{
	struct book_job *j = &c->jobs[job];
	const struct book_node *n = &c->nodes[node];
	bool trusted = n->failures == 1 && n->successes >= TRUSTED_SUCCESSES;
	bool others = c->here > n->here;
	bool has_twin = books_copies(c, job) > 0; /* then the other copy may be that second try */
	if (j->went_elsewhere || trusted || (!has_twin && !others)) {
		books_end(c, job, event->code, event->attempt);
		return;
	}
	bool others_take = c->takes > n->takes;
	if (n->successes > 0 || !others_take || has_twin) {
		j->may_step = c->step;
		j->may_code = event->code;
	}
	bool may_end = j->may_step == c->step;
	if (has_twin)
		return;
	j->avoid = node;
	j->went_elsewhere = true;
	come_back(c, job);
	if (j->stage == STAGE_ENDED && may_end)
		j->other_code = event->code;
}

/* Retries are used up: what another node would say of it may be asked, but need not be. */
static void on_spent(struct checker *c, uint32_t job, const struct event *event, uint32_t node)
{
	on_permanent(c, job, event, node);
	if (c->jobs[job].stage != STAGE_ENDED) {
		c->jobs[job].may_step = c->step;
		c->jobs[job].may_code = event->code;
	} else {
		c->jobs[job].other_code = event->code;
	}
}

static void on_transient(struct checker *c, uint32_t job, const struct event *event, uint32_t node)
{
	struct book_job *j = &c->jobs[job];
	if (books_copies(c, job) > 0) { /* whether that counts as a retry is not said */
		j->retries_high++;
		j->may_step = c->step;
		j->may_code = event->code;
	} else if (j->retries_low >= c->plan->options.retries) {
		on_spent(c, job, event, node);
	} else if (is_ending(c)) {
		books_end(c, job, ERROR_CANCELED, BOOKS_NONE);
		j->other_code =
			j->retries_high >= c->plan->options.retries ? event->code : ERROR_CANCELED;
	} else {
		if (j->retries_high >= c->plan->options.retries) {
			j->may_step = c->step;
			j->may_code = event->code;
		}
		j->stage = STAGE_DELAY_OWED;
		c->outstanding--;
		c->delays_owed++;
	}
}

static void note_full(struct checker *c, uint32_t node)
{
	struct book_node *n = &c->nodes[node];
	if (n->paused == ANSWER_MAYBE) { /* since when is not known: now, or before */
		n->paused_ms = c->now_ms;
		books_pause(c, node, ANSWER_YES);
	} else if (n->paused == ANSWER_NO) {
		n->paused_ms = c->now_ms;
		n->probe_from_ms = c->now_ms + SCHEDULER_PROBE_MS;
		books_pause(c, node, ANSWER_YES);
	}
	if (c->here > 0 && c->here_unpaused == 0)
		c->all_paused_ms = c->now_ms;
	n->probe_by_ms = c->now_ms + SCHEDULER_PROBE_MS;
	if (c->here == c->present && c->here_unpaused == 0 && !c->run_paused && !is_ending(c))
		c->pause_owed = true;
}

static void on_target(struct checker *c, uint32_t job, const struct event *event, uint32_t node)
{
	struct book_job *j = &c->jobs[job];
	j->target_tries_high++; /* at least those that came while others succeeded must count */
	j->target_tries_low += c->nodes[node].paused == ANSWER_NO;
	note_full(c, node);
	if (books_copies(c, job) > 0)
		return;
	if (j->target_tries_low >= SCHEDULER_TARGET_TRIES_MAX) {
		books_end(c, job, event->code, event->attempt);
		return;
	}
	bool may_end = j->target_tries_high >= SCHEDULER_TARGET_TRIES_MAX;
	j->may_step = may_end ? c->step : 0;
	j->may_code = event->code;
	come_back(c, job);
	if (j->stage == STAGE_ENDED && may_end)
		j->other_code = event->code;
}

static void on_death(struct checker *c, uint32_t job, const struct event *event)
{
	struct book_job *j = &c->jobs[job];
	owe_blame(c, job, books_worker(c, event->worker), event->attempt);
	if (j->blames >= SCHEDULER_BLAMES_MAX)
		books_end(c, job, ERROR_QUARANTINED, event->attempt);
	else
		come_back(c, job);
}

static void on_hang(struct checker *c, uint32_t job, const struct event *event)
{
	struct book_job *j = &c->jobs[job];
	j->hangs++;
	if (j->hangs >= SCHEDULER_HANGS_MAX)
		books_end(c, job, ERROR_QUARANTINED, event->attempt);
	else
		come_back(c, job);
}

/* of: the copy, which is not out any more. */
static void on_outcome(
	struct checker *c, uint32_t job, const struct event *event, const struct copy *of)
{
	uint32_t node = c->workers[of->worker].node;
	enum error_class class = error_class(event->code, event->number);
	if (class != ERROR_CLASS_DONE && class != ERROR_CLASS_CANCELED &&
		class != ERROR_CLASS_DEATH) /* that is noted with the blame */
		note_failure(c, &c->jobs[job], node);
	switch (class) {
	case ERROR_CLASS_DONE:
		books_end(c, job, ERROR_NONE, event->attempt);
		note_success(c, &c->jobs[job], node, of->sent_ms);
		break;
	case ERROR_CLASS_CANCELED:
		come_back(c, job);
		break;
	case ERROR_CLASS_PERMANENT:
		on_permanent(c, job, event, node);
		break;
	case ERROR_CLASS_TRANSIENT:
		on_transient(c, job, event, node);
		break;
	case ERROR_CLASS_TARGET:
		on_target(c, job, event, node);
		break;
	case ERROR_CLASS_DEATH:
		on_death(c, job, event);
		break;
	case ERROR_CLASS_HANG:
		on_hang(c, job, event);
		break;
	}
}

/* A success that nobody waits for from there may count all the same. */
static void on_stray(struct checker *c, const struct event *event)
{
	struct book_job *job = &c->jobs[books_job(c, event->job)];
	bool was_sent = event->attempt > 0 && event->attempt <= job->attempt;
	if (event->code == ERROR_NONE && is_open(job) && was_sent) {
		job->may_step = c->step;
		job->may_code = ERROR_NONE;
	}
}

/* The copy that lost against the one that settled the job: what it proves is not said. */
static void on_loser(struct checker *c, const struct event *event, uint32_t node)
{
	enum error_class class = error_class(event->code, event->number);
	bool changes = class == ERROR_CLASS_DONE ? c->nodes[node].paused == ANSWER_YES
						 : class == ERROR_CLASS_TARGET;
	learn(c, event, false);
	c->nodes[node].successes += class == ERROR_CLASS_DONE;
	c->nodes[node].failures += class != ERROR_CLASS_DONE;
	if (changes)
		books_pause(c, node, ANSWER_MAYBE);
}

static void on_result(struct checker *c, const struct event *event)
{
	uint32_t copy = books_copy(c, event), job = books_job(c, event->job);
	if (copy == BOOKS_NONE) {
		on_stray(c, event);
		return;
	}
	struct copy of = c->copies[copy];
	books_drop_copy(c, copy);
	if (c->jobs[job].stage == STAGE_OUTSTANDING) {
		learn(c, event, true);
		on_outcome(c, job, event, &of);
	} else {
		on_loser(c, event, c->workers[of.worker].node);
	}
	books_leave_if_drained(c, of.worker);
}

static void on_late(struct checker *c, const struct event *event)
{
	uint32_t index = books_job(c, event->job);
	const struct book_job *job = &c->jobs[index];
	if (is_open(job) && event->attempt > 0 && event->attempt <= job->attempt)
		end_open(c, index, ERROR_NONE, event->attempt);
}

static void on_returned(struct checker *c, const struct event *event)
{
	uint32_t copy = books_copy(c, event), job = books_job(c, event->job);
	if (copy == BOOKS_NONE)
		return;
	uint32_t worker = c->copies[copy].worker;
	books_drop_copy(c, copy);
	if (c->jobs[job].stage == STAGE_OUTSTANDING)
		come_back(c, job);
	books_leave_if_drained(c, worker);
}

static void on_beat(struct checker *c, uint32_t worker, const struct event *event)
{
	struct book_worker *w = &c->workers[worker];
	w->beats++;
	int64_t missing_ms =
		event->received < w->sent ? c->now_ms - w->sent_ms[event->received] : 0;
	bool in_time = c->now_ms - w->beat_ms >= DEAF_MS / 2;
	w->beats_deaf = missing_ms < DEAF_MS ? 0 : w->beats_deaf + in_time;
	w->beat_ms = in_time ? c->now_ms : w->beat_ms;
	bool long_ago = missing_ms >= DEAF_BY_MS && c->now_ms - c->awoke_ms >= DEAF_BY_MS;
	if (long_ago && w->beats_deaf >= BEATS_DEAF_MAX) {
		w->owed = EVICT_DEAF;
		c->evicts_owed++;
		books_leave(c, worker);
		checker_take_back(c, worker, false);
	} else if (missing_ms >= DEAF_MS) {
		w->may_be_deaf = c->step;
	}
}

static void on_started(struct checker *c, const struct event *event)
{
	uint32_t copy = books_copy(c, event);
	if (copy != BOOKS_NONE)
		c->copies[copy].listed = c->workers[c->copies[copy].worker].beats;
}

static void on_drain(struct checker *c, uint32_t worker)
{
	struct book_worker *w = &c->workers[worker];
	if (w->presence != PRESENCE_HERE)
		return;
	w->presence = PRESENCE_DRAINING;
	c->here--;
	c->nodes[w->node].here--;
	c->here_unpaused -= c->nodes[w->node].paused != ANSWER_YES;
	books_recount(c, worker);
	books_leave_if_drained(c, worker);
}

static void on_awoke(struct checker *c)
{
	uint32_t count = c->heard.count + c->suspects.count;
	c->awoke_ms = c->now_ms;
	while (c->suspects.count > 0)
		books_heard(c, c->suspects.first);
	for (uint32_t i = 0; i < count; i++)
		books_heard(c, c->heard.first);
}

void checker_stop_sending(struct checker *c)
{
	for (uint32_t i = 0; i < c->plan->jobs; i++) {
		enum stage stage = c->jobs[i].stage;
		if (stage == STAGE_PENDING || stage == STAGE_DELAYED)
			end_open(c, i, ERROR_CANCELED, BOOKS_NONE);
	}
}

static void on_halt(struct checker *c)
{
	if (is_ending(c))
		return;
	c->halted = true;
	c->halt_owed = true;
	checker_stop_sending(c);
}

static void on_cancel(struct checker *c)
{
	if (c->canceled)
		return;
	c->canceled = true;
	c->cancel_owed = true;
	checker_stop_sending(c);
}

static void of_worker(struct checker *c, uint32_t worker, const struct event *event)
{
	if (event->type == EVENT_LOST) {
		books_leave(c, worker);
		checker_take_back(c, worker, event->blame);
		return;
	}
	books_heard(c, worker);
	if (event->type == EVENT_RESULT)
		on_result(c, event);
	else if (event->type == EVENT_RETURNED)
		on_returned(c, event);
	else if (event->type == EVENT_BEAT)
		on_beat(c, worker, event);
	else if (event->type == EVENT_STARTED)
		on_started(c, event);
	else if (event->type == EVENT_DRAIN)
		on_drain(c, worker);
}

void checker_apply(struct checker *c, const struct event *event)
{
	uint32_t worker = books_worker(c, event->worker);
	bool present = worker < c->workers_capacity && books_present(&c->workers[worker]);
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
		books_join(c, event);
		break;
	case EVENT_HEARD:
	case EVENT_BEAT:
	case EVENT_STARTED:
	case EVENT_RESULT:
	case EVENT_RETURNED:
	case EVENT_LOST:
	case EVENT_DRAIN:
		if (present)
			of_worker(c, worker, event);
		else if (event->type == EVENT_RESULT)
			on_stray(c, event);
		break;
	case EVENT_LATE:
		on_late(c, event);
		break;
	case EVENT_AWOKE:
		on_awoke(c);
		break;
	case EVENT_HALT:
		on_halt(c);
		break;
	case EVENT_CANCEL:
		on_cancel(c);
		break;
	}
}
