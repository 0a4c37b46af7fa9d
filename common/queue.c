/* SPDX-License-Identifier: MIT */
/*
 * One lock and three conditions. A condition is signalled only while somebody waits for it: a
 * pair of threads that keep up with each other then never enter the kernel for one.
 */
#include "common/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/memory.h"

/* Longer waits are cut to this, so that the clock plus a wait fits 64 bits of microseconds. */
static const int64_t wait_ms_max = INT64_MAX / 2 / 1000;

/* None of the calls on locks and conditions can fail unless we use them wrongly. */
static void must(int status)
{
	assert(status == 0);
}

static void lock(struct queue *q)
{
	must(pthread_mutex_lock(&q->lock));
}

static void unlock(struct queue *q)
{
	must(pthread_mutex_unlock(&q->lock));
}

/* When a wait that begins now ends, on clock_us; -1: never. */
static int64_t deadline_us(int64_t timeout_ms)
{
	if (timeout_ms < 0)
		return -1;
	return clock_us() + (timeout_ms < wait_ms_max ? timeout_ms : wait_ms_max) * 1000;
}

/*
 * One wait, counted in *waiters so that others know to signal. False once the deadline is over.
 * The caller holds the lock and checks its condition again in either case.
 */
static bool wait(struct queue *q, pthread_cond_t *condition, unsigned *waiters, int64_t until_us)
{
	int status;
	(*waiters)++;
	if (until_us < 0) {
		status = pthread_cond_wait(condition, &q->lock);
	} else {
		struct timespec until = {
			.tv_sec = (time_t)(until_us / 1000000),
			.tv_nsec = (long)(until_us % 1000000 * 1000),
		};
		status = pthread_cond_timedwait(condition, &q->lock, &until);
	}
	(*waiters)--;
	assert(status == 0 || status == ETIMEDOUT);
	return status == 0;
}

static void wake_one(pthread_cond_t *condition, unsigned waiters)
{
	if (waiters > 0)
		must(pthread_cond_signal(condition));
}

static void wake_all(pthread_cond_t *condition, unsigned waiters)
{
	if (waiters > 0)
		must(pthread_cond_broadcast(condition));
}

static void *take(struct queue *q)
{
	assert(q->count > 0);
	void *item = q->items[q->head];
	q->head = q->head + 1 == q->maximum ? 0 : q->head + 1;
	q->count--;
	return item;
}

static void append(struct queue *q, void *item)
{
	assert(q->count < q->maximum);
	size_t room = q->maximum - q->head; /* places before the ring turns */
	q->items[q->count < room ? q->head + q->count : q->count - room] = item;
	q->count++;
	q->unfinished++;
}

static enum queue_status put_status(const struct queue *q)
{
	if (q->closed)
		return QUEUE_CLOSED;
	return q->count < q->maximum ? QUEUE_OK : QUEUE_FULL;
}

static enum queue_status get_status(const struct queue *q)
{
	if (q->count > 0)
		return QUEUE_OK;
	return q->closed ? QUEUE_CLOSED : QUEUE_EMPTY;
}

enum queue_status queue_put(struct queue *q, void *item, int64_t timeout_ms)
{
	assert(item);
	/* The clock is read only by those who have to wait. */
	int64_t until_us = 0;
	bool waited = false;
	lock(q);
	enum queue_status status;
	while ((status = put_status(q)) == QUEUE_FULL && timeout_ms != 0) {
		if (!waited)
			until_us = deadline_us(timeout_ms);
		waited = true;
		if (!wait(q, &q->not_full, &q->putters, until_us))
			timeout_ms = 0;
	}
	if (status == QUEUE_OK) {
		append(q, item);
		wake_one(&q->not_empty, q->getters);
	}
	unlock(q);
	return status;
}

enum queue_status queue_put_nowait(struct queue *q, void *item)
{
	return queue_put(q, item, 0);
}

enum queue_status queue_get(struct queue *q, void **item, int64_t timeout_ms)
{
	int64_t until_us = 0;
	bool waited = false;
	*item = NULL;
	lock(q);
	enum queue_status status;
	while ((status = get_status(q)) == QUEUE_EMPTY && timeout_ms != 0) {
		if (!waited)
			until_us = deadline_us(timeout_ms);
		waited = true;
		if (!wait(q, &q->not_empty, &q->getters, until_us))
			timeout_ms = 0;
	}
	if (status == QUEUE_OK) {
		*item = take(q);
		wake_one(&q->not_full, q->putters);
	}
	unlock(q);
	return status;
}

enum queue_status queue_get_nowait(struct queue *q, void **item)
{
	return queue_get(q, item, 0);
}

size_t queue_get_many(struct queue *q, void **items, size_t max)
{
	lock(q);
	size_t n = q->count < max ? q->count : max;
	for (size_t i = 0; i < n; i++)
		items[i] = take(q);
	if (n > 0)
		wake_all(&q->not_full, q->putters);
	unlock(q);
	return n;
}

size_t queue_size(struct queue *q)
{
	lock(q);
	size_t count = q->count;
	unlock(q);
	return count;
}

bool queue_full(struct queue *q)
{
	return queue_size(q) == q->maximum;
}

bool queue_empty(struct queue *q)
{
	return queue_size(q) == 0;
}

int queue_task_done_many(struct queue *q, size_t n, struct error *err)
{
	lock(q);
	bool allowed = n <= q->unfinished;
	if (allowed) {
		q->unfinished -= n;
		if (q->unfinished == 0)
			wake_all(&q->all_done, q->joiners);
	}
	unlock(q);
	if (!allowed)
		return error_set(err, ERROR_USAGE, "task_done() called too many times");
	return 0;
}

int queue_task_done(struct queue *q, struct error *err)
{
	return queue_task_done_many(q, 1, err);
}

bool queue_join(struct queue *q, int64_t timeout_ms)
{
	int64_t until_us = deadline_us(timeout_ms);
	bool in_time = true;
	lock(q);
	while (q->unfinished > 0 && in_time)
		in_time = wait(q, &q->all_done, &q->joiners, until_us);
	bool done = q->unfinished == 0;
	unlock(q);
	return done;
}

void queue_close(struct queue *q)
{
	lock(q);
	q->closed = true;
	wake_all(&q->not_empty, q->getters);
	wake_all(&q->not_full, q->putters);
	unlock(q);
}

void queue_init(struct queue *q, size_t maximum)
{
	assert(maximum > 0);
	*q = (struct queue) { .items = xcalloc(maximum, sizeof(*q->items)), .maximum = maximum };
	/* The wall clock may be set while somebody waits; clock_us is CLOCK_MONOTONIC too. */
	pthread_condattr_t monotonic;
	must(pthread_condattr_init(&monotonic));
	must(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC));
	must(pthread_mutex_init(&q->lock, NULL));
	must(pthread_cond_init(&q->not_empty, &monotonic));
	must(pthread_cond_init(&q->not_full, &monotonic));
	must(pthread_cond_init(&q->all_done, &monotonic));
	must(pthread_condattr_destroy(&monotonic));
}

void queue_release(struct queue *q)
{
	if (!q || !q->items)
		return;
	assert(q->getters == 0);
	assert(q->putters == 0);
	assert(q->joiners == 0);
	must(pthread_cond_destroy(&q->not_empty));
	must(pthread_cond_destroy(&q->not_full));
	must(pthread_cond_destroy(&q->all_done));
	must(pthread_mutex_destroy(&q->lock));
	free(q->items);
	memset(q, 0, sizeof(*q));
}
