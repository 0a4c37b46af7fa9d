/* SPDX-License-Identifier: MIT */
/* What the command line says: sciame KIND [options] [operands]. */
#ifndef SCIAME_MASTER_SETTINGS_H
#define SCIAME_MASTER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "master/halt.h"

struct master_kind;

enum { SETTINGS_ROOTS_MAX = 16 };

/* How files come to workers of other machines. */
enum transfer_way {
	TRANSFER_SHARED, /* they have the folders, too */
	TRANSFER_INLINE, /* over the master */
};

struct settings {
	const struct master_kind *kind; /* NULL: none was named, see help and version */
	void *kind_settings;            /* made by kind->settings_new, freed by settings_release */
	int operands_count;
	char **operands;        /* borrowed from argv */
	int64_t concurrency;    /* lanes, or transfers of a kind that has them; 0: none here */
	int64_t grace_ms;       /* for running jobs after a cancellation */
	int64_t job_timeout_ms; /* 0: none */
	int64_t retries;        /* of failures that may pass; -1: as the kind has it */
	int64_t target_wait_ms; /* how long a full or read-only target is waited for */
	struct halt halt;
	/* other machines */
	const char *listen;      /* address, or NULL: none take part */
	const char *keys;        /* folder, or NULL */
	int64_t channels;        /* workers at a time */
	int64_t wait_workers;    /* of other machines, before anything is listed */
	int64_t wait_timeout_ms; /* for them, and for any when all have gone; 0: for ever */
	bool insecure;
	int transfer; /* enum transfer_way */
	size_t roots_count;
	const char *roots[SETTINGS_ROOTS_MAX]; /* "NAME=FOLDER", borrowed from argv */
	const char *ledger; /* file, borrowed from argv, or NULL: by the target */
	int sandbox;        /* 0: required, 1: best effort */
	bool no_ledger, no_twins, retry_failed, checksum;
	bool update;  /* only what has changed since it was made */
	bool deletes; /* outputs whose source is gone */
	bool dry_run; /* nothing is made or deleted, only said */
	bool serial, sync, json, quiet, verbose, help, version;
};

/* 0 and *settings filled (release it), or -1. */
int settings_parse(struct settings *settings, int argc, char **argv, struct error *err);
void settings_release(struct settings *settings);

/* The help that was asked for: of the program, or of settings->kind. */
void settings_print_help(const struct settings *settings);

#endif
