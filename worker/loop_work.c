/* SPDX-License-Identifier: MIT */
#include "worker/loop_work.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"

struct work *work_new(struct job *job, struct transfer *fetched)
{
	struct work *work = xmalloc(sizeof(*work));
	*work = (struct work) {
		.job = job,
		.fetched = fetched,
		.carried.fd = -1,
		.input.fd = -1,
		.output.fd = -1,
	};
	return work;
}

void work_discard(struct work *work)
{
	if (work->outgoing && work->output.fd >= 0) {
		(void)close(work->output.fd); /* memory: nothing to flush */
		work->output.fd = -1;
	}
	store_discard(&work->output);
}

void work_free(struct work *work)
{
	input_close(&work->input);
	work_discard(work);
	if (work->carried.fd >= 0)
		(void)close(work->carried.fd); /* only read */
	transfer_free(work->fetched);
	free(work->job);
	free(work);
}

/* What was fetched stays open until the job has ended: its lane may die and another get it. */
static int open_fetched(struct work *work, struct error *err)
{
	work->input =
		(struct input) { .fd = fcntl(work->fetched->response.body, F_DUPFD_CLOEXEC, 0) };
	return work->input.fd < 0 ? error_errno(err, ERROR_IO, "open what was fetched") : 0;
}

/* The same, with an offset of its own: a lane that died may have read half of it. */
static int open_carried(struct work *work, struct error *err)
{
	char path[32];
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", work->carried.fd); /* fits */
	work->input = (struct input) {
		.fd = open(path, O_RDONLY | O_CLOEXEC),
		.size = work->carried.bytes,
		.mtime_ns = work->carried.mtime_ns,
	};
	return work->input.fd < 0 ? error_errno(err, ERROR_IO, "open what was brought") : 0;
}

static int open_input(struct work *work, struct store *store, struct error *err)
{
	if (work->fetched)
		return open_fetched(work, err);
	if (work->carried.fd >= 0)
		return open_carried(work, err);
	return store_open(store, work->job->source, &work->input, err);
}

static int open_output(struct work *work, struct store *store, struct error *err)
{
	if (!work->outgoing)
		return store_create(store, work->job, &work->input, &work->output, err);
	work->output = (struct output) { .fd = memfd_create("sciame-output", MFD_CLOEXEC) };
	return work->output.fd < 0 ? error_errno(err, ERROR_IO, "make room for the output") : 0;
}

int work_open(struct work *work, struct store *store, struct error *err)
{
	if (open_input(work, store, err))
		return -1;
	if (open_output(work, store, err)) {
		input_close(&work->input);
		return -1;
	}
	return 0;
}

/* Whether the lane has written what it says. */
static int check_outgoing(const struct work *work, uint64_t bytes, struct error *err)
{
	struct stat status;
	if (fstat(work->output.fd, &status))
		return error_errno(err, ERROR_IO, "read the output's status");
	if ((uint64_t)status.st_size != bytes)
		return error_set(err, ERROR_IO, "the output has %llu bytes instead of %llu",
			(unsigned long long)status.st_size, (unsigned long long)bytes);
	return 0;
}

static int commit(struct work *work, struct store *store, uint64_t bytes, struct error *err)
{
	return work->outgoing ? check_outgoing(work, bytes, err)
			      : store_commit(store, &work->output, bytes, err);
}

void work_finish(struct work *work, struct store *store, struct result *result)
{
	struct error failure;
	if (result->code == ERROR_NONE && commit(work, store, result->output_bytes, &failure))
		result_fail(result, &failure);
	/* a lane only reads its input: what says so is about the output */
	if (result->code == ERROR_IO && !work->outgoing &&
		store_blames_target(work->job->target, result->error_number, &failure))
		result_fail(result, &failure);
	result->job = work->job->id;
	result->attempt = work->job->attempt;
	input_describe(&work->input, result);
}

void work_queue_init(struct work_queue *queue)
{
	*queue = (struct work_queue) { .last = &queue->first };
}

void work_queue_append(struct work_queue *queue, struct work *work)
{
	work->next = NULL;
	*queue->last = work;
	queue->last = &work->next;
	queue->count++;
}

void work_queue_prepend(struct work_queue *queue, struct work *work)
{
	work->next = queue->first;
	queue->first = work;
	if (!work->next)
		queue->last = &work->next;
	queue->count++;
}

struct work *work_queue_take(struct work_queue *queue)
{
	struct work *work = queue->first;
	assert(work);
	queue->first = work->next;
	if (!queue->first)
		queue->last = &queue->first;
	queue->count--;
	return work;
}
