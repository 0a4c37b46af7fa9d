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
	bool outgoing; /* outputs are to be taken away: they are memfds, and nothing of the store */
	struct input input;
	struct result result; /* of one whose outputs are to be taken away */
	int *out_fds;         /* of its outputs, in their order */
	uint32_t outputs_count;
	struct output outputs[];
};

/* Takes both. fetched: NULL when the input is a file, or was carried. */
struct work *work_new(struct job *job, struct transfer *fetched);
/* One of its outputs has been taken away: its memory is not needed any more. */
void work_taken(struct work *work, uint32_t output);
/* Closes its outputs, and removes those that were not committed. */
void work_discard(struct work *work);
/* Removes outputs that were not committed. */
void work_free(struct work *work);

/* Opens input and outputs; on failure none is open. */
int work_open(struct work *work, struct store *store, struct error *err);

/*
 * The end of a job: its outputs become visible in their order or vanish, or wait to be taken away.
 * Where one can't, those behind it vanish and the job has failed; those before it stay. *result
 * says what the lane said of it, and then what is known here: job, attempt, source, and whether
 * the target is to blame.
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
