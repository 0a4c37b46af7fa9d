/* SPDX-License-Identifier: MIT */
/*
 * The jobs of a run, one after the other: what the kind finds, less what the ledger knows to be
 * settled.
 */
#ifndef SCIAME_MASTER_LISTING_H
#define SCIAME_MASTER_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"
#include "common/summary.h"
#include "master/kind.h"
#include "master/resume.h"
#include "master/mentions.h"

struct listing {
	const struct master_kind *kind;
	void *state;               /* of the kind */
	struct resume *resume;     /* NULL: nothing is known of any source */
	bool digest;               /* results are to name the digests of the sources */
	bool explains;             /* why a source is done again is wanted */
	struct mentions *mentions; /* notes sources and outputs; NULL: nobody asks for it */
};

enum listed_type {
	LISTED_JOB,       /* to be done */
	LISTED_DONE,      /* it is settled as done: counter, bytes */
	LISTED_FAILED,    /* it is settled: failed or quarantined */
	LISTED_UNCHANGED, /* an earlier run has made it: nothing to do, nothing to count */
};

/* Pointers are borrowed until the next call. */
struct listed {
	enum listed_type type;
	struct job job;      /* without a number */
	const char *why;     /* JOB: why it is done again, or NULL */
	struct error reason; /* FAILED */
	uint32_t counter;
	uint64_t input_bytes, output_bytes;
};

/* What was found to be done already, added up. */
struct listed_past {
	uint64_t counts[SUMMARY_COUNTERS_MAX];
	uint64_t input_bytes, output_bytes;
	uint64_t unchanged;
};

/* 1 and *listed, 0 no more, -1 one thing could not be listed: *err names it, go on. */
int listing_next(struct listing *listing, struct listed *listed, struct error *err);

#endif
