/* SPDX-License-Identifier: MIT */
/* Whether an action is allowed and pays a debt, one at a time and in their order. */
#include "tests/sim/checker_parts.h"

#include <inttypes.h>

enum { ROUNDING_MS = 3 }; /* of three times a mean */

static bool is_ending(const struct checker *c)
{
	return c->halted || c->canceled;
}

static void on_enumerate(struct checker *c, const struct action *action)
{
	if (c->exhausted || is_ending(c))
		checker_fail(c, "asked for jobs although there is nothing to ask for");
	if (action->count == 0)
		checker_fail(c, "asked for no job");
	if (c->delayed >= SCHEDULER_DELAYED_MAX)
		checker_fail(c, "asked for jobs while %" PRIu64 " are delayed", c->delayed);
	c->asked += action->count;
	if (c->ordinary + c->asked > c->free_high)
		checker_fail(c, "asked for %" PRIu32 " jobs, more than there is free credit for",
			action->count);
}

static void check_job(struct checker *c, const struct action *action, uint32_t job)
{
	const struct book_job *j = &c->jobs[job];
	if (is_ending(c))
		checker_fail(c, "job %" PRIu64 " sent after the end was near", action->job);
	else if (j->stage == STAGE_ENDED)
		checker_fail(c, "job %" PRIu64 " tried again after its last attempt", action->job);
	else if (j->stage == STAGE_DELAYED)
		checker_fail(c, "job %" PRIu64 " sent before its delay is over", action->job);
	else if (j->stage != STAGE_PENDING)
		checker_fail(c, "job %" PRIu64 " sent although not pending", action->job);
	else if (c->pending_nodes[job].linked && job != c->fresh.first)
		checker_fail(c, "job %" PRIu64 " sent before %" PRIu64 ", which was first",
			action->job, books_job_number(c, c->fresh.first));
	if (action->alone != (books_is_alone(j) || j->hangs > 0))
		checker_fail(c, "job %" PRIu64 " with %" PRIu32 " blames was sent %s", action->job,
			j->blames, action->alone ? "alone" : "not alone");
}

/* The twin's job: sent longest ago, for long enough, to somebody else. */
static void check_twin(struct checker *c, const struct action *action, uint32_t job)
{
	const struct book_job *j = &c->jobs[job];
	uint32_t other = j->copies[j->copies[0] == BOOKS_NONE ? 1 : 0];
	uint32_t worker = books_worker(c, action->worker);
	if (j->stage != STAGE_OUTSTANDING || books_copies(c, job) != 1) {
		checker_fail(c, "job %" PRIu64 " sent as a twin with %" PRIu32 " copies out",
			action->job, books_copies(c, job));
		return;
	}
	uint64_t age_ms = (uint64_t)(c->now_ms - c->copies[other].sent_ms);
	uint64_t shortest_us = c->shortest_us == UINT64_MAX ? 0 : c->shortest_us;
	if (!c->plan->options.twins || is_ending(c))
		checker_fail(c, "a twin although there are to be none");
	else if (j->blames > 0)
		checker_fail(c, "a twin of a job under suspicion");
	else if (c->copies[other].worker == worker)
		checker_fail(c, "a twin at the same worker");
	else if (!c->exhausted || c->ordinary > 0)
		checker_fail(c, "a twin although other jobs are to be sent");
	else if (age_ms < SCHEDULER_TWIN_MS ||
		 (age_ms + ROUNDING_MS) * 1000 < SCHEDULER_TWIN_MEANS * shortest_us)
		checker_fail(c, "a twin of a job sent %" PRIu64 " ms ago", age_ms);
	else if (c->twins >= SCHEDULER_TWINS_FREE + c->found / 20)
		checker_fail(c, "more twins than 5 %% of the jobs and 8");
	else if (c->workers[worker].held.count >= c->workers[worker].credit.slots)
		checker_fail(
			c, "a twin for worker %" PRIu32 ", which has no idle slot", action->worker);
	for (uint32_t i = c->sent.first; i != CHAIN_END && i != other; i = c->sent_nodes[i].next) {
		bool elsewhere = c->copies[i].worker != worker;
		const struct book_job *older = &c->jobs[c->copies[i].job];
		uint32_t node = c->workers[worker].node;
		bool avoided = older->avoid == node || older->failed_on[0] == node ||
			       older->failed_on[1] == node;
		if (elsewhere && !avoided && c->copies[i].sent_ms < c->copies[other].sent_ms)
			checker_fail(c, "a twin of job %" PRIu64 ", but %" PRIu64 " is older",
				action->job, books_job_number(c, c->copies[i].job));
	}
	c->twins++;
}

static void check_probe(struct checker *c, struct book_node *node)
{
	if (node->paused != ANSWER_YES)
		return;
	if (c->now_ms < node->probe_from_ms)
		checker_fail(c, "a job for a node that can't write the target");
	node->probe_from_ms = node->probe_by_ms = c->now_ms + SCHEDULER_PROBE_MS;
}

static void check_worker(struct checker *c, const struct action *action, uint32_t worker)
{
	const struct book_worker *w = &c->workers[worker];
	uint64_t high =
		w->credit.high > w->credit_of_all.high ? w->credit.high : w->credit_of_all.high;
	const struct book_job *job = &c->jobs[books_job(c, action->job)];
	uint64_t others = c->takes - c->nodes[w->node].takes;
	if (w->presence != PRESENCE_HERE)
		checker_fail(c, "job sent to worker %" PRIu32 ", which takes none", action->worker);
	else if (w->suspect)
		checker_fail(c, "job sent to worker %" PRIu32 ", unheard for %" PRId64 " ms",
			action->worker, c->now_ms - w->heard_ms);
	else if (c->now_ms < c->nodes[w->node].rest_until_ms)
		checker_fail(c, "job sent to worker %" PRIu32 ", which rests", action->worker);
	else if (w->alone != BOOKS_NONE)
		checker_fail(
			c, "job sent to worker %" PRIu32 ", which has one alone", action->worker);
	else if (books_is_alone(job) && w->held.count > 0)
		checker_fail(c, "alone to worker %" PRIu32 ", which holds %" PRIu32 " jobs",
			action->worker, w->held.count);
	else if (w->held.count >= high)
		checker_fail(c, "worker %" PRIu32 " sent more than its %" PRIu64 " credits",
			action->worker, high);
	else if (job->avoid == w->node && others > 0)
		checker_fail(c, "job %" PRIu64 " sent to the node on which it failed for good",
			action->job);
	check_probe(c, &c->nodes[w->node]);
}

static void on_send(struct checker *c, const struct action *action)
{
	uint32_t job = books_job(c, action->job), worker = books_worker(c, action->worker);
	if (job == c->plan->jobs || worker == c->workers_capacity) {
		checker_fail(c, "a job or worker that there is not was used to send");
		return;
	}
	check_worker(c, action, worker);
	if (action->twin)
		check_twin(c, action, job);
	else
		check_job(c, action, job);
	if (action->attempt != c->jobs[job].attempt + 1)
		checker_fail(c, "job %" PRIu64 " sent as attempt %" PRIu32 " after %" PRIu32,
			action->job, action->attempt, c->jobs[job].attempt);
	if (c->broken[0] == '\0')
		books_send(c, action);
}

/* A choice that the contract leaves: the job was not due to be settled, but may be. */
static bool end_early(struct checker *c, uint32_t job, const struct action *action)
{
	struct book_job *j = &c->jobs[job];
	if (j->may_step != c->step || action->code != j->may_code)
		return false;
	if (j->stage == STAGE_PENDING) {
		books_unpend(c, job);
	} else if (j->stage == STAGE_DELAYED) {
		c->delayed--;
	} else if (j->stage == STAGE_DELAY_OWED) {
		c->delays_owed--;
	}
	books_end(c, job, action->code, BOOKS_NONE);
	return true;
}

static void on_settle(struct checker *c, const struct action *action)
{
	uint32_t index = books_job(c, action->job);
	struct book_job *job = &c->jobs[index];
	if (job->stage == STAGE_SETTLED) {
		checker_fail(c, "job %" PRIu64 " settled twice", action->job);
	} else if (job->stage != STAGE_ENDED && !end_early(c, index, action)) {
		checker_fail(c, "job %" PRIu64 " settled as %d although not ended", action->job,
			(int)action->code);
	} else if (action->code != job->code && action->code != job->other_code) {
		checker_fail(c, "job %" PRIu64 " settled as %d, not %d", action->job,
			(int)action->code, (int)job->code);
	} else if (job->end_attempt != BOOKS_NONE && action->attempt != job->end_attempt) {
		checker_fail(c, "job %" PRIu64 " settled as attempt %" PRIu32 ", not %" PRIu32,
			action->job, action->attempt, job->end_attempt);
	} else if (action->attempt > job->attempt) {
		checker_fail(c, "job %" PRIu64 " settled as an attempt never sent", action->job);
	} else if (job->owed[0].worker != BOOKS_NONE || job->owed[1].worker != BOOKS_NONE) {
		checker_fail(c, "job %" PRIu64 " settled before it was blamed", action->job);
	} else {
		job->stage = STAGE_SETTLED;
		c->settled++;
		c->ended--;
	}
}

static void on_blame(struct checker *c, const struct action *action)
{
	struct book_job *job = &c->jobs[books_job(c, action->job)];
	uint32_t worker = books_worker(c, action->worker);
	for (int i = 0; i < BLAMES_AT_ONCE_MAX; i++) {
		if (job->owed[i].worker != worker || job->owed[i].attempt != action->attempt)
			continue;
		job->owed[i].worker = BOOKS_NONE;
		c->blames_owed--;
		c->told_blames++;
		if (action->count != ++job->blames_told)
			checker_fail(c, "job %" PRIu64 " has %" PRIu32 " blames, not %" PRIu32,
				action->job, job->blames_told, action->count);
		return;
	}
	checker_fail(c, "job %" PRIu64 " blamed for the end of worker %" PRIu32 " for no reason",
		action->job, action->worker);
}

/* 0.5, 2, 8, 8 ... s, each +-50 %. */
static bool is_backoff(uint32_t delay_ms, uint32_t retry)
{
	uint64_t base = SCHEDULER_BACKOFF_MS;
	for (uint32_t i = 0; i < retry && base < SCHEDULER_BACKOFF_MAX_MS; i++)
		base *= 4;
	if (base > SCHEDULER_BACKOFF_MAX_MS)
		base = SCHEDULER_BACKOFF_MAX_MS;
	return delay_ms >= base / 2 && delay_ms <= base + base / 2;
}

static void on_delay(struct checker *c, const struct action *action)
{
	uint32_t index = books_job(c, action->job);
	struct book_job *job = &c->jobs[index];
	if (job->stage != STAGE_DELAY_OWED) {
		checker_fail(c, "job %" PRIu64 " delayed for no reason", action->job);
		return;
	}
	bool fits = false;
	for (uint32_t retry = job->retries_low; retry <= job->retries_high; retry++)
		fits = fits || is_backoff(action->count, retry);
	if (!fits)
		checker_fail(c, "job %" PRIu64 " delayed by %" PRIu32 " ms before retry %" PRIu32,
			action->job, action->count, job->retries_low + 1);
	job->retries_low++;
	job->retries_high++;
	job->stage = STAGE_DELAYED;
	c->delays_owed--;
	c->delayed++;
	c->told_delays++;
	job->delayed_ms = c->now_ms + action->count;
	due_add(&c->delays, job->delayed_ms, index);
}

static void on_rest(struct checker *c, const struct action *action)
{
	uint32_t worker = books_worker(c, action->worker);
	struct book_worker *w = &c->workers[worker];
	if (worker == c->workers_capacity || !books_present(w)) {
		checker_fail(c, "worker %" PRIu32 " is to rest but is not there", action->worker);
		return;
	}
	struct book_node *node = &c->nodes[w->node];
	bool same = node->rests > 0 && node->rest_ms == c->now_ms; /* of its other session */
	if (!same)
		node->rests++;
	if (node->rests > SCHEDULER_RESTS_MAX)
		checker_fail(c, "a node rests more often than %d times", SCHEDULER_RESTS_MAX);
	else if (action->count != (uint32_t)SCHEDULER_REST_MS << (node->rests - 1))
		checker_fail(c, "rest %" PRIu32 " of a node is %" PRIu32 " ms", node->rests,
			action->count);
	bool fails = node->successes + node->failures >= SCHEDULER_SICK_RESULTS && node->unjust > 0;
	if (!fails && node->deaths <= NODE_DEATHS_MAX)
		checker_fail(c, "a node rests that failed nothing that succeeded elsewhere");
	node->rest_ms = c->now_ms;
	node->rest_until_ms = c->now_ms + action->count;
	due_add(&c->rests, node->rest_until_ms, w->node);
	books_pause(c, w->node, node->paused); /* recounts */
}

static bool has_other_node(const struct checker *c, uint32_t node)
{
	uint32_t others = 0;
	for (uint32_t i = 0; i < c->nodes_count; i++)
		others += i != node && c->nodes[i].here > 0;
	return others > 0;
}

static void on_evict(struct checker *c, const struct action *action)
{
	uint32_t worker = books_worker(c, action->worker);
	struct book_worker *w = &c->workers[worker];
	if (worker < c->workers_capacity && w->owed != 0 && action->reason == w->owed) {
		w->owed = 0;
		c->evicts_owed--;
		return;
	}
	bool present = worker < c->workers_capacity && books_present(w);
	bool sick =
		present && action->reason == EVICT_SICK &&
		(c->nodes[w->node].rests >= SCHEDULER_RESTS_MAX ||
			(c->nodes[w->node].deaths > NODE_DEATHS_MAX && has_other_node(c, w->node)));
	bool deaf = present && action->reason == EVICT_DEAF && w->may_be_deaf == c->step;
	if (!sick && !deaf) {
		checker_fail(c, "worker %" PRIu32 " evicted with reason %d", action->worker,
			(int)action->reason);
		return;
	}
	books_leave(c, worker);
	checker_take_back(c, worker, false);
}

static void on_forget(struct checker *c, const struct action *action)
{
	uint32_t worker = books_worker(c, action->worker);
	struct book_worker *w = &c->workers[worker];
	if (worker == c->workers_capacity || !w->forget_owed) {
		checker_fail(c, "worker %" PRIu32 " forgotten although there", action->worker);
		return;
	}
	if (w->owed != 0)
		checker_fail(
			c, "worker %" PRIu32 " forgotten before it was evicted", action->worker);
	w->presence = PRESENCE_GONE;
	w->forget_owed = false;
	c->forgets_owed--;
}

static void on_pause(struct checker *c)
{
	if (c->run_paused)
		checker_fail(c, "paused twice");
	if (c->takes > 0)
		checker_fail(c, "paused although a node can write the target");
	c->run_paused = true;
	c->pause_owed = false;
	c->run_paused_ms = c->now_ms;
}

static void on_resume(struct checker *c)
{
	if (!c->run_paused)
		checker_fail(c, "resumed without a pause");
	if (c->here > 0 && c->here_unpaused == 0)
		checker_fail(c, "resumed although no node can write the target");
	c->run_paused = c->resume_owed = false;
}

static void on_abort(struct checker *c)
{
	if (c->abort_told || is_ending(c))
		checker_fail(c, "aborted twice, or when the end was near");
	if (!c->run_paused || c->now_ms - c->run_paused_ms < c->plan->options.target_wait_ms)
		checker_fail(c, "aborted too early");
	if (c->here_unpaused > 0 && c->takes > 0)
		checker_fail(c, "aborted although a node can write the target");
	c->abort_told = c->canceled = c->cancel_owed = true;
	checker_stop_sending(c);
}

static void on_finish(struct checker *c, bool is_last)
{
	if (c->finished)
		checker_fail(c, "finished twice");
	if (!is_last)
		checker_fail(c, "something comes after the end of the run");
	if (!c->exhausted && !is_ending(c))
		checker_fail(c, "finished although there may be more jobs");
	if (c->found != c->settled)
		checker_fail(c, "finished with %" PRIu64 " jobs unsettled", c->found - c->settled);
	c->finished = true;
}

static void on_told(struct checker *c, bool *owed, const char *what)
{
	if (!*owed)
		checker_fail(c, "%s without being told, or twice", what);
	*owed = false;
}

void checker_action(struct checker *c, const struct action *action, bool is_last)
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
	case ACTION_BLAME:
		on_blame(c, action);
		break;
	case ACTION_DELAY:
		on_delay(c, action);
		break;
	case ACTION_REST:
		on_rest(c, action);
		break;
	case ACTION_PAUSE:
		on_pause(c);
		break;
	case ACTION_RESUME:
		on_resume(c);
		break;
	case ACTION_ABORT:
		on_abort(c);
		break;
	case ACTION_EVICT:
		on_evict(c, action);
		break;
	case ACTION_FORGET:
		on_forget(c, action);
		break;
	case ACTION_HALT:
		on_told(c, &c->halt_owed, "halted");
		break;
	case ACTION_CANCEL:
		on_told(c, &c->cancel_owed, "canceled");
		break;
	case ACTION_FINISH:
		on_finish(c, is_last);
		break;
	}
}
