/* SPDX-License-Identifier: MIT */
/* How one job of each kind is executed inside a lane. */
#ifndef SCIAME_WORKER_KIND_H
#define SCIAME_WORKER_KIND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "common/job.h"

struct sandbox_limits {
	uint64_t memory_bytes; /* address space of the lane (RLIMIT_AS); 0 is no limit */
	uint64_t output_bytes; /* largest file it may write (RLIMIT_FSIZE); 0 is no limit */
	bool no_files;         /* it opens none but shared libraries; start leaves no thread */
};

struct worker_kind {
	const char *name;
	/* Prints what it understands here, as text or JSON; instead of start. Or NULL. */
	int (*print_formats)(FILE *out, bool json, struct error *err);
	struct sandbox_limits limits;
	/* Called once in a lane, before its first job and the closing of the sandbox. Or NULL. */
	int (*start)(struct error *err);
	/*
	 * Does one job: reads in_fd from offset 0 (-1: it has no input), writes its outputs
	 * (job_outputs of them, empty at the start) to out_fds, fills report, input_bytes,
	 * output_bytes and outputs of *result. The caller keeps the descriptors. Never opens a
	 * file by name, never prints.
	 */
	int (*execute)(const struct job *job, int in_fd, const int *out_fds, struct result *result,
		struct error *err);
};

/* The kind with this number, or NULL. */
const struct worker_kind *worker_kind_find(uint32_t number);

#endif
