/* SPDX-License-Identifier: MIT */
#include "master/loop.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/cpus.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/socket.h"
#include "common/startup.h"
#include "common/table.h"
#include "master/enumerator.h"
#include "master/local_worker.h"
#include "master/progress.h"
#include "master/roster.h"
#include "master/scheduler.h"

enum {
	TAKE_MAX = 256,          /* jobs taken from the enumerator in one round */
	MESSAGES_MAX = 256,      /* messages handled in one round */
	WORKER_FAILURES_MAX = 3, /* deaths of the local worker without a settled job in between */
	KILL_AFTER_MS = 5000,    /* beyond the grace time: a worker that has not ended is killed */
	TRANSFERS_AHEAD = 1024,  /* feeds that a worker holds at once */
	ECHO_MS = 50,    /* timeout(1) signals the process and its group: that is one signal */
	HURRY_MS = 1000, /* the same after a second Ctrl+C */
};

enum { ITEM_SIGNAL, ITEM_LEASH, ITEM_FOUND, ITEM_ROSTER, ITEMS = ITEM_ROSTER + ROSTER_POLL_ITEMS };

struct loop {
	struct run *run;
	char folder[SOCKET_ADDRESS_MAX]; /* private, holds the sockets; "": none yet */
	char address[SOCKET_ADDRESS_MAX + 8];
	int signals; /* signalfd */
	struct roster *roster;
	struct enumerator *enumerator;
	struct scheduler *scheduler;
	struct actions actions;
	struct table jobs; /* number -> struct job *, those not settled */
	struct local_worker worker;
	struct local_worker_options worker_options;
	const struct result *result; /* of the event in work, or NULL */
	uint64_t wanted;             /* jobs that the scheduler asked for and did not get yet */
	uint32_t worker_failures;    /* in a row */
	uint32_t stuck;              /* the last member that was ended because it took no jobs */
	unsigned interrupts;
	int64_t interrupted_ms; /* the last time */
	int64_t kill_at_ms;     /* the local worker, or -1 */
	bool exhausted, canceled, finished;
};

static int settle(struct loop *loop, const struct action *action, struct error *err)
{
	struct job *job = table_remove(&loop->jobs, action->job);
	assert(job);
	struct result result = { .job = action->job, .code = action->code };
	if (loop->result && loop->result->job == action->job)
		result = *loop->result;
	run_settle(loop->run, job, &result);
	free(job);
	loop->worker_failures = 0;
	return enumerator_settled(loop->enumerator, err);
}

static void send_job(struct loop *loop, const struct action *action)
{
	struct job *job = table_find(&loop->jobs, action->job);
	assert(job);
	job->attempt = action->attempt;
	roster_give(loop->roster, action->worker, job);
}

static int act(struct loop *loop, const struct action *action, struct error *err)
{
	switch (action->type) {
	case ACTION_ENUMERATE:
		loop->wanted += action->count;
		return 0;
	case ACTION_SEND:
		send_job(loop, action);
		return 0;
	case ACTION_SETTLE:
		return settle(loop, action, err);
	case ACTION_FORGET:
		roster_drop(loop->roster, action->worker);
		return 0;
	case ACTION_CANCEL:
		return roster_tell(loop->roster, RUN_CANCELING, err);
	case ACTION_FINISH:
		loop->finished = true;
		return roster_tell(loop->roster, RUN_DONE, err);
	}
	abort(); /* an action that is none of the above was never asked for */
}

static int step(struct loop *loop, struct event *event, struct error *err)
{
	event->now_ms = clock_ms();
	scheduler_step(loop->scheduler, event, &loop->actions);
	for (size_t i = 0; i < loop->actions.count; i++) {
		if (act(loop, &loop->actions.items[i], err))
			return -1;
	}
	return 0;
}

/* Jobs from the enumerator, as many as the scheduler wants. *more: there may be others at once. */
static int find_jobs(struct loop *loop, bool *more, struct error *err)
{
	struct job *jobs[TAKE_MAX];
	struct error why;
	bool ended;
	*more = false;
	while (enumerator_take_failure(loop->enumerator, &why))
		run_add_failure(loop->run, &why);
	if (loop->exhausted || loop->finished || loop->wanted == 0)
		return 0;
	size_t count = loop->wanted < TAKE_MAX ? (size_t)loop->wanted : TAKE_MAX;
	size_t got = enumerator_take(loop->enumerator, jobs, count, &ended);
	loop->wanted -= got;
	for (size_t i = 0; i < got; i++) {
		struct event found = { .type = EVENT_FOUND, .job = jobs[i]->id };
		table_insert(&loop->jobs, jobs[i]->id, jobs[i]);
		if (step(loop, &found, err))
			return -1;
	}
	*more = got > 0 && loop->wanted > 0;
	if (!ended)
		return 0;
	/* the last failures were put before the listing ended */
	while (enumerator_take_failure(loop->enumerator, &why))
		run_add_failure(loop->run, &why);
	loop->exhausted = true;
	struct event exhausted = { .type = EVENT_EXHAUSTED };
	return step(loop, &exhausted, err);
}

static int on_results(
	struct loop *loop, const struct member *member, const struct message *m, struct error *err)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct result *result = &m->results[i];
		struct event event = {
			.type = EVENT_RESULT,
			.worker = member->number,
			.job = result->job,
			.attempt = result->attempt,
			.code = result->code,
			.duration_us = result->duration_us,
		};
		loop->result = result;
		int status = step(loop, &event, err);
		loop->result = NULL;
		if (status)
			return -1;
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
		if (step(loop, &event, err))
			return -1;
	}
	return 0;
}

static int lose(struct loop *loop, uint32_t number, struct error *err)
{
	struct event lost = { .type = EVENT_LOST, .worker = number };
	if (step(loop, &lost, err))
		return -1;
	roster_drop(loop->roster, number); /* one that the scheduler did not know */
	return 0;
}

/*
 * Of transfers a worker is given all that it may hold: it can begin any of them while others wait
 * for their host. Of other jobs as many as it has lanes, and some ahead.
 */
static uint32_t slots_of(const struct loop *loop, const struct member *member)
{
	bool transfers = loop->run->kind->transfers_per_core > 0;
	return transfers && member->lanes < TRANSFERS_AHEAD ? TRANSFERS_AHEAD : member->lanes;
}

static int on_message(
	struct loop *loop, const struct message *m, const struct member *member, struct error *err)
{
	struct event hello = {
		.type = EVENT_HELLO, .worker = member->number, .slots = slots_of(loop, member)
	};
	switch (m->type) {
	case MESSAGE_READY:
		return step(loop, &hello, err);
	case MESSAGE_RESULTS:
		return on_results(loop, member, m, err);
	case MESSAGE_REFUSED:
		return on_refused(loop, member, m, err);
	case MESSAGE_GOODBYE:
		return lose(loop, member->number, err);
	default:
		return 0; /* BEAT: nothing depends on it yet */
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
	loop->exhausted = true;
	progress_clear();
	log_line("canceling...");
	enumerator_stop(loop->enumerator);
	loop->kill_at_ms = clock_ms() + loop->run->settings->grace_ms + KILL_AFTER_MS;
	return step(loop, &event, err);
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
	while (read(loop->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (interrupt(loop, err))
			return -1;
	}
	return 0;
}

/* The local worker and its lanes have ended: what it held goes to the next one. */
static int on_leash(struct loop *loop, struct error *err)
{
	uint32_t members[ROSTER_MEMBERS_MAX];
	char reason[64];
	bool failed;
	if (!local_worker_reap(&loop->worker, reason, sizeof(reason), &failed))
		return 0;
	/* what it reported before it died still counts */
	if (on_messages(loop, err))
		return -1;
	size_t count = roster_members(loop->roster, members);
	for (size_t i = 0; i < count; i++) {
		if (lose(loop, members[i], err))
			return -1;
	}
	if (loop->finished || loop->canceled)
		return 0;
	if (++loop->worker_failures >= WORKER_FAILURES_MAX)
		return error_set(err, ERROR_START, "the worker cannot go on: it %s", reason);
	log_line("the worker %s; it is started again", reason);
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
	deadline_ms = earlier(deadline_ms, progress_deadline_ms());
	deadline_ms = earlier(deadline_ms, loop->kill_at_ms);
	return deadline_ms > now_ms ? deadline_ms - now_ms : 0;
}

static int wait(struct loop *loop, struct poll_item *items, bool more, struct error *err)
{
	bool hungry = loop->wanted > 0 && !loop->exhausted;
	items[ITEM_SIGNAL] = (struct poll_item) { .fd = loop->signals };
	items[ITEM_LEASH] = (struct poll_item) { .fd = loop->worker.leash };
	items[ITEM_FOUND] =
		(struct poll_item) { .fd = hungry ? enumerator_fd(loop->enumerator) : -1 };
	roster_poll(loop->roster, &items[ITEM_ROSTER]);
	return socket_poll(items, ITEMS, more ? 0 : timeout_ms(loop, clock_ms()), err);
}

/* A worker with a broken channel is ended, said once: its end gives its jobs to the next one. */
static void end_stuck(struct loop *loop, int64_t now_ms)
{
	uint32_t stuck = roster_stuck(loop->roster, now_ms);
	if (stuck == 0 || stuck == loop->stuck)
		return;
	loop->stuck = stuck;
	log_line("the worker takes no jobs; it is ended");
	local_worker_kill(&loop->worker);
}

/* What is due by the clock. */
static int tick(struct loop *loop, struct error *err)
{
	int64_t now_ms = clock_ms();
	int64_t deadline_ms = scheduler_deadline_ms(loop->scheduler);
	struct event event = { .type = EVENT_TICK };
	if (deadline_ms >= 0 && now_ms >= deadline_ms && step(loop, &event, err))
		return -1;
	if (loop->kill_at_ms >= 0 && now_ms >= loop->kill_at_ms) {
		loop->kill_at_ms = -1;
		local_worker_kill(&loop->worker);
	}
	end_stuck(loop, now_ms);
	run_show_progress(loop->run, enumerator_found(loop->enumerator),
		enumerator_has_ended(loop->enumerator), now_ms);
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
	if (find_jobs(loop, more, err) || tick(loop, err))
		return -1;
	return roster_flush(loop->roster, err);
}

/* Until all is settled and the worker has ended. */
static int serve(struct loop *loop, struct error *err)
{
	bool more = true;
	while (!loop->finished) {
		if (round_trip(loop, &more, err))
			return -1;
	}
	assert(loop->canceled || enumerator_all_settled(loop->enumerator));
	loop->kill_at_ms = clock_ms() + KILL_AFTER_MS;
	while (loop->worker.pid) {
		if (round_trip(loop, &more, err))
			return -1;
	}
	return 0;
}

/* A folder that only this user can enter (mkdtemp makes it 0700), for the sockets. */
static int make_folder(struct loop *loop, struct error *err)
{
	const char *const parents[] = { getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp" };
	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		if (!parents[i] || parents[i][0] != '/')
			continue;
		int length = snprintf(
			loop->folder, sizeof(loop->folder), "%s/sciame-XXXXXX", parents[i]);
		/* "ipc:" has to fit before it */
		if (length + 5 <= SOCKET_ADDRESS_MAX && mkdtemp(loop->folder)) {
			(void)snprintf(
				loop->address, sizeof(loop->address), "ipc:%s", loop->folder);
			return 0;
		}
	}
	loop->folder[0] = '\0';
	return error_errno(err, ERROR_START, "make a private folder in /tmp");
}

/* What comes over the network is read by no more lanes than there are cores. */
static int64_t lanes_of(const struct run *run)
{
	int64_t most = run->settings->concurrency;
	if (run->kind->transfers_per_core && most > cpus_usable())
		return cpus_usable();
	return most;
}

static int open_all(struct loop *loop, struct error *err)
{
	bool transfers = loop->run->kind->transfers_per_core > 0;
	const struct settings *settings = loop->run->settings;
	uint64_t files;
	if (startup_files(&files, err))
		return -1;
	loop->signals = startup_signals(err);
	if (loop->signals < 0 || make_folder(loop, err))
		return -1;
	const struct roster_options roster = { loop->address, (uint32_t)settings->grace_ms };
	loop->roster = roster_open(&roster, err);
	if (!loop->roster)
		return -1;
	loop->worker_options = (struct local_worker_options) {
		.address = loop->address,
		.lanes = lanes_of(loop->run),
		.transfers = transfers ? settings->concurrency : 0,
		.sync = settings->sync,
		.sandbox_best_effort = settings->sandbox == 1,
		.roots = loop->run->kind_run.roots,
		.roots_count = loop->run->kind_run.roots_count,
	};
	if (local_worker_start(&loop->worker, &loop->worker_options, err))
		return -1;
	const struct enumerator_options enumerator = {
		.kind = loop->run->kind,
		.kind_number = master_kind_number(loop->run->kind),
		.state = loop->run->kind_run.state,
		.deadline_ms = (uint32_t)settings->job_timeout_ms,
	};
	loop->enumerator = enumerator_open(&enumerator, err);
	return loop->enumerator ? 0 : -1;
}

static void close_all(struct loop *loop)
{
	char reason[64];
	bool failed;
	if (loop->enumerator)
		loop->run->summary.todo = enumerator_found(loop->enumerator);
	enumerator_close(loop->enumerator);
	local_worker_kill(&loop->worker);
	while (loop->worker.pid &&
		!local_worker_reap(&loop->worker, reason, sizeof(reason), &failed)) {
		struct poll_item item = { .fd = loop->worker.leash };
		struct error err;
		if (socket_poll(&item, 1, -1, &err))
			break; /* the leash ends it with us */
	}
	roster_close(loop->roster);
	scheduler_free(loop->scheduler);
	actions_release(&loop->actions);
	size_t cursor = 0;
	for (void *job = table_next(&loop->jobs, &cursor); job;
		job = table_next(&loop->jobs, &cursor))
		free(job);
	table_release(&loop->jobs);
	if (loop->folder[0] && socket_remove(loop->address))
		log_line("%s could not be removed", loop->folder);
	if (loop->signals >= 0)
		(void)close(loop->signals); /* only read */
}

int loop_run(struct run *run, struct error *err)
{
	struct loop loop = { .run = run, .signals = -1, .worker.leash = -1, .kill_at_ms = -1 };
	loop.scheduler = scheduler_new();
	int status = open_all(&loop, err) || serve(&loop, err) ? -1 : 0;
	run->summary.canceled = loop.canceled;
	close_all(&loop);
	return status;
}
