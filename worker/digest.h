/* SPDX-License-Identifier: MIT */
/* The digest of a job's whole source, as the job asks for it. */
#ifndef SCIAME_WORKER_DIGEST_H
#define SCIAME_WORKER_DIGEST_H

#include "common/error.h"
#include "common/job.h"

/*
 * Reads all of fd, wherever its offset stands and without moving it, in pieces of fixed size, and
 * fills has_digest and digest of *result (SHA-256).
 */
int digest_source(int fd, struct result *result, struct error *err);

#endif
