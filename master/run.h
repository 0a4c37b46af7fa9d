/* SPDX-License-Identifier: MIT */
/* One run: what was asked for and what has become of it so far. */
#ifndef SCIAME_MASTER_RUN_H
#define SCIAME_MASTER_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/job.h"
#include "common/summary.h"
#include "master/client.h"
#include "master/failures.h"
#include "master/kind.h"
#include "master/listing.h"
#include "master/settings.h"

struct run {
	const struct settings *settings;
	const struct master_kind *kind;
	struct kind_run kind_run;
	struct summary summary;
	struct failures *failures;
	struct ledger *ledger; /* NULL: none is kept */
	struct resume *resume; /* NULL: nothing is known of any source */
	struct listing listing;
	uint8_t id[LEDGER_RUN_ID_SIZE]; /* the same for all starts of a run */
	uint32_t epoch;                 /* 1, one more for each start */
	uint64_t past, past_failed; /* jobs that an earlier start has settled; of these failed */
	bool listed_badly;          /* something of the source could not be listed */
	uint64_t deleted;           /* outputs, by --delete */
	bool ended;                 /* every job that there was is settled */
	int64_t start_ms;
	char last_name[256]; /* of the job that was finished last, cut */
};

/*
 * Folds a job's final result into the summary, reports it with --verbose, or adds it to the
 * failures, and writes it down in the ledger. A canceled job is none of this: it is skipped.
 */
void run_settle(struct run *run, const struct settlement *settlement);

/* Writes down a death that a job is blamed for, and that has not settled it. */
void run_blame(struct run *run, const struct blame *blame);

/* What an earlier start of this run has settled. */
void run_add_past(struct run *run, const struct listed_past *past);

/* Something that could not be listed: it counts as a job that failed. */
void run_add_failure(struct run *run, const char *name, const struct error *why);

/* The same of a source that had failed before: it counts, but not for --halt. */
void run_add_past_failure(struct run *run, const char *name, const struct error *why);

/* Whether so much has failed since this start that the rest is not worth it (--halt). */
bool run_halts(const struct run *run);

/* What the ledger says of a source that was listed. True: it is to be done. */
bool run_list(struct run *run, const struct listed *listed);

/* With --verbose: why a source is done again. */
void run_explain(struct run *run, const char *name, const char *why);

/* Draws the progress line. todo: what was found so far. */
void run_show_progress(const struct run *run, uint64_t todo, bool todo_is_final, int64_t now_ms);

#endif
