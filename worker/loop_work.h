/* SPDX-License-Identifier: MIT */
/*
 * A job in the worker, from its arrival to its result, with the files that it has open; and the
 * queue of those that no lane has yet.
 */
#ifndef SCIAME_WORKER_LOOP_WORK_H
#define SCIAME_WORKER_LOOP_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"
#include "common/store.h"
#include "worker/transfer.h"

/* An input that was brought here. */
struct carried {
	int fd; /* a memfd, or -1: it was not brought */
	uint64_t bytes;
	int64_t mtime_ns; /* of what it was brought from, 0 if nobody says */
};

struct work {
	struct work *next;
	struct job *job;
	struct transfer *fetched; /* holds the input, or NULL: it is a file, or was carried */
	struct carried carried;
	bool outgoing; /* the output is to be taken away: it is a memfd, and nothing of the store */
	struct input input;
	struct output output;
	struct result result; /* of one whose output is to be taken away */
};

/* Takes both. fetched: NULL when the input is a file, or was carried. */
struct work *work_new(struct job *job, struct transfer *fetched);
/* Closes an output, and removes it unless it was committed. */
void work_discard(struct work *work);
/* Removes an output that was not committed. */
void work_free(struct work *work);

/* Opens input and output; on failure neither is open. */
int work_open(struct work *work, struct store *store, struct error *err);

/*
 * The end of a job: its output becomes visible or vanishes, or waits to be taken away. *result says
 * what the lane said of it, and then what is known here: job, attempt, source, and whether the
 * target is to blame.
 */
void work_finish(struct work *work, struct store *store, struct result *result);

struct work_queue {
	struct work *first, **last;
	size_t count;
};

void work_queue_init(struct work_queue *queue);
void work_queue_append(struct work_queue *queue, struct work *work);
void work_queue_prepend(struct work_queue *queue, struct work *work);
/* Of a queue that is not empty. */
struct work *work_queue_take(struct work_queue *queue);

#endif
