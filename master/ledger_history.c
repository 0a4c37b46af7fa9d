/* SPDX-License-Identifier: MIT */
#include "master/ledger_history.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/random.h"

#define LAST_RUN " WHERE id = (SELECT max(id) FROM run)"

static const char holder_text[] = "SELECT pid, host, ended_s IS NOT NULL FROM run" LAST_RUN;

static const char command_text[] = "SELECT id FROM command WHERE kind = ?1 AND source = ?2"
				   " AND target = ?3 AND parameters = ?4 AND program = ?5";

static const char add_command_text[] =
	"INSERT INTO command (kind, source, target, parameters, program)"
	" VALUES (?1, ?2, ?3, ?4, ?5)";

static const char resumable_text[] =
	"SELECT id, uuid, started_s, epoch, listed, listing_ended, done, failed, quarantined"
	" FROM run" LAST_RUN " AND ended_s IS NULL AND command = ?1";

static const char add_run_text[] =
	"INSERT INTO run (uuid, command, started_s, epoch, pid, host) VALUES (?1, ?2, ?3, 1, ?4, "
	"?5)";

static const char resume_text[] = "UPDATE run SET epoch = ?2, pid = ?3, host = ?4 WHERE id = ?1";

static const char end_text[] = "UPDATE run SET ended_s = ?2 WHERE id = ?1";

/* The whole table is looked through only if there ever was one. */
static const char quarantined_text[] = "SELECT EXISTS (SELECT 1 FROM run WHERE quarantined > 0)"
				       " AND EXISTS (SELECT 1 FROM job WHERE outcome = 3)";

_Static_assert(LEDGER_QUARANTINED == 3, "as in quarantined_text");

int ledger_history_holder(
	const struct ledger_database *d, struct ledger_holder *holder, struct error *err)
{
	*holder = (struct ledger_holder) { 0 };
	sqlite3_stmt *statement = ledger_prepare(d, holder_text, err);
	if (!statement)
		return -1;
	int status = ledger_step(d, statement, err);
	if (status > 0) {
		holder->pid = sqlite3_column_int64(statement, 0);
		(void)snprintf(holder->host, sizeof(holder->host), "%s",
			ledger_column_text(statement, 1)); /* for people: cut is fine */
		holder->ended = sqlite3_column_int(statement, 2) != 0;
	}
	(void)sqlite3_finalize(statement); /* repeats the error of the step */
	return status < 0 ? -1 : 0;
}

static void bind_command(sqlite3_stmt *statement, const struct ledger_options *options)
{
	ledger_bind_text(statement, 1, options->kind);
	ledger_bind_text(statement, 2, options->source);
	ledger_bind_text(statement, 3, options->target);
	ledger_bind_blob(statement, 4, options->parameters, options->parameters_size);
	ledger_bind_text(statement, 5, options->program);
}

static int add_command(const struct ledger_database *d, const struct ledger_options *options,
	int64_t *command, struct error *err)
{
	sqlite3_stmt *statement = ledger_prepare(d, add_command_text, err);
	if (!statement)
		return -1;
	bind_command(statement, options);
	int status = ledger_step(d, statement, err);
	*command = sqlite3_last_insert_rowid(d->handle);
	(void)sqlite3_finalize(statement); /* repeats the error of the step */
	return status;
}

/* 1 and *command, 0 there is none, -1. */
static int find_command(const struct ledger_database *d, const struct ledger_options *options,
	int64_t *command, struct error *err)
{
	sqlite3_stmt *statement = ledger_prepare(d, command_text, err);
	if (!statement)
		return -1;
	bind_command(statement, options);
	int status = ledger_step(d, statement, err);
	if (status > 0)
		*command = sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement); /* repeats the error of the step */
	return status;
}

static void read_past(sqlite3_stmt *statement, struct ledger_past *past)
{
	const void *uuid = sqlite3_column_blob(statement, 1);
	past->resuming = uuid && sqlite3_column_bytes(statement, 1) == LEDGER_RUN_ID_SIZE;
	if (!past->resuming)
		return;
	memcpy(past->run, uuid, LEDGER_RUN_ID_SIZE);
	past->started_s = sqlite3_column_int64(statement, 2);
	past->epoch = (uint32_t)sqlite3_column_int64(statement, 3) + 1;
	past->listed = (uint64_t)sqlite3_column_int64(statement, 4);
	past->listing_ended = sqlite3_column_int(statement, 5) != 0;
	past->done = (uint64_t)sqlite3_column_int64(statement, 6);
	past->failed = (uint64_t)sqlite3_column_int64(statement, 7);
	past->quarantined = (uint64_t)sqlite3_column_int64(statement, 8);
}

static int find_run(const struct ledger_database *d, int64_t command, struct ledger_past *past,
	int64_t *run, struct error *err)
{
	sqlite3_stmt *statement = ledger_prepare(d, resumable_text, err);
	if (!statement)
		return -1;
	ledger_bind_integer(statement, 1, command);
	int status = ledger_step(d, statement, err);
	if (status > 0) {
		*run = sqlite3_column_int64(statement, 0);
		read_past(statement, past);
	}
	(void)sqlite3_finalize(statement); /* repeats the error of the step */
	return status < 0 ? -1 : 0;
}

static void own_host(char host[LEDGER_HOST_MAX])
{
	if (gethostname(host, LEDGER_HOST_MAX))
		host[0] = '\0';
	host[LEDGER_HOST_MAX - 1] = '\0'; /* a name that was cut may lack it */
}

static int resume_run(const struct ledger_database *d, const struct ledger_past *past, int64_t run,
	struct error *err)
{
	char host[LEDGER_HOST_MAX];
	own_host(host);
	sqlite3_stmt *statement = ledger_prepare(d, resume_text, err);
	if (!statement)
		return -1;
	ledger_bind_integer(statement, 1, run);
	ledger_bind_integer(statement, 2, past->epoch);
	ledger_bind_integer(statement, 3, getpid());
	ledger_bind_text(statement, 4, host);
	int status = ledger_step(d, statement, err);
	(void)sqlite3_finalize(statement); /* repeats the error of the step */
	return status;
}

static int add_run(const struct ledger_database *d, int64_t command, struct ledger_past *past,
	int64_t *run, struct error *err)
{
	char host[LEDGER_HOST_MAX];
	own_host(host);
	random_bytes(past->run, sizeof(past->run));
	past->epoch = 1;
	past->started_s = clock_wall_s();
	sqlite3_stmt *statement = ledger_prepare(d, add_run_text, err);
	if (!statement)
		return -1;
	ledger_bind_blob(statement, 1, past->run, sizeof(past->run));
	ledger_bind_integer(statement, 2, command);
	ledger_bind_integer(statement, 3, past->started_s);
	ledger_bind_integer(statement, 4, getpid());
	ledger_bind_text(statement, 5, host);
	int status = ledger_step(d, statement, err);
	*run = sqlite3_last_insert_rowid(d->handle);
	(void)sqlite3_finalize(statement); /* repeats the error of the step */
	return status;
}

int ledger_history_begin(const struct ledger_database *d, const struct ledger_options *options,
	struct ledger_past *past, int64_t *run, struct error *err)
{
	int64_t command, any_quarantined;
	*past = (struct ledger_past) { 0 };
	if (ledger_ask(d, quarantined_text, &any_quarantined, err))
		return -1;
	int status = find_command(d, options, &command, err);
	if (status == 0)
		status = add_command(d, options, &command, err);
	if (status < 0 || find_run(d, command, past, run, err))
		return -1;
	past->any_quarantined = any_quarantined != 0;
	return past->resuming ? resume_run(d, past, *run, err)
			      : add_run(d, command, past, run, err);
}

int ledger_history_look(const struct ledger_database *d, const struct ledger_options *options,
	struct ledger_past *past, int64_t *run, struct error *err)
{
	int64_t command, any_quarantined;
	*past = (struct ledger_past) { 0 };
	*run = 0;
	if (ledger_ask(d, quarantined_text, &any_quarantined, err))
		return -1;
	past->any_quarantined = any_quarantined != 0;
	int status = find_command(d, options, &command, err);
	return status > 0 ? find_run(d, command, past, run, err) : status;
}

int ledger_history_end(const struct ledger_database *d, int64_t run, struct error *err)
{
	sqlite3_stmt *statement = ledger_prepare(d, end_text, err);
	if (!statement)
		return -1;
	ledger_bind_integer(statement, 1, run);
	ledger_bind_integer(statement, 2, clock_wall_s());
	int status = ledger_step(d, statement, err);
	(void)sqlite3_finalize(statement); /* repeats the error of the step */
	return status;
}
