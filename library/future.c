/* SPDX-License-Identifier: MIT */
#include "sciame/future.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/memory.h"
#include "library/core.h"
#include "library/error.h"
#include "library/watcher.h"

static void must(int status)
{
	assert(status == 0);
}

static bool is_done(const struct sciame_future *f)
{
	enum future_state state = f->state;
	return state == FUTURE_CANCELLED || state == FUTURE_FINISHED;
}

bool sciame_future_cancel(struct sciame_future *f)
{
	return core_check(f->core, NULL) == SCIAME_OK && core_cancel(f);
}

bool sciame_future_done(struct sciame_future *f)
{
	return core_check(f->core, NULL) == SCIAME_OK && is_done(f);
}

bool sciame_future_running(struct sciame_future *f)
{
	return core_check(f->core, NULL) == SCIAME_OK && f->state == FUTURE_RUNNING;
}

bool sciame_future_cancelled(struct sciame_future *f)
{
	return core_check(f->core, NULL) == SCIAME_OK && f->state == FUTURE_CANCELLED;
}

/* Of one that is done: it does not change any more. */
static enum sciame_status tell(
	const struct sciame_future *f, struct sciame_result *result, struct sciame_error *err)
{
	const struct ending *e = f->ending;
	if (!e)
		return library_error(err, SCIAME_CANCELLED, "the future was cancelled");
	if (e->code != ERROR_NONE) {
		(void)library_error(err, SCIAME_FAILED, "%s", e->detail);
		if (err)
			err->number = e->number;
		return SCIAME_FAILED;
	}
	if (result)
		*result = (struct sciame_result) {
			.report = e->report,
			.report_size = e->report_size,
			.outcome = e->outcome,
			.input_bytes = e->input_bytes,
			.output_bytes = e->output_bytes,
			.duration_us = e->duration_us,
			.attempts = e->attempts,
		};
	return SCIAME_OK;
}

/*
 * While jobs come back within CORE_QUICK_US, going to sleep and being woken would double that: the
 * next is waited for awake, for as long as the last one took and half as long again.
 */
static void linger(struct sciame_future *f)
{
	int64_t quick_us = f->core->quick_us;
	if (quick_us == 0 || is_done(f))
		return;
	int64_t end_us = clock_us() + quick_us + quick_us / 2;
	while (!is_done(f) && clock_us() < end_us)
		(void)sched_yield(); /* always succeeds: who has work goes first */
}

enum sciame_status sciame_future_result(struct sciame_future *f, int64_t timeout_ms,
	struct sciame_result *result, struct sciame_error *err)
{
	enum sciame_status status = core_check(f->core, err);
	if (status != SCIAME_OK)
		return status;
	if (timeout_ms != 0)
		linger(f);
	if (timeout_ms != 0 && !is_done(f)) {
		struct watcher watcher;
		struct watch watch = { .future = f };
		watcher_init(&watcher);
		watcher_add(&watcher, &watch);
		(void)watcher_wait(&watcher, 1, false, watcher_deadline_ms(timeout_ms));
		watcher_remove(&watch);
		watcher_destroy(&watcher);
	}
	if (!is_done(f))
		return library_error(err, SCIAME_TIMED_OUT, "the future has not finished in time");
	return tell(f, result, err);
}

void sciame_future_on_done(struct sciame_future *f,
	void (*done)(void *context, struct sciame_future *future), void *context)
{
	assert(core_check(f->core, NULL) == SCIAME_OK);
	struct callback *callback = xmalloc(sizeof(*callback));
	*callback = (struct callback) { .done = done, .context = context };
	must(pthread_mutex_lock(&f->core->lock));
	bool now = is_done(f);
	if (!now) {
		struct callback **last = &f->callbacks;
		while (*last)
			last = &(*last)->next;
		*last = callback;
	}
	must(pthread_mutex_unlock(&f->core->lock));
	if (!now)
		return;
	free(callback);
	done(context, f);
}

void sciame_future_set_tag(struct sciame_future *f, uintptr_t tag)
{
	f->tag = tag;
}

uintptr_t sciame_future_tag(const struct sciame_future *f)
{
	return f->tag;
}

void sciame_future_release(struct sciame_future *f)
{
	if (!f || core_check(f->core, NULL) != SCIAME_OK)
		return;
	struct core *core = f->core;
	must(pthread_mutex_lock(&core->lock));
	bool last = --f->references == 0;
	must(pthread_mutex_unlock(&core->lock));
	if (!last)
		return;
	free(f->ending);
	free(f);
	core_release(core);
}
