/* SPDX-License-Identifier: MIT */
/* What the worker's command line says. */
#ifndef SCIAME_WORKER_SETTINGS_H
#define SCIAME_WORKER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "worker/own_kinds.h"
#include "worker/sandbox.h"

enum { SETTINGS_ROOTS_MAX = 16 };

struct settings {
	const char *master;        /* address, common/socket.h */
	int64_t concurrency;       /* lanes */
	int64_t transfers;         /* in flight at most */
	int64_t jobs_per_lane;     /* then it is replaced; 0: never */
	int64_t orphan_ms;         /* without a master for so long it ends; 0 is no limit */
	const char *keys;          /* folder, or NULL */
	const char *key;           /* file, or NULL: worker.key in that folder */
	enum sandbox_need sandbox; /* of its lanes */
	int64_t leash;      /* descriptor shared with the master that started this worker, or -1 */
	const char *health; /* file that says that the loop turns, or NULL */
	const char *check;  /* such a file is only to be looked at; or NULL */
	const char *s3_endpoint; /* or NULL */
	bool allow_private;
	bool insecure, once;
	bool sync, follow_links, help, version;
	size_t roots_count;
	const char *roots[SETTINGS_ROOTS_MAX]; /* NAME=FOLDER */
	size_t kinds_count;
	const char *kinds[OWN_KINDS_MAX]; /* files */
	struct own_kinds own;             /* what is in them, once they are loaded */
};

/* Fills *settings; its pointers are borrowed from argv. */
int settings_parse(struct settings *settings, int argc, char **argv, struct error *err);
void settings_print_help(void);

#endif
