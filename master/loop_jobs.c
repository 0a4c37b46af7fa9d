/* SPDX-License-Identifier: MIT */
#include "master/loop_jobs.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "common/quote.h"

void loop_jobs_add(struct loop_jobs *jobs, struct job *job)
{
	table_insert(&jobs->jobs, job->id, job);
}

struct job *loop_jobs_find(const struct loop_jobs *jobs, uint64_t number)
{
	struct job *job = table_find(&jobs->jobs, number);
	assert(job); /* the scheduler speaks of jobs that are open, and no others */
	return job;
}

static void release(struct table *table)
{
	size_t cursor = 0;
	for (void *value = table_next(table, &cursor); value; value = table_next(table, &cursor))
		free(value);
	table_release(table);
}

void loop_jobs_release(struct loop_jobs *jobs)
{
	release(&jobs->jobs);
	release(&jobs->histories);
}

/* "host: lane ended by SIGSEGV after 0.21 s" */
static char *describe(const struct loop_death *death)
{
	const char *host = death->member ? death->member->name : "a worker";
	if (!death->result)
		return xasprintf("%s: the worker (process %" PRIu32 ") was lost", host,
			death->member ? death->member->pid : 0);
	return xasprintf("%s: %s after %.2f s", host, death->result->detail,
		death->result->duration_us / 1e6);
}

static const char *add_history(struct loop_jobs *jobs, uint64_t number, const char *what)
{
	char *before = table_remove(&jobs->histories, number);
	char *text = before ? xasprintf("%.*s; %s", LOOP_HISTORY_MAX - 256, before, what)
			    : xstrdup(what);
	free(before);
	table_insert(&jobs->histories, number, text);
	return text;
}

void loop_jobs_blame(struct loop_jobs *jobs, const struct client *client, uint64_t number,
	const struct loop_death *death)
{
	char buffer[64];
	struct quote quote;
	const struct job *job = loop_jobs_find(jobs, number);
	char *what = describe(death);
	const char *history = add_history(jobs, number, what);
	const char *name = job_name(job, buffer, sizeof(buffer));
	if (death->blames < SCHEDULER_BLAMES_MAX)
		log_line("%s: %s; it is tried again, alone", quote_name(&quote, name), what);
	const struct blame blame = {
		.job = job,
		.history = history,
		.worker = death->member ? death->member->name : "",
		.blames = death->blames,
		.attempts = death->attempt,
	};
	client->blame(client->state, &blame);
	free(what);
}

/* earlier: deaths before the master was started anew; what they were stands in the ledger. */
static void set_reason(struct result *result, const char *history, uint32_t earlier)
{
	struct error why;
	if (history && earlier)
		(void)error_set(&why, ERROR_QUARANTINED,
			"quarantined: %" PRIu32 " before the run was cut off; %s", earlier,
			history);
	else if (history)
		(void)error_set(&why, ERROR_QUARANTINED, "quarantined: %s", history);
	else
		(void)error_set(&why, ERROR_QUARANTINED, "quarantined: %s", result->detail);
	result_fail(result, &why);
}

int loop_jobs_settle(struct loop_jobs *jobs, const struct client *client,
	const struct loop_end *end, struct error *err)
{
	struct job *job = table_remove(&jobs->jobs, end->job);
	char *history = table_remove(&jobs->histories, end->job);
	assert(job); /* exactly once */
	struct result result = { .job = end->job };
	if (end->result && end->result->job == end->job)
		result = *end->result;
	result.code = end->code;
	if (end->code == ERROR_QUARANTINED)
		set_reason(&result, history, job->blames);
	const struct settlement settlement = {
		.job = job,
		.result = &result,
		.worker = end->member ? end->member->name : "",
		.history = history,
		.attempts = end->attempt,
	};
	int status = client->settle(client->state, &settlement, err);
	free(history);
	free(job);
	return status;
}
