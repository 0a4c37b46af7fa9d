/* SPDX-License-Identifier: MIT */
/*
 * What an executor and its futures share: who waits to be taken by the loop, who is in work, and
 * the lock for all of it. It lives until the last of them has been released.
 */
#ifndef SCIAME_LIBRARY_CORE_H
#define SCIAME_LIBRARY_CORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "common/job.h"
#include "common/log.h"
#include "sciame/error.h"
#include "sciame/future.h"

enum {
	CORE_QUICK_US = 250, /* a job that took no longer is waited for without sleeping */
};

enum future_state { FUTURE_PENDING, FUTURE_RUNNING, FUTURE_CANCELLED, FUTURE_FINISHED };

/* What a finished job came to; one allocation. */
struct ending {
	enum error_code code; /* ERROR_NONE: it was done */
	int number;           /* errno behind the code, or 0 */
	uint32_t attempts, duration_us, report_size;
	uint64_t input_bytes, output_bytes;
	const char *outcome; /* static */
	const char *detail;  /* why it failed, or "" */
	uint8_t report[];    /* and the detail behind it */
};

/* Who wants to hear of the end of a future. */
struct watcher;

/* One future that a watcher watches. */
struct watch {
	struct sciame_future *future;
	struct watcher *watcher;
	struct watch *next;      /* of the same future */
	struct watch *next_done; /* of the same watcher, in the order of their ends */
	bool done;
};

struct watcher {
	pthread_mutex_t lock; /* taken after that of a core */
	pthread_cond_t changed;
	struct watch *first_done, **last_done;
	size_t done;
	bool failed; /* one of those that are done */
};

struct callback {
	struct callback *next;
	void (*done)(void *context, struct sciame_future *future);
	void *context;
};

struct sciame_future {
	struct core *core;
	struct sciame_future *next, *previous; /* in one of the core's lists, until it is done */
	struct job *job;                       /* while it is pending */
	struct watch *watches;
	struct callback *callbacks; /* the first that was added first */
	struct ending *ending;      /* of a finished one */
	uintptr_t tag;
	unsigned references;              /* the caller's, and the core's until it is done */
	_Atomic(enum future_state) state; /* changed under the lock, read without */
	int64_t added_us;
};

struct future_list {
	struct sciame_future *first, *last;
};

struct core {
	pthread_mutex_t lock; /* of all that follows, and of the futures but for their tags */
	pthread_cond_t changed;
	size_t references; /* the executor's, the thread's, and one for each future */
	pid_t process;     /* whose it is; constant */
	int event;         /* wakes the loop; constant */
	bool hungry;       /* the loop found nothing and wants to be woken */
	struct future_list pending, running;
	uint64_t numbers; /* jobs taken so far */
	bool opened;      /* workers can come */
	bool ended;       /* the loop has ended: no future is unfinished, and none comes */
	bool shut;        /* no more jobs are accepted */
	bool cancel;      /* what has not begun is to be cancelled */
	bool failed;      /* the loop could not go on */
	struct error failure;
	unsigned lanes; /* at once, at the most */
	size_t open;    /* futures that are not done */
	bool lingers;   /* there is a core to wait on without sleeping; constant */
	_Atomic(int64_t)
		quick_us; /* what jobs take now from submit to end; 0: they are not quick */
};

/* NULL and errno: no descriptor is left. */
struct core *core_new(void);
void core_release(struct core *core);

/* SCIAME_MISUSED in a fork. */
enum sciame_status core_check(const struct core *core, struct sciame_error *err);

/* Under the lock: wakes the loop if it waits. */
void core_wake(struct core *core);

/* Under the lock. Takes the job, whose owner it becomes. It has two references: see above. */
struct sciame_future *core_add(struct core *core, struct job *job);

/* Under the lock: the next that is pending is running from now on; NULL: there is none. */
struct sciame_future *core_begin(struct core *core);

/*
 * Without the lock: the future's end. ending NULL: it is cancelled. Takes the ending. False: it
 * was done already, and nothing has changed.
 */
bool core_finish(struct sciame_future *future, struct ending *ending);

/* Without the lock: cancels it if it has not begun. */
bool core_cancel(struct sciame_future *future);

/* Without the lock: cancels all that are pending, or finishes all there are with this error. */
void core_cancel_pending(struct core *core);
void core_fail_all(struct core *core, const struct error *why);

/* detail: "" or why it failed. */
struct ending *ending_new(const struct result *result, const char *detail, const char *outcome);

#endif
