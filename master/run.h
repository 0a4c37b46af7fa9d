/* SPDX-License-Identifier: MIT */
/* One run: what was asked for and what has become of it so far. */
#ifndef SCIAME_MASTER_RUN_H
#define SCIAME_MASTER_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/job.h"
#include "common/summary.h"
#include "master/failures.h"
#include "master/kind.h"
#include "master/settings.h"

struct run {
	const struct settings *settings;
	const struct master_kind *kind;
	struct kind_run kind_run;
	struct summary summary;
	struct failures *failures;
	int64_t start_ms;
	char last_name[256]; /* of the job that was finished last, cut */
};

/* The name of a job for people: its source, a path without the root, else "job 17". */
const char *run_job_name(const struct job *job, char *buffer, size_t size);

/*
 * Folds a job's final result into the summary, reports it with --verbose, or adds it to the
 * failures. A canceled job is neither: it is skipped.
 */
void run_settle(struct run *run, const struct job *job, const struct result *result);

/* Something that could not be listed: it counts as a job that failed. */
void run_add_failure(struct run *run, const struct error *why);

/* Draws the progress line. todo: what was found so far. */
void run_show_progress(const struct run *run, uint64_t todo, bool todo_is_final, int64_t now_ms);

#endif
