/* SPDX-License-Identifier: MIT */
#include "sciame/executor.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/memory.h"
#include "library/error.h"
#include "library/executor_state.h"
#include "library/kinds.h"
#include "library/watcher.h"

static void must(int status)
{
	assert(status == 0);
}

static void say(void *context, const char *line)
{
	const struct sciame_executor *e = context;
	if (e->say)
		e->say(e->say_context, line);
}

/* What the worker said last says more than how it ended. */
static void explain(struct error *why, const struct voice *voice)
{
	struct error plain = *why;
	if (why->code == ERROR_START && voice->last[0])
		(void)error_set(why, plain.code, "%s (%s)", plain.message, voice->last);
}

static int run_loop(struct sciame_executor *e, struct loop_report *report, struct error *why)
{
	if (e->options.lanes > 0) {
		if (voice_open(&e->voice, &e->log, why))
			return -1;
		e->options.worker_stderr = e->voice.out;
	}
	int status = loop_run(&e->options, report, why);
	if (e->options.lanes > 0)
		voice_close(&e->voice);
	if (status)
		explain(why, &e->voice);
	return status;
}

static void *run(void *argument)
{
	struct sciame_executor *e = argument;
	struct core *core = e->core;
	struct loop_report report = { 0 };
	struct error why = { 0 };
	log_divert(&e->log);
	int status = run_loop(e, &report, &why);
	log_divert(NULL);
	if (status == 0 && report.aborted)
		status = error_set(&why, ERROR_TARGET, "the target has taken no files for %g s",
			(double)e->options.target_wait_ms / 1000.0);
	must(pthread_mutex_lock(&core->lock));
	core->shut = true;
	if (status) {
		core->failed = true;
		core->failure = why;
	}
	if (report.lanes > core->lanes)
		core->lanes = report.lanes;
	must(pthread_mutex_unlock(&core->lock));
	if (status)
		core_fail_all(core, &why);
	else
		core_cancel_pending(core);
	must(pthread_mutex_lock(&core->lock));
	core->ended = true;
	must(pthread_cond_broadcast(&core->changed));
	must(pthread_mutex_unlock(&core->lock));
	return NULL;
}

/* Under the lock. The thread takes no signal that is meant for the program. 0 or errno. */
static int start(struct sciame_executor *e)
{
	sigset_t all, before;
	if (e->started)
		return 0;
	(void)sigfillset(&all);
	must(pthread_sigmask(SIG_SETMASK, &all, &before));
	int status = pthread_create(&e->thread, NULL, run, e);
	must(pthread_sigmask(SIG_SETMASK, &before, NULL));
	e->started = status == 0;
	return status;
}

/* Until workers can come, or the executor knows why they can't. */
static enum sciame_status start_listening(struct sciame_executor *e, struct sciame_error *err)
{
	struct core *core = e->core;
	must(pthread_mutex_lock(&core->lock));
	int status = start(e);
	while (status == 0 && !core->opened && !core->ended)
		must(pthread_cond_wait(&core->changed, &core->lock));
	bool failed = core->failed;
	must(pthread_mutex_unlock(&core->lock));
	if (status) {
		errno = status;
		return library_errno(err, "start a thread");
	}
	return failed ? library_error_from(err, &core->failure) : SCIAME_OK;
}

static void executor_free(struct sciame_executor *e)
{
	if (e->started)
		must(pthread_join(e->thread, NULL));
	if (e->core)
		core_release(e->core);
	executor_options_free(e);
	free(e);
}

enum sciame_status sciame_executor_open(struct sciame_executor **executor,
	const struct sciame_executor_options *options, struct sciame_error *err)
{
	struct sciame_executor *e = xcalloc(1, sizeof(*e));
	enum sciame_status status = executor_options_init(e, options, err);
	if (status == SCIAME_OK) {
		e->core = core_new();
		if (!e->core)
			status = library_errno(err, "open an executor");
	}
	if (status == SCIAME_OK) {
		e->log = (struct log_sink) { say, e };
		e->core->lanes = (unsigned)e->options.lanes;
		executor_client_init(e);
		if (e->options.listen)
			status = start_listening(e, err);
	}
	if (status == SCIAME_OK)
		*executor = e;
	else
		executor_free(e);
	return status;
}

/* Under the lock: whether it takes jobs. */
static enum sciame_status check_open(const struct core *core, struct sciame_error *err)
{
	if (core->failed)
		return library_error_from(err, &core->failure);
	if (core->shut)
		return library_error(
			err, SCIAME_SHUT_DOWN, "cannot schedule new futures after shutdown");
	return SCIAME_OK;
}

enum sciame_status sciame_submit(struct sciame_executor *e, const struct sciame_job *job,
	struct sciame_future **future, struct sciame_error *err)
{
	struct kind_request request;
	struct core *core = e->core;
	struct error why;
	enum sciame_status status = core_check(core, err);
	if (status != SCIAME_OK)
		return status;
	if (kinds_prepare(&request, job, &why))
		return library_error_from(err, &why);
	struct job *copy = job_copy(&request.job);
	must(pthread_mutex_lock(&core->lock));
	status = check_open(core, err);
	int number = status == SCIAME_OK ? start(e) : 0;
	struct sciame_future *f = NULL;
	if (status == SCIAME_OK && number == 0)
		f = core_add(core, copy);
	if (f && !future)
		f->references--;
	must(pthread_mutex_unlock(&core->lock));
	if (number) {
		errno = number;
		status = library_errno(err, "start a thread");
	}
	if (!f)
		free(copy);
	else if (future)
		*future = f;
	return status;
}

enum sciame_status sciame_executor_shutdown(
	struct sciame_executor *e, bool wait, bool cancel_futures, struct sciame_error *err)
{
	struct core *core = e->core;
	enum sciame_status status = core_check(core, err);
	if (status != SCIAME_OK)
		return status;
	must(pthread_mutex_lock(&core->lock));
	bool own = e->started && pthread_equal(pthread_self(), e->thread);
	core->shut = true;
	core->cancel = core->cancel || cancel_futures;
	core->ended = core->ended || !e->started;
	core->hungry = true;
	core_wake(core);
	must(pthread_mutex_unlock(&core->lock));
	if (cancel_futures)
		core_cancel_pending(core);
	if (wait && own)
		return library_error(
			err, SCIAME_MISUSED, "a callback cannot wait for its executor");
	must(pthread_mutex_lock(&core->lock));
	while (wait && !core->ended)
		must(pthread_cond_wait(&core->changed, &core->lock));
	must(pthread_mutex_unlock(&core->lock));
	return SCIAME_OK;
}

unsigned sciame_executor_lanes(const struct sciame_executor *e)
{
	must(pthread_mutex_lock(&e->core->lock));
	unsigned lanes = e->core->lanes;
	must(pthread_mutex_unlock(&e->core->lock));
	return lanes;
}

void sciame_executor_close(struct sciame_executor *e)
{
	if (!e || core_check(e->core, NULL) != SCIAME_OK)
		return;
	enum sciame_status status = sciame_executor_shutdown(e, true, false, NULL);
	assert(status == SCIAME_OK); /* in a callback it would free what it stands on */
	(void)status;
	executor_free(e);
}

/* In order; *ended: each has had enough. */
static enum sciame_status take_results(const struct sciame_map *map,
	struct sciame_future *const *futures, struct sciame_error *err)
{
	int64_t deadline_ms = watcher_deadline_ms(map->timeout_ms);
	for (size_t i = 0; i < map->count; i++) {
		int64_t left_ms = SCIAME_FOREVER, now_ms = clock_ms();
		if (deadline_ms != INT64_MAX)
			left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
		if (sciame_future_result(futures[i], left_ms, NULL, NULL) == SCIAME_TIMED_OUT)
			return library_error(err, SCIAME_TIMED_OUT,
				"%zu (of %zu) futures unfinished", map->count - i, map->count);
		if (map->each(map->context, i, futures[i]))
			return library_error(err, SCIAME_CANCELLED, "the map was ended");
	}
	return SCIAME_OK;
}

enum sciame_status sciame_map(
	struct sciame_executor *e, const struct sciame_map *map, struct sciame_error *err)
{
	struct sciame_future **futures = xcalloc(map->count, sizeof(struct sciame_future *));
	enum sciame_status status = SCIAME_OK;
	size_t count = 0;
	while (count < map->count && status == SCIAME_OK) {
		status = sciame_submit(e, &map->jobs[count], &futures[count], err);
		count += status == SCIAME_OK;
	}
	if (status == SCIAME_OK)
		status = take_results(map, futures, err);
	for (size_t i = 0; i < count; i++) {
		if (status != SCIAME_OK)
			(void)sciame_future_cancel(futures[i]); /* false: it has begun */
		sciame_future_release(futures[i]);
	}
	free(futures);
	return status;
}
