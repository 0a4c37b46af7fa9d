/* SPDX-License-Identifier: MIT */
/* The jobs that are not settled yet, and what those under suspicion have done so far. */
#ifndef SCIAME_MASTER_LOOP_JOBS_H
#define SCIAME_MASTER_LOOP_JOBS_H

#include <stdint.h>

#include "common/job.h"
#include "common/table.h"
#include "master/client.h"
#include "master/roster.h"
#include "master/scheduler.h"

enum { LOOP_HISTORY_MAX = 1024 }; /* bytes of one job's history */

/* Zeroed: empty. */
struct loop_jobs {
	struct table jobs;      /* number -> struct job * */
	struct table histories; /* number -> text, of jobs that somebody died of */
};

/* Takes the job. */
void loop_jobs_add(struct loop_jobs *jobs, struct job *job);
/* The job with this number, which must be there. */
struct job *loop_jobs_find(const struct loop_jobs *jobs, uint64_t number);
void loop_jobs_release(struct loop_jobs *jobs);

/* What is known of a death: result NULL when the whole worker has gone; member may be NULL. */
struct loop_death {
	const struct result *result;
	const struct member *member;
	uint32_t blames; /* deaths so far, with this one */
	uint32_t attempt;
};

/* Adds the death to the job's history, says it, and tells the client. */
void loop_jobs_blame(struct loop_jobs *jobs, const struct client *client, uint64_t number,
	const struct loop_death *death);

/*
 * The end of a job: out of the table, to the client. result: of the event in work if it is this
 * job's, else NULL; member: who sent it, or NULL.
 */
struct loop_end {
	uint64_t job;
	uint32_t attempt;
	enum error_code code;
	const struct result *result;
	const struct member *member;
};

int loop_jobs_settle(struct loop_jobs *jobs, const struct client *client,
	const struct loop_end *end, struct error *err);

#endif
