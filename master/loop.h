/* SPDX-License-Identifier: MIT */
/*
 * The master's shell: turns what happens (messages, signals, jobs of the client, dead workers) into
 * the scheduler's events, and its actions into messages. It keeps nothing for the whole process and
 * speaks only through log_line, so that several may run at once, each in a thread of its own.
 */
#ifndef SCIAME_MASTER_LOOP_H
#define SCIAME_MASTER_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "master/client.h"

enum { LOOP_RUN_ID_SIZE = 16 };

/* Pointers are borrowed until loop_run returns. */
struct loop_options {
	uint8_t id[LOOP_RUN_ID_SIZE]; /* random; the same for all starts of a run */
	uint32_t epoch;               /* 1, one more for each start */
	const struct client *client;
	int signals; /* signalfd: the first cancels, the second hurries, the third kills; or -1 */
	uint32_t retries;       /* of failures that may pass */
	bool twins;             /* what takes long is done twice at the end */
	int64_t grace_ms;       /* for running jobs after a cancellation */
	int64_t target_wait_ms; /* how long a full or read-only target is waited for */
	const char *afterwards; /* how to go on after an early end: half a sentence, or "" */
	/* the worker of this host */
	const char *program;      /* sciame-worker */
	int worker_stderr;        /* a descriptor that is its stderr; -1: this process's */
	int64_t lanes;            /* 0: there is none */
	int64_t transfers;        /* the jobs are transfers, of which so many go on at once; or 0 */
	int64_t jobs_per_lane;    /* then it is replaced; 0: never */
	bool sync;                /* outputs are synced to disk */
	bool best_effort;         /* lanes may be less confined where the kernel can't */
	bool allow_private;       /* addresses that are not public may be contacted */
	const char *s3_endpoint;  /* or NULL */
	const char *const *kinds; /* shared objects with kinds of one's own */
	size_t kinds_count;
	char *const *roots; /* "NAME=FOLDER" */
	size_t roots_count;
	/* workers of other machines */
	const char *listen;      /* address, or NULL: none take part */
	const char *keys;        /* folder, or NULL */
	bool insecure;           /* over the network without keys */
	bool depot;              /* files travel over the master */
	int64_t channels;        /* workers at a time */
	int64_t wait_workers;    /* before anything is taken */
	int64_t wait_timeout_ms; /* for them, and for any when all have gone; 0: for ever */
};

/* What it came to. */
struct loop_report {
	uint32_t workers, lanes; /* at once, at the most */
	bool ended;              /* every job that there was is settled, none as canceled */
	bool canceled;           /* by a signal */
	bool halted;             /* by the client's wish */
	bool aborted;            /* the target took no more files */
};

/* Runs until every job is settled. -1: it could not; then *report says how far it came. */
int loop_run(const struct loop_options *options, struct loop_report *report, struct error *err);

#endif
