/* SPDX-License-Identifier: MIT */
/* The runs of a ledger: which was the last one, and whether a new one goes on with it. */
#ifndef SCIAME_MASTER_LEDGER_HISTORY_H
#define SCIAME_MASTER_LEDGER_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "master/ledger.h"
#include "master/ledger_database.h"

enum { LEDGER_HOST_MAX = 256 }; /* bytes of a host's name with its NUL */

/* Which process has the file open, by the row of the last run. pid 0: no run has begun. */
struct ledger_holder {
	int64_t pid;
	char host[LEDGER_HOST_MAX];
	bool ended; /* the run has */
};

int ledger_history_holder(
	const struct ledger_database *database, struct ledger_holder *holder, struct error *err);

/*
 * Takes up the last run if it has not ended and was started by the same command, else begins one;
 * in a transaction of the caller's. *run is its row.
 */
int ledger_history_begin(const struct ledger_database *database,
	const struct ledger_options *options, struct ledger_past *past, int64_t *run,
	struct error *err);

/* The same without writing: *run 0: there is none to take up. */
int ledger_history_look(const struct ledger_database *database,
	const struct ledger_options *options, struct ledger_past *past, int64_t *run,
	struct error *err);

/* Notes that the run has ended. */
int ledger_history_end(const struct ledger_database *database, int64_t run, struct error *err);

#endif
