/* SPDX-License-Identifier: MIT */
/*
 * The worker that the master starts on its own host. Both hold an end of a socketpair, the leash,
 * and every lane inherits the worker's end: when the master dies the worker sees it and ends;
 * when the master's end reads end-of-file, the worker and all its lanes are gone.
 */
#ifndef SCIAME_MASTER_LOCAL_WORKER_H
#define SCIAME_MASTER_LOCAL_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

struct local_worker {
	pid_t pid; /* 0: none runs */
	int leash; /* becomes readable when all its processes have ended; -1 when none runs */
};

struct local_worker_options {
	const char *program; /* sciame-worker */
	int stderr_fd;       /* its stderr; -1: that of this process */
	const char *address; /* of the master */
	int64_t lanes;
	int64_t transfers;     /* in flight; 0: the worker's default */
	int64_t jobs_per_lane; /* 0: no limit */
	bool sync;
	bool sandbox_best_effort; /* lanes may be less confined where the kernel can't */
	const char *s3_endpoint;  /* or NULL */
	bool allow_private;       /* addresses that are not public may be contacted */
	char *const *roots;       /* NAME=FOLDER */
	size_t roots_count;
	const char *const *kinds; /* shared objects */
	size_t kinds_count;
};

int local_worker_start(
	struct local_worker *worker, const struct local_worker_options *options, struct error *err);

/* Ends it at once; its lanes end with it. Its death shows on the leash like any other. */
void local_worker_kill(const struct local_worker *worker);

/*
 * To be called when the leash is readable. True when all its processes have ended: then *reason
 * says how ("ended by SIGKILL"), and *failed whether that was other than by itself with status 0.
 */
bool local_worker_reap(struct local_worker *worker, char *reason, size_t size, bool *failed);

#endif
