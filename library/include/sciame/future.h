/* SPDX-License-Identifier: MIT */
/*
 * What will become of a job. A future is
 *
 *     pending ---> running ---> finished (with a result, or with the job's error)
 *        \_____________________> cancelled
 *
 * It is pending until the executor has given it to a worker, which begins it at once or, with up to
 * a quarter of a second of work ahead of each lane, soon. The rules are those of Python's
 * concurrent.futures (docs.python.org/3/library/concurrent.futures.html). All calls are for any
 * thread of the process that submitted the job, and not for its forks.
 */
#ifndef SCIAME_FUTURE_H
#define SCIAME_FUTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sciame/error.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct sciame_future;

/* Of a job that was done. Pointers are borrowed until the future is released. */
struct sciame_result {
	const void *report; /* what the kind answered: one's own bytes */
	size_t report_size;
	const char *outcome; /* "copied" or "scaled" of scale, "read" of feeds, else "done" */
	uint64_t input_bytes, output_bytes;
	int64_t duration_us;   /* in its lane, without waiting */
	unsigned attempts;     /* 1, and 1 for each worker or lane that died meanwhile */
	uintptr_t reserved[4]; /* 0: for members of later versions */
};

/* True: it is cancelled now, or was before. False: it runs or has finished. */
bool sciame_future_cancel(struct sciame_future *future);

/* Cancelled or finished; running; cancelled. */
bool sciame_future_done(struct sciame_future *future);
bool sciame_future_running(struct sciame_future *future);
bool sciame_future_cancelled(struct sciame_future *future);

/*
 * Waits for its end. SCIAME_OK: *result, which may be NULL, is filled. SCIAME_FAILED: the job
 * failed, err says why in its own words. SCIAME_CANCELLED, SCIAME_TIMED_OUT.
 */
enum sciame_status sciame_future_result(struct sciame_future *future, int64_t timeout_ms,
	struct sciame_result *result, struct sciame_error *err);

/*
 * Calls done(context, future) once when it is done: now, if it is already, else from the executor's
 * thread, which can do nothing else meanwhile: keep it short, and wait for nothing in it. Several
 * are called in the order in which they were added. The future is borrowed for the call.
 */
void sciame_future_on_done(struct sciame_future *future,
	void (*done)(void *context, struct sciame_future *future), void *context);

/* The caller's own number or pointer, 0 at first. */
void sciame_future_set_tag(struct sciame_future *future, uintptr_t tag);
uintptr_t sciame_future_tag(const struct sciame_future *future);

/* The caller needs it no more; its job goes on. Of NULL: nothing. */
void sciame_future_release(struct sciame_future *future);

/* When a wait is over. */
enum sciame_when {
	SCIAME_ALL,             /* all are done */
	SCIAME_FIRST_COMPLETED, /* one is */
	SCIAME_FIRST_FAILED,    /* one has failed, or all are done */
};

/* How many futures are what, each counted once however often it was named. */
struct sciame_counts {
	size_t done, not_done;
};

/* SCIAME_OK, also when the time was over first: *counts, which may be NULL, tells. */
enum sciame_status sciame_wait(struct sciame_future *const *futures, size_t count,
	enum sciame_when when, int64_t timeout_ms, struct sciame_counts *counts);

/* Futures, of one executor or several, in the order in which they are done. */
struct sciame_completed;

/*
 * Those that are done already come first, one that is named twice comes once. The time begins now
 * and is for all of them. The caller closes *completed and keeps the futures until then.
 */
enum sciame_status sciame_as_completed(struct sciame_completed **completed,
	struct sciame_future *const *futures, size_t count, int64_t timeout_ms,
	struct sciame_error *err);

/*
 * SCIAME_OK: *future, borrowed, is the next. SCIAME_EMPTY: there are no more. SCIAME_TIMED_OUT:
 * "2 (of 4) futures unfinished".
 */
enum sciame_status sciame_completed_next(struct sciame_completed *completed,
	struct sciame_future **future, struct sciame_error *err);

void sciame_completed_close(struct sciame_completed *completed);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
