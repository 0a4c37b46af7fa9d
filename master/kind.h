/* SPDX-License-Identifier: MIT */
/* The master's half of each kind: which jobs there are, and what their results add up to. */
#ifndef SCIAME_MASTER_KIND_H
#define SCIAME_MASTER_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"
#include "common/kind.h"
#include "common/options.h"
#include "common/summary.h"
#include "master/settings.h"

enum {
	KIND_ROOTS_MAX = 4,
	KIND_REMARK_MAX = 512, /* bytes with the NUL */
};

/* One run of a kind: what open made. */
struct kind_run {
	void *state;
	size_t roots_count;
	char *roots[KIND_ROOTS_MAX]; /* "NAME=FOLDER" for the workers; freed by master_kind_close */
	/*
	 * What a ledger of this run goes by: where it reads and writes (real paths, freed by
	 * master_kind_close) and what else its outputs depend on (borrowed from the state).
	 * ledger_target NULL: the kind's jobs are not to be remembered.
	 */
	char *ledger_source, *ledger_target;
	const void *ledger_parameters;
	size_t ledger_parameters_size;
	bool ledger_optional;    /* none is kept unless it is asked for */
	const char *s3_endpoint; /* for the workers of this host; borrowed from the settings */
	bool allow_private;      /* they may contact addresses that are not public */
	bool needs_outputs;      /* what was done before counts only with what known() needs */
	bool stdout_taken; /* the output itself goes to stdout: the last line goes to stderr */
};

struct master_kind {
	const char *name;     /* the subcommand */
	const char *operands; /* "SOURCE TARGET", for the usage line */
	const char *summary;  /* half a line for the list of commands */
	const char *help;     /* a paragraph for its own help */
	const char *unit;     /* of progress: "images" */
	const char *counters[SUMMARY_COUNTERS_MAX];
	const struct option_spec *options;      /* they fill what settings_new made */
	const struct option_spec *more_options; /* the same, under a title of their own; or NULL */
	const char *more_title;
	/*
	 * The jobs are transfers over the network: --concurrency counts these, and its default
	 * is so many for each usable core. 0: it counts lanes, one for each core.
	 */
	uint32_t transfers_per_core;
	bool updates; /* its outputs are files of which the ledger knows: --update makes sense */
	uint32_t retries; /* of failures that may pass, unless --retries says otherwise */
	void *(*settings_new)(void); /* with the defaults; freed with free() */
	/* Checks operands and settings and opens the source. ERROR_USAGE: called wrongly. */
	int (*open)(struct kind_run *run, const struct settings *settings, struct error *err);
	/*
	 * The next job: 1 and its source, target and parameters (borrowed until the next call), 0
	 * no more, -1 one thing could not be listed: *err names it, and next may be called again.
	 * Called from one thread, which is not the one that calls the others.
	 */
	int (*next)(void *state, struct job *job, struct error *err);
	/*
	 * From any thread or signal handler: no more is wanted, next is to return soon. Or NULL:
	 * it never waits.
	 */
	void (*stop)(void *state);
	/*
	 * A job that is not done again, and what an earlier run made of it: outputs, nothing else.
	 * Or NULL. From the thread of next.
	 */
	void (*known)(void *state, const struct job *job, const struct result *past);
	/* Which counter a successful result counts in, or -1 and *err when it makes no sense. */
	int (*fold)(
		void *state, const struct job *job, const struct result *result, struct error *err);
	/*
	 * What a success gave up on the way: half a sentence for people, "" for nothing. Or NULL:
	 * there is never anything. KIND_REMARK_MAX bytes.
	 */
	void (*remark)(const struct result *result, char *text);
	/* Takes note of a job that failed for good, or of one that fold refused. Or NULL. */
	void (*fail)(void *state, const struct job *job, const struct result *result);
	/* After the last job, of a canceled run, too: what the run was for. Or NULL. */
	int (*finish)(void *state, const struct summary *summary, struct error *err);
	/* The last line (SUMMARY_LINE_MAX bytes). NULL: summary_line. */
	void (*line)(const struct summary *summary, char *line, size_t size);
	void (*close)(void *state);
};

/* The kind with this number or this name, or NULL. */
const struct master_kind *master_kind_find(uint32_t number);
const struct master_kind *master_kind_named(const char *name);
uint32_t master_kind_number(const struct master_kind *kind);
/* "noop, scale" for messages. */
const char *master_kind_names(void);

/* Closes what open made and frees the roots. */
void master_kind_close(const struct master_kind *kind, struct kind_run *run);

#endif
