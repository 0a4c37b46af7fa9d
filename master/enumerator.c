/* SPDX-License-Identifier: MIT */
#include "master/enumerator.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/queue.h"

enum { FAILURES_AHEAD_MAX = 64 }; /* failures listed and not yet taken */

struct enumerator {
	struct enumerator_options options;
	struct queue jobs;     /* of struct job */
	struct queue failures; /* of struct error */
	pthread_t thread;
	bool running;
	int event;
	atomic_bool hungry; /* the loop got nothing and wants to be woken */
	atomic_bool ended;
	atomic_uint_fast64_t found;
};

static void wake(struct enumerator *e)
{
	if (atomic_exchange(&e->hungry, false))
		(void)eventfd_write(e->event, 1); /* fails only when it is readable anyway */
}

/* Waits until the loop has room for it; false when it was stopped. */
static bool put(struct enumerator *e, struct queue *queue, void *item)
{
	atomic_fetch_add(&e->found, 1);
	if (queue_put(queue, item, -1) == QUEUE_OK) {
		wake(e);
		return true;
	}
	atomic_fetch_sub(&e->found, 1);
	free(item);
	return false;
}

static bool put_failure(struct enumerator *e, const struct error *why)
{
	struct error *copy = xmalloc(sizeof(*copy));
	*copy = *why;
	return put(e, &e->failures, copy);
}

static void *list(void *argument)
{
	struct enumerator *e = argument;
	uint64_t id = 0;
	bool going = true;
	while (going) {
		struct error why;
		struct job job = {
			.kind = e->options.kind_number,
			.deadline_ms = e->options.deadline_ms,
			.source = "",
			.target = "",
		};
		int status = e->options.kind->next(e->options.state, &job, &why);
		if (status == 0)
			break;
		job.id = status > 0 ? ++id : 0;
		going = status > 0 ? put(e, &e->jobs, job_copy(&job)) : put_failure(e, &why);
	}
	atomic_store(&e->ended, true);
	wake(e);
	return NULL;
}

struct enumerator *enumerator_open(const struct enumerator_options *options, struct error *err)
{
	struct enumerator *e = xcalloc(1, sizeof(*e));
	e->options = *options;
	e->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	queue_init(&e->jobs, ENUMERATOR_AHEAD_MAX);
	queue_init(&e->failures, FAILURES_AHEAD_MAX);
	if (e->event < 0 || pthread_create(&e->thread, NULL, list, e)) {
		(void)error_set(err, ERROR_START, "start the thread that lists the source");
		enumerator_close(e);
		return NULL;
	}
	e->running = true;
	return e;
}

bool enumerator_all_settled(struct enumerator *e)
{
	return queue_join(&e->jobs, 0);
}

void enumerator_stop(struct enumerator *e)
{
	queue_close(&e->jobs);
	queue_close(&e->failures);
}

static void empty(struct queue *queue)
{
	void *item;
	while (queue_get_nowait(queue, &item) == QUEUE_OK)
		free(item);
}

void enumerator_close(struct enumerator *e)
{
	if (!e)
		return;
	enumerator_stop(e);
	if (e->running)
		(void)pthread_join(e->thread, NULL); /* it is ours and was not joined */
	empty(&e->jobs);
	empty(&e->failures);
	queue_release(&e->jobs);
	queue_release(&e->failures);
	if (e->event >= 0)
		(void)close(e->event); /* nothing to flush */
	free(e);
}

int enumerator_fd(const struct enumerator *e)
{
	return e->event;
}

size_t enumerator_take(struct enumerator *e, struct job **jobs, size_t count, bool *ended)
{
	eventfd_t ignored;
	*ended = false;
	size_t got = queue_get_many(&e->jobs, (void **)jobs, count);
	if (got > 0)
		return got;
	(void)eventfd_read(e->event, &ignored); /* fails when there is nothing to read: fine */
	atomic_store(&e->hungry, true);
	/* what came in between would wake nobody: look again, after `ended`, which comes last */
	bool last = atomic_load(&e->ended);
	got = queue_get_many(&e->jobs, (void **)jobs, count);
	*ended = last && got == 0;
	return got;
}

bool enumerator_take_failure(struct enumerator *e, struct error *why)
{
	void *item;
	if (queue_get_nowait(&e->failures, &item) != QUEUE_OK)
		return false;
	*why = *(struct error *)item;
	free(item);
	return true;
}

uint64_t enumerator_found(const struct enumerator *e)
{
	return atomic_load(&e->found);
}

bool enumerator_has_ended(const struct enumerator *e)
{
	return atomic_load(&e->ended);
}

int enumerator_settled(struct enumerator *e, struct error *err)
{
	return queue_task_done(&e->jobs, err);
}
