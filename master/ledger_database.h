/* SPDX-License-Identifier: MIT */
/*
 * One connection to a ledger's file, and what SQLite says in our words. For one thread at a time.
 * Only master/ledger*.c include this, and sqlite3.h.
 */
#ifndef SCIAME_MASTER_LEDGER_DATABASE_H
#define SCIAME_MASTER_LEDGER_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "common/error.h"

enum {
	LEDGER_BUSY_MS = 5000,          /* longest wait for a program that looks at the file */
	LEDGER_CACHE_KIB = 16384,       /* pages that one connection keeps in memory */
	LEDGER_CHECKPOINT_PAGES = 4096, /* of the log, before it is moved into the file */
};

struct ledger_database {
	sqlite3 *handle;
	const char *path; /* borrowed */
};

/* Opens a file that exists; the path must not look like an address to SQLite (see ledger_path). */
int ledger_database_open(struct ledger_database *database, const char *path, struct error *err);
/* The same for looking only. */
int ledger_database_look(struct ledger_database *database, const char *path, struct error *err);
/* All its statements must have been finalized. A zeroed one is fine. */
void ledger_database_close(struct ledger_database *database);

/* path, or "./path" where SQLite would take it for something else. The caller frees it. */
char *ledger_path(const char *path);

/* Fills *err with what the last call met. Returns -1. */
int ledger_complain(const struct ledger_database *database, struct error *err);

int ledger_execute(const struct ledger_database *database, const char *text, struct error *err);

/* The one number that a query gives; a query without a row is an error. */
int ledger_ask(const struct ledger_database *database, const char *text, int64_t *answer,
	struct error *err);

/* A statement that is kept; NULL and *err. The caller finalizes it. */
sqlite3_stmt *ledger_prepare(
	const struct ledger_database *database, const char *text, struct error *err);

/* 1 and a row, 0 no more rows, -1 and *err. */
int ledger_step(const struct ledger_database *database, sqlite3_stmt *statement, struct error *err);

/* Runs a statement that gives no rows and makes it ready for the next time. */
int ledger_run(const struct ledger_database *database, sqlite3_stmt *statement, struct error *err);

/* Makes it ready for the next time. */
void ledger_reset(sqlite3_stmt *statement);

/* Values of a statement, positions from 1. What they point to must stay until it is reset. */
void ledger_bind_integer(sqlite3_stmt *statement, int position, int64_t value);
void ledger_bind_text(sqlite3_stmt *statement, int position, const char *text);
void ledger_bind_blob(sqlite3_stmt *statement, int position, const void *bytes, size_t size);

/* The text of a column, "" for NULL; borrowed until the next step. */
const char *ledger_column_text(sqlite3_stmt *statement, int column);

#endif
