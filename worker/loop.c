/* SPDX-License-Identifier: MIT */
/*
 *   RUNNING --state HALTING--> what runs is finished, the rest handed back
 *      |  \---state CANCELING--> the same, within the grace time; then killed and reported
 *      |  \---SIGTERM--> DRAINING: the same, then Goodbye; a second one, or the end of its grace
 *      |                 time, ends what runs and hands it back
 *      |  \---silence, eviction, a stop of the process--> fenced: all is dropped, a new session
 *      \------state DONE--> Goodbye; a daemon joins again, for the next run
 * The end of the leash (the master died) ends everything at once.
 */
#include "worker/loop.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/access.h"
#include "common/clock.h"
#include "common/endpoint.h"
#include "common/keys.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/startup.h"
#include "worker/carrier.h"
#include "worker/carrier_depot.h"
#include "worker/carrier_objects.h"
#include "worker/health.h"
#include "worker/loop_carry.h"
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
	ITEM_CARRIES = ITEM_SESSION + SESSION_POLL_ITEMS,
	ITEM_LANES = ITEM_CARRIES + CARRIES_POLL_ITEMS,
};

struct loop {
	struct session *session;
	struct lanes *lanes;
	struct fetches *fetches;
	struct carrier_objects *objects;
	struct carrier_depot *depot;
	struct carriers carriers;
	struct carries *carries;
	struct poll_item *items;
	struct health health;
	int signals; /* signalfd */
	int leash;   /* or -1 */
	enum run_state state;
	int64_t awake_ms;    /* when this process was last seen running */
	int64_t kill_at_ms;  /* end of the grace time of a cancellation, or -1 */
	int64_t leave_at_ms; /* the same of draining */
	int64_t signaled_ms;
	bool daemon; /* it outlives runs */
	char root_names[SETTINGS_ROOTS_MAX][WIRE_ROOT_NAME_MAX];
	const char *roots[SETTINGS_ROOTS_MAX];
	bool draining, done;
	bool orphaned; /* the master that held the leash is dead */
};

/* What has not begun is handed back at once, and the master sends no more. */
static int drain(struct loop *loop, int64_t now_ms, struct error *err)
{
	loop->draining = true;
	loop->leave_at_ms = now_ms + DRAIN_MS;
	session_beat_soon(loop->session);
	return fetches_stop(loop->fetches, err) || carries_stop(loop->carries, err) ||
			       lanes_drain(loop->lanes, err)
		       ? -1
		       : 0;
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
	return fetches_stop(loop->fetches, err) || carries_stop(loop->carries, err) ||
			       lanes_stop(loop->lanes, err)
		       ? -1
		       : 0;
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
		else if (carries_wanted(loop->carries, job))
			carries_add(loop->carries, job);
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
	carries_fence(loop->carries);
	carrier_depot_use(loop->depot, NULL, NULL);
	lanes_fence(loop->lanes);
	loop->state = RUN_RUNNING;
	loop->kill_at_ms = -1;
	loop->leave_at_ms = -1;
	/* of a worker that is about to leave nothing is left to be done */
	loop->done = loop->draining;
	return session_rejoin(loop->session, clock_ms(), err);
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
		return loop->daemon ? fence(loop, "the run has ended", err) : 0;
	}
	return stop(loop, err);
}

static int on_evict(struct loop *loop, const struct message *m, struct error *err)
{
	char why[ERROR_MESSAGE_MAX + 64];
	(void)snprintf(why, sizeof(why), "the master has given this worker up: %s", m->text);
	return fence(loop, why, err);
}

/* The session has just become active: how do files travel in this run? */
static int on_welcome(struct loop *loop, struct error *err)
{
	struct socket *socket;
	if (session_open_depot(loop->session, &socket, err) < 0)
		return -1;
	carrier_depot_use(loop->depot, socket, session_header(loop->session));
	return 0;
}

static int on_message(struct loop *loop, const struct message *m, int64_t now_ms, struct error *err)
{
	if (m->type == MESSAGE_EVICT)
		return on_evict(loop, m, err);
	if (m->type == MESSAGE_WELCOME && on_welcome(loop, err))
		return -1;
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

/* Of this host: runnable processes in the last minute, times 100; 0 when that is not known. */
static uint32_t load(void)
{
	double average;
	return getloadavg(&average, 1) == 1 && average > 0 ? (uint32_t)(average * 100) : 0;
}

static int beat(struct loop *loop, int64_t now_ms, struct error *err)
{
	struct running running[WIRE_BATCH_MAX];
	struct message message = { .type = MESSAGE_BEAT, .draining = loop->draining };
	if (!session_beat_due(loop->session, now_ms))
		return 0;
	lanes_describe(loop->lanes, &message, running, now_ms);
	message.queued += (uint32_t)(fetches_count(loop->fetches) + carries_count(loop->carries));
	message.load = load();
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
	deadline_ms = earlier(deadline_ms, carries_deadline_ms(loop->carries));
	deadline_ms = earlier(deadline_ms, health_deadline_ms(&loop->health));
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
	carries_poll(loop->carries, &items[ITEM_CARRIES]);
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
		if (fetches_kill(loop->fetches, err) || lanes_kill(loop->lanes, err) ||
			carries_kill(loop->carries, err))
			return -1;
	}
	if (loop->leave_at_ms >= 0 && now_ms >= loop->leave_at_ms) {
		loop->leave_at_ms = -1;
		if (fetches_abandon(loop->fetches, err) || lanes_abandon(loop->lanes, err) ||
			carries_abandon(loop->carries, err))
			return -1;
	}
	if (loop->draining && fetches_idle(loop->fetches) && lanes_done(loop->lanes) &&
		carries_idle(loop->carries))
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
		lanes_step(loop->lanes, &loop->items[ITEM_LANES], now_ms, err) ||
		carries_step(loop->carries, now_ms, err))
		return -1;
	if (expire(loop, now_ms, err))
		return -1;
	if (lanes_have_news(loop->lanes))
		session_beat_soon(loop->session);
	if (session_flush(loop->session, err) || beat(loop, now_ms, err))
		return -1;
	health_tick(&loop->health, now_ms);
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

/* What this worker and the master prove to each other with. */
struct credentials {
	struct key_pair own;
	char master[KEYS_TEXT_SIZE];
};

static int read_credentials(
	struct credentials *credentials, const struct settings *settings, struct error *err)
{
	char *own =
		settings->key ? xstrdup(settings->key) : xasprintf("%s/worker.key", settings->keys);
	char *master = xasprintf("%s/master.pub", settings->keys);
	int status = keys_read(&credentials->own, own, err);
	if (status == 0)
		status = keys_read_public(credentials->master, master, err);
	free(own);
	free(master);
	return status;
}

/* The names of the roots, which the master compares with what a run needs. */
static void name_roots(struct loop *loop, const struct settings *settings)
{
	for (size_t i = 0; i < settings->roots_count; i++) {
		int length = (int)strcspn(settings->roots[i], "=");
		(void)snprintf(loop->root_names[i], WIRE_ROOT_NAME_MAX, "%.*s", length,
			settings->roots[i]);
		loop->roots[i] = loop->root_names[i];
	}
}

static int open_session(struct loop *loop, const struct settings *settings, struct error *err)
{
	struct credentials credentials;
	struct session_options options = {
		.address = settings->master,
		.lanes = (uint32_t)settings->concurrency,
		.orphan_ms = settings->orphan_ms,
		.roots = loop->roots,
		.roots_count = settings->roots_count,
		.patient = loop->daemon,
	};
	if (access_check(settings->master, settings->keys != NULL, settings->insecure, err))
		return -1;
	if (settings->keys) {
		if (read_credentials(&credentials, settings, err))
			return -1;
		options.keys = &credentials.own;
		options.master_key = credentials.master;
	}
	name_roots(loop, settings);
	loop->session = session_open(&options, err);
	keys_clear(&credentials.own);
	return loop->session ? 0 : -1;
}

static void open_carriers(struct loop *loop, const struct settings *settings)
{
	const struct carrier_objects_options options = {
		.endpoint = settings->s3_endpoint,
		.allow_private = settings->allow_private,
	};
	loop->depot = carrier_depot_new();
	loop->objects = carrier_objects_open(&options);
	loop->carriers.list[loop->carriers.count++] = carrier_depot(loop->depot);
	loop->carriers.list[loop->carriers.count++] = carrier_objects(loop->objects);
}

int loop_run(const struct settings *settings, struct error *err)
{
	struct loop loop = {
		.leash = (int)settings->leash,
		.state = RUN_RUNNING,
		.awake_ms = clock_ms(),
		.kill_at_ms = -1,
		.leave_at_ms = -1,
		.daemon = endpoint_is_tcp(settings->master) && !settings->once,
	};
	struct error why = { .code = ERROR_NONE }, unsent;
	int status = -1;
	loop.signals = startup_signals(err);
	if (loop.signals < 0)
		return -1;
	open_carriers(&loop, settings);
	if (health_open(&loop.health, settings->health, loop.awake_ms, err) ||
		open_session(&loop, settings, err))
		goto out;
	loop.lanes = lanes_open(settings, loop.session, &loop.carriers, err);
	if (loop.lanes) {
		loop.carries = carries_open(&loop.carriers, loop.session, loop.lanes);
		loop.fetches = fetches_open(settings, loop.session, loop.lanes);
		loop.items = xcalloc(ITEM_LANES + lanes_count(loop.lanes), sizeof(*loop.items));
		status = serve(&loop, err);
	}
	if (status)
		why = *err;
	/* what a dead master left behind is tidied up by the last that knows of it */
	if (loop.orphaned)
		(void)socket_remove(settings->master + strlen("ipc:"));
	else if (session_goodbye(loop.session, &why, &unsent))
		log_line("say goodbye: %s", unsent.message);
out:
	fetches_close(loop.fetches);
	carries_close(loop.carries);
	carrier_objects_close(loop.objects);
	lanes_close(loop.lanes);
	carrier_depot_free(loop.depot);
	session_close(loop.session);
	free(loop.items);
	health_close(&loop.health);
	(void)close(loop.signals); /* only read */
	return status;
}
