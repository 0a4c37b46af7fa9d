/* SPDX-License-Identifier: MIT */
/* The same for runs with workers and for --serial. */
#include "master/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/quote.h"
#include "master/progress.h"

const char *run_job_name(const struct job *job, char *buffer, size_t size)
{
	const char *colon = strchr(job->source, ':');
	if (colon && strncmp(colon, "://", 3) == 0)
		return job->source;
	if (colon)
		return colon + 1;
	(void)snprintf(buffer, size, "job %" PRIu64, job->id);
	return buffer;
}

static void report(const struct run *run, const char *verb, const char *name)
{
	struct quote quote;
	progress_clear();
	bool taken = run->settings->json || run->kind_run.stdout_taken;
	/* then stdout holds nothing else; a failing stdout is noticed at the end */
	(void)fprintf(taken ? stderr : stdout, "%s %s\n", verb, quote_name(&quote, name));
}

void run_settle(struct run *run, const struct job *job, const struct result *result)
{
	char buffer[64];
	struct error err;
	struct summary *summary = &run->summary;
	const char *name = run_job_name(job, buffer, sizeof(buffer));
	if (result->code == ERROR_CANCELED)
		return;
	if (run->settings->verbose || progress_is_on())
		(void)snprintf(run->last_name, sizeof(run->last_name), "%s", name);
	int counter = result->code == ERROR_NONE
			      ? run->kind->fold(run->kind_run.state, job, result, &err)
			      : -1;
	if (counter < 0) {
		struct result failed = *result;
		if (result->code == ERROR_NONE)
			result_fail(&failed, &err);
		summary->failed++;
		failures_add(run->failures, name, failed.detail);
		if (run->kind->fail)
			run->kind->fail(run->kind_run.state, job, &failed);
		return;
	}
	summary->counts[counter]++;
	summary->input_bytes += result->input_bytes;
	summary->output_bytes += result->output_bytes;
	if (run->settings->verbose)
		report(run, summary->counters[counter], name);
}

void run_add_failure(struct run *run, const struct error *why)
{
	run->summary.failed++;
	failures_add(run->failures, "", why->message);
}

void run_show_progress(const struct run *run, uint64_t todo, bool todo_is_final, int64_t now_ms)
{
	const struct summary *summary = &run->summary;
	uint64_t done = summary->failed;
	if (!progress_is_on())
		return;
	for (size_t i = 0; i < SUMMARY_COUNTERS_MAX && summary->counters[i]; i++)
		done += summary->counts[i];
	const struct progress_state state = {
		.unit = run->kind->unit,
		.name = run->last_name,
		.done = done,
		.total = todo,
		.bytes = summary->input_bytes,
		.total_is_final = todo_is_final,
		.elapsed_ms = now_ms - run->start_ms,
	};
	progress_update(&state, now_ms);
}
