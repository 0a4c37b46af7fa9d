/* SPDX-License-Identifier: MIT */
/*
 * `--transfer inline`: hands the sources of jobs out to workers that share no folder with the
 * master, and takes their outputs in. A thread of its own, for disks may be slow. Only what belongs
 * to a job that is in somebody's hands can be had or made:
 *
 *     depot_open -> depot_offer(job) when it is sent ... depot_withdraw(job) when it is settled
 *
 * The worker asks for each piece and says what it has got, so that neither side holds more than a
 * few pieces of a file; an output becomes visible when all of it has come, under the name that the
 * job offered gives it.
 */
#ifndef SCIAME_MASTER_DEPOT_H
#define SCIAME_MASTER_DEPOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"
#include "common/socket.h"
#include "common/wire.h"

struct depot;

struct depot_options {
	struct socket *socket; /* SOCKET_MASTER_DEPOT; the depot's until depot_close, borrowed */
	char *const *roots;    /* "NAME=FOLDER" */
	size_t roots_count;
	struct wire_id run; /* with the epoch: of which start jobs have to be */
	uint32_t epoch;
	bool sync; /* fsync each output and its folder before it counts */
};

/* NULL and *err on failure. */
struct depot *depot_open(const struct depot_options *options, struct error *err);
/* Outputs that are not whole vanish. NULL is fine. */
void depot_close(struct depot *depot);

/* From now on the files of the job may travel; again for each attempt. */
void depot_offer(struct depot *depot, const struct job *job);
/* From now on they may not. One that was never offered is fine. */
void depot_withdraw(struct depot *depot, uint64_t job);

#endif
