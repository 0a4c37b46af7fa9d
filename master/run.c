/* SPDX-License-Identifier: MIT */
/* The same for runs with workers and for --serial. */
#include "master/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/quote.h"
#include "master/ledger_outputs.h"
#include "master/progress.h"

static void report(const struct run *run, const char *verb, const char *name)
{
	struct quote quote;
	progress_clear();
	bool taken = run->settings->json || run->kind_run.stdout_taken;
	/* then stdout holds nothing else; a failing stdout is noticed at the end */
	(void)fprintf(taken ? stderr : stdout, "%s %s\n", verb, quote_name(&quote, name));
}

static enum ledger_outcome outcome_of(const struct result *result)
{
	if (result->code == ERROR_NONE)
		return LEDGER_DONE;
	return result->code == ERROR_QUARANTINED ? LEDGER_QUARANTINED : LEDGER_FAILED;
}

/* counter: of a success. */
static void write_down(struct run *run, const struct settlement *settlement,
	const struct result *result, int counter)
{
	if (!run->ledger)
		return;
	const struct ledger_entry entry = {
		.source = settlement->job->source,
		.target = settlement->job->target,
		.outcome = outcome_of(result),
		.counter = counter < 0 ? 0 : (uint32_t)counter,
		.code = result->code,
		.reason = settlement->history && result->code == ERROR_QUARANTINED
				  ? settlement->history
				  : result->detail,
		.source_size = result->source_size,
		.source_mtime_ns = result->source_mtime_ns,
		.has_digest = result->has_digest,
		.input_bytes = result->input_bytes,
		.output_bytes = result->output_bytes,
		.attempts = settlement->attempts,
		.duration_us = result->duration_us,
		.worker = settlement->worker,
	};
	struct ledger_entry copy = entry;
	memcpy(copy.digest, result->digest, sizeof(copy.digest));
	/* what has no file is compared as it is listed: servers round times differently */
	if (settlement->job->source_size || settlement->job->source_mtime_ns) {
		copy.source_size = settlement->job->source_size;
		copy.source_mtime_ns = settlement->job->source_mtime_ns;
	}
	/* of a job whose worker died nobody could say which file it was */
	if (result->code == ERROR_QUARANTINED && copy.source_mtime_ns == 0)
		resume_identify(run->resume, copy.source, &copy.source_size, &copy.source_mtime_ns);
	uint8_t *outputs = ledger_outputs_pack(settlement->job, result, &copy.outputs_size);
	copy.outputs = outputs;
	ledger_settle(run->ledger, &copy);
	free(outputs);
}

void run_blame(struct run *run, const struct blame *blame)
{
	if (!run->ledger)
		return;
	const struct ledger_entry entry = {
		.source = blame->job->source,
		.target = blame->job->target,
		.outcome = LEDGER_BLAMED,
		.code = ERROR_LANE,
		.reason = blame->history,
		.attempts = blame->attempts,
		.blames = blame->blames,
		.worker = blame->worker,
	};
	ledger_settle(run->ledger, &entry);
}

void run_add_past(struct run *run, const struct listed_past *past)
{
	struct summary *summary = &run->summary;
	for (size_t i = 0; i < SUMMARY_COUNTERS_MAX; i++) {
		summary->counts[i] += past->counts[i];
		run->past += past->counts[i];
	}
	summary->unchanged += past->unchanged;
	summary->input_bytes += past->input_bytes;
	summary->output_bytes += past->output_bytes;
}

/* What is not as its source was, although nothing failed. */
static void say_remark(const struct run *run, const char *name, const struct result *result)
{
	char text[KIND_REMARK_MAX] = "";
	struct quote quote;
	if (run->kind->remark && !run->settings->quiet)
		run->kind->remark(result, text);
	if (text[0])
		log_line("%s: %s", quote_name(&quote, name), text);
}

void run_settle(struct run *run, const struct settlement *settlement)
{
	char buffer[64];
	struct error err;
	const struct job *job = settlement->job;
	const struct result *result = settlement->result;
	struct summary *summary = &run->summary;
	const char *name = job_name(job, buffer, sizeof(buffer));
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
		write_down(run, settlement, &failed, counter);
		summary->failed++;
		failures_add(run->failures, name, failed.detail);
		if (run->kind->fail)
			run->kind->fail(run->kind_run.state, job, &failed);
		return;
	}
	write_down(run, settlement, result, counter);
	summary->counts[counter]++;
	summary->input_bytes += result->input_bytes;
	summary->output_bytes += result->output_bytes;
	say_remark(run, name, result);
	if (run->settings->verbose)
		report(run, summary->counters[counter], name);
}

/* "ROOT:path" as people know it. */
static const char *without_root(const char *location)
{
	const char *colon = strchr(location, ':');
	return colon && strncmp(colon, "://", 3) != 0 ? colon + 1 : location;
}

void run_add_failure(struct run *run, const char *name, const struct error *why)
{
	run->summary.failed++;
	run->listed_badly = run->listed_badly || !name[0];
	failures_add(run->failures, without_root(name), why->message);
}

void run_add_past_failure(struct run *run, const char *name, const struct error *why)
{
	run->past++;
	run->past_failed++;
	run_add_failure(run, name, why);
}

/* What failed before the run was halted must not halt it again at once: it would never get on. */
bool run_halts(const struct run *run)
{
	const struct summary *summary = &run->summary;
	uint64_t settled = summary->failed;
	for (size_t i = 0; i < SUMMARY_COUNTERS_MAX; i++)
		settled += summary->counts[i];
	return halt_reached(
		&run->settings->halt, summary->failed - run->past_failed, settled - run->past);
}

void run_explain(struct run *run, const char *name, const char *why)
{
	struct quote quote;
	progress_clear();
	bool taken = run->settings->json || run->kind_run.stdout_taken;
	/* a failing stdout is noticed at the end */
	(void)fprintf(taken ? stderr : stdout, "again %s: %s\n",
		quote_name(&quote, without_root(name)), why);
}

bool run_list(struct run *run, const struct listed *listed)
{
	struct listed_past past = { .input_bytes = listed->input_bytes,
		.output_bytes = listed->output_bytes };
	switch (listed->type) {
	case LISTED_JOB:
		if (listed->why)
			run_explain(run, listed->job.source, listed->why);
		return true;
	case LISTED_DONE:
		past.counts[listed->counter] = 1;
		run_add_past(run, &past);
		return false;
	case LISTED_FAILED:
		run_add_past_failure(run, listed->job.source, &listed->reason);
		return false;
	case LISTED_UNCHANGED:
		run->summary.unchanged++;
		return false;
	}
	return true;
}

void run_show_progress(const struct run *run, uint64_t todo, bool todo_is_final, int64_t now_ms)
{
	const struct summary *summary = &run->summary;
	uint64_t done = summary->failed + summary->unchanged;
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
