/* SPDX-License-Identifier: MIT */
#include "library/watcher.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

#include "common/clock.h"

static void must(int status)
{
	assert(status == 0);
}

void watcher_init(struct watcher *w)
{
	pthread_condattr_t attributes;
	*w = (struct watcher) { .last_done = &w->first_done };
	must(pthread_mutex_init(&w->lock, NULL));
	must(pthread_condattr_init(&attributes));
	must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
	must(pthread_cond_init(&w->changed, &attributes));
	must(pthread_condattr_destroy(&attributes));
}

void watcher_destroy(struct watcher *w)
{
	must(pthread_cond_destroy(&w->changed));
	must(pthread_mutex_destroy(&w->lock));
}

void watcher_tell(struct watch *watch)
{
	struct watcher *w = watch->watcher;
	const struct ending *ending = watch->future->ending;
	must(pthread_mutex_lock(&w->lock));
	watch->done = true;
	watch->next_done = NULL;
	*w->last_done = watch;
	w->last_done = &watch->next_done;
	w->done++;
	if (ending && ending->code != ERROR_NONE)
		w->failed = true;
	must(pthread_mutex_unlock(&w->lock));
	/* it stays until its watches are removed, for which the core's lock is needed */
	must(pthread_cond_signal(&w->changed));
}

void watcher_add(struct watcher *w, struct watch *watch)
{
	struct sciame_future *f = watch->future;
	watch->watcher = w;
	must(pthread_mutex_lock(&f->core->lock));
	if (f->state == FUTURE_CANCELLED || f->state == FUTURE_FINISHED) {
		watcher_tell(watch);
	} else {
		watch->next = f->watches;
		f->watches = watch;
	}
	must(pthread_mutex_unlock(&f->core->lock));
}

void watcher_remove(struct watch *watch)
{
	struct sciame_future *f = watch->future;
	must(pthread_mutex_lock(&f->core->lock));
	for (struct watch **at = &f->watches; *at; at = &(*at)->next) {
		if (*at == watch) {
			*at = watch->next;
			break;
		}
	}
	must(pthread_mutex_unlock(&f->core->lock));
}

int64_t watcher_deadline_ms(int64_t timeout_ms)
{
	return timeout_ms < 0 ? INT64_MAX : clock_ms() + timeout_ms;
}

/* With the lock, which it gives away meanwhile. False: the time is over. */
static bool wait_change(struct watcher *w, int64_t deadline_ms)
{
	if (deadline_ms == INT64_MAX) {
		must(pthread_cond_wait(&w->changed, &w->lock));
		return true;
	}
	const struct timespec until = {
		.tv_sec = deadline_ms / 1000,
		.tv_nsec = deadline_ms % 1000 * 1000000,
	};
	int status = pthread_cond_timedwait(&w->changed, &w->lock, &until);
	assert(status == 0 || status == ETIMEDOUT);
	return status == 0;
}

bool watcher_wait(struct watcher *w, size_t done, bool or_failed, int64_t deadline_ms)
{
	bool in_time = true;
	must(pthread_mutex_lock(&w->lock));
	while (w->done < done && !(or_failed && w->failed) && in_time)
		in_time = wait_change(w, deadline_ms);
	bool enough = w->done >= done || (or_failed && w->failed);
	must(pthread_mutex_unlock(&w->lock));
	return enough;
}

struct watch *watcher_next(struct watcher *w, int64_t deadline_ms)
{
	bool in_time = true;
	must(pthread_mutex_lock(&w->lock));
	while (!w->first_done && in_time)
		in_time = wait_change(w, deadline_ms);
	struct watch *watch = w->first_done;
	if (watch) {
		w->first_done = watch->next_done;
		if (!w->first_done)
			w->last_done = &w->first_done;
	}
	must(pthread_mutex_unlock(&w->lock));
	return watch;
}
