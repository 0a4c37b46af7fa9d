/* SPDX-License-Identifier: MIT */
/*
 * The worker's own part of the kinds whose input comes over the network. It runs outside of the
 * lane, and never looks into what was fetched.
 */
#ifndef SCIAME_WORKER_FETCH_KIND_H
#define SCIAME_WORKER_FETCH_KIND_H

#include <stdint.h>

#include "common/error.h"
#include "common/job.h"
#include "worker/transfer.h"

/* What a job wants from the network. */
struct fetch_plan {
	struct transfer_request request; /* its texts are in memory, or the job's */
	uint32_t per_host;               /* transfers from one host at once; 0 is no limit */
	void *memory;                    /* freed by the caller with free() */
};

struct fetch_kind {
	int (*plan)(const struct job *job, struct fetch_plan *plan, struct error *err);
	/*
	 * What follows from a transfer that has ended: the job for the lane with what it has to
	 * know of the response among its parameters (freed with free()), or NULL and *result, when
	 * there is nothing to read.
	 */
	struct job *(*fetched)(
		const struct job *job, const struct transfer *transfer, struct result *result);
};

/* The kind with this number, or NULL: its jobs read files, or nothing. */
const struct fetch_kind *fetch_kind_find(uint32_t number);

#endif
