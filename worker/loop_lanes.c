/* SPDX-License-Identifier: MIT */
#include "worker/loop_lanes.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/startup.h"
#include "worker/loop_lanes_state.h"

enum {
	NEWS_MS = 2,          /* how often is looked whether a suspect has begun */
	AHEAD_US = 20000,     /* work that a lane is given ahead: it never waits for a round trip */
	MEAN_WEIGHT = 16,     /* a new duration counts as one of so many */
	FILES_RESERVED = 128, /* descriptors that are not outputs of jobs */
	START_FAILURES_MAX = 3, /* deaths between jobs in a row, beyond one for each lane */
};

/* How many outputs each lane may have open, each with its folder. */
static size_t held_max(uint64_t files, size_t lanes)
{
	if (files <= FILES_RESERVED)
		return 1;
	uint64_t share = (files - FILES_RESERVED) / 2 / lanes;
	return share < 1 ? 1 : share > LANE_HELD_MAX ? LANE_HELD_MAX : (size_t)share;
}

struct lanes *lanes_open(const struct settings *settings, struct session *session,
	const struct carriers *carriers, struct error *err)
{
	size_t count = (size_t)settings->concurrency;
	struct lanes *l = xcalloc(1, sizeof(*l) + count * sizeof(l->lane[0]));
	const struct store_options options = { settings->sync, settings->follow_links };
	uint64_t files;
	l->settings = settings;
	l->session = session;
	l->carriers = carriers;
	l->store = store_new(&options);
	l->decoder = wire_decoder_new();
	work_queue_init(&l->queue);
	work_queue_init(&l->outgoing);
	l->count = count;
	if (startup_files(&files, err))
		goto fail;
	l->held_max = held_max(files, count);
	for (size_t i = 0; i < settings->roots_count; i++) {
		if (store_add_root(l->store, settings->roots[i], err))
			goto fail;
	}
	return l;
fail:
	lanes_close(l);
	return NULL;
}

/* Nothing runs any more, nothing is left of what had begun. */
static void drop_all(struct lanes *l)
{
	struct lane_job job;
	struct lane_death death;
	for (size_t i = 0; i < l->count; i++) {
		if (l->lane[i].pid)
			lane_bury(&l->lane[i], &death);
		while (lane_take(&l->lane[i], &job))
			lanes_forget(l, job.owner);
	}
	while (l->queue.first)
		lanes_forget(l, work_queue_take(&l->queue));
	while (l->outgoing.first)
		lanes_forget(l, work_queue_take(&l->outgoing));
}

void lanes_close(struct lanes *l)
{
	if (!l)
		return;
	drop_all(l);
	wire_decoder_free(l->decoder);
	store_free(l->store);
	free(l);
}

void lanes_fence(struct lanes *l)
{
	drop_all(l);
	l->stopped = false;
}

bool lanes_done(const struct lanes *l)
{
	return l->queue.count == 0 && lanes_idle(l);
}

size_t lanes_count(const struct lanes *l)
{
	return l->count;
}

void lanes_poll(const struct lanes *l, struct poll_item *items)
{
	for (size_t i = 0; i < l->count; i++)
		items[i] = (struct poll_item) { .fd = l->lane[i].pid ? l->lane[i].fd : -1 };
}

static void measure(struct lanes *l, uint32_t duration_us)
{
	uint64_t sum = (uint64_t)l->mean_us * (MEAN_WEIGHT - 1) + duration_us;
	/* the first one counts for all: short jobs are to be handed out by the dozen soon */
	l->mean_us = l->mean_us ? (uint32_t)(sum / MEAN_WEIGHT) : duration_us;
	if (l->mean_us == 0)
		l->mean_us = 1; /* 0 says that nothing is known yet */
}

/* What one job came to. One that the lane did not begin because it was told so goes back. */
static int on_result(struct lanes *l, struct work *work, struct result *result, struct error *err)
{
	if (result->code == ERROR_CANCELED)
		return lanes_refuse(l, work, err);
	l->start_failures = 0;
	measure(l, result->duration_us);
	return lanes_finish(l, work, result, err);
}

/* Results from a lane, in the order of its jobs. *broken when they are not what it may say. */
static int on_results(struct lanes *l, struct lane *lane, const struct message *m, bool *broken,
	struct error *err)
{
	for (size_t i = 0; i < m->count; i++) {
		struct lane_job job;
		struct result result = m->results[i];
		bool unbegun = result.code == ERROR_CANCELED;
		if (!lane->count || lane->held[lane->first].job->id != result.job ||
			(unbegun && !l->stopped)) {
			*broken = true;
			return 0;
		}
		(void)lane_take(lane, &job); /* it has one */
		lane->finished += unbegun ? 0 : 1;
		if (on_result(l, job.owner, &result, err))
			return -1;
	}
	return 0;
}

/* How long the job that it was running had run: by its board if that can be, else by our clock. */
static uint32_t ran_us(const struct lane *lane, const struct board_entry *blame)
{
	int64_t now_ms = clock_ms();
	bool believable = blame->since_ms > 0 && blame->since_ms <= now_ms;
	int64_t ran = now_ms - (believable ? blame->since_ms : lane->since_ms);
	return ran > UINT32_MAX / 1000 ? UINT32_MAX : (uint32_t)ran * 1000;
}

/* One that no lane has any more and that nobody is to blame for. */
static int give_back(struct lanes *l, struct work *work, struct error *err)
{
	work_discard(work);
	if (l->stopped)
		return lanes_refuse(l, work, err);
	work_queue_prepend(&l->queue, work);
	return 0;
}

/*
 * What a dead lane held: the job that it ran failed with `why` (ERROR_NONE: nobody is to blame),
 * the others go back in order.
 */
static int take_back(struct lanes *l, struct lane *lane, const struct board_entry *blame,
	const struct error *why, struct error *err)
{
	struct work *back[LANE_HELD_MAX];
	size_t count = 0;
	struct lane_job job;
	while (lane_take(lane, &job)) {
		struct work *work = job.owner;
		bool ran = work->job->id == blame->job && work->job->attempt == blame->attempt;
		if (!ran || why->code == ERROR_NONE)
			back[count++] = work;
		else if (lanes_fail(l, work, why, ran_us(lane, blame), err))
			return -1;
	}
	while (count > 0) {
		if (give_back(l, back[--count], err))
			return -1;
	}
	return 0;
}

/* A lane that dies again and again without having had a job will not get better. */
static int count_start_failure(struct lanes *l, const char *reason, struct error *err)
{
	if (++l->start_failures < START_FAILURES_MAX + l->count)
		return 0;
	return error_set(err, ERROR_START, "lanes end before their first job: %s", reason);
}

/*
 * Buries a lane and settles what it held; it is started anew when there is something to do for it.
 * why: NULL for "as it died".
 */
static int end(struct lanes *l, struct lane *lane, const struct error *why, struct error *err)
{
	struct lane_death death;
	struct error reason;
	bool worked = lane->finished > 0;
	lane_bury(lane, &death);
	if (why)
		reason = *why;
	else
		(void)error_set(&reason, ERROR_LANE, "%s", death.reason);
	if (take_back(l, lane, &death.blame, &reason, err))
		return -1;
	if (worked || why || death.blame.job)
		return 0;
	return count_start_failure(l, death.reason, err);
}

static int collect(struct lanes *l, struct lane *lane, int64_t now_ms, struct error *err)
{
	struct message message;
	bool broken = false;
	for (;;) {
		int got = lane_receive(lane, l->decoder, &l->packet, &message, now_ms);
		if (got == 0)
			return 0;
		if (got > 0 && on_results(l, lane, &message, &broken, err))
			return -1;
		if (got < 0 || broken)
			return end(l, lane, NULL, err);
	}
}

static int expire(struct lanes *l, struct lane *lane, int64_t now_ms, struct error *err)
{
	struct error why;
	int64_t deadline_ms = lane_deadline_ms(lane);
	if (deadline_ms < 0 || now_ms < deadline_ms)
		return 0;
	uint32_t limit_ms = lane->held[lane->first].job->deadline_ms;
	(void)error_set(&why, ERROR_TIMEOUT, "no result after %g s", limit_ms / 1000.0);
	return end(l, lane, &why, err);
}

/* How many more jobs it may be given in its life. */
static size_t left(const struct lanes *l, const struct lane *lane)
{
	uint64_t share = (uint64_t)l->settings->jobs_per_lane;
	if (!share || !lane->pid)
		return share ? (size_t)share : SIZE_MAX;
	uint64_t had = lane->finished + lane->count;
	return had < share ? (size_t)(share - had) : 0;
}

/*
 * How many jobs as the next one a lane should get now: none while it has enough, several when they
 * are short.
 */
static size_t wanted(const struct lanes *l, const struct lane *lane, const struct job *next)
{
	size_t target = l->mean_us ? AHEAD_US / l->mean_us : 1;
	size_t share = l->queue.count / l->count; /* at the end the other lanes want some, too */
	size_t most = next->labels_count ? l->held_max / next->labels_count : l->held_max;
	if (target > most)
		target = most;
	if (target < 1)
		target = 1;
	if (lane->count > target / 2)
		return 0;
	target -= lane->count;
	if (target > share)
		target = share;
	if (l->stopped || (target < 1 && lane->count == 0))
		target = 1;
	size_t may = left(l, lane);
	if (may == 0 && lane->count == 0)
		may = (size_t)l->settings->jobs_per_lane; /* its successor */
	if (target > may)
		target = may;
	return target > WIRE_BATCH_MAX ? WIRE_BATCH_MAX : target;
}

/*
 * A job under suspicion wants a lane that no other can have left in disorder, and leaves behind
 * one that no other should have. One that has done its share makes way for another.
 */
static int freshen(struct lanes *l, struct lane *lane, const struct job *job, struct error *err)
{
	static const struct error nobody = { .code = ERROR_NONE };
	bool used = job->alone && lane->finished > 0;
	bool worn = l->settings->jobs_per_lane && left(l, lane) == 0;
	if (!lane->pid || (lane->kind == job->kind && !lane->alone && !used && !worn))
		return 0;
	return end(l, lane, &nobody, err);
}

static struct lane_options options_of(const struct lanes *l, uint32_t kind)
{
	return (struct lane_options) {
		.kind = kind,
		.leash = (int)l->settings->leash,
		.need = l->settings->sandbox,
		.own = &l->settings->own,
	};
}

void lanes_expect(struct lanes *l, uint32_t kind)
{
	struct error err;
	const struct lane_options options = options_of(l, kind);
	if (!lane_knows(&l->settings->own, kind))
		return; /* its job fails when it is here */
	for (size_t i = 0; i < l->count && !l->stopped; i++) {
		if (l->lane[i].pid)
			continue;
		/* one that can't be started now is tried again when there is a job for it */
		(void)lane_start(&l->lane[i], &options, &err);
		return;
	}
}

static bool any_alive(const struct lanes *l)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->lane[i].pid)
			return true;
	}
	return false;
}

/* Lanes are started when there is something to do. One that can't be is fatal only alone. */
static int ensure_started(struct lanes *l, struct lane *lane, uint32_t kind, struct error *err)
{
	const struct lane_options options = options_of(l, kind);
	if (lane->pid || lane_start(lane, &options, err) == 0)
		return 0;
	return any_alive(l) ? 0 : -1;
}

static int hand_out(struct lanes *l, struct lane *lane, int64_t now_ms, struct error *err)
{
	struct lane_job jobs[WIRE_BATCH_MAX];
	size_t count, taken = 0;
	if (!l->queue.first)
		return 0;
	const struct job *job = l->queue.first->job;
	size_t want = wanted(l, lane, job);
	if (want == 0)
		return 0;
	bool apart = l->stopped || job->alone || lane->alone || job->kind != lane->kind;
	if (lane->count > 0 && apart)
		return 0; /* until the lane is idle */
	if (freshen(l, lane, job, err) || ensure_started(l, lane, job->kind, err))
		return -1;
	if (!lane->pid)
		return 0;
	if (lane->count == 0)
		board_resume(&lane->board); /* what it was told not to begin has come back */
	if (lanes_gather(l, want, jobs, &count, err))
		return -1;
	if (count > 0) {
		int status = lane_submit(lane, jobs, count, &l->packet, now_ms);
		/* a lane that is full or dead shows itself in the next step */
		taken = status > 0 ? (size_t)status : 0;
	}
	for (size_t i = 0; i < count; i++)
		input_close(&((struct work *)jobs[i].owner)->input);
	while (count > taken) {
		struct work *work = jobs[--count].owner;
		work_discard(work);
		work_queue_prepend(&l->queue, work);
	}
	return 0;
}

int lanes_step(struct lanes *l, const struct poll_item *items, int64_t now_ms, struct error *err)
{
	for (size_t i = 0; i < l->count; i++) {
		struct lane *lane = &l->lane[i];
		if (lane->pid && items[i].ready && collect(l, lane, now_ms, err))
			return -1;
		if (lane->pid && expire(l, lane, now_ms, err))
			return -1;
	}
	if (lanes_fail_unknown(l, err))
		return -1;
	for (size_t i = 0; i < l->count && l->queue.first; i++) {
		struct lane *lane = &l->lane[(l->next + i) % l->count];
		if (hand_out(l, lane, now_ms, err))
			return -1;
	}
	l->next = (l->next + 1) % l->count;
	return 0;
}

/* A suspect that was not announced, begun or not yet. */
static bool is_news(const struct lane *lane, bool begun)
{
	bool waits = lane->pid && lane->count > 0 && lane->alone && !lane->announced;
	return waits && (!begun || board_read(&lane->board).job == lane->held[lane->first].job->id);
}

bool lanes_have_news(const struct lanes *l)
{
	size_t i = 0;
	while (i < l->count && !is_news(&l->lane[i], true))
		i++;
	return i < l->count;
}

int64_t lanes_deadline_ms(struct lanes *l)
{
	int64_t first = -1;
	for (size_t i = 0; i < l->count; i++) {
		int64_t deadline_ms = lane_deadline_ms(&l->lane[i]);
		if (is_news(&l->lane[i], false))
			deadline_ms = clock_ms() + NEWS_MS;
		if (deadline_ms >= 0 && (first < 0 || deadline_ms < first))
			first = deadline_ms;
	}
	return first;
}

void lanes_forgive(struct lanes *l, int64_t now_ms)
{
	for (size_t i = 0; i < l->count; i++)
		l->lane[i].since_ms = now_ms;
}

static void stop_boards(struct lanes *l)
{
	l->stopped = true;
	for (size_t i = 0; i < l->count; i++) {
		if (l->lane[i].pid)
			board_stop(&l->lane[i].board);
	}
}

int lanes_stop(struct lanes *l, struct error *err)
{
	stop_boards(l);
	return lanes_refuse_queued(l, err);
}

int lanes_drain(struct lanes *l, struct error *err)
{
	struct work_queue begun;
	int status = 0;
	work_queue_init(&begun);
	stop_boards(l);
	while (l->queue.first && status == 0) {
		struct work *work = work_queue_take(&l->queue);
		if (work->fetched || work->carried.fd >= 0)
			work_queue_append(&begun, work);
		else
			status = lanes_refuse(l, work, err);
	}
	while (begun.first)
		work_queue_append(&l->queue, work_queue_take(&begun));
	return status;
}

static int end_all(struct lanes *l, const struct error *why, struct error *err)
{
	for (size_t i = 0; i < l->count; i++) {
		struct lane *lane = &l->lane[i];
		if (lane->pid && lane->count > 0 && end(l, lane, why, err))
			return -1;
	}
	return lanes_refuse_queued(l, err); /* what was fetched since lanes_stop */
}

int lanes_kill(struct lanes *l, struct error *err)
{
	struct error why;
	assert(l->stopped);
	(void)error_set(&why, ERROR_CANCELED, "canceled");
	return end_all(l, &why, err);
}

int lanes_abandon(struct lanes *l, struct error *err)
{
	static const struct error nobody = { .code = ERROR_NONE };
	assert(l->stopped);
	return end_all(l, &nobody, err);
}

/* A suspect counts as running only when it has begun: then its worker's end is its fault. */
void lanes_describe(struct lanes *l, struct message *beat, struct running *running, int64_t now_ms)
{
	beat->running = running;
	beat->queued = (uint32_t)l->queue.count;
	for (size_t i = 0; i < l->count && beat->count < WIRE_BATCH_MAX; i++) {
		struct lane *lane = &l->lane[i];
		if (lane->count == 0 || (is_news(lane, false) && !is_news(lane, true)))
			continue;
		const struct job *job = lane->held[lane->first].job;
		lane->announced = lane->alone;
		running[beat->count++] = (struct running) { job->id, job->attempt,
			(uint32_t)(now_ms - lane->since_ms) };
	}
}
