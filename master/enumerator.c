/* SPDX-License-Identifier: MIT */
#include "master/enumerator.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/queue.h"

enum { NOTES_AHEAD_MAX = 64 }; /* notes made and not yet taken */

struct enumerator {
	struct enumerator_options options;
	struct queue jobs;  /* of struct job */
	struct queue notes; /* of struct enumerator_note */
	pthread_t thread;
	bool running;
	int event;
	atomic_bool hungry; /* the loop got nothing and wants to be woken */
	atomic_bool ended;
	atomic_bool stopped;
	atomic_uint_fast64_t found;
	pthread_mutex_t past_lock;
	struct listed_past past; /* since it was taken the last time */
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

static struct enumerator_note *note_new(const char *name, bool failed)
{
	size_t size = strlen(name) + 1;
	struct enumerator_note *note = xcalloc(1, sizeof(*note) + size);
	note->failed = failed;
	memcpy(note->name, name, size);
	return note;
}

static bool put_failure(struct enumerator *e, const char *name, const struct error *why, bool past)
{
	struct enumerator_note *note = note_new(name, true);
	note->past = past;
	note->text = *why;
	return put(e, &e->notes, note);
}

/* A note that is no failure counts for nothing. */
static bool put_reason(struct enumerator *e, const struct listed *listed)
{
	struct enumerator_note *note = note_new(listed->job.source, false);
	(void)error_set(&note->text, ERROR_NONE, "%s", listed->why);
	if (queue_put(&e->notes, note, -1) == QUEUE_OK)
		return true;
	free(note);
	return false;
}

static bool put_job(struct enumerator *e, const struct listed *listed, uint64_t *id)
{
	if (listed->why && !put_reason(e, listed))
		return false;
	struct job *job = job_copy(&listed->job);
	job->id = ++*id;
	job->kind = e->options.kind_number;
	job->deadline_ms = e->options.deadline_ms;
	return put(e, &e->jobs, job);
}

static bool add_unchanged(struct enumerator *e)
{
	(void)pthread_mutex_lock(&e->past_lock); /* a plain mutex fails only when misused */
	e->past.unchanged++;
	(void)pthread_mutex_unlock(&e->past_lock);
	atomic_fetch_add(&e->found, 1);
	return !atomic_load(&e->stopped);
}

static bool add_past(struct enumerator *e, const struct listed *listed)
{
	(void)pthread_mutex_lock(&e->past_lock); /* a plain mutex fails only when misused */
	e->past.counts[listed->counter]++;
	e->past.input_bytes += listed->input_bytes;
	e->past.output_bytes += listed->output_bytes;
	(void)pthread_mutex_unlock(&e->past_lock);
	atomic_fetch_add(&e->found, 1);
	return !atomic_load(&e->stopped);
}

static bool put_listed(struct enumerator *e, const struct listed *listed, uint64_t *id)
{
	switch (listed->type) {
	case LISTED_JOB:
		return put_job(e, listed, id);
	case LISTED_DONE:
		return add_past(e, listed);
	case LISTED_FAILED:
		return put_failure(e, listed->job.source, &listed->reason, true);
	case LISTED_UNCHANGED:
		return add_unchanged(e);
	}
	abort(); /* there are no others */
}

static void *list(void *argument)
{
	struct enumerator *e = argument;
	uint64_t id = 0;
	bool going = true;
	while (going) {
		struct error why;
		struct listed listed;
		int status = listing_next(e->options.listing, &listed, &why);
		if (status == 0)
			break;
		going = status > 0 ? put_listed(e, &listed, &id) : put_failure(e, "", &why, false);
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
	queue_init(&e->notes, NOTES_AHEAD_MAX);
	(void)pthread_mutex_init(&e->past_lock, NULL); /* fails for no plain mutex */
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
	queue_close(&e->notes);
	atomic_store(&e->stopped, true);
	const struct listing *listing = e->options.listing;
	if (listing->kind->stop)
		listing->kind->stop(listing->state);
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
	empty(&e->notes);
	queue_release(&e->jobs);
	queue_release(&e->notes);
	(void)pthread_mutex_destroy(&e->past_lock); /* nobody holds it */
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

struct enumerator_note *enumerator_take_note(struct enumerator *e)
{
	void *note;
	return queue_get_nowait(&e->notes, &note) == QUEUE_OK ? note : NULL;
}

void enumerator_take_past(struct enumerator *e, struct listed_past *past)
{
	(void)pthread_mutex_lock(&e->past_lock); /* a plain mutex fails only when misused */
	*past = e->past;
	e->past = (struct listed_past) { 0 };
	(void)pthread_mutex_unlock(&e->past_lock);
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
