/* SPDX-License-Identifier: MIT */
#include "worker/loop_fetch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/startup.h"
#include "worker/fetch_kind.h"
#include "worker/transfer.h"

enum {
	HOST_MAX = 256,      /* bytes of a host with its port and the NUL; longer ones are cut */
	FILES_RESERVED = 40, /* descriptors that are not of transfers */
	FILES_PER_FETCH = 3, /* a socket, its body, and that once more for the lane */
};

/* A host that somebody waits for or that is being talked to. */
struct host {
	struct host *next;
	size_t users;   /* fetches that name it */
	size_t running; /* of them */
	char name[HOST_MAX];
};

/* A job from its arrival to the end of its transfer. */
struct fetch {
	struct fetch *next;
	struct job *job;
	const struct fetch_kind *kind;
	struct fetch_plan plan;
	struct host *host;
	int64_t begun_ms;              /* of one that runs */
	struct fetch *before, *behind; /* of those that run, the oldest first */
};

enum { BUCKETS = 1024 }; /* of the table of hosts */

struct fetches {
	const struct settings *settings;
	struct session *session;
	struct lanes *lanes;
	struct transfers *transfers;     /* NULL until the first job */
	struct fetch *first, **last;     /* those that wait, in the order of arrival */
	struct fetch *oldest, *youngest; /* of those that run */
	size_t waiting, running;
	size_t alive_max; /* transfers and bodies that there are descriptors for */
	bool stopped;
	struct host *hosts[BUCKETS];
};

static struct host **bucket(struct fetches *f, const char *name)
{
	uint32_t hash = 2166136261U; /* FNV-1a; whoever makes hosts collide slows down only us */
	for (const char *byte = name; *byte; byte++)
		hash = (hash ^ (unsigned char)*byte) * 16777619U;
	return &f->hosts[hash % BUCKETS];
}

static struct host *host_use(struct fetches *f, const char *url)
{
	char name[HOST_MAX];
	transfer_host(url, name, sizeof(name));
	struct host **head = bucket(f, name);
	struct host *host = *head;
	while (host && strcmp(host->name, name) != 0)
		host = host->next;
	if (!host) {
		host = xcalloc(1, sizeof(*host));
		memcpy(host->name, name, sizeof(name));
		host->next = *head;
		*head = host;
	}
	host->users++;
	return host;
}

static void host_leave(struct fetches *f, struct host *host)
{
	if (--host->users > 0)
		return;
	struct host **link = bucket(f, host->name);
	while (*link != host)
		link = &(*link)->next;
	*link = host->next;
	free(host);
}

static void fetch_free(struct fetches *f, struct fetch *fetch)
{
	if (fetch->host)
		host_leave(f, fetch->host);
	free(fetch->plan.memory);
	free(fetch->job);
	free(fetch);
}

/* Transfers and bodies that there are descriptors for; what others have open is some more. */
static size_t alive_max(void)
{
	uint64_t files;
	struct error err;
	if (startup_files(&files, &err) || files < FILES_RESERVED + FILES_PER_FETCH)
		return 1;
	return (size_t)(files - FILES_RESERVED) / FILES_PER_FETCH;
}

struct fetches *fetches_open(
	const struct settings *settings, struct session *session, struct lanes *lanes)
{
	struct fetches *f = xcalloc(1, sizeof(*f));
	f->settings = settings;
	f->session = session;
	f->lanes = lanes;
	f->last = &f->first;
	f->alive_max = alive_max();
	return f;
}

static void run_add(struct fetches *f, struct fetch *fetch, int64_t now_ms)
{
	fetch->begun_ms = now_ms;
	fetch->before = f->youngest;
	fetch->behind = NULL;
	*(f->youngest ? &f->youngest->behind : &f->oldest) = fetch;
	f->youngest = fetch;
	fetch->host->running++;
	f->running++;
}

static void run_remove(struct fetches *f, struct fetch *fetch)
{
	*(fetch->before ? &fetch->before->behind : &f->oldest) = fetch->behind;
	*(fetch->behind ? &fetch->behind->before : &f->youngest) = fetch->before;
	fetch->host->running--;
	f->running--;
}

static struct fetch *take_first(struct fetches *f)
{
	struct fetch *fetch = f->first;
	f->first = fetch->next;
	if (!f->first)
		f->last = &f->first;
	f->waiting--;
	return fetch;
}

bool fetches_wanted(const struct job *job)
{
	return fetch_kind_find(job->kind) != NULL;
}

static int report(
	struct fetches *f, const struct job *job, struct result *result, struct error *err)
{
	result->job = job->id;
	result->attempt = job->attempt;
	return session_report(f->session, result, err);
}

/* The end of a fetch that never got to a lane. */
static int fail(struct fetches *f, struct fetch *fetch, const struct error *why, struct error *err)
{
	struct result result = { 0 };
	result_fail(&result, why);
	int status = report(f, fetch->job, &result, err);
	fetch_free(f, fetch);
	return status;
}

int fetches_add(struct fetches *f, const struct job *job, struct error *err)
{
	struct error why;
	struct fetch *fetch = xcalloc(1, sizeof(*fetch));
	fetch->job = job_copy(job);
	fetch->kind = fetch_kind_find(job->kind);
	if (!f->transfers) {
		f->transfers = transfers_open("sciame/" SCIAME_VERSION, err);
		if (!f->transfers) {
			fetch_free(f, fetch);
			return -1;
		}
	}
	if (fetch->kind->plan(fetch->job, &fetch->plan, &why))
		return fail(f, fetch, &why, err);
	lanes_expect(f->lanes, job->kind);
	fetch->host = host_use(f, fetch->plan.request.url);
	*f->last = fetch;
	f->last = &fetch->next;
	f->waiting++;
	return 0;
}

/* Whether its host can be asked for one more thing. */
static bool is_free(const struct fetch *fetch)
{
	return fetch->plan.per_host == 0 || fetch->host->running < fetch->plan.per_host;
}

static int begin(struct fetches *f, struct fetch *fetch, int64_t now_ms, struct error *err)
{
	struct error why;
	fetch->next = NULL;
	if (transfers_add(f->transfers, &fetch->plan.request, fetch, &why))
		return fail(f, fetch, &why, err);
	run_add(f, fetch, now_ms);
	return 0;
}

/* How many run that are slow by now: they do not count, or a few dead hosts would hold up all. */
static size_t slow_ones(const struct fetches *f, int64_t now_ms)
{
	size_t count = 0;
	for (const struct fetch *fetch = f->oldest; fetch && count < FETCH_SLOW_MAX;
		fetch = fetch->behind) {
		if (now_ms - fetch->begun_ms < FETCH_SLOW_MS)
			break;
		count++;
	}
	return count;
}

static bool is_full(const struct fetches *f, size_t slow)
{
	return f->running - slow >= (size_t)f->settings->transfers ||
	       transfers_alive(f->transfers) >= f->alive_max ||
	       transfers_body_bytes(f->transfers) > TRANSFER_BODIES_MAX;
}

/* Begins, in the order of arrival, those whose host is free, until there are enough. */
static int begin_all(struct fetches *f, int64_t now_ms, struct error *err)
{
	struct fetch **link = &f->first;
	size_t slow = f->first && !f->stopped ? slow_ones(f, now_ms) : 0;
	while (*link && !f->stopped && !is_full(f, slow)) {
		struct fetch *fetch = *link;
		if (!is_free(fetch)) {
			link = &fetch->next;
			continue;
		}
		*link = fetch->next;
		if (f->last == &fetch->next)
			f->last = link;
		f->waiting--;
		if (begin(f, fetch, now_ms, err))
			return -1;
	}
	return 0;
}

static int hand_on(struct fetches *f, struct transfer *transfer, struct error *err)
{
	struct fetch *fetch = transfer->owner;
	struct result result = { .duration_us = transfer->duration_us };
	run_remove(f, fetch);
	struct job *job = fetch->kind->fetched(fetch->job, transfer, &result);
	int status = 0;
	if (job) {
		lanes_add_fetched(f->lanes, job, transfer);
	} else {
		status = report(f, fetch->job, &result, err);
		transfer_free(transfer);
	}
	fetch_free(f, fetch);
	return status;
}

static int hand_on_all(struct fetches *f, struct error *err)
{
	struct transfer *transfer;
	while ((transfer = transfers_take(f->transfers))) {
		if (hand_on(f, transfer, err))
			return -1;
	}
	return 0;
}

void fetches_poll(const struct fetches *f, struct poll_item *item)
{
	*item = (struct poll_item) { .fd = f->transfers ? transfers_fd(f->transfers) : -1 };
}

/* When the next one becomes slow, and another may begin for it; or -1. */
static int64_t slow_ms(const struct fetches *f)
{
	size_t count = 0;
	const struct fetch *fetch = f->oldest;
	int64_t now_ms = clock_ms();
	while (fetch && count < FETCH_SLOW_MAX && now_ms - fetch->begun_ms >= FETCH_SLOW_MS) {
		fetch = fetch->behind;
		count++;
	}
	return fetch && f->first && count < FETCH_SLOW_MAX ? fetch->begun_ms + FETCH_SLOW_MS : -1;
}

int64_t fetches_deadline_ms(const struct fetches *f)
{
	if (!f->transfers)
		return -1;
	int64_t deadline_ms = transfers_deadline_ms(f->transfers), slow = slow_ms(f);
	if (deadline_ms < 0 || slow < 0)
		return deadline_ms < 0 ? slow : deadline_ms;
	return deadline_ms < slow ? deadline_ms : slow;
}

int fetches_step(struct fetches *f, int64_t now_ms, struct error *err)
{
	if (!f->transfers)
		return 0;
	if (transfers_step(f->transfers, now_ms, err) || hand_on_all(f, err))
		return -1;
	return begin_all(f, now_ms, err);
}

int fetches_stop(struct fetches *f, struct error *err)
{
	f->stopped = true;
	while (f->first) {
		struct fetch *fetch = take_first(f);
		int status = session_refuse(f->session, fetch->job->id, fetch->job->attempt, err);
		fetch_free(f, fetch);
		if (status)
			return -1;
	}
	return 0;
}

int fetches_kill(struct fetches *f, struct error *err)
{
	if (!f->transfers)
		return 0;
	transfers_cancel(f->transfers);
	return hand_on_all(f, err);
}

/* Ends those that run; what is left of each is the caller's to tell. NULL: there is none. */
static struct fetch *end_next(struct fetches *f)
{
	if (!f->transfers)
		return NULL;
	transfers_cancel(f->transfers);
	struct transfer *transfer = transfers_take(f->transfers);
	if (!transfer)
		return NULL;
	struct fetch *fetch = transfer->owner;
	run_remove(f, fetch);
	transfer_free(transfer);
	return fetch;
}

int fetches_abandon(struct fetches *f, struct error *err)
{
	for (struct fetch *fetch = end_next(f); fetch; fetch = end_next(f)) {
		int status = session_refuse(f->session, fetch->job->id, fetch->job->attempt, err);
		fetch_free(f, fetch);
		if (status)
			return -1;
	}
	return fetches_stop(f, err);
}

void fetches_fence(struct fetches *f)
{
	while (f->first)
		fetch_free(f, take_first(f));
	for (struct fetch *fetch = end_next(f); fetch; fetch = end_next(f))
		fetch_free(f, fetch);
	f->stopped = false;
}

void fetches_close(struct fetches *f)
{
	if (!f)
		return;
	fetches_fence(f);
	transfers_close(f->transfers);
	free(f);
}

bool fetches_idle(const struct fetches *f)
{
	return f->running == 0;
}

size_t fetches_count(const struct fetches *f)
{
	return f->waiting + f->running;
}
