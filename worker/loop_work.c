/* SPDX-License-Identifier: MIT */
#include "worker/loop_work.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>

#include "common/memory.h"

struct work *work_new(struct job *job, struct transfer *fetched)
{
	struct work *work = xmalloc(sizeof(*work));
	*work = (struct work) { .job = job, .fetched = fetched, .input.fd = -1, .output.fd = -1 };
	return work;
}

void work_free(struct work *work)
{
	input_close(&work->input);
	store_discard(&work->output);
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

int work_open(struct work *work, struct store *store, struct error *err)
{
	int status = work->fetched ? open_fetched(work, err)
				   : store_open(store, work->job->source, &work->input, err);
	if (status)
		return -1;
	if (store_create(store, work->job, &work->input, &work->output, err)) {
		input_close(&work->input);
		return -1;
	}
	return 0;
}

void work_finish(struct work *work, struct store *store, struct result *result)
{
	struct error failure;
	if (result->code == ERROR_NONE &&
		store_commit(store, &work->output, result->output_bytes, &failure))
		result_fail(result, &failure);
	/* a lane only reads its input: what says so is about the output */
	if (result->code == ERROR_IO &&
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
