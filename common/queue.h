/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of pointers between the threads of one process, first in, first out, that can
 * be joined: whoever takes an item says when its work is done, and queue_join waits for all of it.
 *
 *     producer: queue_put(q, item, -1) ... queue_close(q)
 *     consumer: while (queue_get(q, &item, -1) == QUEUE_OK) ... queue_task_done(q, err)
 *     owner:    queue_join(q, -1); end the threads; queue_release(q)
 *
 * The rules are those of Python's queue.Queue (docs.python.org/3/library/queue.html) with its
 * shutdown(): there, closing lets the items that are left be taken too.
 */
#ifndef SCIAME_COMMON_QUEUE_H
#define SCIAME_COMMON_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum queue_status {
	QUEUE_OK,
	QUEUE_FULL,   /* put: no place, not even within the timeout */
	QUEUE_EMPTY,  /* get: no item, not even within the timeout */
	QUEUE_CLOSED, /* put: closed; get: closed and nothing is left */
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t not_empty, not_full, all_done;
	void **items; /* a ring: count of them from head */
	size_t maximum, head, count;
	uint64_t unfinished;                /* put, and not yet reported by queue_task_done */
	unsigned getters, putters, joiners; /* threads that wait; nobody else is ever signalled */
	bool closed;
};

/* maximum: items at once, at least 1; memory for that many pointers is taken here. */
void queue_init(struct queue *q, size_t maximum);

/* No thread may use the queue any more. Items that are left are the caller's, and forgotten. */
void queue_release(struct queue *q);

/* Waits up to timeout_ms (-1: for ever, 0: not at all) for a place. Never takes a NULL item. */
enum queue_status queue_put(struct queue *q, void *item, int64_t timeout_ms);
enum queue_status queue_put_nowait(struct queue *q, void *item);

/* Waits up to timeout_ms (-1: for ever, 0: not at all) for an item. *item is NULL without one. */
enum queue_status queue_get(struct queue *q, void **item, int64_t timeout_ms);
enum queue_status queue_get_nowait(struct queue *q, void **item);

/* Takes as many as there are, at most max, without waiting. How many is returned: 0 if none. */
size_t queue_get_many(struct queue *q, void **items, size_t max);

/*
 * As it was at some moment during the call. Other threads may have changed it when the caller
 * looks at the answer, so it is good for showing, not for deciding: queue_empty() being false
 * does not promise that a get would find something, and queue_size() < maximum does not promise
 * a put a place.
 */
size_t queue_size(struct queue *q);
bool queue_full(struct queue *q);
bool queue_empty(struct queue *q);

/*
 * One item (n items) that a get returned has been worked on. More often than items were put: -1
 * with ERROR_USAGE, "task_done() called too many times", and nothing has changed.
 */
int queue_task_done(struct queue *q, struct error *err);
int queue_task_done_many(struct queue *q, size_t n, struct error *err);

/*
 * Waits up to timeout_ms (-1: for ever) until every item that was put is done; false if it was
 * not. Closing ends no join: what is left still has to be taken and done, or taken and dropped.
 */
bool queue_join(struct queue *q, int64_t timeout_ms);

/* Wakes everybody: from now on puts fail, and gets fail once nothing is left. Twice is fine. */
void queue_close(struct queue *q);

#endif
