/* SPDX-License-Identifier: MIT */
/*
 *   RUNNING --state HALTING--> what runs is finished, the rest handed back
 *      |  \---state CANCELING--> the same, within the grace time; then killed and reported
 *      |  \---SIGTERM--> DRAINING: the same, then Goodbye; a second one, or the end of its grace
 *      |                 time, ends what runs and hands it back
 *      |  \---silence, eviction, a stop of the process--> fenced: all is dropped, a new session
 *      \------state DONE--> Goodbye
 * The end of the leash (the master died) ends everything at once.
 */
#include "worker/loop.h"

#include <signal.h>
#include <stdio.h>
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

enum {
	STOOD_STILL_MS = 1000, /* a wait that ends so late was a stop of the whole process */
	DRAIN_MS = 25000,      /* for what runs after SIGTERM: Kubernetes kills after 30 s */
	ECHO_MS = 50,          /* a process and its group are signaled: that is one signal */
};

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
	int64_t awake_ms;    /* when this process was last seen running */
	int64_t kill_at_ms;  /* end of the grace time of a cancellation, or -1 */
	int64_t leave_at_ms; /* the same of draining */
	int64_t signaled_ms;
	bool draining, done;
	bool orphaned; /* the master that held the leash is dead */
};

/* What has not begun is handed back at once, and the master sends no more. */
static int drain(struct loop *loop, int64_t now_ms, struct error *err)
{
	loop->draining = true;
	loop->leave_at_ms = now_ms + DRAIN_MS;
	session_beat_soon(loop->session);
	return fetches_stop(loop->fetches, err) || lanes_drain(loop->lanes, err) ? -1 : 0;
}

/* The first drains, the second does not wait for what runs. */
static int on_end(struct loop *loop, struct error *err)
{
	int64_t now_ms = clock_ms();
	if (!loop->draining) {
		loop->signaled_ms = now_ms;
		return drain(loop, now_ms, err);
	}
	if (now_ms - loop->signaled_ms >= ECHO_MS)
		loop->leave_at_ms = now_ms;
	return 0;
}

/* SIGTERM drains; Ctrl+C and a closed terminal do so too unless the master, who gets them as
 * well, holds the leash and decides. */
static int on_signals(struct loop *loop, struct error *err)
{
	struct signalfd_siginfo info;
	while (read(loop->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		bool ours = info.ssi_signo == SIGTERM || loop->leash < 0;
		if (ours && on_end(loop, err))
			return -1;
	}
	return 0;
}

/* What has not begun is handed back. */
static int stop(struct loop *loop, struct error *err)
{
	return fetches_stop(loop->fetches, err) || lanes_stop(loop->lanes, err) ? -1 : 0;
}

/* A state counts again each time that it comes, so that none can be missed for good. */
static int on_state(struct loop *loop, enum run_state state, int64_t now_ms, struct error *err)
{
	if (run_state_rank(state) <= run_state_rank(loop->state))
		return 0;
	loop->state = state;
	switch (state) {
	case RUN_RUNNING:
	case RUN_HALTING:
		break;
	case RUN_CANCELING:
		loop->kill_at_ms = now_ms + session_grace_ms(loop->session);
		break;
	case RUN_CANCELING_NOW:
		loop->kill_at_ms = now_ms;
		break;
	case RUN_DONE:
		loop->done = true;
		return 0;
	}
	return stop(loop, err);
}

static int on_jobs(struct loop *loop, const struct message *m, struct error *err)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct job *job = &m->jobs[i];
		int status = 0;
		if (loop->state != RUN_RUNNING || loop->draining)
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

/*
 * For the master this session has ended, or will have before it hears of us: nothing of it may go
 * on. What was begun is done again by others, so its outputs are dropped.
 */
static int fence(struct loop *loop, const char *why, struct error *err)
{
	log_line("%s: it joins again", why);
	fetches_fence(loop->fetches);
	lanes_fence(loop->lanes);
	loop->state = RUN_RUNNING;
	loop->kill_at_ms = -1;
	loop->leave_at_ms = -1;
	/* of a worker that is about to leave nothing is left to be done */
	loop->done = loop->draining;
	return session_rejoin(loop->session, clock_ms(), err);
}

static int on_evict(struct loop *loop, const struct message *m, struct error *err)
{
	char why[ERROR_MESSAGE_MAX + 64];
	(void)snprintf(why, sizeof(why), "the master has given this worker up: %s", m->text);
	return fence(loop, why, err);
}

static int on_message(struct loop *loop, const struct message *m, int64_t now_ms, struct error *err)
{
	if (m->type == MESSAGE_EVICT)
		return on_evict(loop, m, err);
	return m->type == MESSAGE_JOBS ? on_jobs(loop, m, err)
				       : on_state(loop, m->state, now_ms, err);
}

static int on_messages(struct loop *loop, int64_t now_ms, struct error *err)
{
	struct message message;
	for (;;) {
		int got = session_receive(loop->session, &message, err);
		if (got <= 0)
			return got;
		if (on_message(loop, &message, now_ms, err))
			return -1;
	}
}

static int beat(struct loop *loop, int64_t now_ms, struct error *err)
{
	struct running running[WIRE_BATCH_MAX];
	struct message message = { .type = MESSAGE_BEAT, .draining = loop->draining };
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
	deadline_ms = earlier(deadline_ms, loop->leave_at_ms);
	return deadline_ms > now_ms ? deadline_ms - now_ms : 0;
}

/*
 * Waits for something to happen. When that takes much longer than it may, this process, and its
 * lanes with it, stood still (Ctrl+Z, a suspended machine): then no job is overdue because of it.
 * *still_ms: how long it stood still at least since the last wait, whatever it was doing. As a wait
 * lasts until the next beat at most, less than the limit means that the last beat is not too old.
 */
static int wait(struct loop *loop, int64_t *still_ms, struct error *err)
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
	*still_ms = now_ms - loop->awake_ms - wait_ms;
	loop->awake_ms = now_ms;
	return status;
}

/*
 * Before anything else is touched: whether this session may still be believed in. A shorter stop
 * is forgiven: what the master said meanwhile is on its way to us.
 */
static int check_lease(struct loop *loop, int64_t still_ms, struct error *err)
{
	int64_t max_ms = session_silence_max_ms(loop->session);
	char why[96];
	if (still_ms < max_ms && still_ms > STOOD_STILL_MS)
		session_forgive(loop->session, still_ms);
	if (max_ms == 0 || still_ms < max_ms)
		return 0;
	(void)snprintf(
		why, sizeof(why), "this worker stood still for %.1f s", (double)still_ms / 1000.0);
	return fence(loop, why, err);
}

/* After everything that was said has been heard. */
static int check_silence(struct loop *loop, int64_t now_ms, struct error *err)
{
	char why[96];
	if (!session_is_silent(loop->session, now_ms))
		return 0;
	(void)snprintf(why, sizeof(why), "nothing was heard of the master for %.1f s",
		(double)session_silence_max_ms(loop->session) / 1000.0);
	return fence(loop, why, err);
}

/* What must end by the clock. */
static int expire(struct loop *loop, int64_t now_ms, struct error *err)
{
	if (loop->kill_at_ms >= 0 && now_ms >= loop->kill_at_ms) {
		loop->kill_at_ms = -1;
		if (fetches_kill(loop->fetches, err) || lanes_kill(loop->lanes, err))
			return -1;
	}
	if (loop->leave_at_ms >= 0 && now_ms >= loop->leave_at_ms) {
		loop->leave_at_ms = -1;
		if (fetches_abandon(loop->fetches, err) || lanes_abandon(loop->lanes, err))
			return -1;
	}
	if (loop->draining && fetches_idle(loop->fetches) && lanes_done(loop->lanes))
		loop->done = true;
	return 0;
}

/* One round: everything that has happened, then everything that is due. */
static int step(struct loop *loop, struct error *err)
{
	int64_t still_ms;
	if (wait(loop, &still_ms, err))
		return -1;
	if (loop->leash >= 0 && loop->items[ITEM_LEASH].ready) {
		loop->orphaned = true;
		return error_set(err, ERROR_START, "the master has ended without a word");
	}
	int64_t now_ms = clock_ms();
	if (check_lease(loop, still_ms, err))
		return -1;
	if (loop->items[ITEM_SIGNAL].ready && on_signals(loop, err))
		return -1;
	if (on_messages(loop, now_ms, err) || check_silence(loop, now_ms, err))
		return -1;
	if (fetches_step(loop->fetches, now_ms, err) ||
		lanes_step(loop->lanes, &loop->items[ITEM_LANES], now_ms, err))
		return -1;
	if (expire(loop, now_ms, err))
		return -1;
	if (lanes_have_news(loop->lanes))
		session_beat_soon(loop->session);
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
		.leash = (int)settings->leash,
		.state = RUN_RUNNING,
		.awake_ms = clock_ms(),
		.kill_at_ms = -1,
		.leave_at_ms = -1,
	};
	const struct session_options options = {
		.address = settings->master,
		.lanes = (uint32_t)settings->concurrency,
		.orphan_ms = settings->orphan_ms,
	};
	struct error why = { .code = ERROR_NONE }, unsent;
	int status = -1;
	loop.signals = startup_signals(err);
	if (loop.signals < 0)
		return -1;
	loop.session = session_open(&options, err);
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
