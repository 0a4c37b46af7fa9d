/* SPDX-License-Identifier: MIT */
/*
 *   RUNNING --state CANCELING--> STOPPING (grace for what runs) --grace is over--> killed, reported
 *      |  \--SIGTERM--> DRAINING (finish what lanes hold, hand the rest back) --> Goodbye
 *      \------------------- state DONE -------------------------------------------> Goodbye
 * The end of the leash (the master died) or of the session ends everything at once.
 */
#include "worker/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/startup.h"
#include "worker/loop_fetch.h"
#include "worker/loop_lanes.h"
#include "worker/session.h"

enum { STOOD_STILL_MS = 1000 }; /* a wait that ends so late was a stop of the whole process */

enum {
	ITEM_SIGNAL,
	ITEM_LEASH,
	ITEM_FETCHES,
	ITEM_SESSION,
	ITEM_LANES = ITEM_SESSION + SESSION_POLL_ITEMS,
};

struct loop {
	struct session *session;
	struct lanes *lanes;
	struct fetches *fetches;
	struct poll_item *items;
	int signals; /* signalfd */
	int leash;   /* or -1 */
	enum run_state state;
	int64_t kill_at_ms; /* end of the grace time, or -1 */
	bool draining, done;
	bool orphaned; /* the master that held the leash is dead */
};

/* SIGTERM drains; Ctrl+C and a closed terminal do so too unless the master, who gets them as
 * well, holds the leash and decides. */
static void on_signal(struct loop *loop)
{
	struct signalfd_siginfo info;
	while (read(loop->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGTERM && loop->leash >= 0)
			continue;
		loop->draining = true;
		lanes_drain(loop->lanes);
		fetches_drain(loop->fetches);
	}
}

static bool is_canceled(enum run_state state)
{
	return state == RUN_CANCELING || state == RUN_CANCELING_NOW;
}

/* What has not started is handed back. */
static int stop(struct loop *loop, struct error *err)
{
	return fetches_stop(loop->fetches, err) || lanes_stop(loop->lanes, err) ? -1 : 0;
}

/* A state counts again each time that it comes, so that none can be missed for good. */
static int on_state(struct loop *loop, enum run_state state, int64_t now_ms, struct error *err)
{
	enum run_state before = loop->state;
	if (state <= before)
		return 0;
	loop->state = state;
	if (state == RUN_DONE)
		loop->done = true;
	if (state == RUN_CANCELING)
		loop->kill_at_ms = now_ms + session_grace_ms(loop->session);
	if (state == RUN_CANCELING_NOW)
		loop->kill_at_ms = now_ms;
	return is_canceled(state) && !is_canceled(before) ? stop(loop, err) : 0;
}

static int on_jobs(struct loop *loop, const struct message *m, struct error *err)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct job *job = &m->jobs[i];
		int status = 0;
		if (is_canceled(loop->state))
			status = session_refuse(loop->session, job->id, job->attempt, err);
		else if (fetches_wanted(job))
			status = fetches_add(loop->fetches, job, err);
		else
			lanes_add(loop->lanes, job);
		if (status)
			return -1;
	}
	return 0;
}

static int on_messages(struct loop *loop, int64_t now_ms, struct error *err)
{
	struct message message;
	for (;;) {
		int got = session_receive(loop->session, &message, err);
		if (got <= 0)
			return got;
		int status = message.type == MESSAGE_STATE
				     ? on_state(loop, message.state, now_ms, err)
				     : on_jobs(loop, &message, err);
		if (status)
			return -1;
	}
}

static int beat(struct loop *loop, int64_t now_ms, struct error *err)
{
	struct running running[WIRE_BATCH_MAX];
	struct message message = { .type = MESSAGE_BEAT };
	if (!session_beat_due(loop->session, now_ms))
		return 0;
	lanes_describe(loop->lanes, &message, running, now_ms);
	message.queued += (uint32_t)fetches_count(loop->fetches);
	return session_beat(loop->session, now_ms, &message, err);
}

static int64_t earlier(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static int64_t timeout_ms(struct loop *loop, int64_t now_ms)
{
	int64_t deadline_ms = session_deadline_ms(loop->session);
	deadline_ms = earlier(deadline_ms, lanes_deadline_ms(loop->lanes));
	deadline_ms = earlier(deadline_ms, fetches_deadline_ms(loop->fetches));
	deadline_ms = earlier(deadline_ms, loop->kill_at_ms);
	return deadline_ms > now_ms ? deadline_ms - now_ms : 0;
}

/*
 * Waits for something to happen. When that takes much longer than it may, this process, and its
 * lanes with it, stood still (Ctrl+Z, a suspended machine): then no job is overdue because of it.
 */
static int wait(struct loop *loop, struct error *err)
{
	struct poll_item *items = loop->items;
	int64_t start_ms = clock_ms();
	int64_t wait_ms = timeout_ms(loop, start_ms);
	items[ITEM_SIGNAL] = (struct poll_item) { .fd = loop->signals };
	items[ITEM_LEASH] = (struct poll_item) { .fd = loop->leash };
	fetches_poll(loop->fetches, &items[ITEM_FETCHES]);
	session_poll(loop->session, &items[ITEM_SESSION]);
	lanes_poll(loop->lanes, &items[ITEM_LANES]);
	int status = socket_poll(items, ITEM_LANES + lanes_count(loop->lanes), wait_ms, err);
	int64_t now_ms = clock_ms();
	if (now_ms - start_ms > wait_ms + STOOD_STILL_MS)
		lanes_forgive(loop->lanes, now_ms);
	return status;
}

/* One round: everything that has happened, then everything that is due. */
static int step(struct loop *loop, struct error *err)
{
	if (wait(loop, err))
		return -1;
	if (loop->leash >= 0 && loop->items[ITEM_LEASH].ready) {
		loop->orphaned = true;
		return error_set(err, ERROR_START, "the master has ended without a word");
	}
	if (loop->items[ITEM_SIGNAL].ready)
		on_signal(loop);
	int64_t now_ms = clock_ms();
	if (on_messages(loop, now_ms, err))
		return -1;
	if (fetches_step(loop->fetches, now_ms, err) ||
		lanes_step(loop->lanes, &loop->items[ITEM_LANES], now_ms, err))
		return -1;
	if (loop->kill_at_ms >= 0 && now_ms >= loop->kill_at_ms) {
		loop->kill_at_ms = -1;
		if (fetches_kill(loop->fetches, err) || lanes_kill(loop->lanes, err))
			return -1;
	}
	if (loop->draining && fetches_idle(loop->fetches) && lanes_idle(loop->lanes)) {
		loop->done = true;
		if (stop(loop, err))
			return -1;
	}
	if (session_flush(loop->session, err) || beat(loop, now_ms, err))
		return -1;
	return session_tick(loop->session, now_ms, err);
}

static int serve(struct loop *loop, struct error *err)
{
	while (!loop->done) {
		if (step(loop, err))
			return -1;
	}
	return 0;
}

int loop_run(const struct settings *settings, struct error *err)
{
	struct loop loop = {
		.leash = (int)settings->leash, .state = RUN_RUNNING, .kill_at_ms = -1
	};
	struct error why = { .code = ERROR_NONE }, unsent;
	int status = -1;
	loop.signals = startup_signals(err);
	if (loop.signals < 0)
		return -1;
	loop.session = session_open(settings->master, (uint32_t)settings->concurrency, err);
	if (!loop.session)
		goto out;
	loop.lanes = lanes_open(settings, loop.session, err);
	if (loop.lanes) {
		loop.fetches = fetches_open(settings, loop.session, loop.lanes);
		loop.items = xcalloc(ITEM_LANES + lanes_count(loop.lanes), sizeof(*loop.items));
		status = serve(&loop, err);
	}
	if (status)
		why = *err;
	/* what a dead master left behind is tidied up by the last that knows of it */
	if (loop.orphaned)
		(void)socket_remove(settings->master);
	else if (session_goodbye(loop.session, &why, &unsent))
		log_line("say goodbye: %s", unsent.message);
out:
	fetches_close(loop.fetches);
	lanes_close(loop.lanes);
	session_close(loop.session);
	free(loop.items);
	(void)close(loop.signals); /* only read */
	return status;
}
