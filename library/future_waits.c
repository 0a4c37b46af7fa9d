/* SPDX-License-Identifier: MIT */
/* Waiting for several futures. */
#include <stdlib.h>

#include "common/memory.h"
#include "library/core.h"
#include "library/error.h"
#include "library/watcher.h"
#include "sciame/future.h"

struct sciame_completed {
	struct watcher watcher;
	int64_t deadline_ms;
	size_t count, told;
	struct watch watches[];
};

struct place {
	struct sciame_future *future;
	size_t index;
};

static int compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->future != y->future)
		return (uintptr_t)x->future < (uintptr_t)y->future ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Each once, in the order in which they were named first. Returns how many. */
static size_t unique(struct sciame_future *const *futures, size_t count, struct watch *watches)
{
	struct place *places = xcalloc(count, sizeof(*places));
	bool *again = xcalloc(count, sizeof(*again));
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		places[i] = (struct place) { futures[i], i };
	qsort(places, count, sizeof(*places), compare);
	for (size_t i = 1; i < count; i++)
		again[places[i].index] = places[i].future == places[i - 1].future;
	for (size_t i = 0; i < count; i++) {
		if (!again[i])
			watches[n++].future = futures[i];
	}
	free(places);
	free(again);
	return n;
}

static struct sciame_completed *watch_all(
	struct sciame_future *const *futures, size_t count, int64_t timeout_ms)
{
	struct sciame_completed *c = xcalloc(1, sizeof(*c) + count * sizeof(c->watches[0]));
	watcher_init(&c->watcher);
	c->deadline_ms = watcher_deadline_ms(timeout_ms);
	c->count = unique(futures, count, c->watches);
	for (size_t i = 0; i < c->count; i++)
		watcher_add(&c->watcher, &c->watches[i]);
	return c;
}

static enum sciame_status check_all(
	struct sciame_future *const *futures, size_t count, struct sciame_error *err)
{
	enum sciame_status status = SCIAME_OK;
	for (size_t i = 0; i < count && status == SCIAME_OK; i++)
		status = core_check(futures[i]->core, err);
	return status;
}

enum sciame_status sciame_as_completed(struct sciame_completed **completed,
	struct sciame_future *const *futures, size_t count, int64_t timeout_ms,
	struct sciame_error *err)
{
	enum sciame_status status = check_all(futures, count, err);
	if (status == SCIAME_OK)
		*completed = watch_all(futures, count, timeout_ms);
	return status;
}

enum sciame_status sciame_completed_next(
	struct sciame_completed *c, struct sciame_future **future, struct sciame_error *err)
{
	if (c->told == c->count)
		return library_error(err, SCIAME_EMPTY, "there are no more futures");
	const struct watch *watch = watcher_next(&c->watcher, c->deadline_ms);
	if (!watch)
		return library_error(err, SCIAME_TIMED_OUT, "%zu (of %zu) futures unfinished",
			c->count - c->told, c->count);
	c->told++;
	*future = watch->future;
	return SCIAME_OK;
}

void sciame_completed_close(struct sciame_completed *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		watcher_remove(&c->watches[i]);
	watcher_destroy(&c->watcher);
	free(c);
}

enum sciame_status sciame_wait(struct sciame_future *const *futures, size_t count,
	enum sciame_when when, int64_t timeout_ms, struct sciame_counts *counts)
{
	enum sciame_status status = check_all(futures, count, NULL);
	if (status != SCIAME_OK)
		return status;
	struct sciame_completed *c = watch_all(futures, count, timeout_ms);
	size_t enough = when == SCIAME_FIRST_COMPLETED && c->count > 0 ? 1 : c->count;
	(void)watcher_wait(&c->watcher, enough, when == SCIAME_FIRST_FAILED, c->deadline_ms);
	size_t unique_count = c->count;
	size_t done = 0;
	for (size_t i = 0; i < unique_count; i++) {
		watcher_remove(&c->watches[i]); /* from here on it does not change */
		done += c->watches[i].done;
	}
	c->count = 0;
	sciame_completed_close(c);
	if (counts)
		*counts = (struct sciame_counts) { done, unique_count - done };
	return SCIAME_OK;
}
