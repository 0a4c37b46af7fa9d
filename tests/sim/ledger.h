/* SPDX-License-Identifier: MIT */
/*
 * A model of the master's ledger: outcomes and blames are written in batches of up to 256 or
 * 100 ms; what was not written when the master dies is lost. A terminal outcome is written at
 * most once for each job over all starts of the master.
 */
#ifndef SCIAME_TESTS_SIM_LEDGER_H
#define SCIAME_TESTS_SIM_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum {
	LEDGER_BATCH_MAX = 256,
	LEDGER_BATCH_US = 100 * 1000,
};

struct ledger_row {
	bool settled;
	enum error_code code;
	uint32_t blames;
};

struct ledger_entry {
	uint32_t job, blames; /* blames: so far, or 0 for an outcome */
	enum error_code code;
};

struct ledger {
	struct ledger_row *rows; /* by index of the job */
	struct ledger_entry batch[LEDGER_BATCH_MAX];
	size_t batch_count;
	int64_t batch_us; /* when its first entry came */
	uint64_t settled; /* rows written with an outcome */
	bool doubled;     /* an outcome was written twice */
};

void ledger_init(struct ledger *ledger, uint32_t jobs);
void ledger_release(struct ledger *ledger);

void ledger_settle(struct ledger *ledger, int64_t now_us, uint32_t job, enum error_code code);
void ledger_blame(struct ledger *ledger, int64_t now_us, uint32_t job, uint32_t blames);

/* Writes what is old enough by now, or all. */
void ledger_pass(struct ledger *ledger, int64_t now_us);
void ledger_commit(struct ledger *ledger);

/* The master dies: the outcomes that are lost with it. */
uint64_t ledger_crash(struct ledger *ledger, int64_t now_us);

#endif
