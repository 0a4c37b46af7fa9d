/* SPDX-License-Identifier: MIT */
#include "master/ledger_reader.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "master/ledger_database.h"
#include "master/ledger_row.h"
#include "master/ledger_schema.h"

struct ledger_reader {
	char *path;
	struct ledger_database database;
	sqlite3_stmt *last, *rows;
	char target[JOB_LOCATION_MAX];
};

static const char last_text[] =
	"SELECT uuid, kind, source, target, program, started_s, ifnull(ended_s, 0), epoch, pid,"
	" host, listed, listing_ended, done, failed, quarantined"
	" FROM run JOIN command ON command.id = run.command ORDER BY run.id DESC LIMIT 1";

#define ROWS                                                                                       \
	LEDGER_ROW_SELECT                                                                          \
	", job.run = (SELECT max(id) FROM run), run.uuid, command.kind, command.source,"           \
	" command.target, command.program"                                                         \
	" FROM job JOIN run ON run.id = job.run JOIN command ON command.id = run.command"          \
	" LEFT JOIN worker ON worker.id = job.worker"

static const char *const row_texts[] = {
	[LEDGER_ROWS_ALL] = ROWS " ORDER BY job.source",
	[LEDGER_ROWS_FAILED] = ROWS " WHERE outcome = 3 OR (outcome = 2 AND"
				    " job.run = (SELECT max(id) FROM run)) ORDER BY job.source",
};

_Static_assert(LEDGER_FAILED == 2 && LEDGER_QUARANTINED == 3, "as in row_texts");

static void read_uuid(sqlite3_stmt *s, int column, uint8_t run[LEDGER_RUN_ID_SIZE])
{
	const void *uuid = sqlite3_column_blob(s, column);
	memset(run, 0, LEDGER_RUN_ID_SIZE);
	if (uuid && sqlite3_column_bytes(s, column) == LEDGER_RUN_ID_SIZE)
		memcpy(run, uuid, LEDGER_RUN_ID_SIZE);
}

int ledger_reader_last(struct ledger_reader *r, struct ledger_account *account, struct error *err)
{
	sqlite3_stmt *s = r->last;
	ledger_reset(s);
	int status = ledger_step(&r->database, s, err);
	if (status <= 0)
		return status;
	*account = (struct ledger_account) {
		.kind = ledger_column_text(s, 1),
		.source = ledger_column_text(s, 2),
		.target = ledger_column_text(s, 3),
		.program = ledger_column_text(s, 4),
		.started_s = sqlite3_column_int64(s, 5),
		.ended_s = sqlite3_column_int64(s, 6),
		.epoch = (uint32_t)sqlite3_column_int64(s, 7),
		.pid = sqlite3_column_int64(s, 8),
		.host = ledger_column_text(s, 9),
		.listed = (uint64_t)sqlite3_column_int64(s, 10),
		.listing_ended = sqlite3_column_int(s, 11) != 0,
		.done = (uint64_t)sqlite3_column_int64(s, 12),
		.failed = (uint64_t)sqlite3_column_int64(s, 13),
		.quarantined = (uint64_t)sqlite3_column_int64(s, 14),
	};
	read_uuid(s, 0, account->run);
	return 1;
}

int ledger_reader_begin(struct ledger_reader *r, enum ledger_rows rows, struct error *err)
{
	(void)sqlite3_finalize(r->rows); /* repeats an error that was told */
	r->rows = ledger_prepare(&r->database, row_texts[rows], err);
	return r->rows ? 0 : -1;
}

int ledger_reader_next(struct ledger_reader *r, struct ledger_entry *entry,
	struct ledger_account *account, struct error *err)
{
	int column = LEDGER_ROW_COLUMNS;
	int status = ledger_step(&r->database, r->rows, err);
	if (status <= 0)
		return status;
	ledger_row_read(r->rows, entry, r->target);
	entry->this_run = sqlite3_column_int(r->rows, column++) != 0;
	*account = (struct ledger_account) { 0 };
	read_uuid(r->rows, column++, account->run);
	account->kind = ledger_column_text(r->rows, column++);
	account->source = ledger_column_text(r->rows, column++);
	account->target = ledger_column_text(r->rows, column++);
	account->program = ledger_column_text(r->rows, column);
	return 1;
}

void ledger_reader_close(struct ledger_reader *r)
{
	if (!r)
		return;
	(void)sqlite3_finalize(r->last); /* these repeat an error that was told */
	(void)sqlite3_finalize(r->rows);
	ledger_database_close(&r->database);
	free(r->path);
	free(r);
}

struct ledger_reader *ledger_reader_open(const char *path, struct error *err)
{
	struct ledger_reader *r = xcalloc(1, sizeof(*r));
	r->path = ledger_path(path);
	/* SQLite's own words for this don't say why */
	if (access(r->path, R_OK))
		(void)error_errno(err, ERROR_IO, "ledger %s", path);
	else if (ledger_database_look(&r->database, r->path, err) == 0 &&
		 ledger_schema_check(&r->database, err) == 0)
		r->last = ledger_prepare(&r->database, last_text, err);
	if (r->last)
		return r;
	ledger_reader_close(r);
	return NULL;
}
