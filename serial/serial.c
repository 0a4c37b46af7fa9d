/* SPDX-License-Identifier: MIT */
/* Here alone the master's and the worker's halves of a kind meet in one process. */
#include "serial/serial.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/naming.h"
#include "common/socket.h"
#include "master/progress.h"
#include "worker/digest.h"
#include "worker/fetch_kind.h"
#include "worker/kind.h"
#include "common/store.h"
#include "worker/transfer.h"

enum {
	WAIT_MS = 100,        /* a signal that comes just before a wait is noticed after it */
	TARGET_TRY_MS = 1000, /* between tries to write a target that takes no files */
};

struct serial {
	struct store *store;
	const struct worker_kind *kind;
	const struct fetch_kind *fetch; /* NULL: the kind reads files */
	struct transfers *transfers;
};

static volatile sig_atomic_t interrupted;
static const struct run *listing; /* what a signal ends; set before any is caught */

/* The second signal finds the default action again. */
static void on_signal(int number)
{
	int before = errno;
	(void)number;
	interrupted = 1;
	if (listing->kind->stop)
		listing->kind->stop(listing->kind_run.state);
	errno = before;
}

static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct sigaction before;
		/* sigaction fails only for wrong numbers; what is ignored (nohup) stays so */
		(void)sigaction(numbers[i], NULL, &before);
		if (before.sa_handler != SIG_IGN)
			(void)sigaction(numbers[i], &action, NULL);
	}
}

/* From the open input to the committed output. */
static int execute_on(struct serial *serial, const struct job *job, const struct input *input,
	struct result *result, struct error *err)
{
	struct output outputs[JOB_OUTPUTS_MAX];
	int out_fds[JOB_OUTPUTS_MAX] = { -1 };
	uint32_t count = job_outputs(job), created = 0;
	int status = 0;
	for (; created < count && status == 0; created++) {
		const struct store_request request = { job, created, input };
		status = store_create(serial->store, &request, &outputs[created], err);
		out_fds[created] = outputs[created].fd;
	}
	if (status == 0)
		status = serial->kind->execute(job, input->fd, out_fds, result, err);
	assert(status || result->outputs_count == count);
	if (status == 0)
		status = naming_check(job, result, err);
	for (uint32_t i = 0; i < count && status == 0; i++)
		status = store_commit(serial->store, &outputs[i], &result->outputs[i], err);
	/* what was committed is settled: nothing happens to it */
	for (uint32_t i = 0; i < created; i++)
		store_discard(&outputs[i]);
	/* a kind only reads its input: what says so is about the output */
	if (status && err->code == ERROR_IO)
		(void)store_blames_target(job->target, err->number, err);
	return status;
}

static int execute_file(
	struct serial *serial, const struct job *job, struct result *result, struct error *err)
{
	struct input input;
	int status = store_open(serial->store, job->source, &input, err);
	input_describe(&input, result);
	if (status == 0 && job->digest && input.fd >= 0)
		status = digest_source(input.fd, result, err);
	if (status == 0)
		status = execute_on(serial, job, &input, result, err);
	input_close(&input);
	return status;
}

/* Waits until the only transfer has ended; a signal ends it. */
static struct transfer *await(struct transfers *transfers, struct error *err)
{
	struct transfer *transfer = NULL;
	while (!transfer) {
		struct poll_item item = { .fd = transfers_fd(transfers) };
		int64_t deadline_ms = transfers_deadline_ms(transfers);
		int64_t wait_ms = deadline_ms - clock_ms();
		if (interrupted)
			transfers_cancel(transfers);
		else if (deadline_ms < 0 || wait_ms > WAIT_MS)
			wait_ms = WAIT_MS;
		if (!interrupted && socket_poll(&item, 1, wait_ms > 0 ? wait_ms : 0, err))
			return NULL;
		if (transfers_step(transfers, clock_ms(), err))
			return NULL;
		transfer = transfers_take(transfers);
	}
	return transfer;
}

static int execute_fetched(
	struct serial *serial, const struct job *job, struct result *result, struct error *err)
{
	struct fetch_plan plan;
	struct transfer *transfer = NULL;
	struct job *fetched = NULL;
	int status = serial->fetch->plan(job, &plan, err);
	if (status)
		return -1;
	status = transfers_add(serial->transfers, &plan.request, NULL, err);
	free(plan.memory);
	if (status == 0)
		transfer = await(serial->transfers, err);
	if (!transfer)
		return -1;
	fetched = serial->fetch->fetched(job, transfer, result);
	if (fetched) {
		const struct input input = { .fd = transfer->response.body };
		status = execute_on(serial, fetched, &input, result, err);
	}
	free(fetched);
	transfer_free(transfer);
	return status;
}

static int execute(
	struct serial *serial, const struct job *job, struct result *result, struct error *err)
{
	int64_t start_us = clock_us();
	int status = serial->fetch ? execute_fetched(serial, job, result, err)
				   : execute_file(serial, job, result, err);
	result->duration_us = (uint32_t)(clock_us() - start_us);
	return status;
}

static void try(struct serial *serial, const struct job *job, struct result *result)
{
	struct error why;
	*result = (struct result) { .job = job->id, .attempt = job->attempt };
	if (execute(serial, job, result, &why))
		result_fail(result, &why);
}

static int start(struct serial *serial, const struct run *run, struct error *err)
{
	serial->kind = worker_kind_find(master_kind_number(run->kind));
	for (size_t i = 0; i < run->kind_run.roots_count; i++) {
		if (store_add_root(serial->store, run->kind_run.roots[i], err))
			return -1;
	}
	serial->fetch = fetch_kind_find(master_kind_number(run->kind));
	if (serial->fetch)
		serial->transfers = transfers_open("sciame/" SCIAME_VERSION, err);
	if (serial->fetch && !serial->transfers)
		return -1;
	return serial->kind->start ? serial->kind->start(err) : 0;
}

/* False: a signal came. */
static bool pause_for(int64_t length_ms)
{
	struct error ignored;
	int64_t end_ms = clock_ms() + length_ms;
	while (!interrupted && clock_ms() < end_ms) {
		int64_t left_ms = end_ms - clock_ms();
		/* without items nothing but the time can fail */
		(void)socket_poll(NULL, 0,
			left_ms < 0         ? 0
			: left_ms < WAIT_MS ? left_ms
					    : WAIT_MS,
			&ignored);
	}
	return !interrupted;
}

static bool is_about_target(const struct result *result)
{
	return error_class(result->code, result->error_number) == ERROR_CLASS_TARGET;
}

/*
 * A target that is full would fail all that comes: the job that noticed is tried until there is
 * room. False: it took too long, or a signal came, and the job is not done.
 */
static bool wait_for_target(
	struct run *run, struct serial *serial, const struct job *job, struct result *result)
{
	int64_t limit_ms = run->settings->target_wait_ms, end_ms = clock_ms() + limit_ms;
	progress_clear();
	log_line("%s: the run waits for it", result->detail);
	while (is_about_target(result)) {
		int64_t left_ms = end_ms - clock_ms();
		if (left_ms <= 0) {
			run->summary.aborted = true;
			log_line("the target has taken no files for %g s: the run ends; the same "
				 "command goes on from here",
				(double)limit_ms / 1000.0);
			return false;
		}
		if (!pause_for(left_ms < TARGET_TRY_MS ? left_ms : TARGET_TRY_MS))
			return false;
		try(serial, job, result);
	}
	log_line("the target takes files again: the run goes on");
	return true;
}

static void run_one(struct run *run, struct serial *serial, struct job *job)
{
	job->id = run->summary.todo;
	job->attempt = 1;
	job->kind = master_kind_number(run->kind);
	struct result result;
	try(serial, job, &result);
	if (is_about_target(&result) && !wait_for_target(run, serial, job, &result))
		return;
	const struct settlement settlement = {
		.job = job, .result = &result, .worker = "", .attempts = 1
	};
	run_settle(run, &settlement);
}

static void note_listed(struct run *run, bool ended)
{
	if (run->ledger)
		ledger_listed(run->ledger, run->summary.todo, ended);
}

static int run_all(struct run *run, struct serial *serial, struct error *err)
{
	while (!interrupted && !run->summary.aborted) {
		struct error why;
		struct listed listed;
		int status = listing_next(&run->listing, &listed, &why);
		if (status == 0) {
			run->ended = !interrupted; /* else the listing was stopped */
			note_listed(run, run->ended);
			break;
		}
		run->summary.todo++;
		note_listed(run, false);
		if (status < 0)
			run_add_failure(run, "", &why);
		else if (run_list(run, &listed))
			run_one(run, serial, &listed.job);
		run_show_progress(run, run->summary.todo, false, clock_ms());
		if (run->ledger && ledger_check(run->ledger, err))
			return -1;
		if (run_halts(run)) {
			run->summary.halted = true;
			break;
		}
	}
	return 0;
}

int serial_run(struct run *run, struct error *err)
{
	const struct store_options options = { run->settings->sync, true };
	struct serial serial = { .store = store_new(&options) };
	int status = start(&serial, run, err);
	if (status == 0) {
		listing = run;
		catch_signals();
		status = run_all(run, &serial, err);
		run->summary.canceled = interrupted;
		if (interrupted)
			log_line("canceling...");
	}
	transfers_close(serial.transfers);
	store_free(serial.store);
	return status;
}
