/* SPDX-License-Identifier: MIT */
/* Jobs in the worker: how they come to the lanes, are opened, and end. */
#include "worker/loop_lanes.h"

#include <errno.h>
#include <unistd.h>

#include "worker/loop_lanes_state.h"

void lanes_add(struct lanes *l, const struct job *job)
{
	work_queue_append(&l->queue, work_new(job_copy(job), NULL));
}

void lanes_add_fetched(struct lanes *l, struct job *job, struct transfer *transfer)
{
	job->digest = false; /* of files only: what was fetched is new each time */
	work_queue_append(&l->queue, work_new(job, transfer));
}

void lanes_add_carried(struct lanes *l, struct job *job, const struct carried *carried)
{
	struct work *work = work_new(job, NULL);
	work->carried = *carried;
	l->carried_bytes += carried->bytes;
	work_queue_append(&l->queue, work);
}

uint64_t lanes_carried_bytes(const struct lanes *l)
{
	return l->carried_bytes;
}

struct work *lanes_take_outgoing(struct lanes *l, struct result *result)
{
	if (!l->outgoing.first)
		return NULL;
	struct work *work = work_queue_take(&l->outgoing);
	*result = work->result;
	return work;
}

bool lanes_have_outgoing(const struct lanes *l)
{
	return l->outgoing.count > 0;
}

/* Its input is not needed any more. */
static void end_input(struct lanes *l, struct work *work)
{
	if (work->carried.fd < 0)
		return;
	(void)close(work->carried.fd); /* only read */
	work->carried.fd = -1;
	l->carried_bytes -= work->carried.bytes;
}

void lanes_forget(struct lanes *l, struct work *work)
{
	end_input(l, work);
	work_free(work);
}

bool lanes_idle(const struct lanes *l)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->lane[i].count > 0)
			return false;
	}
	return true;
}

int lanes_finish(struct lanes *l, struct work *work, struct result *result, struct error *err)
{
	work_finish(work, l->store, result);
	if (result->code == ERROR_NONE && work->outgoing) {
		end_input(l, work);
		work->result = *result;
		work_queue_append(&l->outgoing, work);
		return 0;
	}
	int status = session_report(l->session, result, err);
	lanes_forget(l, work);
	return status;
}

int lanes_fail(struct lanes *l, struct work *work, const struct error *why, uint32_t duration_us,
	struct error *err)
{
	struct result result = { .duration_us = duration_us };
	result_fail(&result, why);
	return lanes_finish(l, work, &result, err);
}

int lanes_refuse(struct lanes *l, struct work *work, struct error *err)
{
	int status = session_refuse(l->session, work->job->id, work->job->attempt, err);
	lanes_forget(l, work);
	return status;
}

/* Whether a job can't have its files now, but could when others have ended. */
static bool must_wait(const struct lanes *l, const struct error *why, size_t gathered)
{
	return (why->number == EMFILE || why->number == ENFILE) && (gathered > 0 || !lanes_idle(l));
}

enum opened { OPENED, OPENED_NOT, OPENED_LATER };

/* Opens what the job needs. OPENED_NOT: the job has failed; OPENED_LATER: no descriptor is free. */
static int open_work(struct lanes *l, struct work *work, size_t gathered, struct error *err)
{
	struct error why = { 0 };
	work->outgoing = carriers_find(l->carriers, work->job->target) != NULL;
	int status = work_open(work, l->store, &why);
	if (status && why.number == EMFILE && store_spare(l->store))
		status = work_open(work, l->store, &why);
	if (status == 0)
		return OPENED;
	if (must_wait(l, &why, gathered))
		return OPENED_LATER;
	return lanes_fail(l, work, &why, 0, err) ? -1 : OPENED_NOT;
}

int lanes_gather(
	struct lanes *l, size_t want, struct lane_job *jobs, size_t *count, struct error *err)
{
	*count = 0;
	while (l->queue.first && *count < want) {
		const struct job *job = l->queue.first->job;
		/* one under suspicion, or of another kind, is not of the company */
		if (*count > 0 && (job->alone || job->kind != jobs[0].job->kind))
			break;
		struct work *work = work_queue_take(&l->queue);
		int status = open_work(l, work, *count, err);
		if (status < 0)
			return -1;
		if (status == OPENED_LATER) {
			work_queue_prepend(&l->queue, work);
			break;
		}
		if (status == OPENED_NOT)
			continue;
		jobs[(*count)++] =
			(struct lane_job) { work->job, work->input.fd, work->out_fds, work };
		if (work->job->alone)
			break;
	}
	return 0;
}

int lanes_fail_unknown(struct lanes *l, struct error *err)
{
	struct error why;
	while (l->queue.first && !lane_knows(&l->settings->own, l->queue.first->job->kind)) {
		(void)error_set(&why, ERROR_PROTOCOL,
			"the worker does not have this kind of jobs: --kind FILE gives it one");
		if (lanes_fail(l, work_queue_take(&l->queue), &why, 0, err))
			return -1;
	}
	return 0;
}

int lanes_refuse_queued(struct lanes *l, struct error *err)
{
	while (l->queue.first) {
		if (lanes_refuse(l, work_queue_take(&l->queue), err))
			return -1;
	}
	return 0;
}
