/* SPDX-License-Identifier: MIT */
/*
 * libcurl tells which sockets and which time it waits for; the sockets are in one epoll
 * descriptor. The deadline of a transfer and the pause before its retry are ours, not libcurl's:
 *
 *      add --> RUNNING --connection dropped, first time--> PAUSING --pause is over--> RUNNING
 *     RUNNING, PAUSING --done, failed, deadline, canceled--> ENDED --take--> TAKEN --> freed
 */
#include "worker/transfer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <curl/curl.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/random.h"
#include "worker/transfer_flight.h"

enum {
	PAUSE_MS_MIN = 200, /* before the retry, and what chance may add */
	PAUSE_MS_SPREAD = 801,
	EVENTS_MAX = 8,      /* sockets that one step looks at: what is whole is handed on soon */
	SPARES_MAX = 256,    /* handles that are kept for later transfers */
	CONNECTIONS_MIN = 8, /* connections kept, however few transfers there are */
};

struct transfers {
	CURLM *multi;
	int epoll;
	char *user_agent;
	int64_t timer_ms;          /* when libcurl wants to be called, or -1 */
	struct flight_list waking; /* running and pausing ones by wake_ms */
	struct flight_list ended, taken;
	size_t running, waiting; /* how many are in waking, and in ended */
	size_t running_max;      /* most that have been at once */
	struct flight_bodies bodies;
	CURL *spares[SPARES_MAX];
	size_t spares_count;
};

static void list_remove(struct flight *flight)
{
	struct flight_list *list = flight->list;
	*(flight->before ? &flight->before->behind : &list->first) = flight->behind;
	*(flight->behind ? &flight->behind->before : &list->last) = flight->before;
	flight->list = NULL;
}

/* Behind those that wake no later: mostly the last, since deadlines come in order. */
static void list_insert(struct flight_list *list, struct flight *flight, int64_t wake_ms)
{
	struct flight *before = list->last;
	while (before && before->wake_ms > wake_ms)
		before = before->before;
	flight->wake_ms = wake_ms;
	flight->list = list;
	flight->before = before;
	flight->behind = before ? before->behind : list->first;
	*(before ? &before->behind : &list->first) = flight;
	*(flight->behind ? &flight->behind->before : &list->last) = flight;
}

/* Callback: the sockets that libcurl waits for. known is not NULL for those that it has named. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known)
{
	struct transfers *t = user;
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(t->epoll, EPOLL_CTL_DEL, fd, NULL); /* gone if it was closed */
		return 0;
	}
	struct epoll_event event = { .data.fd = fd };
	event.events = what & CURL_POLL_IN ? EPOLLIN : 0U;
	event.events |= what & CURL_POLL_OUT ? EPOLLOUT : 0U;
	if (epoll_ctl(t->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event))
		return -1; /* no room for one more: the step fails */
	return curl_multi_assign(t->multi, fd, t) ? -1 : 0;
}

/* Callback: libcurl's next deadline. */
static int on_timer(CURLM *multi, long timeout_ms, void *user)
{
	struct transfers *t = user;
	(void)multi;
	t->timer_ms = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
	return 0;
}

static int multi_error(CURLMcode code, struct error *err)
{
	return error_set(err, ERROR_START, "libcurl: %s", curl_multi_strerror(code));
}

/* One for the next transfer. NULL when libcurl lacks an option, or memory. */
static CURL *spare_get(struct transfers *t)
{
	return t->spares_count > 0 ? t->spares[--t->spares_count] : easy_new(t->user_agent);
}

static void spare_put(struct transfers *t, CURL *easy)
{
	if (t->spares_count < SPARES_MAX)
		t->spares[t->spares_count++] = easy;
	else
		curl_easy_cleanup(easy);
}

static int start(struct transfers *t, struct flight *flight, struct error *err)
{
	CURLMcode code = curl_multi_add_handle(t->multi, flight->easy);
	return code ? multi_error(code, err) : 0;
}

/* Takes it out of libcurl's hands, if it is there. */
static void stop(struct transfers *t, struct flight *flight)
{
	CURLMcode code = curl_multi_remove_handle(t->multi, flight->easy);
	assert(!code); /* fails only inside a callback */
}

/* One that is stopped. transfer.error says how it went. */
static void end(struct transfers *t, struct flight *flight)
{
	spare_put(t, flight_land(flight));
	flight->transfer.duration_us = (uint32_t)(clock_us() - flight->start_us);
	list_remove(flight);
	list_insert(&t->ended, flight, INT64_MAX);
	t->running--;
	t->waiting++;
}

/* Whether it will be tried again, after a pause of chance: many may have been dropped at once. */
static bool pause_for_retry(struct transfers *t, struct flight *flight, CURLcode code)
{
	uint32_t chance;
	if (flight->retried || !flight_is_dropped(flight, code))
		return false;
	random_bytes(&chance, sizeof(chance));
	int64_t wake_ms = clock_ms() + PAUSE_MS_MIN + chance % PAUSE_MS_SPREAD;
	if (wake_ms >= flight->deadline_ms)
		return false;
	flight->pausing = true;
	flight->retried = true;
	list_remove(flight);
	list_insert(&t->waking, flight, wake_ms);
	return true;
}

/* The pause is over. */
static int retry(struct transfers *t, struct flight *flight, struct error *err)
{
	flight->pausing = false;
	flight_restart(flight);
	list_remove(flight);
	list_insert(&t->waking, flight, flight->deadline_ms);
	return start(t, flight, err);
}

static void on_done(struct transfers *t, struct flight *flight, CURLcode code)
{
	stop(t, flight);
	if (code && pause_for_retry(t, flight, code))
		return;
	if (code)
		flight_explain(flight, code);
	end(t, flight);
}

/* Those that libcurl is done with. */
static void collect(struct transfers *t)
{
	int left;
	CURLMsg *message;
	while ((message = curl_multi_info_read(t->multi, &left))) {
		char *flight = NULL;
		CURLcode code = message->data.result; /* the message ends with stop() */
		CURLcode bad = curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &flight);
		assert(!bad && flight);
		on_done(t, (struct flight *)flight, code);
	}
}

/* Those whose deadline or pause is over. */
static int wake(struct transfers *t, int64_t now_ms, struct error *err)
{
	while (t->waking.first && t->waking.first->wake_ms <= now_ms) {
		struct flight *flight = t->waking.first;
		if (flight->pausing) {
			if (retry(t, flight, err))
				return -1;
			continue;
		}
		stop(t, flight);
		(void)error_set(&flight->transfer.error, ERROR_NETWORK, "timed out after %g s",
			flight->timeout_ms / 1000.0); /* its result, not ours */
		end(t, flight);
	}
	return 0;
}

/* 0: libcurl looks itself, as it has to for errors. */
static int select_mask(uint32_t events)
{
	return (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
	       (events & EPOLLOUT ? CURL_CSELECT_OUT : 0);
}

/* Lets libcurl do what it can do now. */
static int perform(struct transfers *t, int64_t now_ms, struct error *err)
{
	struct epoll_event events[EVENTS_MAX];
	int running;
	int count = epoll_wait(t->epoll, events, EVENTS_MAX, 0);
	if (count < 0 && errno != EINTR)
		return error_errno(err, ERROR_START, "epoll_wait");
	CURLMcode bad = CURLM_OK;
	for (int i = 0; !bad && i < count; i++)
		bad = curl_multi_socket_action(
			t->multi, events[i].data.fd, select_mask(events[i].events), &running);
	if (!bad && t->timer_ms >= 0 && t->timer_ms <= now_ms) {
		t->timer_ms = -1;
		bad = curl_multi_socket_action(t->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	return bad ? multi_error(bad, err) : 0;
}

static CURLMcode multi_init(struct transfers *t)
{
	t->multi = curl_multi_init();
	CURLMcode bad = t->multi ? CURLM_OK : CURLM_OUT_OF_MEMORY;
	bad = bad ? bad : curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	bad = bad ? bad : curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
	bad = bad ? bad : curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	return bad ? bad : curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
}

/* What may go wrong in transfers_open. */
static int set_up(struct transfers *t, struct error *err)
{
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (t->epoll < 0)
		return error_errno(err, ERROR_START, "epoll_create1");
	CURLMcode bad = multi_init(t);
	if (bad)
		return multi_error(bad, err);
	CURL *easy = easy_new(t->user_agent);
	if (!easy)
		return error_set(err, ERROR_START, "libcurl %s lacks an option",
			curl_version_info(CURLVERSION_NOW)->version);
	spare_put(t, easy);
	return 0;
}

struct transfers *transfers_open(const char *user_agent, struct error *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		(void)error_set(err, ERROR_START, "libcurl can't start");
		return NULL;
	}
	struct transfers *t = xcalloc(1, sizeof(*t));
	t->user_agent = xstrdup(user_agent);
	t->timer_ms = -1;
	t->bodies.bytes_max = TRANSFER_BODIES_MAX;
	if (set_up(t, err) == 0)
		return t;
	transfers_close(t);
	return NULL;
}

void transfers_close(struct transfers *t)
{
	if (!t)
		return;
	transfers_cancel(t);
	for (struct transfer *done = transfers_take(t); done; done = transfers_take(t))
		transfer_free(done);
	while (t->taken.first) { /* those outlive us */
		t->taken.first->bodies = NULL;
		list_remove(t->taken.first);
	}
	while (t->spares_count > 0)
		curl_easy_cleanup(t->spares[--t->spares_count]);
	(void)curl_multi_cleanup(t->multi); /* fails only for NULL */
	if (t->epoll >= 0)
		(void)close(t->epoll); /* nothing to flush */
	free(t->user_agent);
	free(t);
	curl_global_cleanup();
}

/* As many connections as transfers at most: those in use and the idle ones together. */
static int keep_connections(struct transfers *t, struct error *err)
{
	if (t->running <= t->running_max)
		return 0;
	t->running_max = t->running;
	long count = t->running_max > CONNECTIONS_MIN ? (long)t->running_max : CONNECTIONS_MIN;
	CURLMcode bad = curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, count);
	return bad ? multi_error(bad, err) : 0;
}

int transfers_add(
	struct transfers *t, const struct transfer_request *request, void *owner, struct error *err)
{
	CURL *easy = spare_get(t);
	assert(easy); /* else out of memory: the first one could be made */
	struct flight *flight = flight_new(request, easy, &t->bodies, err);
	if (!flight) {
		spare_put(t, easy);
		return -1;
	}
	flight->transfer.owner = owner;
	flight->start_us = clock_us();
	flight->deadline_ms = (flight->start_us + 999) / 1000 + request->timeout_ms;
	flight->timeout_ms = request->timeout_ms;
	t->running++;
	if (keep_connections(t, err) || start(t, flight, err)) {
		t->running--;
		spare_put(t, flight_land(flight));
		flight_free(flight);
		return -1;
	}
	list_insert(&t->waking, flight, flight->deadline_ms);
	return 0;
}

size_t transfers_count(const struct transfers *t)
{
	return t->running + t->waiting;
}

size_t transfers_alive(const struct transfers *t)
{
	return t->bodies.count;
}

uint64_t transfers_body_bytes(const struct transfers *t)
{
	return t->bodies.bytes;
}

struct transfer *transfers_take(struct transfers *t)
{
	struct flight *flight = t->ended.first;
	if (!flight)
		return NULL;
	list_remove(flight);
	list_insert(&t->taken, flight, INT64_MAX);
	t->waiting--;
	return &flight->transfer;
}

void transfer_free(struct transfer *transfer)
{
	struct flight *flight = (struct flight *)transfer;
	if (!flight)
		return;
	if (flight->list)
		list_remove(flight);
	flight_free(flight);
}

void transfers_cancel(struct transfers *t)
{
	while (t->waking.first) {
		struct flight *flight = t->waking.first;
		stop(t, flight);
		(void)error_set(&flight->transfer.error, ERROR_CANCELED, "canceled");
		end(t, flight);
	}
}

static struct flight *find(const struct flight_list *list, const void *owner)
{
	struct flight *flight = list->first;
	while (flight && flight->transfer.owner != owner)
		flight = flight->behind;
	return flight;
}

void transfers_drop(struct transfers *t, const void *owner)
{
	struct flight *flight = find(&t->waking, owner);
	if (flight) {
		stop(t, flight);
		(void)error_set(&flight->transfer.error, ERROR_CANCELED, "canceled");
		end(t, flight);
	} else {
		flight = find(&t->ended, owner);
	}
	if (!flight)
		return;
	t->waiting--;
	transfer_free(&flight->transfer);
}

int transfers_fd(const struct transfers *t)
{
	return t->epoll;
}

int64_t transfers_deadline_ms(const struct transfers *t)
{
	int64_t wake_ms = t->waking.first ? t->waking.first->wake_ms : -1;
	if (t->timer_ms < 0 || wake_ms < 0)
		return t->timer_ms < 0 ? wake_ms : t->timer_ms;
	return t->timer_ms < wake_ms ? t->timer_ms : wake_ms;
}

/* Those that wait for room, in the order of their deadlines. */
static void go_on(struct transfers *t)
{
	for (struct flight *flight = t->waking.first; flight && t->bodies.held > 0;
		flight = flight->behind)
		flight_go_on(flight);
}

int transfers_step(struct transfers *t, int64_t now_ms, struct error *err)
{
	go_on(t);
	if (perform(t, now_ms, err))
		return -1;
	collect(t);
	return wake(t, now_ms, err);
}
