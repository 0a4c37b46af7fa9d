/* SPDX-License-Identifier: MIT */
#include "master/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "master/loop_state.h"

enum {
	MESSAGES_MAX = 256,       /* messages handled in one round */
	TAKE_MAX = 256,           /* jobs taken from the client in one round */
	WORKER_STARTS_MAX = 3,    /* the local worker ends so often before it takes part: no more */
	WORKER_FAILURES_MAX = 10, /* the same after that, without a settled job in between */
	STOOD_STILL_MS = 1000,    /* a round that took so long says nothing about workers */
	TRANSFERS_AHEAD = 1024,   /* feeds that a worker holds at once */
	ECHO_MS = 50,         /* timeout(1) signals the process and its group: that is one signal */
	FAREWELL_MS = 2000,   /* for workers of other machines to hear of the end and say goodbye */
	ALONE_TELL_MS = 2000, /* nobody is there for so long: that is said */
	HURRY_MS = 1000,      /* the same after a second Ctrl+C */
};

enum { ITEM_SIGNAL, ITEM_LEASH, ITEM_FOUND, ITEM_ROSTER, ITEMS = ITEM_ROSTER + ROSTER_POLL_ITEMS };

static int find(struct loop *loop, struct job *job, struct error *err)
{
	/* killed between the last blame and its end, it gets one more try */
	uint32_t most = SCHEDULER_BLAMES_MAX - 1;
	struct event found = { .type = EVENT_FOUND,
		.job = job->id,
		.blames = job->blames < most ? job->blames : most };
	loop_jobs_add(&loop->jobs, job);
	return loop_step(loop, &found, err);
}

/* Jobs of the client, as many as the scheduler wants. *more: there may be others at once. */
static int find_jobs(struct loop *loop, bool *more, struct error *err)
{
	struct job *jobs[TAKE_MAX];
	bool ended;
	*more = false;
	if (loop->exhausted || loop->finished)
		return 0;
	size_t count = loop->wanted < TAKE_MAX ? (size_t)loop->wanted : TAKE_MAX;
	if (!loop->gathered)
		count = 0;
	size_t got = loop->client->take(loop->client->state, jobs, count, &ended);
	loop->wanted -= got;
	for (size_t i = 0; i < got; i++) {
		if (find(loop, jobs[i], err))
			return -1;
	}
	*more = got > 0 && loop->wanted > 0;
	if (!ended)
		return 0;
	loop->exhausted = true;
	loop->listed = true;
	struct event exhausted = { .type = EVENT_EXHAUSTED };
	return loop_step(loop, &exhausted, err);
}

/* member NULL: from a session that has ended; its successes count, for their outputs are there. */
static int on_results(
	struct loop *loop, const struct member *member, const struct message *m, struct error *err)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct result *result = &m->results[i];
		struct event event = {
			.type = member ? EVENT_RESULT : EVENT_LATE,
			.worker = member ? member->number : 0,
			.job = result->job,
			.attempt = result->attempt,
			.code = result->code,
			.number = result->error_number,
			.duration_us = result->duration_us,
		};
		if (!member && result->code != ERROR_NONE)
			continue;
		loop->result = result;
		loop->member = member;
		int status = loop_step(loop, &event, err);
		loop->result = NULL;
		loop->member = NULL;
		if (status)
			return -1;
		/* it may have been sent away, or the last that it held */
		if (member && !roster_find(loop->roster, event.worker))
			member = NULL;
	}
	return 0;
}

static int on_refused(
	struct loop *loop, const struct member *member, const struct message *m, struct error *err)
{
	for (size_t i = 0; i < m->count; i++) {
		struct event event = {
			.type = EVENT_RETURNED,
			.worker = member->number,
			.job = m->returned[i].job,
			.attempt = m->returned[i].attempt,
		};
		if (loop_step(loop, &event, err))
			return -1;
	}
	return 0;
}

/* How a member has gone decides whether what it ran is to blame; it never is when we end it. */
static int lose(struct loop *loop, uint32_t number, bool blame, struct error *err)
{
	struct event lost = {
		.type = EVENT_LOST,
		.worker = number,
		.blame = blame && !loop->stopped && !loop->finished,
	};
	if (loop_step(loop, &lost, err))
		return -1;
	roster_drop(loop->roster, number); /* one that the scheduler did not know */
	return 0;
}

static int lose_gone(struct loop *loop, int64_t now_ms, struct error *err)
{
	const struct member *member;
	bool broken;
	while ((member = roster_gone(loop->roster, now_ms, &broken))) {
		if (broken && !loop->stopped && !loop->finished)
			loop_say_worker(loop, member->number, "its connection broke");
		if (lose(loop, member->number, broken, err))
			return -1;
	}
	return 0;
}

/*
 * Of transfers a worker is given all that it may hold: it can begin any of them while others wait
 * for their host. Of other jobs as many as it has lanes, and some ahead.
 */
static uint32_t slots_of(const struct loop *loop, const struct member *member)
{
	return loop->options->transfers && member->lanes < TRANSFERS_AHEAD ? TRANSFERS_AHEAD
									   : member->lanes;
}

static int on_ready(struct loop *loop, const struct member *member, struct error *err)
{
	struct event hello = {
		.type = EVENT_HELLO,
		.worker = member->number,
		.node = member->node,
		.slots = slots_of(loop, member),
		.lanes = member->lanes,
	};
	if (loop->worker.pid &&
		member == roster_find_local(loop->roster, (uint32_t)loop->worker.pid))
		loop->worker_took_part = true;
	return loop_step(loop, &hello, err);
}

static int on_beat(
	struct loop *loop, const struct member *member, const struct message *m, struct error *err)
{
	uint32_t number = member->number;
	struct event beat = { .type = EVENT_BEAT, .worker = number, .received = m->received };
	struct event drain = { .type = EVENT_DRAIN, .worker = number };
	if (loop_step(loop, &beat, err))
		return -1;
	for (size_t i = 0; i < m->count; i++) {
		struct event started = {
			.type = EVENT_STARTED,
			.worker = number,
			.job = m->running[i].job,
			.attempt = m->running[i].attempt,
		};
		if (loop_step(loop, &started, err))
			return -1;
	}
	return m->draining ? loop_step(loop, &drain, err) : 0;
}

static int on_message(
	struct loop *loop, const struct message *m, const struct member *member, struct error *err)
{
	switch (m->type) {
	case MESSAGE_READY:
		return on_ready(loop, member, err);
	case MESSAGE_RESULTS:
		return on_results(loop, member, m, err);
	case MESSAGE_REFUSED:
		return on_refused(loop, member, m, err);
	case MESSAGE_BEAT:
		return on_beat(loop, member, m, err);
	case MESSAGE_GOODBYE:
		if (m->code != ERROR_NONE)
			loop_say_worker(loop, member->number, m->text);
		return lose(loop, member->number, false, err);
	default:
		return 0; /* the roster passes on no others */
	}
}

static int on_messages(struct loop *loop, struct error *err)
{
	struct message message;
	struct member *member;
	for (size_t i = 0; i < MESSAGES_MAX; i++) {
		int got = roster_receive(loop->roster, &message, &member, err);
		if (got <= 0)
			return got;
		if (on_message(loop, &message, member, err))
			return -1;
	}
	return 0;
}

static int cancel(struct loop *loop, struct error *err)
{
	struct event event = { .type = EVENT_CANCEL };
	loop->canceled = true;
	log_line("canceling...");
	return loop_step(loop, &event, err);
}

/* First cancel, then hurry, then end the worker whatever it is doing. */
static int interrupt(struct loop *loop, struct error *err)
{
	int64_t now_ms = clock_ms();
	if (loop->finished || (loop->interrupts > 0 && now_ms - loop->interrupted_ms < ECHO_MS))
		return 0;
	loop->interrupted_ms = now_ms;
	loop->interrupts++;
	if (!loop->canceled)
		return cancel(loop, err);
	if (loop->interrupts == 2) {
		loop->kill_at_ms = clock_ms() + HURRY_MS;
		return roster_tell(loop->roster, RUN_CANCELING_NOW, err);
	}
	local_worker_kill(&loop->worker);
	return 0;
}

static int on_signals(struct loop *loop, struct error *err)
{
	struct signalfd_siginfo info;
	while (read(loop->options->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (interrupt(loop, err))
			return -1;
	}
	return 0;
}

/*
 * The local worker and its lanes have ended. What it reported before may still be on its way: the
 * roster notices soon that it has gone; the next one need not wait for that.
 */
static int on_leash(struct loop *loop, struct error *err)
{
	char reason[64];
	bool failed;
	if (!local_worker_reap(&loop->worker, reason, sizeof(reason), &failed))
		return 0;
	roster_expect_gone(loop->roster);
	if (loop->finished || loop->stopped)
		return 0;
	uint32_t most = loop->worker_took_part ? WORKER_FAILURES_MAX : WORKER_STARTS_MAX;
	if (++loop->worker_failures >= most)
		return error_set(err, ERROR_START, "the worker cannot go on: it %s", reason);
	log_line("the worker %s; it is started again", reason);
	loop->worker_took_part = false;
	return local_worker_start(&loop->worker, &loop->worker_options, err);
}

static int64_t earlier(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static int64_t timeout_ms(const struct loop *loop, int64_t now_ms)
{
	int64_t deadline_ms = roster_deadline_ms(loop->roster);
	deadline_ms = earlier(deadline_ms, scheduler_deadline_ms(loop->scheduler));
	if (loop->client->deadline_ms)
		deadline_ms = earlier(deadline_ms, loop->client->deadline_ms(loop->client->state));
	deadline_ms = earlier(deadline_ms, loop->kill_at_ms);
	return deadline_ms > now_ms ? deadline_ms - now_ms : 0;
}

static int wait(struct loop *loop, struct poll_item *items, bool more, struct error *err)
{
	bool hungry = loop->gathered && loop->wanted > 0 && !loop->exhausted;
	items[ITEM_SIGNAL] = (struct poll_item) { .fd = loop->options->signals };
	items[ITEM_LEASH] = (struct poll_item) { .fd = loop->worker.leash };
	items[ITEM_FOUND] =
		(struct poll_item) { .fd = hungry ? loop->client->fd(loop->client->state) : -1 };
	roster_poll(loop->roster, &items[ITEM_ROSTER]);
	int64_t now_ms = clock_ms();
	int64_t wait_ms = more ? 0 : timeout_ms(loop, now_ms);
	/* the round before may have taken long as well: a terminal that was stopped, a slow disk */
	bool stood_still = loop->round_ms && now_ms - loop->round_ms > STOOD_STILL_MS;
	if (socket_poll(items, ITEMS, wait_ms, err))
		return -1;
	loop->round_ms = clock_ms();
	if (!stood_still && loop->round_ms - now_ms <= wait_ms + STOOD_STILL_MS)
		return 0;
	struct event awoke = { .type = EVENT_AWOKE };
	return loop_step(loop, &awoke, err);
}

/* The run can't go on: it ends as if canceled, and then with this error. words: or NULL. */
static int give_up(struct loop *loop, const struct error *why, const char *words, struct error *err)
{
	struct event event = { .type = EVENT_CANCEL };
	if (loop->failed)
		return 0;
	loop->failed = true;
	loop->failure = *why;
	if (words)
		log_line("%s", words);
	return loop->stopped ? 0 : loop_step(loop, &event, err);
}

/* So much has failed, or somebody has decided, that the rest is not worth it. */
static int halt(struct loop *loop, enum client_wish wish, struct error *err)
{
	struct event event = { .type = EVENT_HALT };
	loop->report.halted = true;
	if (wish == CLIENT_HALT)
		return loop->stopped ? 0 : loop_step(loop, &event, err);
	event.type = EVENT_CANCEL;
	if (loop_step(loop, &event, err) || loop->finished)
		return loop->finished ? 0 : -1;
	return roster_tell(loop->roster, RUN_CANCELING_NOW, err);
}

/* What the client has come to want. */
static int watch_client(struct loop *loop, int64_t now_ms, struct error *err)
{
	struct error why;
	enum client_wish wish = loop->client->watch(loop->client->state, now_ms, &why);
	if (wish <= loop->wish || loop->finished)
		return 0;
	loop->wish = wish;
	if (wish == CLIENT_GIVE_UP)
		return give_up(loop, &why, NULL, err);
	return loop->canceled || loop->report.aborted ? 0 : halt(loop, wish, err);
}

/*
 * Nothing is listed before as many have come as --wait-workers says. A run that has nobody left to
 * work for it waits for somebody, but not for ever.
 */
static int watch_workers(struct loop *loop, int64_t now_ms, struct error *err)
{
	const struct loop_options *settings = loop->options;
	size_t here = roster_count_remote(loop->roster);
	bool patient = settings->wait_timeout_ms == 0;
	struct error why;
	if (!loop->gathered && here >= (size_t)settings->wait_workers)
		loop->gathered = true;
	if (!loop->gathered && !patient && now_ms - loop->opened_ms >= settings->wait_timeout_ms &&
		!loop->stopped)
		return error_set(err, ERROR_START,
			"%zu of %lld workers have come to %s within %g s", here,
			(long long)settings->wait_workers, settings->listen,
			(double)settings->wait_timeout_ms / 1000.0);
	if (loop->worker.pid || here > 0 || loop->finished) {
		loop->alone_ms = -1;
		loop->alone_told = false;
		return 0;
	}
	if (loop->alone_ms < 0)
		loop->alone_ms = now_ms;
	if (now_ms - loop->alone_ms >= ALONE_TELL_MS && !loop->alone_told) {
		loop->alone_told = true;
		log_line("no worker is here: waiting for one at %s", settings->listen);
	}
	if (!loop->gathered || patient || now_ms - loop->alone_ms < settings->wait_timeout_ms)
		return 0;
	(void)error_set(&why, ERROR_START, "no worker was here for %g s%s",
		(double)settings->wait_timeout_ms / 1000.0, settings->afterwards);
	return give_up(loop, &why, "no worker has come back: the run ends", err);
}

/* What is due by the clock. */
static int tick(struct loop *loop, struct error *err)
{
	int64_t now_ms = clock_ms();
	int64_t deadline_ms = scheduler_deadline_ms(loop->scheduler);
	struct event event = { .type = EVENT_TICK };
	if (deadline_ms >= 0 && now_ms >= deadline_ms && loop_step(loop, &event, err))
		return -1;
	if (loop->kill_at_ms >= 0 && now_ms >= loop->kill_at_ms) {
		loop->kill_at_ms = -1;
		local_worker_kill(&loop->worker);
	}
	if (lose_gone(loop, now_ms, err) || watch_client(loop, now_ms, err) ||
		watch_workers(loop, now_ms, err))
		return -1;
	return roster_tick(loop->roster, now_ms, err);
}

/* One round: what has happened, then what is due, then what is to be sent. */
static int round_trip(struct loop *loop, bool *more, struct error *err)
{
	struct poll_item items[ITEMS];
	if (wait(loop, items, *more, err))
		return -1;
	if (items[ITEM_SIGNAL].ready && on_signals(loop, err))
		return -1;
	if (on_messages(loop, err))
		return -1;
	if (loop->worker.pid && items[ITEM_LEASH].ready && on_leash(loop, err))
		return -1;
	if (find_jobs(loop, more, err))
		return -1;
	uint64_t wanted = loop->wanted;
	if (tick(loop, err))
		return -1;
	*more = *more || loop->wanted > wanted; /* the client may have them already */
	return roster_flush(loop->roster, err);
}

/* Whether somebody of another machine has yet to hear that the run is over. */
static bool is_parting(const struct loop *loop)
{
	return roster_count_remote(loop->roster) > 0 && clock_ms() < loop->farewell_at_ms;
}

/* Until all is settled and the workers have gone. */
static int serve(struct loop *loop, struct error *err)
{
	bool more = true;
	while (!loop->finished) {
		if (round_trip(loop, &more, err))
			return -1;
	}
	assert(table_count(&loop->jobs.jobs) == 0);
	loop->report.ended = loop->listed && !loop->stopped;
	/* one that has not come yet would not hear that it is over, and has nothing to finish */
	loop->kill_at_ms = clock_ms() + (loop->worker_took_part ? LOOP_KILL_AFTER_MS : 0);
	loop->farewell_at_ms = clock_ms() + FAREWELL_MS;
	while (loop->worker.pid || is_parting(loop)) {
		if (round_trip(loop, &more, err))
			return -1;
	}
	return 0;
}

int loop_run(const struct loop_options *options, struct loop_report *report, struct error *err)
{
	struct loop loop = {
		.options = options,
		.client = options->client,
		.worker.leash = -1,
		.kill_at_ms = -1,
		.alone_ms = -1,
	};
	struct scheduler_options scheduler = {
		.retries = options->retries,
		.twins = options->twins,
		.target_wait_ms = options->target_wait_ms,
	};
	memcpy(&scheduler.seed, options->id, sizeof(scheduler.seed));
	loop.scheduler = scheduler_new(&scheduler);
	int status = loop_open(&loop, err) || serve(&loop, err) ? -1 : 0;
	if (status == 0 && loop.failed) {
		*err = loop.failure;
		status = -1;
	}
	if (loop.roster) {
		struct roster_peak peak = roster_peak(loop.roster);
		loop.report.lanes = peak.lanes;
		loop.report.workers = peak.workers;
	}
	loop.report.canceled = loop.canceled;
	loop_close(&loop);
	*report = loop.report;
	return status;
}
