/* SPDX-License-Identifier: MIT */
/* Opening, looking up and closing; what is written goes through ledger_writer. */
#include "master/ledger.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/memory.h"
#include "master/ledger_database.h"
#include "master/ledger_history.h"
#include "master/ledger_row.h"
#include "master/ledger_schema.h"
#include "master/ledger_writer.h"

/* Lookups in one view of the file: a view costs ten system calls, and as long as it is open the
 * log can't be emptied. */
enum { FINDS_MAX = 256 };

struct ledger {
	char *path;
	int lock; /* the file itself, locked as long as it is open */
	struct ledger_past past;
	int64_t run;
	struct ledger_database database; /* the writer's, once it runs */
	struct ledger_writer *writer;
	bool stopped; /* the writer has written all */
	/* Of the thread that looks up: */
	struct ledger_database reader;
	sqlite3_stmt *find, *earlier;
	sqlite3_stmt *forget; /* of the database, once the writer has stopped */
	unsigned finds;       /* in this view */
	char target[JOB_LOCATION_MAX];
};

static const char find_text[] =
	LEDGER_ROW_SELECT ", program = ?4, kind = ?2 AND parameters = ?3,"
			  " kind = ?2 AND command.source = ?5 AND command.target = ?6"
			  " FROM job JOIN run ON run.id = job.run"
			  " JOIN command ON command.id = run.command"
			  " LEFT JOIN worker ON worker.id = job.worker WHERE job.source = ?1";

static const char earlier_text[] =
	LEDGER_ROW_SELECT " FROM job JOIN run ON run.id = job.run"
			  " JOIN command ON command.id = run.command"
			  " LEFT JOIN worker ON worker.id = job.worker"
			  " WHERE job.run <> ?1 AND outcome = 1 AND command.kind = ?2"
			  " AND command.source = ?5 AND command.target = ?6 ORDER BY job.source";

_Static_assert(LEDGER_DONE == 1, "as in earlier_text");

/* File systems that hosts share: SQLite's log and our lock don't reach across. */
static const uint32_t shared_file_systems[] = {
	NFS_SUPER_MAGIC,
	SMB_SUPER_MAGIC,
	CIFS_SUPER_MAGIC,
	SMB2_SUPER_MAGIC,
	CEPH_SUPER_MAGIC,
	AFS_SUPER_MAGIC,
	AFS_FS_MAGIC,
	CODA_SUPER_MAGIC,
};

static int check_file(const struct ledger *l, struct error *err)
{
	struct stat status;
	struct statfs system;
	if (fstat(l->lock, &status) || fstatfs(l->lock, &system))
		return error_errno(err, ERROR_START, "ledger %s", l->path);
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERROR_START, "%s is no ledger", l->path);
	size_t count = sizeof(shared_file_systems) / sizeof(shared_file_systems[0]);
	for (size_t i = 0; i < count; i++) {
		if ((uint32_t)system.f_type == shared_file_systems[i])
			return error_set(err, ERROR_START,
				"ledger %s lies on a network file system, which can't hold one",
				l->path);
	}
	return 0;
}

/* Who holds it is told as far as it can be read. */
static int refuse_in_use(const struct ledger *l, struct error *err)
{
	struct ledger_database database = { 0 };
	struct ledger_holder holder = { 0 };
	struct error ignored;
	bool known = ledger_database_look(&database, l->path, &ignored) == 0 &&
		     ledger_schema_check(&database, &ignored) == 0 &&
		     ledger_history_holder(&database, &holder, &ignored) == 0 && !holder.ended &&
		     holder.pid > 0;
	ledger_database_close(&database);
	if (!known)
		return error_set(err, ERROR_START, "ledger %s: in use by another run", l->path);
	return error_set(err, ERROR_START, "ledger %s: in use by another run (process %lld on %s)",
		l->path, (long long)holder.pid, holder.host);
}

/*
 * 0 when it is ours now, 1 when another run has it, -1 failed. The descriptor is the first of this
 * process to the file and has to be the last: closing any of them drops SQLite's own locks.
 */
static int take_lock(struct ledger *l, struct error *err)
{
	l->lock = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	if (l->lock < 0)
		return error_errno(err, ERROR_START, "open ledger %s", l->path);
	if (check_file(l, err))
		return -1;
	if (flock(l->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return 1;
	return error_errno(err, ERROR_START, "lock ledger %s", l->path);
}

/* A run that did not end may have ended with the power: then the file is looked at first. */
static int verify_after_crash(const struct ledger *l, struct error *err)
{
	struct ledger_holder holder;
	if (ledger_history_holder(&l->database, &holder, err))
		return -1;
	if (holder.pid == 0 || holder.ended)
		return 0;
	return ledger_schema_verify(&l->database, err);
}

static int bind_text(sqlite3_stmt *statement, int position, const char *text)
{
	return sqlite3_bind_text(statement, position, text, -1, SQLITE_TRANSIENT);
}

/* What stays bound: the command, by the same numbers in both statements. */
static int bind_place(sqlite3_stmt *statement, const struct ledger_options *options)
{
	int status = bind_text(statement, 2, options->kind);
	if (status == SQLITE_OK)
		status = bind_text(statement, 5, options->source);
	return status == SQLITE_OK ? bind_text(statement, 6, options->target) : status;
}

static int open_reader(struct ledger *l, const struct ledger_options *options, struct error *err)
{
	if (ledger_database_look(&l->reader, l->path, err))
		return -1;
	l->find = ledger_prepare(&l->reader, find_text, err);
	l->earlier = l->find ? ledger_prepare(&l->reader, earlier_text, err) : NULL;
	if (!l->earlier)
		return -1;
	int status = bind_place(l->find, options);
	if (status == SQLITE_OK)
		status = sqlite3_bind_blob64(l->find, 3,
			options->parameters ? options->parameters : "", options->parameters_size,
			SQLITE_TRANSIENT);
	if (status == SQLITE_OK)
		status = bind_text(l->find, 4, options->program);
	if (status == SQLITE_OK)
		status = bind_place(l->earlier, options);
	if (status == SQLITE_OK)
		status = sqlite3_bind_int64(l->earlier, 1, l->run);
	return status == SQLITE_OK ? 0 : ledger_complain(&l->reader, err);
}

/* One transaction: after a crash there is a whole ledger with its run, or still none. */
static int begin_run(
	struct ledger *l, const struct ledger_options *options, bool empty, struct error *err)
{
	const struct ledger_database *d = &l->database;
	if (ledger_execute(d, "BEGIN IMMEDIATE", err))
		return -1;
	if ((!empty || ledger_schema_create(d, err) == 0) &&
		ledger_history_begin(d, options, &l->past, &l->run, err) == 0 &&
		ledger_execute(d, "COMMIT", err) == 0)
		return 0;
	/* fails where SQLite has done so already */
	(void)sqlite3_exec(d->handle, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

static int set_up(struct ledger *l, const struct ledger_options *options, struct error *err)
{
	if (ledger_database_open(&l->database, l->path, err))
		return -1;
	int empty = ledger_schema_prepare(&l->database, err);
	if (empty < 0 || (!empty && verify_after_crash(l, err)) ||
		begin_run(l, options, empty > 0, err) || open_reader(l, options, err))
		return -1;
	l->writer = ledger_writer_start(&l->database, l->run, &l->past, err);
	return l->writer ? 0 : -1;
}

const struct ledger_past *ledger_past(const struct ledger *l)
{
	return &l->past;
}

static int begin_view(struct ledger *l, struct error *err)
{
	if (l->finds++ > 0)
		return 0;
	return ledger_execute(&l->reader, "BEGIN", err);
}

static int end_view(struct ledger *l, struct error *err)
{
	if (l->finds < FINDS_MAX)
		return 0;
	l->finds = 0;
	return ledger_execute(&l->reader, "COMMIT", err);
}

int ledger_find(struct ledger *l, const char *source, struct ledger_entry *entry, struct error *err)
{
	/* what was borrowed the last time ends here; the other values stay bound */
	(void)sqlite3_reset(l->find);
	if (end_view(l, err) || begin_view(l, err))
		return -1;
	ledger_bind_text(l->find, 1, source);
	int status = ledger_step(&l->reader, l->find, err);
	if (status <= 0)
		return status;
	ledger_row_read(l->find, entry, l->target);
	entry->source = source;
	entry->this_run = l->past.resuming && sqlite3_column_int64(l->find, 16) == l->run;
	entry->same_program = sqlite3_column_int(l->find, LEDGER_ROW_COLUMNS) != 0;
	entry->same_command =
		entry->same_program && sqlite3_column_int(l->find, LEDGER_ROW_COLUMNS + 1) != 0;
	entry->same_place = sqlite3_column_int(l->find, LEDGER_ROW_COLUMNS + 2) != 0;
	return 1;
}

void ledger_settle(struct ledger *l, const struct ledger_entry *entry)
{
	ledger_writer_put(l->writer, entry);
}

void ledger_listed(struct ledger *l, uint64_t listed, bool ended)
{
	ledger_writer_listed(l->writer, listed, ended);
}

int ledger_check(struct ledger *l, struct error *err)
{
	return ledger_writer_check(l->writer, err);
}

static int stop_writer(struct ledger *l, struct error *err)
{
	int status = ledger_writer_stop(l->writer, err);
	l->stopped = l->stopped || (status == 0 && l->writer);
	l->writer = NULL;
	return status;
}

int ledger_earlier_begin(struct ledger *l, struct error *err)
{
	(void)sqlite3_reset(l->find); /* repeats an error that was told */
	l->finds = l->finds > 0 ? FINDS_MAX : 0;
	if (end_view(l, err) || stop_writer(l, err))
		return -1;
	if (!l->database.handle)
		return 0; /* nothing can be forgotten */
	l->forget = ledger_prepare(&l->database, "DELETE FROM job WHERE source = ?1", err);
	return l->forget ? ledger_execute(&l->database, "BEGIN IMMEDIATE", err) : -1;
}

int ledger_earlier_next(struct ledger *l, struct ledger_entry *entry, struct error *err)
{
	int status = ledger_step(&l->reader, l->earlier, err);
	if (status > 0)
		ledger_row_read(l->earlier, entry, l->target);
	return status;
}

int ledger_forget(struct ledger *l, const char *source, struct error *err)
{
	ledger_bind_text(l->forget, 1, source);
	return ledger_run(&l->database, l->forget, err);
}

int ledger_earlier_end(struct ledger *l, struct error *err)
{
	(void)sqlite3_reset(l->earlier); /* repeats an error that was told */
	return l->forget ? ledger_execute(&l->database, "COMMIT", err) : 0;
}

int ledger_close(struct ledger *l, bool ended, struct error *err)
{
	if (!l)
		return 0;
	int status = stop_writer(l, err);
	if (l->forget && !sqlite3_get_autocommit(l->database.handle))
		(void)sqlite3_exec(l->database.handle, "ROLLBACK", NULL, NULL, NULL);
	if (status == 0 && l->stopped && ended)
		status = ledger_history_end(&l->database, l->run, err);
	(void)sqlite3_finalize(l->find); /* these repeat an error that was told */
	(void)sqlite3_finalize(l->earlier);
	(void)sqlite3_finalize(l->forget);
	ledger_database_close(&l->reader);
	ledger_database_close(&l->database);
	if (l->lock >= 0)
		(void)close(l->lock); /* nothing was written through it */
	free(l->path);
	free(l);
	return status;
}

int ledger_open(struct ledger **ledger, const struct ledger_options *options, struct error *err)
{
	struct error ignored;
	struct ledger *l = xcalloc(1, sizeof(*l));
	l->lock = -1;
	l->path = ledger_path(options->path);
	*ledger = NULL;
	int status = take_lock(l, err);
	if (status > 0) {
		status = refuse_in_use(l, err);
	} else if (status == 0 && set_up(l, options, err) == 0) {
		*ledger = l;
		return 0;
	} else {
		struct error why = *err;
		status = error_set(err, ERROR_START,
			"%s; choose a file with --ledger FILE, or go without: --no-ledger",
			why.message);
	}
	(void)ledger_close(l, false, &ignored); /* nothing has been written */
	return status;
}

int ledger_look(struct ledger **ledger, const struct ledger_options *options, struct error *err)
{
	struct error ignored;
	struct ledger_database database = { 0 };
	struct ledger *l = xcalloc(1, sizeof(*l));
	l->lock = -1;
	l->path = ledger_path(options->path);
	*ledger = NULL;
	bool missing = access(l->path, F_OK) && errno == ENOENT;
	int status = missing ? 0 : ledger_database_look(&database, l->path, err);
	if (status == 0 && !missing)
		status = ledger_schema_check(&database, err) ||
					 ledger_history_look(
						 &database, options, &l->past, &l->run, err) ||
					 open_reader(l, options, err)
				 ? -1
				 : 0;
	ledger_database_close(&database);
	if (status == 0 && !missing) {
		*ledger = l;
		return 0;
	}
	(void)ledger_close(l, false, &ignored); /* nothing has been written */
	return status;
}
