/* SPDX-License-Identifier: MIT */
/*
 * The thread that lists the source: listing_next -> bounded queue -> the loop. It begins at once,
 * blocks when the queue is full, and ends when there is no more or when it is stopped.
 */
#ifndef SCIAME_MASTER_ENUMERATOR_H
#define SCIAME_MASTER_ENUMERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"
#include "master/listing.h"

enum { ENUMERATOR_AHEAD_MAX = 4096 }; /* jobs listed and not yet taken */

struct enumerator;

struct enumerator_options {
	struct listing *listing; /* belongs to the thread until the enumerator is closed */
	uint32_t kind_number;    /* of its jobs */
	uint32_t deadline_ms;    /* for each job */
};

struct enumerator *enumerator_open(const struct enumerator_options *options, struct error *err);
/* Stops the thread if it still runs and waits for it. */
void enumerator_close(struct enumerator *e);

/* Becomes readable when something can be taken after enumerator_take gave nothing. */
int enumerator_fd(const struct enumerator *e);

/*
 * Takes up to count jobs without waiting; the caller frees each with free(). *ended is set when
 * no more will come.
 */
size_t enumerator_take(struct enumerator *e, struct job **jobs, size_t count, bool *ended);

/* Something to say about what was listed. The caller frees it with free(). */
struct enumerator_note {
	bool failed; /* it could not be listed, or failed before; else: why it is done again */
	bool past;   /* it failed before */
	struct error text;
	char name[]; /* of a job, "ROOT:path"; may be "" */
};

/* The next of them, or NULL. */
struct enumerator_note *enumerator_take_note(struct enumerator *e);

/* What was found to be done already since the last call. */
void enumerator_take_past(struct enumerator *e, struct listed_past *past);

/* Jobs, failures and what was done already, found so far. */
uint64_t enumerator_found(const struct enumerator *e);

/* No more will be found: the number above is final. */
bool enumerator_has_ended(const struct enumerator *e);

/* To be said for each job that is settled; the error is queue_task_done's. */
int enumerator_settled(struct enumerator *e, struct error *err);

/* Whether that was said for every job that was found. */
bool enumerator_all_settled(struct enumerator *e);

/* Lists no more. What was listed can still be taken. */
void enumerator_stop(struct enumerator *e);

#endif
