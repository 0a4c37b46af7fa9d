/* SPDX-License-Identifier: MIT */
/* Here alone the master's and the worker's halves of a kind meet in one process. */
#include "serial/serial.h"

#include <signal.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/kind.h"
#include "worker/store.h"

static volatile sig_atomic_t interrupted;

/* The second signal finds the default action again. */
static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
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

static int execute(struct store *store, const struct worker_kind *kind, const struct job *job,
	struct result *result, struct error *err)
{
	struct input input;
	struct output output = { .fd = -1 };
	int64_t start_us = clock_us();
	int status = store_open(store, job->source, &input, err);
	if (status == 0)
		status = store_create(store, job, &input, &output, err);
	if (status == 0)
		status = kind->execute(job, input.fd, output.fd, result, err);
	if (status == 0)
		status = store_commit(store, &output, result->output_bytes, err);
	else
		store_discard(&output);
	input_close(&input);
	result->duration_us = (uint32_t)(clock_us() - start_us);
	return status;
}

static int start(const struct run *run, struct store *store, const struct worker_kind **kind,
	struct error *err)
{
	*kind = worker_kind_find(master_kind_number(run->kind));
	for (size_t i = 0; i < run->kind_run.roots_count; i++) {
		if (store_add_root(store, run->kind_run.roots[i], err))
			return -1;
	}
	return (*kind)->start ? (*kind)->start(err) : 0;
}

static void run_all(struct run *run, struct store *store, const struct worker_kind *kind)
{
	while (!interrupted) {
		struct error why;
		struct job job = {
			.id = run->summary.todo + 1, .attempt = 1, .source = "", .target = ""
		};
		job.kind = master_kind_number(run->kind);
		int status = run->kind->next(run->kind_run.state, &job, &why);
		if (status == 0)
			break;
		run->summary.todo++;
		if (status < 0) {
			run_add_failure(run, &why);
			continue;
		}
		struct result result = { .job = job.id, .attempt = job.attempt };
		if (execute(store, kind, &job, &result, &why))
			result_fail(&result, &why);
		run_settle(run, &job, &result);
		run_show_progress(run, run->summary.todo, false, clock_ms());
	}
}

int serial_run(struct run *run, struct error *err)
{
	const struct store_options options = { run->settings->sync, true };
	const struct worker_kind *kind;
	struct store *store = store_new(&options);
	int status = start(run, store, &kind, err);
	if (status == 0) {
		catch_signals();
		run_all(run, store, kind);
		run->summary.canceled = interrupted;
		if (interrupted)
			log_line("canceling...");
	}
	store_free(store);
	return status;
}
