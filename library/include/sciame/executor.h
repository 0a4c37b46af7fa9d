/* SPDX-License-Identifier: MIT */
/*
 * Has jobs done by other processes: of this host, of others, or both. It is the engine of the
 * command: a worker that dies costs no job, a job that kills its worker again and again fails by
 * itself, and what touches foreign bytes is confined.
 *
 *     sciame_executor_open(&executor, NULL, &err);
 *     sciame_submit(executor, &(struct sciame_job) { .kind = "noop" }, &future, &err);
 *     sciame_future_result(future, SCIAME_FOREVER, &result, &err);
 *     sciame_future_release(future);
 *     sciame_executor_close(executor);
 *
 * Each executor has a thread and a worker process of its own, from the first job on or, where it
 * listens, at once; several may be open. Calls are for any thread. A process that was forked while
 * it was open can't use it: its calls are SCIAME_MISUSED there, and close does nothing.
 */
#ifndef SCIAME_EXECUTOR_H
#define SCIAME_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sciame/error.h>
#include <sciame/future.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct sciame_executor;

#define SCIAME_NO_LANES (-1)     /* none on this host */
#define SCIAME_NO_TIMEOUT (-1LL) /* of jobs */

/* Zeroed: as many lanes as cores, no files, no other hosts. All is copied. */
struct sciame_executor_options {
	int lanes; /* processes of this host that do one job at a time; 0: one for each core */
	unsigned transfers;     /* of jobs that fetch ("feeds") so many go on at once; 0: jobs fetch
	                     * nothing, or few */
	unsigned jobs_per_lane; /* after so many a lane is replaced by a new one; 0: never */
	const char *const *roots; /* "NAME=FOLDER": what jobs may read and write, 16 at most */
	size_t roots_count;
	const char *const *kinds; /* shared objects, <sciame/kind.h>, for the lanes of this host */
	size_t kinds_count;
	bool sync;          /* outputs are synced to disk before their jobs are done */
	bool allow_private; /* jobs may contact addresses that are not public */
	int retries;        /* of failures that may pass; 0: 3 of them; negative: none */
	int64_t grace_ms;   /* how long running jobs may go on at an early end; 0: 5 s */
	/* workers of other hosts, which are started there with sciame-worker --master */
	const char *listen;      /* "HOST:PORT"; NULL: there are none */
	const char *keys;        /* folder that 'sciame keygen' made; NULL: see insecure */
	bool insecure;           /* without keys also beyond loopback */
	bool inline_files;       /* files travel over this process; else hosts share the folders */
	unsigned workers;        /* that may take part at a time; 0: 64 */
	unsigned wait_workers;   /* no job is begun before so many are there */
	int64_t wait_timeout_ms; /* for them, and for any when all have gone: then all jobs fail;
	                          * 0: for ever */
	const char *worker; /* sciame-worker; NULL: the installed one, or one beside this program */
	/* What there is to tell people, a line each; from the executor's threads. NULL: nobody. */
	void (*log)(void *context, const char *line);
	void *log_context;
	uintptr_t reserved[8]; /* 0: for members of later versions */
};

/* Pointers are borrowed for the call; NULL and 0 stand for none. */
struct sciame_job {
	const char *kind; /* "noop", "scale", "feeds", or the name of one's own */
	/* of the command's kinds: as on its command line, NULL-ended: { "--size", "400", NULL } */
	const char *const *options;
	const void *parameters; /* of one's own kinds: bytes, at most 16,384 */
	size_t parameters_size;
	const char *source, *target; /* "NAME:path" with the name of a root, or a URL */
	int64_t timeout_ms;          /* in its lane; 0: 60 s; SCIAME_NO_TIMEOUT */
	uintptr_t reserved[4];       /* 0: for members of later versions */
};

/*
 * SCIAME_MISUSED: contradictory options. SCIAME_SYSTEM: the address is taken, the keys can't be
 * read, no worker is installed. options NULL: all zero. The caller closes *executor.
 */
enum sciame_status sciame_executor_open(struct sciame_executor **executor,
	const struct sciame_executor_options *options, struct sciame_error *err);

/*
 * Never waits. SCIAME_MISUSED: the job makes no sense. SCIAME_LIMIT: it is too large.
 * SCIAME_SHUT_DOWN: "cannot schedule new futures after shutdown". SCIAME_SYSTEM: the executor
 * can't go on, and why. The caller releases *future; future NULL: what becomes of it is of no
 * interest.
 */
enum sciame_status sciame_submit(struct sciame_executor *executor, const struct sciame_job *job,
	struct sciame_future **future, struct sciame_error *err);

/*
 * Submits all and calls each(context, index, future) in their order, each when it is done; that it
 * failed is for each to see. A result other than 0 of each, or the end of the time (which begins
 * now), ends the map: what has not begun is cancelled. SCIAME_OK, SCIAME_CANCELLED (by each),
 * SCIAME_TIMED_OUT, or as sciame_submit.
 */
struct sciame_map {
	const struct sciame_job *jobs;
	size_t count;
	int64_t timeout_ms; /* SCIAME_FOREVER is -1 */
	int (*each)(void *context, size_t index, struct sciame_future *future);
	void *context;
};
enum sciame_status sciame_map(
	struct sciame_executor *executor, const struct sciame_map *map, struct sciame_error *err);

/*
 * Takes no more jobs. cancel_futures: those that have not begun are cancelled. wait: returns when
 * every future is done and all processes have ended. A second one may cancel what the first did
 * not. SCIAME_MISUSED: wait in a callback of this executor.
 */
enum sciame_status sciame_executor_shutdown(
	struct sciame_executor *executor, bool wait, bool cancel_futures, struct sciame_error *err);

/* How many lanes there were at once, at the most, on all hosts. After the shutdown it is final. */
unsigned sciame_executor_lanes(const struct sciame_executor *executor);

/* Shuts down, waits, and frees it; its futures stay until they are released. Of NULL: nothing. */
void sciame_executor_close(struct sciame_executor *executor);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
