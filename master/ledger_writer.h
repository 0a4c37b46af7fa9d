/* SPDX-License-Identifier: MIT */
/*
 * The thread that writes: it takes all that waits LEDGER_COMMIT_MS after the first of it came, or
 * at once when LEDGER_BATCH_MAX wait, and commits it. The first error ends the writing for good;
 * what comes then is dropped.
 */
#ifndef SCIAME_MASTER_LEDGER_WRITER_H
#define SCIAME_MASTER_LEDGER_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "master/ledger.h"
#include "master/ledger_database.h"

struct ledger_writer;

/* The database is the writer's until the stop; past: what was known before. */
struct ledger_writer *ledger_writer_start(const struct ledger_database *database, int64_t run,
	const struct ledger_past *past, struct error *err);

/* As ledger_settle, ledger_listed and ledger_check. */
void ledger_writer_put(struct ledger_writer *writer, const struct ledger_entry *entry);
void ledger_writer_listed(struct ledger_writer *writer, uint64_t listed, bool ended);
int ledger_writer_check(struct ledger_writer *writer, struct error *err);

/* Writes what waits, ends the thread and frees it. -1 and *err: not all was written. */
int ledger_writer_stop(struct ledger_writer *writer, struct error *err);

#endif
