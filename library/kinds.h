/* SPDX-License-Identifier: MIT */
/* From the jobs that programs describe to those that workers know. */
#ifndef SCIAME_LIBRARY_KINDS_H
#define SCIAME_LIBRARY_KINDS_H

#include "common/error.h"
#include "common/job.h"
#include "sciame/executor.h"

/* What a job is to be, besides its number; parameters are in the buffer. */
struct kind_request {
	struct job job;
	uint8_t parameters[JOB_PARAMETERS_MAX];
};

/* Pointers of *request are borrowed from *job. ERROR_USAGE or ERROR_LIMIT. */
int kinds_prepare(struct kind_request *request, const struct sciame_job *job, struct error *err);

/* What became of a job of this kind that was done: a word, static. */
const char *kinds_outcome(uint32_t kind, const struct result *result);

#endif
