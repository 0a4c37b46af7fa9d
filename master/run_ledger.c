/* SPDX-License-Identifier: MIT */
#include "master/run_ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/quote.h"
#include "common/random.h"
#include "master/ledger.h"
#include "master/ledger_place.h"
#include "master/resume.h"

static void say_resuming(const struct ledger_past *past)
{
	char done[QUOTE_NUMBER_MAX], listed[QUOTE_NUMBER_MAX];
	uint64_t settled = past->done + past->failed + past->quarantined;
	(void)fprintf(stderr, "resuming: %s of %s%s done\n", quote_number(done, settled),
		quote_number(listed, past->listed), past->listing_ended ? "" : " or more");
}

static int open_resume(struct run *run, struct error *err)
{
	const struct resume_options resume = {
		.ledger = run->ledger,
		.roots = run->kind_run.roots,
		.roots_count = run->kind_run.roots_count,
		.retry_failed = run->settings->retry_failed,
		.update = run->settings->update,
		.digest = run->settings->checksum,
		.described = run->kind_run.needs_outputs,
	};
	return run->ledger ? resume_open(&run->resume, &resume, err) : 0;
}

static int open_file(struct run *run, const char *path, struct error *err)
{
	const struct kind_run *kind_run = &run->kind_run;
	const struct ledger_options options = {
		.path = path,
		.kind = run->kind->name,
		.source = kind_run->ledger_source,
		.target = kind_run->ledger_target,
		.parameters = kind_run->ledger_parameters,
		.parameters_size = kind_run->ledger_parameters_size,
		.program = SCIAME_VERSION,
	};
	if (run->settings->dry_run)
		return ledger_look(&run->ledger, &options, err) || open_resume(run, err) ? -1 : 0;
	if (ledger_open(&run->ledger, &options, err))
		return -1;
	const struct ledger_past *past = ledger_past(run->ledger);
	memcpy(run->id, past->run, sizeof(run->id));
	run->epoch = past->epoch;
	if (past->resuming && !run->settings->quiet)
		say_resuming(past);
	return open_resume(run, err);
}

/* The default place is made only when it is to be used. */
static char *place(const struct run *run, struct error *err)
{
	const char *target = run->kind_run.ledger_target;
	if (run->settings->ledger)
		return xstrdup(run->settings->ledger);
	return run->settings->dry_run ? ledger_place(target, err) : ledger_make_place(target, err);
}

/* A target that is not there, and is not made for a dry run, has none. */
static bool is_wanted(const struct run *run)
{
	const struct settings *settings = run->settings;
	return run->kind_run.ledger_target && !settings->no_ledger &&
	       (settings->ledger || settings->update || settings->deletes ||
		       !run->kind_run.ledger_optional);
}

int run_open_ledger(struct run *run, struct error *err)
{
	const struct settings *settings = run->settings;
	run->epoch = 1;
	random_bytes(run->id, sizeof(run->id));
	if (settings->ledger && !run->kind_run.ledger_target && !settings->dry_run)
		return error_set(err, ERROR_USAGE, "%s keeps no ledger", run->kind->name);
	if (is_wanted(run)) {
		char *path = place(run, err);
		int status = path ? open_file(run, path, err)
				  : error_wrap(err, "choose a place with --ledger FILE, or go "
						    "without: --no-ledger");
		free(path);
		if (status)
			return -1;
	}
	run->listing = (struct listing) {
		.kind = run->kind,
		.state = run->kind_run.state,
		.resume = run->resume,
		.digest = run->ledger && settings->checksum,
		.explains = settings->verbose || settings->dry_run,
		.mentions = run->ledger && settings->deletes ? mentions_new() : NULL,
	};
	return 0;
}

int run_close_ledger(struct run *run, struct error *err)
{
	mentions_free(run->listing.mentions);
	run->listing.mentions = NULL;
	resume_close(run->resume);
	run->resume = NULL;
	int status = ledger_close(run->ledger, run->ended, err);
	run->ledger = NULL;
	return status;
}
