/* SPDX-License-Identifier: MIT */
/* What must hold after each step: debts are paid, nothing waits for nothing, counts are right. */
#include "tests/sim/checker_parts.h"

#include <inttypes.h>

enum {
	SEARCHED_MAX = 64,     /* of more workers or jobs, some may wait for the next event */
	PROBES_LOOKED_AT = 16, /* nodes whose probes are looked at in a step */
	TICKS_FREE = 100,      /* that did nothing, besides a part of all events */
};

static bool is_ending(const struct checker *c)
{
	return c->halted || c->canceled;
}

static void check_debts(struct checker *c)
{
	if (c->ended > 0)
		checker_fail(c, "%" PRIu32 " jobs ended and were not settled", c->ended);
	if (c->delays_owed > 0)
		checker_fail(c, "a job was to be tried again later and was not delayed");
	if (c->blames_owed > 0)
		checker_fail(
			c, "%" PRIu32 " jobs are to blame and were not blamed", c->blames_owed);
	if (c->evicts_owed > 0)
		checker_fail(c, "a worker that is silent or deaf was not evicted");
	if (c->forgets_owed > 0)
		checker_fail(c, "a worker left and was not forgotten");
	if (c->halt_owed)
		checker_fail(c, "the workers were not told to halt");
	if (c->cancel_owed)
		checker_fail(c, "the workers were not told of the cancellation");
	if (c->pause_owed)
		checker_fail(c, "no node can write the target and the run did not pause");
	if (c->resume_owed)
		checker_fail(c, "a node can write the target again and the run did not resume");
	if ((c->exhausted || is_ending(c)) && c->found == c->settled && !c->finished)
		checker_fail(c, "all is settled and the run did not finish");
}

/* Nobody is passed over for long, unless workers are kept free for jobs that run alone. */
static void check_patience(struct checker *c)
{
	if (c->alone > 0)
		c->disturbed = c->sends;
	if (c->waiting.count == 0)
		return;
	const struct book_worker *first = &c->workers[c->waiting.first];
	uint64_t since = first->waiting_since > c->disturbed ? first->waiting_since : c->disturbed;
	if (c->sends - since > 4 * c->present + 64)
		checker_fail(c, "worker %" PRIu32 " is passed over",
			books_worker_number(c, c->waiting.first));
}

/* On two nodes: whatever node a job is not to run on, the other one will do. */
static bool has_idle_nodes(const struct checker *c)
{
	bool many = c->waiting.count >= SEARCHED_MAX || c->alone >= SEARCHED_MAX;
	return !many && c->idle.count > 1 &&
	       c->workers[c->idle.first].node != c->workers[c->idle.last].node;
}

static void check_progress(struct checker *c)
{
	if (is_ending(c) || c->finished)
		return;
	if (c->ordinary > 0 && c->waiting.count > c->alone)
		checker_fail(c, "a job waits although a worker has free credit");
	if (c->alone > 0 && has_idle_nodes(c))
		checker_fail(c, "a job that is to run alone waits although a worker is idle");
	uint64_t pending = c->ordinary + c->alone + c->elsewhere;
	if (!c->exhausted && c->alone == 0 && c->delayed < SCHEDULER_DELAYED_MAX &&
		pending + c->asked < c->free_low)
		checker_fail(c, "credit is free and no job was asked for");
	check_patience(c);
}

/* When the oldest job that may get a twin is due for one at the latest; INT64_MAX: never. */
static int64_t twin_ms(const struct checker *c)
{
	bool budget = c->twins < SCHEDULER_TWINS_FREE + c->found / 20;
	bool sent = c->exhausted && c->ordinary + c->alone + c->elsewhere + c->delayed == 0;
	bool many = c->waiting.count >= SEARCHED_MAX;
	if (!c->plan->options.twins || is_ending(c) || !budget || !sent || many ||
		c->idle.count == 0 || c->sent.count == 0)
		return INT64_MAX;
	uint64_t wait_ms = SCHEDULER_TWIN_MEANS * c->longest_us / 1000 + 1;
	if (wait_ms < SCHEDULER_TWIN_MS)
		wait_ms = SCHEDULER_TWIN_MS;
	const struct copy *oldest = &c->copies[c->sent.first];
	const struct book_job *job = &c->jobs[oldest->job];
	if (job->avoid != BOOKS_NONE || job->failed_on[0] != BOOKS_NONE)
		return INT64_MAX; /* not every idle worker will do */
	return oldest->sent_ms + (int64_t)wait_ms;
}

static int64_t abort_ms(const struct checker *c)
{
	if (!c->run_paused || is_ending(c) || c->here == 0 || c->here_unpaused > 0)
		return INT64_MAX;
	int64_t since = c->run_paused_ms > c->all_paused_ms ? c->run_paused_ms : c->all_paused_ms;
	return since + c->plan->options.target_wait_ms;
}

static int64_t probe_ms(const struct checker *c)
{
	int64_t soonest = INT64_MAX;
	if (c->ordinary == 0 || is_ending(c) || c->nodes_count > PROBES_LOOKED_AT)
		return INT64_MAX;
	for (uint32_t i = 0; i < c->nodes_count; i++) {
		const struct book_node *node = &c->nodes[i];
		const struct book_worker *w = &c->workers[node->sessions.first];
		if (node->paused != ANSWER_YES || node->sessions.count != 1)
			continue;
		bool idle = w->presence == PRESENCE_HERE && !w->suspect && w->held.count == 0 &&
			    c->now_ms >= node->rest_until_ms;
		if (idle && node->probe_by_ms < soonest)
			soonest = node->probe_by_ms;
	}
	return soonest;
}

static int64_t silence_ms(const struct checker *c)
{
	uint32_t first = c->suspects.count > 0 ? c->suspects.first : c->heard.first;
	return first == CHAIN_END ? INT64_MAX : c->workers[first].heard_ms + SCHEDULER_DEAD_MS;
}

static int64_t soonest_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void check_deadline(struct checker *c, int64_t deadline_ms)
{
	int64_t due = silence_ms(c), twin = twin_ms(c), probe = probe_ms(c), abort = abort_ms(c);
	if (twin <= c->now_ms)
		checker_fail(c, "an idle worker gets no twin of the oldest job");
	if (probe <= c->now_ms)
		checker_fail(c, "a node that can't write the target gets no probe");
	if (abort <= c->now_ms)
		checker_fail(c, "no node can write the target and the run goes on");
	due = soonest_of(soonest_of(due, twin), soonest_of(probe, abort));
	if (c->waiting.count > 0 && !is_ending(c))
		due = soonest_of(due, books_delay_ms(c));
	if (c->ordinary > 0 && !is_ending(c))
		due = soonest_of(due, due_first_ms(&c->rests));
	if (deadline_ms != -1 && deadline_ms <= c->now_ms)
		checker_fail(c, "the deadline is %" PRId64 " ms ago", c->now_ms - deadline_ms);
	if (due != INT64_MAX && (deadline_ms == -1 || deadline_ms > due))
		checker_fail(c, "the deadline is %" PRId64 ", but something is due at %" PRId64,
			deadline_ms, due);
}

static void check_counts(struct checker *c, const struct scheduler_counts *counts)
{
	uint64_t pending = c->ordinary + c->alone + c->elsewhere;
	uint64_t in_flight = pending + c->outstanding + c->delayed;
	if (c->found != in_flight + c->settled)
		checker_fail(c, "jobs found are not pending, delayed, outstanding or settled");
	if (in_flight + c->asked > 2 * c->in_flight_max + SCHEDULER_DELAYED_MAX)
		checker_fail(c, "%" PRIu64 " jobs in flight, more than all credits", in_flight);
	if (counts->found != c->found || counts->settled != c->settled)
		checker_fail(c, "the scheduler's count of jobs is wrong");
	if (counts->pending != pending || counts->outstanding != c->outstanding ||
		counts->delayed != c->delayed)
		checker_fail(c,
			"the scheduler counts %" PRIu32 "+%" PRIu32 "+%" PRIu32
			" jobs in flight, not %" PRIu64 "+%" PRIu64 "+%" PRIu64,
			counts->pending, counts->delayed, counts->outstanding, pending, c->delayed,
			c->outstanding);
	if (counts->workers != c->present)
		checker_fail(c, "the scheduler's count of workers is wrong");
	if (counts->twins != c->twins || counts->blames != c->told_blames)
		checker_fail(c, "the scheduler's count of twins or blames is wrong");
	if (counts->retries < c->told_delays || counts->retries < c->retries_last)
		checker_fail(c, "the scheduler's count of retries is wrong");
	c->retries_last = counts->retries;
}

void checker_rules(struct checker *c, const struct scheduler_counts *counts, int64_t deadline_ms)
{
	check_debts(c);
	check_progress(c);
	if (!c->finished)
		check_deadline(c, deadline_ms);
	else if (deadline_ms != -1)
		checker_fail(c, "something is due after the end of the run");
	check_counts(c, counts);
	if (c->ticks_idle > TICKS_FREE + 2 * c->events_busy + (uint64_t)c->now_ms / 10)
		checker_fail(c, "%" PRIu64 " ticks for nothing", c->ticks_idle);
}
