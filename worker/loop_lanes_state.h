/* SPDX-License-Identifier: MIT */
/*
 * What the files of the lanes share. Nobody else includes this.
 *
 *   loop_lanes.c        lanes: they are started, given jobs, listened to, ended
 *   loop_lanes_jobs.c   jobs: they come, are opened, and end
 */
#ifndef SCIAME_WORKER_LOOP_LANES_STATE_H
#define SCIAME_WORKER_LOOP_LANES_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/carrier.h"
#include "worker/lane.h"
#include "worker/loop_lanes.h"
#include "worker/loop_work.h"
#include "common/store.h"

struct lanes {
	const struct settings *settings;
	struct session *session;
	struct store *store;
	struct wire_decoder *decoder;
	struct packet packet; /* scratch */
	const struct carriers *carriers;
	struct work_queue queue;
	struct work_queue outgoing; /* done, but for their outputs to be taken away */
	uint64_t carried_bytes;
	size_t held_max;         /* jobs in one lane's hands, of one output each */
	uint32_t mean_us;        /* of a job; 0: none has ended yet */
	uint32_t start_failures; /* in a row */
	bool stopped;            /* what lanes hold is finished, nothing else begins */
	size_t next;             /* lane that is served first in the next step */
	size_t count;
	struct lane lane[];
};

/* Whether no lane holds a job. */
bool lanes_idle(const struct lanes *lanes);

/* The ends of a job; each frees it, but for one whose outputs are to be taken away. */
void lanes_forget(struct lanes *lanes, struct work *work);
int lanes_finish(struct lanes *lanes, struct work *work, struct result *result, struct error *err);
int lanes_fail(struct lanes *lanes, struct work *work, const struct error *why,
	uint32_t duration_us, struct error *err);
int lanes_refuse(struct lanes *lanes, struct work *work, struct error *err);

int lanes_refuse_queued(struct lanes *lanes, struct error *err);
/* Fails the jobs at the front of the queue that no lane could do. */
int lanes_fail_unknown(struct lanes *lanes, struct error *err);
/* Opens up to `want` jobs from the queue: those that may travel to one lane together. */
int lanes_gather(
	struct lanes *lanes, size_t want, struct lane_job *jobs, size_t *count, struct error *err);

#endif
