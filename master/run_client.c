/* SPDX-License-Identifier: MIT */
#include "master/run_client.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cpus.h"
#include "common/log.h"
#include "common/startup.h"
#include "master/enumerator.h"
#include "master/loop.h"
#include "master/progress.h"

struct run_client {
	struct run *run;
	struct enumerator *enumerator;
	bool stopped;
	bool ledger_failed;
};

static int client_fd(void *state)
{
	const struct run_client *c = state;
	return enumerator_fd(c->enumerator);
}

/* What the enumerator has to say, and what was done in an earlier start. */
static void take_notes(struct run_client *c)
{
	struct enumerator_note *note;
	struct listed_past past;
	while ((note = enumerator_take_note(c->enumerator))) {
		if (note->past)
			run_add_past_failure(c->run, note->name, &note->text);
		else if (note->failed)
			run_add_failure(c->run, note->name, &note->text);
		else
			run_explain(c->run, note->name, note->text.message);
		free(note);
	}
	enumerator_take_past(c->enumerator, &past);
	run_add_past(c->run, &past);
}

static size_t client_take(void *state, struct job **jobs, size_t count, bool *ended)
{
	struct run_client *c = state;
	*ended = false;
	if (count == 0)
		return 0; /* while there is nobody to do it, it does not matter */
	take_notes(c);
	size_t got = enumerator_take(c->enumerator, jobs, count, ended);
	if (*ended)
		take_notes(c); /* the last were made before the listing ended */
	return got;
}

static void client_stop(void *state)
{
	struct run_client *c = state;
	c->stopped = true;
	enumerator_stop(c->enumerator);
}

static void client_blame(void *state, const struct blame *blame)
{
	const struct run_client *c = state;
	run_blame(c->run, blame);
}

static int client_settle(void *state, const struct settlement *settlement, struct error *err)
{
	struct run_client *c = state;
	run_settle(c->run, settlement);
	return enumerator_settled(c->enumerator, err);
}

/* A ledger that can't be written ends the run: what is done from here on would be forgotten. */
static bool ledger_has_failed(struct run_client *c, struct error *err)
{
	struct run *run = c->run;
	if (!run->ledger)
		return false;
	ledger_listed(run->ledger, enumerator_found(c->enumerator),
		enumerator_has_ended(c->enumerator) && !c->stopped);
	if (ledger_check(run->ledger, err) == 0)
		return false;
	if (!c->ledger_failed)
		log_line("the ledger can no longer be written: the run ends");
	c->ledger_failed = true;
	return true;
}

static enum client_wish client_watch(void *state, int64_t now_ms, struct error *err)
{
	struct run_client *c = state;
	struct run *run = c->run;
	take_notes(c); /* of what needs no worker */
	run_show_progress(
		run, enumerator_found(c->enumerator), enumerator_has_ended(c->enumerator), now_ms);
	if (ledger_has_failed(c, err))
		return CLIENT_GIVE_UP;
	if (c->stopped || !run_halts(run))
		return CLIENT_GO_ON;
	run->summary.halted = true;
	log_line("%" PRIu64 " failed: halting...", run->summary.failed);
	return run->settings->halt.when == HALT_SOON ? CLIENT_HALT : CLIENT_HALT_NOW;
}

static int64_t client_deadline_ms(void *state)
{
	(void)state;
	return progress_deadline_ms();
}

static struct loop_options options_of(const struct run *run, const struct client *client)
{
	const struct settings *settings = run->settings;
	bool transfers = run->kind->transfers_per_core > 0;
	struct loop_options options = {
		.epoch = run->epoch,
		.client = client,
		.worker_stderr = -1,
		.afterwards = "; the same command goes on from here",
		.retries = settings->retries < 0 ? run->kind->retries : (uint32_t)settings->retries,
		/* foreign servers are not asked twice only because they are slow */
		.twins = !settings->no_twins && !transfers,
		.grace_ms = settings->grace_ms,
		.target_wait_ms = settings->target_wait_ms,
		/* what comes over the network is read by no more lanes than there are cores */
		.lanes = transfers && settings->concurrency > cpus_usable() ? cpus_usable()
									    : settings->concurrency,
		.transfers = transfers ? settings->concurrency : 0,
		.sync = settings->sync,
		.best_effort = settings->sandbox == 1,
		.allow_private = run->kind_run.allow_private,
		.s3_endpoint = run->kind_run.s3_endpoint,
		.roots = run->kind_run.roots,
		.roots_count = run->kind_run.roots_count,
		.listen = settings->listen,
		.keys = settings->keys,
		.insecure = settings->insecure,
		.depot = settings->transfer == TRANSFER_INLINE,
		.channels = settings->channels,
		.wait_workers = settings->wait_workers,
		.wait_timeout_ms = settings->wait_timeout_ms,
	};
	_Static_assert((int)LEDGER_RUN_ID_SIZE == (int)LOOP_RUN_ID_SIZE, "one is the other");
	memcpy(options.id, run->id, sizeof(options.id));
	return options;
}

/* With the signals blocked, and before any other process is there. */
static int run_loop(struct run_client *c, struct loop_options *options, struct error *err)
{
	struct run *run = c->run;
	struct loop_report report = { 0 };
	const struct enumerator_options enumerator = {
		.listing = &run->listing,
		.kind_number = master_kind_number(run->kind),
		.deadline_ms = (uint32_t)run->settings->job_timeout_ms,
	};
	c->enumerator = enumerator_open(&enumerator, err);
	if (!c->enumerator)
		return -1;
	int status = loop_run(options, &report, err);
	assert(status || c->stopped || enumerator_all_settled(c->enumerator));
	run->summary.todo = enumerator_found(c->enumerator);
	enumerator_close(c->enumerator);
	run->ended = report.ended;
	run->summary.canceled = report.canceled;
	run->summary.aborted = report.aborted;
	if (options->listen) {
		run->summary.processes = report.lanes;
		run->summary.workers = report.workers;
		run->summary.open = true;
	}
	return status;
}

int run_with_workers(struct run *run, struct error *err)
{
	struct run_client c = { .run = run };
	const struct client client = {
		.state = &c,
		.fd = client_fd,
		.take = client_take,
		.stop = client_stop,
		.blame = client_blame,
		.settle = client_settle,
		.watch = client_watch,
		.deadline_ms = client_deadline_ms,
	};
	struct loop_options options = options_of(run, &client);
	uint64_t files;
	if (startup_files(&files, err))
		return -1;
	char *program = startup_program("sciame-worker", err);
	if (!program)
		return -1;
	options.program = program;
	options.signals = startup_signals(err);
	int status = options.signals < 0 ? -1 : run_loop(&c, &options, err);
	if (options.signals >= 0)
		(void)close(options.signals); /* only read */
	free(program);
	return status;
}
