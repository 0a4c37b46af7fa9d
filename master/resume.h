/* SPDX-License-Identifier: MIT */
/*
 * What to do with a job that was just listed, given what the ledger knows of its source.
 *
 * Skipped are, in a run that is resumed: what it has done, if the source is still the same file and
 * the output is there with the bytes that were written; what failed in it, if the source is the
 * same. In any run: what was quarantined, until its source, the parameters or the program change.
 * With --update also what an ended run has done from and to the same place with the same parameters
 * and program, if source and output are still the same.
 *
 * The same file: the same size and time of change; with --digest the same size and content,
 * whatever its times say (a source is then read once more to know). An object in S3 is what its
 * listing says of it; it is not read for this, and an output there is taken to be where it was put.
 */
#ifndef SCIAME_MASTER_RESUME_H
#define SCIAME_MASTER_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"
#include "master/ledger.h"

enum { RESUME_WHY_MAX = 96 }; /* bytes of a reason with its NUL */

struct resume;

struct resume_options {
	struct ledger *ledger; /* outlives the resume */
	char *const *roots;    /* "NAME=FOLDER", as in struct kind_run; borrowed for the call */
	size_t roots_count;
	bool retry_failed; /* what failed or was quarantined is done again */
	bool update;       /* what earlier runs have done counts as well */
	bool digest;       /* content tells whether a source has changed */
	bool described;    /* only outputs count of which pixels and digest are known */
};

enum resume_verdict {
	RESUME_DO,
	RESUME_DONE,
	RESUME_UNCHANGED, /* an earlier run has done it, and it is as it should be */
	RESUME_FAILED,
	RESUME_QUARANTINED,
};

/* Opens the roots. 0 and *resume, or -1. */
int resume_open(struct resume **resume, const struct resume_options *options, struct error *err);
void resume_close(struct resume *resume);

/*
 * An enum resume_verdict, or -1: the ledger could not be read. Not DO: *entry says what became of
 * the job (borrowed until the next call). DO: job->blames is filled, and *why says why it is done
 * again, or is NULL when it was not done before; valid until the next call. A run that has nothing
 * to take up costs nothing here. For one thread, the one of ledger_find.
 */
int resume_judge(struct resume *resume, struct job *job, struct ledger_entry *entry,
	const char **why, struct error *err);

/* The root of a location, a descriptor, and in *path what is below it; -1: it lies in none. */
int resume_root(const struct resume *resume, const char *location, const char **path);

/*
 * The size and time of a source as it is now, for outcomes that come without (a worker that died
 * could not tell): both 0 where it can't be said. For any thread.
 */
void resume_identify(
	const struct resume *resume, const char *source, uint64_t *size, int64_t *mtime_ns);

#endif
