/* SPDX-License-Identifier: MIT */
#include "master/ledger_database.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

char *ledger_path(const char *path)
{
	return path[0] == '/' ? xstrdup(path) : xasprintf("./%s", path);
}

static const char *message(const struct ledger_database *d)
{
	return sqlite3_errmsg(d->handle); /* of no handle: out of memory, which is right */
}

int ledger_complain(const struct ledger_database *d, struct error *err)
{
	int number = d->handle ? sqlite3_system_errno(d->handle) : 0;
	switch (sqlite3_errcode(d->handle) & 0xFF) {
	case SQLITE_NOTADB:
		return error_set(err, ERROR_IO, "%s is no ledger", d->path);
	case SQLITE_CORRUPT:
		return error_set(err, ERROR_IO, "ledger %s is damaged: %s", d->path, message(d));
	case SQLITE_FULL:
		return error_set(err, ERROR_IO, "ledger %s: the disk is full", d->path);
	case SQLITE_READONLY:
		return error_set(err, ERROR_IO, "ledger %s may not be written", d->path);
	case SQLITE_BUSY:
		return error_set(err, ERROR_IO, "ledger %s: another program holds it for over %d s",
			d->path, LEDGER_BUSY_MS / 1000);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		if (number)
			return error_set(err, ERROR_IO, "ledger %s: %s: %s", d->path, message(d),
				strerrordesc_np(number));
		break;
	}
	return error_set(err, ERROR_IO, "ledger %s: %s", d->path, message(d));
}

int ledger_execute(const struct ledger_database *d, const char *text, struct error *err)
{
	int status = sqlite3_exec(d->handle, text, NULL, NULL, NULL);
	return status == SQLITE_OK ? 0 : ledger_complain(d, err);
}

sqlite3_stmt *ledger_prepare(const struct ledger_database *d, const char *text, struct error *err)
{
	sqlite3_stmt *statement = NULL;
	int status = sqlite3_prepare_v3(
		d->handle, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
	if (status != SQLITE_OK)
		(void)ledger_complain(d, err); /* told by the NULL */
	return statement;
}

int ledger_step(const struct ledger_database *d, sqlite3_stmt *statement, struct error *err)
{
	int status = sqlite3_step(statement);
	if (status == SQLITE_ROW)
		return 1;
	return status == SQLITE_DONE ? 0 : ledger_complain(d, err);
}

void ledger_reset(sqlite3_stmt *statement)
{
	(void)sqlite3_reset(statement);          /* repeats the error of the step */
	(void)sqlite3_clear_bindings(statement); /* always succeeds */
}

int ledger_run(const struct ledger_database *d, sqlite3_stmt *statement, struct error *err)
{
	int status = ledger_step(d, statement, err);
	ledger_reset(statement);
	return status;
}

int ledger_ask(
	const struct ledger_database *d, const char *text, int64_t *answer, struct error *err)
{
	sqlite3_stmt *statement = ledger_prepare(d, text, err);
	if (!statement)
		return -1;
	int status = ledger_step(d, statement, err);
	if (status > 0)
		*answer = sqlite3_column_int64(statement, 0);
	else if (status == 0)
		(void)error_set(err, ERROR_IO, "ledger %s is damaged: a row is missing", d->path);
	(void)sqlite3_finalize(statement); /* repeats the error of the step */
	return status > 0 ? 0 : -1;
}

/* Nothing is copied and no number is out of range: binding can't fail. */
static void must(int status)
{
	assert(status == SQLITE_OK);
}

void ledger_bind_integer(sqlite3_stmt *statement, int position, int64_t value)
{
	must(sqlite3_bind_int64(statement, position, value));
}

void ledger_bind_text(sqlite3_stmt *statement, int position, const char *text)
{
	must(sqlite3_bind_text(statement, position, text, (int)strlen(text), SQLITE_STATIC));
}

void ledger_bind_blob(sqlite3_stmt *statement, int position, const void *bytes, size_t size)
{
	/* a NULL would be stored as such, not as nothing */
	must(sqlite3_bind_blob64(statement, position, bytes ? bytes : "", size, SQLITE_STATIC));
}

const char *ledger_column_text(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);
	return text ? (const char *)text : "";
}

static int open_with(struct ledger_database *d, const char *path, int flags, struct error *err)
{
	d->path = path;
	d->handle = NULL;
	flags |= SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(path, &d->handle, flags, NULL) != SQLITE_OK)
		return ledger_complain(d, err);
	(void)sqlite3_busy_timeout(d->handle, LEDGER_BUSY_MS); /* always succeeds */
	(void)sqlite3_extended_result_codes(d->handle, 1);     /* the same */
	char *cache = xasprintf("PRAGMA cache_size = -%d", LEDGER_CACHE_KIB);
	int status = ledger_execute(d, cache, err);
	free(cache);
	return status;
}

int ledger_database_open(struct ledger_database *d, const char *path, struct error *err)
{
	return open_with(d, path, SQLITE_OPEN_READWRITE, err);
}

int ledger_database_look(struct ledger_database *d, const char *path, struct error *err)
{
	return open_with(d, path, SQLITE_OPEN_READONLY, err);
}

void ledger_database_close(struct ledger_database *d)
{
	int status = sqlite3_close(d->handle);
	assert(status == SQLITE_OK);
	d->handle = NULL;
}
