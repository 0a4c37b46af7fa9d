/* SPDX-License-Identifier: MIT */
#include "master/ledger_schema.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

/*
 * target NULL: "target:" and what source has after its root. input_bytes NULL: source_size.
 * worker NULL: none is known. A row is cut to the number that says most of it: 100 bytes for a
 * path of 60. Names are bytes; as TEXT they are readable in sqlite3(1).
 */
static const char schema[] = "CREATE TABLE command ("
			     " id INTEGER PRIMARY KEY,"
			     " kind TEXT NOT NULL,"
			     " source TEXT NOT NULL,"
			     " target TEXT NOT NULL,"
			     " parameters BLOB NOT NULL,"
			     " program TEXT NOT NULL"
			     ") STRICT;"
			     "CREATE TABLE run ("
			     " id INTEGER PRIMARY KEY,"
			     " uuid BLOB NOT NULL CHECK (length(uuid) = 16),"
			     " command INTEGER NOT NULL,"
			     " started_s INTEGER NOT NULL,"
			     " ended_s INTEGER,"
			     " epoch INTEGER NOT NULL,"
			     " pid INTEGER NOT NULL,"
			     " host TEXT NOT NULL,"
			     " listed INTEGER NOT NULL DEFAULT 0,"
			     " listing_ended INTEGER NOT NULL DEFAULT 0,"
			     " done INTEGER NOT NULL DEFAULT 0,"
			     " failed INTEGER NOT NULL DEFAULT 0,"
			     " quarantined INTEGER NOT NULL DEFAULT 0"
			     ") STRICT;"
			     "CREATE TABLE worker ("
			     " id INTEGER PRIMARY KEY,"
			     " name TEXT NOT NULL UNIQUE"
			     ") STRICT;"
			     "CREATE TABLE job ("
			     " source TEXT NOT NULL PRIMARY KEY,"
			     " target TEXT,"
			     " run INTEGER NOT NULL,"
			     " outcome INTEGER NOT NULL,"
			     " counter INTEGER NOT NULL,"
			     " code INTEGER NOT NULL,"
			     " reason TEXT,"
			     " source_size INTEGER NOT NULL,"
			     " source_mtime_ns INTEGER NOT NULL,"
			     " digest BLOB,"
			     " input_bytes INTEGER,"
			     " output_bytes INTEGER NOT NULL,"
			     " attempts INTEGER NOT NULL,"
			     " blames INTEGER NOT NULL,"
			     " duration_us INTEGER NOT NULL,"
			     " worker INTEGER,"
			     " settled_s INTEGER NOT NULL,"
			     " outputs BLOB" /* since version 2: proto/ledger.proto */
			     ") STRICT, WITHOUT ROWID;";

/* One of a version that this program knows. */
static int read_version(const struct ledger_database *d, int64_t *version, struct error *err)
{
	int64_t application;
	if (ledger_ask(d, "PRAGMA application_id", &application, err) ||
		ledger_ask(d, "PRAGMA user_version", version, err))
		return -1;
	if (application != LEDGER_APPLICATION_ID || *version < 1)
		return error_set(err, ERROR_IO, "%s is no ledger", d->path);
	if (*version > LEDGER_SCHEMA_VERSION)
		return error_set(err, ERROR_IO,
			"ledger %s is of version %lld, this program knows up to %d", d->path,
			(long long)*version, LEDGER_SCHEMA_VERSION);
	return 0;
}

int ledger_schema_check(const struct ledger_database *d, struct error *err)
{
	int64_t version;
	if (read_version(d, &version, err))
		return -1;
	if (version < LEDGER_SCHEMA_VERSION)
		return error_set(err, ERROR_IO,
			"ledger %s is of an earlier program: the next run into its target brings "
			"it up to date",
			d->path);
	return 0;
}

/* What version 2 added; rows of before have none. One transaction: all of it or nothing. */
static int upgrade(const struct ledger_database *d, struct error *err)
{
	char *text = xasprintf("BEGIN IMMEDIATE; ALTER TABLE job ADD COLUMN outputs BLOB;"
			       " PRAGMA user_version = %d; COMMIT",
		LEDGER_SCHEMA_VERSION);
	int status = ledger_execute(d, text, err);
	free(text);
	/* fails where nothing was begun */
	if (status)
		(void)sqlite3_exec(d->handle, "ROLLBACK", NULL, NULL, NULL);
	return status;
}

int ledger_schema_create(const struct ledger_database *d, struct error *err)
{
	char *text = xasprintf("%s PRAGMA application_id = %d; PRAGMA user_version = %d", schema,
		LEDGER_APPLICATION_ID, LEDGER_SCHEMA_VERSION);
	int status = ledger_execute(d, text, err);
	free(text);
	return status;
}

/* 1 when nothing is in it: no bytes, or no tables because the first transaction never ended. */
static int is_empty(const struct ledger_database *d, struct error *err)
{
	int64_t empty;
	if (ledger_ask(d,
		    "SELECT (SELECT count(*) FROM sqlite_schema) = 0"
		    " AND (SELECT application_id FROM pragma_application_id) = 0"
		    " AND (SELECT user_version FROM pragma_user_version) = 0",
		    &empty, err))
		return -1;
	return empty != 0;
}

static int set_wal(const struct ledger_database *d, struct error *err)
{
	sqlite3_stmt *statement = ledger_prepare(d, "PRAGMA journal_mode = WAL", err);
	if (!statement)
		return -1;
	int status = ledger_step(d, statement, err);
	bool is_wal = status > 0 && strcmp(ledger_column_text(statement, 0), "wal") == 0;
	/* the answer comes before the file is written */
	if (status > 0)
		status = ledger_step(d, statement, err);
	(void)sqlite3_finalize(statement); /* repeats the error of the step */
	if (status == 0 && !is_wal)
		return error_set(err, ERROR_IO,
			"ledger %s: its file system can't share memory, as SQLite's log needs it",
			d->path);
	return status;
}

int ledger_schema_prepare(const struct ledger_database *d, struct error *err)
{
	int64_t version = LEDGER_SCHEMA_VERSION;
	int empty = is_empty(d, err);
	if (empty < 0 || (empty == 0 && read_version(d, &version, err)))
		return -1;
	if (sqlite3_db_readonly(d->handle, "main") == 1)
		return error_set(err, ERROR_IO, "ledger %s may not be written", d->path);
	/* the log before the tables: two syncs instead of seven */
	if (set_wal(d, err))
		return -1;
	char *text = xasprintf("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = %d",
		LEDGER_CHECKPOINT_PAGES);
	int status = ledger_execute(d, text, err);
	free(text);
	if (status == 0 && version < LEDGER_SCHEMA_VERSION)
		status = upgrade(d, err);
	return status ? -1 : empty;
}

int ledger_schema_verify(const struct ledger_database *d, struct error *err)
{
	sqlite3_stmt *statement = ledger_prepare(d, "PRAGMA quick_check(1)", err);
	if (!statement)
		return -1;
	int status = ledger_step(d, statement, err);
	if (status >= 0 && strcmp(ledger_column_text(statement, 0), "ok") != 0)
		status = error_set(err, ERROR_IO, "ledger %s is damaged: %s", d->path,
			ledger_column_text(statement, 0));
	(void)sqlite3_finalize(statement); /* repeats the error of the step */
	return status < 0 ? -1 : 0;
}
