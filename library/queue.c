/* SPDX-License-Identifier: MIT */
/*
 * A ring in shared memory (common/shared.h): counters, then the items. Three counters say all: how
 * many items were ever put, taken, and done. Each call changes one of them, by one store, at its
 * very end: whoever is killed on the way has done nothing. Who has to wait sleeps on a futex
 * (futex(2)) instead of a condition variable, for those of the C library don't survive the death of
 * a process that uses them.
 */
#include "sciame/queue.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/shared.h"
#include "library/error.h"

enum {
	HEAD_LINES = 2,   /* of SHARED_ALIGNMENT bytes, in front of the items */
	RECHECK_MS = 100, /* who was woken and killed before it looked has taken the wake with it */
	MS_PER_S = 1000,
	NS_PER_MS = 1000000,
};

static const uint64_t magic = 0x31756575716d6373;

/* Those who sleep until something changes. */
struct bell {
	_Atomic uint32_t rung; /* the futex */
	uint32_t sleepers;     /* at least so many as there are: the dead are not taken off */
};

struct head {
	uint64_t magic, maximum, item_size;
	uint64_t put, got, done; /* items, ever */
	struct bell not_empty, not_full, all_done;
};

_Static_assert(sizeof(struct head) <= HEAD_LINES * SHARED_ALIGNMENT, "the head has its lines");

struct sciame_queue {
	struct shared_array memory; /* lines of SHARED_ALIGNMENT bytes */
	struct head *head;
	uint8_t *items;
	size_t maximum, item_size; /* checked copies */
	bool shared;
};

static size_t lines_of(size_t maximum, size_t item_size)
{
	return HEAD_LINES + (maximum * item_size + SHARED_ALIGNMENT - 1) / SHARED_ALIGNMENT;
}

static bool sizes_ok(uint64_t maximum, uint64_t item_size)
{
	return maximum > 0 && item_size > 0 &&
	       item_size <= SHARED_BYTES_MAX - HEAD_LINES * SHARED_ALIGNMENT &&
	       maximum <= (SHARED_BYTES_MAX - HEAD_LINES * SHARED_ALIGNMENT) / item_size;
}

static void find_parts(struct sciame_queue *q)
{
	q->head = shared_array_item(&q->memory, 0);
	q->items = shared_array_item(&q->memory, HEAD_LINES);
}

enum sciame_status sciame_queue_open(struct sciame_queue **queue,
	const struct sciame_queue_options *options, struct sciame_error *err)
{
	struct error inside;
	*queue = NULL;
	if (options->maximum == 0 || options->item_size == 0)
		return library_error(err, SCIAME_MISUSED, "a queue of no items, or of empty ones");
	if (!sizes_ok(options->maximum, options->item_size))
		return library_error(err, SCIAME_LIMIT,
			"a queue of %zu items of %zu bytes is more than %d bytes", options->maximum,
			options->item_size, SHARED_BYTES_MAX);
	struct sciame_queue *q = calloc(1, sizeof(*q));
	if (!q)
		return library_errno(err, "make a queue");
	if (shared_array_create(&q->memory, SHARED_ALIGNMENT,
		    lines_of(options->maximum, options->item_size), 0, &inside)) {
		free(q);
		return library_error_from(err, &inside);
	}
	find_parts(q);
	q->maximum = options->maximum;
	q->item_size = options->item_size;
	q->shared = options->shared;
	q->head->maximum = q->maximum;
	q->head->item_size = q->item_size;
	q->head->magic = magic;
	*queue = q;
	return SCIAME_OK;
}

/* Others may write to the head: sizes are read once. */
static bool take_head(struct sciame_queue *q)
{
	if (shared_array_item_size(&q->memory) != SHARED_ALIGNMENT ||
		shared_array_count(&q->memory) <= HEAD_LINES)
		return false;
	find_parts(q);
	q->maximum = *(volatile uint64_t *)&q->head->maximum;
	q->item_size = *(volatile uint64_t *)&q->head->item_size;
	return q->head->magic == magic && sizes_ok(q->maximum, q->item_size) &&
	       shared_array_count(&q->memory) == lines_of(q->maximum, q->item_size);
}

enum sciame_status sciame_queue_attach(
	struct sciame_queue **queue, int fd, struct sciame_error *err)
{
	struct error inside;
	*queue = NULL;
	struct sciame_queue *q = calloc(1, sizeof(*q));
	if (!q)
		return library_errno(err, "make a queue");
	q->shared = true;
	if (shared_array_open(&q->memory, fd, &inside)) {
		free(q);
		return library_error_from(err, &inside);
	}
	if (!take_head(q)) {
		sciame_queue_close(q);
		return library_error(err, SCIAME_PROTOCOL, "descriptor %d is no queue", fd);
	}
	*queue = q;
	return SCIAME_OK;
}

int sciame_queue_fd(const struct sciame_queue *queue)
{
	return queue->shared ? queue->memory.fd : -1;
}

void sciame_queue_close(struct sciame_queue *queue)
{
	if (!queue)
		return;
	shared_array_close(&queue->memory);
	free(queue);
}

static enum sciame_status overwritten(struct sciame_error *err)
{
	return library_error(err, SCIAME_PROTOCOL, "the queue was overwritten");
}

/* Whatever the last owner died of, the counters are right. */
static bool lock(struct sciame_queue *q)
{
	return shared_array_lock_for(&q->memory, -1) != SHARED_BROKEN;
}

static void unlock(struct sciame_queue *q)
{
	(void)shared_array_unlock_own(&q->memory); /* it is held */
}

static size_t count(const struct sciame_queue *q)
{
	return q->head->put - q->head->got;
}

/* Sleeps, unlocked, until the bell is rung or the time is over. False: it is over. */
static bool sleep_on(struct sciame_queue *q, struct bell *bell, int64_t until_ms)
{
	int64_t left = until_ms < 0 ? RECHECK_MS : until_ms - clock_ms();
	if (left <= 0)
		return false;
	if (left > RECHECK_MS)
		left = RECHECK_MS;
	const struct timespec time = { .tv_sec = (time_t)(left / MS_PER_S),
		.tv_nsec = (long)(left % MS_PER_S * NS_PER_MS) };
	uint32_t rung = atomic_load(&bell->rung);
	bell->sleepers++;
	unlock(q);
	/* why it returns does not matter: the caller looks */
	(void)syscall(SYS_futex, &bell->rung, FUTEX_WAIT, rung, &time, NULL, 0);
	if (!lock(q))
		return false;
	if (bell->sleepers > 0)
		bell->sleepers--;
	return true;
}

/* Locked. */
static void ring(struct bell *bell, int sleepers)
{
	(void)atomic_fetch_add(&bell->rung, 1);
	if (bell->sleepers > 0)
		(void)syscall(SYS_futex, &bell->rung, FUTEX_WAKE, sleepers, NULL, NULL, 0);
}

/* When a wait that begins now ends; -1: never. */
static int64_t deadline_ms(int64_t timeout_ms)
{
	int64_t now_ms = clock_ms();
	if (timeout_ms < 0)
		return -1;
	return timeout_ms < INT64_MAX - now_ms ? now_ms + timeout_ms : INT64_MAX;
}

enum sciame_status sciame_queue_put(
	struct sciame_queue *queue, const void *item, int64_t timeout_ms, struct sciame_error *err)
{
	struct sciame_queue *q = queue;
	int64_t until_ms = timeout_ms ? deadline_ms(timeout_ms) : 0;
	if (!lock(q))
		return overwritten(err);
	while (count(q) >= q->maximum) {
		bool wrong = count(q) > q->maximum;
		if (!wrong && timeout_ms && sleep_on(q, &q->head->not_full, until_ms))
			continue;
		unlock(q);
		return wrong ? overwritten(err)
			     : library_error(err, SCIAME_FULL, "the queue is full");
	}
	memcpy(q->items + q->head->put % q->maximum * q->item_size, item, q->item_size);
	atomic_signal_fence(memory_order_seq_cst); /* the store that counts is the last one */
	q->head->put++;
	ring(&q->head->not_empty, 1);
	unlock(q);
	return SCIAME_OK;
}

enum sciame_status sciame_queue_put_nowait(
	struct sciame_queue *queue, const void *item, struct sciame_error *err)
{
	return sciame_queue_put(queue, item, 0, err);
}

enum sciame_status sciame_queue_get(
	struct sciame_queue *queue, void *item, int64_t timeout_ms, struct sciame_error *err)
{
	struct sciame_queue *q = queue;
	int64_t until_ms = timeout_ms ? deadline_ms(timeout_ms) : 0;
	if (!lock(q))
		return overwritten(err);
	while (count(q) == 0) {
		if (timeout_ms && sleep_on(q, &q->head->not_empty, until_ms))
			continue;
		unlock(q);
		return library_error(err, SCIAME_EMPTY, "the queue is empty");
	}
	memcpy(item, q->items + q->head->got % q->maximum * q->item_size, q->item_size);
	atomic_signal_fence(memory_order_seq_cst);
	q->head->got++;
	ring(&q->head->not_full, 1);
	unlock(q);
	return SCIAME_OK;
}

enum sciame_status sciame_queue_get_nowait(
	struct sciame_queue *queue, void *item, struct sciame_error *err)
{
	return sciame_queue_get(queue, item, 0, err);
}

size_t sciame_queue_qsize(struct sciame_queue *queue)
{
	if (!lock(queue))
		return 0;
	size_t size = count(queue);
	unlock(queue);
	return size;
}

bool sciame_queue_empty(struct sciame_queue *queue)
{
	return sciame_queue_qsize(queue) == 0;
}

bool sciame_queue_full(struct sciame_queue *queue)
{
	return sciame_queue_qsize(queue) >= queue->maximum;
}

enum sciame_status sciame_queue_task_done(struct sciame_queue *queue, struct sciame_error *err)
{
	if (!lock(queue))
		return overwritten(err);
	struct head *head = queue->head;
	bool allowed = head->done < head->put;
	if (allowed) {
		head->done++;
		if (head->done == head->put)
			ring(&head->all_done, INT32_MAX);
	}
	unlock(queue);
	return allowed ? SCIAME_OK
		       : library_error(err, SCIAME_MISUSED, "task_done() called too many times");
}

enum sciame_status sciame_queue_join(
	struct sciame_queue *queue, int64_t timeout_ms, struct sciame_error *err)
{
	struct head *head = queue->head;
	int64_t until_ms = timeout_ms ? deadline_ms(timeout_ms) : 0;
	if (!lock(queue))
		return overwritten(err);
	while (head->done < head->put) {
		if (timeout_ms && sleep_on(queue, &head->all_done, until_ms))
			continue;
		uint64_t left = head->put - head->done;
		unlock(queue);
		return library_error(
			err, SCIAME_TIMED_OUT, "%llu items are not done", (unsigned long long)left);
	}
	unlock(queue);
	return SCIAME_OK;
}
