/* SPDX-License-Identifier: MIT */
/*
 * What became of each source, on disk: so that a run that was cut off is taken up again, and a
 * source that killed its lanes is left alone until it changes. SQLite in WAL mode, in one file.
 *
 * One thread writes: it commits LEDGER_COMMIT_MS after an outcome came, or when LEDGER_BATCH_MAX
 * wait, and each commit is on disk before the next (synchronous=FULL). A power cut costs the last
 * batch: work that is done again. One process at a time holds the file (flock); readers may look.
 * Rows of sources that are gone stay; a run overwrites those of the sources that it settles.
 *
 *     ledger_open(&ledger, &options, &err)      a run starts, or goes on where it was cut off
 *     ledger_past(ledger)                       what is known of it
 *     ledger_find(ledger, source, &entry, ...)  what became of this source before
 *     ledger_settle / ledger_blame / ledger_listed ...   never wait for the disk
 *     ledger_close(ledger, LEDGER_ENDED, &err)  flushes
 */
#ifndef SCIAME_MASTER_LEDGER_H
#define SCIAME_MASTER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"

enum {
	LEDGER_COMMIT_MS = 100,   /* between commits: what a crash can cost */
	LEDGER_BATCH_MAX = 4096,  /* outcomes that wait, and are then written at once */
	LEDGER_AHEAD_MAX = 8192,  /* outcomes in one transaction; beyond, ledger_settle waits */
	LEDGER_REASON_MAX = 1024, /* bytes of a reason with its NUL; longer ones are cut */
	LEDGER_RUN_ID_SIZE = 16,
};

struct ledger;

struct ledger_options {
	const char *path;       /* of the file; its folder must exist */
	const char *kind;       /* the subcommand */
	const char *source;     /* for people: where the run reads */
	const char *target;     /* and writes */
	const void *parameters; /* of the kind, packed: what else the outputs depend on */
	size_t parameters_size;
	const char *program; /* version */
};

/* What the file says of its last run. */
struct ledger_past {
	/* It had not ended, and kind, source, target, parameters and program were the same. */
	bool resuming;
	bool any_quarantined;               /* of any earlier run */
	uint64_t done, failed, quarantined; /* resuming: jobs settled in that run */
	uint64_t listed;                    /* resuming: jobs that it had found */
	bool listing_ended;                 /* and that is all there are */
	int64_t started_s; /* resuming: when it first started, seconds since 1970 */
	uint32_t epoch;    /* 1; resuming: one more than the last time */
	uint8_t run[LEDGER_RUN_ID_SIZE];
};

enum ledger_outcome {
	LEDGER_BLAMED = 0, /* not settled: only deaths are known */
	LEDGER_DONE = 1,
	LEDGER_FAILED = 2,
	LEDGER_QUARANTINED = 3,
};

/* One source. In ledger_settle all pointers are borrowed for the call. */
struct ledger_entry {
	const char *source; /* "ROOT:path"; bytes */
	const char *target; /* the same of its output; may be ""; of several: a template */
	enum ledger_outcome outcome;
	uint32_t counter; /* DONE: which of the kind's counters it counted in */
	enum error_code code;
	const char *reason; /* FAILED, QUARANTINED: why; BLAMED, QUARANTINED: the history */
	uint64_t source_size;
	int64_t source_mtime_ns; /* both 0: the source could not be opened */
	bool has_digest;
	uint8_t digest[JOB_DIGEST_SIZE];
	uint64_t input_bytes, output_bytes;
	const void *outputs; /* DONE: packed by ledger_outputs_pack, or NULL */
	size_t outputs_size;
	uint32_t attempts; /* sent so often */
	uint32_t blames;
	uint32_t duration_us;
	const char *worker; /* name of its host */
	/* Filled by ledger_find alone: */
	bool this_run;     /* it was settled in the run that is resumed */
	bool same_command; /* with the same kind, parameters and program */
	bool same_program; /* at least with the same program */
	bool same_place;   /* by a run of the same kind, source and target */
	int64_t settled_s; /* seconds since 1970 */
};

/*
 * Opens or creates the file and begins a run, or resumes one. ERROR_START with a message that
 * names the file when it is in use by another run (and by which process), can't be written, is no
 * ledger, is of a newer version, or is damaged (a file whose last run did not end is checked).
 */
int ledger_open(struct ledger **ledger, const struct ledger_options *options, struct error *err);

/*
 * The same for looking only, without a lock: nothing is made or begun, and nothing may be settled.
 * *ledger NULL: there is no file.
 */
int ledger_look(struct ledger **ledger, const struct ledger_options *options, struct error *err);

const struct ledger_past *ledger_past(const struct ledger *ledger);

/*
 * What is known of a source: 1 and *entry (its pointers are borrowed until the next call), 0
 * nothing, -1 failed. For one thread, which need not be the one that calls the others.
 */
int ledger_find(
	struct ledger *ledger, const char *source, struct ledger_entry *entry, struct error *err);

/*
 * Hand an outcome, or a death (outcome BLAMED), to the writer. A death never replaces an outcome
 * of the same run: there only its blames are noted.
 */
void ledger_settle(struct ledger *ledger, const struct ledger_entry *entry);

/*
 * How many jobs were found so far, and whether that is all. A run that is resumed lists anew, from
 * 0: the file keeps the larger number until it is all.
 */
void ledger_listed(struct ledger *ledger, uint64_t listed, bool ended);

/* 0, or -1 and *err once the writer has failed: from then on nothing is written any more. */
int ledger_check(struct ledger *ledger, struct error *err);

/*
 * Sources that earlier runs of the same kind, source and target have done, and of which nothing was
 * settled in this run, in their order. From begin on nothing may be settled any more, but sources
 * be forgotten; end makes that last. begin and end: 0 or -1; next: as ledger_find.
 */
int ledger_earlier_begin(struct ledger *ledger, struct error *err);
int ledger_earlier_next(struct ledger *ledger, struct ledger_entry *entry, struct error *err);
int ledger_forget(struct ledger *ledger, const char *source, struct error *err);
int ledger_earlier_end(struct ledger *ledger, struct error *err);

/*
 * Writes what waits and ends the run: ended (the same command begins anew), or not (it
 * goes on from here). NULL is fine. -1 and *err: not all was written. Frees it in any case.
 */
int ledger_close(struct ledger *ledger, bool ended, struct error *err);

#endif
