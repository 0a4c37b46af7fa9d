/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of items of one size, first in, first out, that can be joined: whoever takes an
 * item says when its work is done, and join waits for all of it. Between threads, or, with
 * `shared`, between processes. Items are copied in and out. The rules are those of Python's
 * queue.JoinableQueue (docs.python.org/3/library/multiprocessing.html).
 *
 *     producer: sciame_queue_put(queue, &item, SCIAME_FOREVER, NULL)
 *     consumer: sciame_queue_get(queue, &item, SCIAME_FOREVER, NULL); work;
 *               sciame_queue_task_done(queue, NULL)
 *     owner:    sciame_queue_join(queue, SCIAME_FOREVER, NULL)
 *
 * All calls but close are for any thread. A process that is killed inside one of them blocks
 * nobody: its call has then either happened or not. What it had taken and not yet reported stays
 * unfinished, so join waits for it: whoever sees the process end calls task_done in its place, and
 * knows from its own records which item that was.
 */
#ifndef SCIAME_QUEUE_H
#define SCIAME_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sciame/error.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct sciame_queue;

struct sciame_queue_options {
	size_t maximum;   /* items at once, at least 1; memory for them is taken at once */
	size_t item_size; /* bytes, at least 1 */
	bool shared;      /* also for other processes; items together at most 256 MiB then */
};

/* SCIAME_MISUSED, SCIAME_LIMIT or SCIAME_SYSTEM. The caller closes *queue. */
enum sciame_status sciame_queue_open(struct sciame_queue **queue,
	const struct sciame_queue_options *options, struct sciame_error *err);

/*
 * A shared queue of another process, by its descriptor, which was inherited over exec or received;
 * the caller keeps fd. After fork the child uses what it has inherited, without this. What is found
 * is checked: SCIAME_PROTOCOL when it is no such queue.
 */
enum sciame_status sciame_queue_attach(
	struct sciame_queue **queue, int fd, struct sciame_error *err);

/* The descriptor for attach, close-on-exec, borrowed; -1: the queue is not shared. */
int sciame_queue_fd(const struct sciame_queue *queue);

/* Nobody of this process may use it any more. Of NULL it does nothing. Others keep a shared one. */
void sciame_queue_close(struct sciame_queue *queue);

/* Waits for a place: SCIAME_FULL when there was none in time. */
enum sciame_status sciame_queue_put(
	struct sciame_queue *queue, const void *item, int64_t timeout_ms, struct sciame_error *err);
enum sciame_status sciame_queue_put_nowait(
	struct sciame_queue *queue, const void *item, struct sciame_error *err);

/* Waits for an item: SCIAME_EMPTY when there was none in time. */
enum sciame_status sciame_queue_get(
	struct sciame_queue *queue, void *item, int64_t timeout_ms, struct sciame_error *err);
enum sciame_status sciame_queue_get_nowait(
	struct sciame_queue *queue, void *item, struct sciame_error *err);

/*
 * As it was at some moment during the call. Others may have changed it when the caller looks at the
 * answer, so it is good for showing, not for deciding: that empty() was false does not promise that
 * a get would find something, that full() was false does not promise a put a place.
 */
size_t sciame_queue_qsize(struct sciame_queue *queue);
bool sciame_queue_empty(struct sciame_queue *queue);
bool sciame_queue_full(struct sciame_queue *queue);

/*
 * One item that a get returned has been worked on. More often than items were put: SCIAME_MISUSED
 * with "task_done() called too many times".
 */
enum sciame_status sciame_queue_task_done(struct sciame_queue *queue, struct sciame_error *err);

/* Waits until every item that was put is done; SCIAME_TIMED_OUT if they were not in time. */
enum sciame_status sciame_queue_join(
	struct sciame_queue *queue, int64_t timeout_ms, struct sciame_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
