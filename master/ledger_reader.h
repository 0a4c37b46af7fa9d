/* SPDX-License-Identifier: MIT */
/*
 * Looks at a ledger without holding it, also while a run writes it: it sees the file as it is when
 * a question begins.
 *
 *     open -> last; begin -> next, next ... -> close
 */
#ifndef SCIAME_MASTER_LEDGER_READER_H
#define SCIAME_MASTER_LEDGER_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "master/ledger.h"

struct ledger_reader;

/* A run and the command that it was started by. Texts are borrowed until the next question. */
struct ledger_account {
	uint8_t run[LEDGER_RUN_ID_SIZE];
	const char *kind, *source, *target, *program;
	int64_t started_s, ended_s; /* seconds since 1970; ended_s 0: it has not */
	uint32_t epoch;             /* how often it was started */
	int64_t pid;                /* of the last start */
	const char *host;
	uint64_t listed;
	bool listing_ended;
	uint64_t done, failed, quarantined;
};

enum ledger_rows {
	LEDGER_ROWS_ALL,
	LEDGER_ROWS_FAILED, /* that failed in the last run, or are quarantined */
};

/* A file that is missing is an error; nothing is created. */
struct ledger_reader *ledger_reader_open(const char *path, struct error *err);
void ledger_reader_close(struct ledger_reader *reader);

/* The last run: 1 and *account, 0 there is none, -1. */
int ledger_reader_last(
	struct ledger_reader *reader, struct ledger_account *account, struct error *err);

/* Asks for rows, in the order of their sources. */
int ledger_reader_begin(struct ledger_reader *reader, enum ledger_rows rows, struct error *err);

/*
 * The next of them: 1 and all of *entry but same_command and same_program, and of *account the run
 * that settled it (its counts are not filled); this_run is whether that is the last one. 0 no more.
 */
int ledger_reader_next(struct ledger_reader *reader, struct ledger_entry *entry,
	struct ledger_account *account, struct error *err);

#endif
