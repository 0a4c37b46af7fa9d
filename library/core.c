/* SPDX-License-Identifier: MIT */
#include "library/core.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/cpus.h"
#include "common/memory.h"
#include "library/error.h"
#include "library/watcher.h"

static void must(int status)
{
	assert(status == 0);
}

struct core *core_new(void)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event < 0)
		return NULL;
	struct core *core = xcalloc(1, sizeof(*core));
	pthread_condattr_t attributes;
	must(pthread_condattr_init(&attributes));
	must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
	must(pthread_cond_init(&core->changed, &attributes));
	must(pthread_condattr_destroy(&attributes));
	must(pthread_mutex_init(&core->lock, NULL));
	core->references = 1;
	core->process = getpid();
	core->event = event;
	core->lingers = cpus_usable() > 1;
	return core;
}

static void core_free(struct core *core)
{
	must(pthread_cond_destroy(&core->changed));
	must(pthread_mutex_destroy(&core->lock));
	(void)close(core->event); /* nothing to flush */
	free(core);
}

void core_release(struct core *core)
{
	must(pthread_mutex_lock(&core->lock));
	bool last = --core->references == 0;
	must(pthread_mutex_unlock(&core->lock));
	if (last)
		core_free(core);
}

enum sciame_status core_check(const struct core *core, struct sciame_error *err)
{
	if (core->process == getpid())
		return SCIAME_OK;
	return library_error(err, SCIAME_MISUSED,
		"this executor belongs to process %d, not to its forks", (int)core->process);
}

void core_wake(struct core *core)
{
	if (!core->hungry)
		return;
	core->hungry = false;
	(void)eventfd_write(core->event, 1); /* fails only when it is readable anyway */
}

static void list_add(struct future_list *list, struct sciame_future *f)
{
	f->next = NULL;
	f->previous = list->last;
	if (list->last)
		list->last->next = f;
	else
		list->first = f;
	list->last = f;
}

static void list_remove(struct future_list *list, struct sciame_future *f)
{
	if (f->previous)
		f->previous->next = f->next;
	else
		list->first = f->next;
	if (f->next)
		f->next->previous = f->previous;
	else
		list->last = f->previous;
}

struct sciame_future *core_add(struct core *core, struct job *job)
{
	struct sciame_future *f = xcalloc(1, sizeof(*f));
	f->core = core;
	f->job = job;
	job->owner = f;
	f->references = 2;
	f->added_us = clock_us();
	core->references++;
	core->open++;
	list_add(&core->pending, f);
	core_wake(core);
	return f;
}

struct sciame_future *core_begin(struct core *core)
{
	struct sciame_future *f = core->pending.first;
	if (!f)
		return NULL;
	list_remove(&core->pending, f);
	list_add(&core->running, f);
	f->state = FUTURE_RUNNING;
	return f;
}

/* Under the lock: those who wait for it hear of it. */
static void tell_watchers(struct sciame_future *f)
{
	struct watch *watch = f->watches;
	f->watches = NULL;
	while (watch) {
		struct watch *next = watch->next;
		watcher_tell(watch);
		watch = next;
	}
}

/* Under the lock: whether those who wait for one job at a time do better not to sleep. */
static void measure(const struct sciame_future *f)
{
	struct core *core = f->core;
	int64_t took_us = clock_us() - f->added_us;
	bool quick = core->lingers && core->open <= core->lanes && took_us <= CORE_QUICK_US;
	core->quick_us = quick ? took_us : 0;
}

/* Under the lock: the end of one that is in a list. Returns who is to be called, without it. */
static struct callback *settle(struct sciame_future *f, struct ending *ending)
{
	struct core *core = f->core;
	list_remove(f->state == FUTURE_PENDING ? &core->pending : &core->running, f);
	free(f->job);
	f->job = NULL;
	f->ending = ending;
	measure(f);
	core->open--;
	f->state = ending ? FUTURE_FINISHED : FUTURE_CANCELLED; /* the ending is seen by now */
	struct callback *callbacks = f->callbacks;
	f->callbacks = NULL;
	tell_watchers(f);
	return callbacks;
}

/* Without the lock: after settle. The core's reference goes with it. */
static void call_back(struct sciame_future *f, struct callback *callback)
{
	while (callback) {
		struct callback *next = callback->next;
		callback->done(callback->context, f);
		free(callback);
		callback = next;
	}
	sciame_future_release(f);
}

static bool is_done(const struct sciame_future *f)
{
	return f->state == FUTURE_CANCELLED || f->state == FUTURE_FINISHED;
}

bool core_finish(struct sciame_future *f, struct ending *ending)
{
	must(pthread_mutex_lock(&f->core->lock));
	bool late = is_done(f);
	struct callback *callbacks = late ? NULL : settle(f, ending);
	must(pthread_mutex_unlock(&f->core->lock));
	if (late)
		free(ending);
	else
		call_back(f, callbacks);
	return !late;
}

bool core_cancel(struct sciame_future *f)
{
	struct callback *callbacks = NULL;
	must(pthread_mutex_lock(&f->core->lock));
	bool ours = f->state == FUTURE_PENDING, cancelled = ours || f->state == FUTURE_CANCELLED;
	if (ours)
		callbacks = settle(f, NULL);
	must(pthread_mutex_unlock(&f->core->lock));
	if (ours)
		call_back(f, callbacks);
	return cancelled;
}

/* The first of either list, which stays until it is finished; NULL: both are empty. */
static struct sciame_future *first_of(struct core *core, bool running)
{
	must(pthread_mutex_lock(&core->lock));
	struct sciame_future *f = core->pending.first;
	if (!f && running)
		f = core->running.first;
	if (f)
		f->references++;
	must(pthread_mutex_unlock(&core->lock));
	return f;
}

void core_cancel_pending(struct core *core)
{
	struct sciame_future *f;
	while ((f = first_of(core, false))) {
		(void)core_cancel(f); /* false: the loop has just taken it */
		sciame_future_release(f);
	}
}

void core_fail_all(struct core *core, const struct error *why)
{
	struct sciame_future *f;
	while ((f = first_of(core, true))) {
		struct result result = { .code = why->code, .error_number = why->number };
		(void)core_finish(f, ending_new(&result, why->message, ""));
		sciame_future_release(f);
	}
}

struct ending *ending_new(const struct result *result, const char *detail, const char *outcome)
{
	size_t length = strlen(detail);
	struct ending *e = xmalloc(sizeof(*e) + result->report_size + length + 1);
	*e = (struct ending) {
		.code = result->code,
		.number = result->error_number,
		.duration_us = result->duration_us,
		.report_size = result->report_size,
		.input_bytes = result->input_bytes,
		.output_bytes = result->output_bytes,
		.outcome = outcome,
		.detail = (char *)e->report + result->report_size,
	};
	memcpy(e->report, result->report, result->report_size);
	memcpy(e->report + result->report_size, detail, length + 1);
	return e;
}
