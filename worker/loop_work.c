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
#include "common/naming.h"

struct work *work_new(struct job *job, struct transfer *fetched)
{
	uint32_t count = job_outputs(job);
	struct work *work = xmalloc(
		sizeof(*work) + count * (sizeof(work->outputs[0]) + sizeof(work->out_fds[0])));
	*work = (struct work) {
		.job = job,
		.fetched = fetched,
		.carried.fd = -1,
		.input.fd = -1,
		.out_fds = (int *)&work->outputs[count],
		.outputs_count = count,
	};
	for (uint32_t i = 0; i < count; i++)
		work->outputs[i].fd = -1;
	return work;
}

static void discard(const struct work *work, struct output *output)
{
	if (work->outgoing && output->fd >= 0) {
		(void)close(output->fd); /* memory: nothing to flush */
		output->fd = -1;
	}
	store_discard(output);
}

void work_taken(struct work *work, uint32_t output)
{
	assert(work->outgoing);
	discard(work, &work->outputs[output]);
}

void work_discard(struct work *work)
{
	for (uint32_t i = 0; i < work->outputs_count; i++)
		discard(work, &work->outputs[i]);
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

static int open_output(struct work *work, struct store *store, uint32_t number, struct error *err)
{
	struct output *output = &work->outputs[number];
	const struct store_request request = { work->job, number, &work->input };
	if (!work->outgoing)
		return store_create(store, &request, output, err);
	*output = (struct output) { .fd = memfd_create("sciame-output", MFD_CLOEXEC) };
	return output->fd < 0 ? error_errno(err, ERROR_IO, "make room for the output") : 0;
}

int work_open(struct work *work, struct store *store, struct error *err)
{
	if (open_input(work, store, err))
		return -1;
	for (uint32_t i = 0; i < work->outputs_count; i++) {
		if (open_output(work, store, i, err)) {
			work_discard(work);
			input_close(&work->input);
			return -1;
		}
		work->out_fds[i] = work->outputs[i].fd;
	}
	return 0;
}

/* Whether the lane has written what it says. */
static int check_outgoing(const struct output *output, uint64_t bytes, struct error *err)
{
	struct stat status;
	if (fstat(output->fd, &status))
		return error_errno(err, ERROR_IO, "read the output's status");
	if ((uint64_t)status.st_size != bytes)
		return error_set(err, ERROR_IO, "the output has %llu bytes instead of %llu",
			(unsigned long long)status.st_size, (unsigned long long)bytes);
	return 0;
}

static int commit(
	struct work *work, struct store *store, const struct result *result, struct error *err)
{
	if (result->outputs_count != work->outputs_count)
		return error_set(err, ERROR_PROTOCOL, "the lane speaks of %u outputs instead of %u",
			result->outputs_count, work->outputs_count);
	if (naming_check(work->job, result, err))
		return -1;
	for (uint32_t i = 0; i < work->outputs_count; i++) {
		const struct produced *produced = &result->outputs[i];
		struct output *output = &work->outputs[i];
		if (work->outgoing ? check_outgoing(output, produced->bytes, err)
				   : store_commit(store, output, produced, err))
			return -1;
	}
	return 0;
}

/* What failed has made nothing that counts. */
static void fail(struct result *result, const struct error *why)
{
	result_fail(result, why);
	result->outputs_count = 0;
	result->output_bytes = 0;
}

/* What an untrusted lane says of the sum is not asked for. */
static void add_up(struct result *result)
{
	result->output_bytes = 0;
	for (uint32_t i = 0; i < result->outputs_count; i++)
		result->output_bytes += result->outputs[i].bytes;
}

void work_finish(struct work *work, struct store *store, struct result *result)
{
	struct error failure;
	if (result->code == ERROR_NONE && commit(work, store, result, &failure))
		fail(result, &failure);
	/* a lane only reads its input: what says so is about the output */
	if (result->code == ERROR_IO && !work->outgoing &&
		store_blames_target(work->job->target, result->error_number, &failure))
		fail(result, &failure);
	/* those behind one that failed are nobody's any more */
	if (result->code != ERROR_NONE)
		work_discard(work);
	add_up(result);
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
