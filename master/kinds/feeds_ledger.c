/* SPDX-License-Identifier: MIT */
/*
 * One row for each feed. What a run finds waits in temporary tables, which lock nothing, because a
 * run may take minutes; commit holds the lock for as long as it takes to write.
 */
#include "master/kinds/feeds_ledger.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <sqlite3.h>

#include "common/folder.h"
#include "common/memory.h"
#include "master/kinds/feeds_seen.h"

enum {
	APPLICATION_ID = 0x73634665, /* "scFe" in the file's header, told by file(1) */
	SCHEMA_VERSION = 1,          /* in the same header as user_version */
	DAY_S = 24 * 60 * 60,
};

enum statement {
	STATEMENT_LOAD,
	STATEMENT_SEEN,
	STATEMENT_SET_ASIDE,
	STATEMENT_SET_ASIDE_SEEN,
	STATEMENT_LIST_SEEN,
	STATEMENT_WRITE_SEEN,
	STATEMENT_FORGET,
	STATEMENTS,
};

struct feeds_ledger {
	sqlite3 *database;
	char *path;
	int64_t latest_s; /* of what is set aside; 0: nothing is */
	bool snapshot;    /* a read transaction is open */
	sqlite3_stmt *statements[STATEMENTS];
};

/* The check keeps a program with a mistake from writing what feeds_ledger_seen would refuse. */
static const char schema[] = "CREATE TABLE feed ("
			     " url TEXT NOT NULL PRIMARY KEY,"
			     " asked_s INTEGER NOT NULL,"
			     " checked_s INTEGER NOT NULL DEFAULT 0,"
			     " not_before_s INTEGER NOT NULL DEFAULT 0,"
			     " failures INTEGER NOT NULL DEFAULT 0,"
			     " http_status INTEGER NOT NULL DEFAULT 0,"
			     " seen BLOB NOT NULL DEFAULT x'' CHECK (length(seen) % 16 = 0)"
			     ") STRICT;";

static const char temporary_schema[] =
	"CREATE TEMP TABLE aside"
	" (url TEXT, asked_s, checked_s, not_before_s, failures, http_status);"
	"CREATE TEMP TABLE aside_seen (url TEXT, asked_s INTEGER, entries BLOB);";

static const char *const statement_texts[STATEMENTS] = {
	[STATEMENT_LOAD] = "SELECT checked_s, not_before_s, failures, http_status"
			   " FROM main.feed WHERE url = ?1",
	[STATEMENT_SEEN] = "SELECT seen FROM main.feed WHERE url = ?1",
	[STATEMENT_SET_ASIDE] = "INSERT INTO temp.aside VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[STATEMENT_SET_ASIDE_SEEN] = "INSERT INTO temp.aside_seen VALUES (?1, ?2, ?3)",
	[STATEMENT_LIST_SEEN] = "SELECT url, asked_s, entries FROM temp.aside_seen",
	[STATEMENT_WRITE_SEEN] = "INSERT INTO main.feed (url, asked_s, seen) VALUES (?1, ?2, ?3)"
				 " ON CONFLICT (url) DO UPDATE SET"
				 " asked_s = max(asked_s, excluded.asked_s), seen = excluded.seen",
	[STATEMENT_FORGET] = "DELETE FROM main.feed WHERE asked_s < ?1",
};

static const char move_aside[] =
	"INSERT INTO main.feed (url, asked_s, checked_s, not_before_s, failures, http_status)"
	" SELECT * FROM temp.aside WHERE true" /* or ON would belong to the FROM */
	" ON CONFLICT (url) DO UPDATE SET asked_s = excluded.asked_s,"
	" checked_s = excluded.checked_s, not_before_s = excluded.not_before_s,"
	" failures = excluded.failures, http_status = excluded.http_status";

/* File systems that several hosts may share: WAL's shared memory does not reach across. */
static const uint32_t shared_file_systems[] = {
	NFS_SUPER_MAGIC,
	SMB_SUPER_MAGIC,
	CIFS_SUPER_MAGIC,
	SMB2_SUPER_MAGIC,
	V9FS_MAGIC,
	CEPH_SUPER_MAGIC,
	AFS_SUPER_MAGIC,
	AFS_FS_MAGIC,
	CODA_SUPER_MAGIC,
	FUSE_SUPER_MAGIC,
};

/* What SQLite says of its last call. */
static int complain(const struct feeds_ledger *l, struct error *err)
{
	int code = sqlite3_errcode(l->database);
	int number = sqlite3_system_errno(l->database);
	if (code == SQLITE_BUSY)
		return error_set(err, ERROR_IO, "ledger %s: another program holds it for over %d s",
			l->path, LEDGER_BUSY_MS / 1000);
	if (code == SQLITE_NOTADB)
		return error_set(err, ERROR_IO, "%s is no ledger of feeds", l->path);
	if ((code == SQLITE_IOERR || code == SQLITE_CANTOPEN) && number)
		return error_set(err, ERROR_IO, "ledger %s: %s: %s", l->path,
			sqlite3_errmsg(l->database), strerrordesc_np(number));
	return error_set(err, ERROR_IO, "ledger %s: %s", l->path, sqlite3_errmsg(l->database));
}

static int execute(const struct feeds_ledger *l, const char *text, struct error *err)
{
	int status = sqlite3_exec(l->database, text, NULL, NULL, NULL);
	return status == SQLITE_OK ? 0 : complain(l, err);
}

/* The one number that a query gives. */
static int ask(const struct feeds_ledger *l, const char *text, int64_t *answer, struct error *err)
{
	sqlite3_stmt *statement = NULL;
	int status = sqlite3_prepare_v2(l->database, text, -1, &statement, NULL);
	if (status == SQLITE_OK)
		status = sqlite3_step(statement);
	if (status == SQLITE_ROW)
		*answer = sqlite3_column_int64(statement, 0);
	else
		(void)complain(l, err);    /* before it is forgotten */
	(void)sqlite3_finalize(statement); /* repeats the error of the step */
	return status == SQLITE_ROW ? 0 : -1;
}

static void bind_integer(sqlite3_stmt *statement, int position, int64_t value)
{
	int status = sqlite3_bind_int64(statement, position, value);
	assert(status == SQLITE_OK);
}

/* bytes must stay until the statement is reset. */
static void bind_bytes(sqlite3_stmt *statement, int position, const void *bytes, size_t size)
{
	/* a NULL would be stored as such, not as nothing */
	int status =
		sqlite3_bind_blob64(statement, position, bytes ? bytes : "", size, SQLITE_STATIC);
	assert(status == SQLITE_OK);
}

/* A statement of the table with its first value; url must stay until it is reset. */
static sqlite3_stmt *begin(struct feeds_ledger *l, enum statement number, const char *url)
{
	sqlite3_stmt *statement = l->statements[number];
	int status = sqlite3_bind_text(statement, 1, url, -1, SQLITE_STATIC);
	assert(status == SQLITE_OK);
	return statement;
}

/* 1 and a row, 0 no more rows, -1 and *err. */
static int step(const struct feeds_ledger *l, sqlite3_stmt *statement, struct error *err)
{
	int status = sqlite3_step(statement);
	if (status == SQLITE_ROW)
		return 1;
	return status == SQLITE_DONE ? 0 : complain(l, err);
}

static void end(sqlite3_stmt *statement)
{
	(void)sqlite3_reset(statement);          /* repeats the error of the step */
	(void)sqlite3_clear_bindings(statement); /* always succeeds */
}

static int run(const struct feeds_ledger *l, sqlite3_stmt *statement, struct error *err)
{
	int status = step(l, statement, err);
	end(statement);
	return status;
}

/* What the file has of a feed; nothing: *seen stays zeroed. ERROR_INPUT: that is damaged. */
static int read_seen(struct feeds_ledger *l, const char *url, struct seen *seen, struct error *err)
{
	sqlite3_stmt *statement = begin(l, STATEMENT_SEEN, url);
	int status = step(l, statement, err);
	if (status > 0) {
		const void *bytes = sqlite3_column_blob(statement, 0);
		status = seen_read(seen, bytes, (size_t)sqlite3_column_bytes(statement, 0));
		if (status)
			(void)error_set(err, ERROR_INPUT,
				"ledger %s: what was seen of %s is damaged", l->path, url);
	}
	end(statement);
	return status;
}

int feeds_ledger_load(
	struct feeds_ledger *l, const char *url, struct ledger_feed *feed, struct error *err)
{
	sqlite3_stmt *statement = begin(l, STATEMENT_LOAD, url);
	*feed = (struct ledger_feed) { 0 };
	int status = step(l, statement, err);
	if (status > 0) {
		feed->checked_s = sqlite3_column_int64(statement, 0);
		feed->not_before_s = sqlite3_column_int64(statement, 1);
		feed->failures = (uint32_t)sqlite3_column_int64(statement, 2);
		feed->http_status = (uint32_t)sqlite3_column_int64(statement, 3);
	}
	end(statement);
	return status < 0 ? -1 : 0;
}

int feeds_ledger_seen(struct feeds_ledger *l, const char *url, const struct ledger_entries *entries,
	int64_t *first_seen_s, struct error *err)
{
	struct seen seen = { 0 };
	int status = read_seen(l, url, &seen, err);
	seen_find(&seen, entries->hashes, entries->count, first_seen_s);
	seen_release(&seen);
	return status;
}

static int set_aside(
	struct feeds_ledger *l, sqlite3_stmt *statement, int64_t now_s, struct error *err)
{
	assert(now_s > 0);
	bind_integer(statement, 2, now_s);
	if (run(l, statement, err))
		return -1;
	if (now_s > l->latest_s)
		l->latest_s = now_s;
	return 0;
}

int feeds_ledger_store(struct feeds_ledger *l, const char *url, const struct ledger_feed *feed,
	int64_t now_s, struct error *err)
{
	sqlite3_stmt *statement = begin(l, STATEMENT_SET_ASIDE, url);
	bind_integer(statement, 3, feed->checked_s);
	bind_integer(statement, 4, feed->not_before_s);
	bind_integer(statement, 5, feed->failures);
	bind_integer(statement, 6, feed->http_status);
	return set_aside(l, statement, now_s, err);
}

int feeds_ledger_add_seen(struct feeds_ledger *l, const char *url,
	const struct ledger_entries *entries, int64_t now_s, struct error *err)
{
	assert(entries->count <= LEDGER_SEEN_MAX);
	sqlite3_stmt *statement = begin(l, STATEMENT_SET_ASIDE_SEEN, url);
	bind_bytes(statement, 3, entries->hashes, entries->count * sizeof(*entries->hashes));
	return set_aside(l, statement, now_s, err);
}

static int write_seen(struct feeds_ledger *l, const char *url, int64_t asked_s,
	const struct seen *seen, struct error *err)
{
	size_t size;
	void *bytes = seen_write(seen, &size);
	sqlite3_stmt *statement = begin(l, STATEMENT_WRITE_SEEN, url);
	bind_integer(statement, 2, asked_s);
	bind_bytes(statement, 3, bytes, size);
	int status = run(l, statement, err);
	free(bytes);
	return status;
}

/* Joins the current row of STATEMENT_LIST_SEEN with what the file has of the feed by now. */
static int join_seen(struct feeds_ledger *l, sqlite3_stmt *row, struct error *err)
{
	const char *url = (const char *)sqlite3_column_text(row, 0);
	int64_t asked_s = sqlite3_column_int64(row, 1);
	size_t count = (size_t)sqlite3_column_bytes(row, 2) / sizeof(uint64_t);
	struct seen seen = { 0 };
	/* damage is told when it is read; it must not keep the other feeds from being stored */
	if (read_seen(l, url, &seen, err) && err->code != ERROR_INPUT)
		return -1;
	uint64_t *entries = xcalloc(count + 1, sizeof(*entries)); /* a blob may be unaligned */
	if (count > 0)
		memcpy(entries, sqlite3_column_blob(row, 2), count * sizeof(*entries));
	seen_add(&seen, entries, count, asked_s);
	int status = write_seen(l, url, asked_s, &seen, err);
	free(entries);
	seen_release(&seen);
	return status;
}

static int move_seen(struct feeds_ledger *l, struct error *err)
{
	sqlite3_stmt *rows = l->statements[STATEMENT_LIST_SEEN];
	int status = step(l, rows, err);
	while (status > 0)
		status = join_seen(l, rows, err) ? -1 : step(l, rows, err);
	end(rows);
	return status;
}

static int forget(struct feeds_ledger *l, struct error *err)
{
	sqlite3_stmt *statement = l->statements[STATEMENT_FORGET];
	bind_integer(statement, 1, l->latest_s - (int64_t)LEDGER_KEPT_DAYS * DAY_S);
	return run(l, statement, err);
}

static const char empty_aside[] = "DELETE FROM temp.aside; DELETE FROM temp.aside_seen";

int feeds_ledger_drop(struct feeds_ledger *l, struct error *err)
{
	l->latest_s = 0;
	return execute(l, empty_aside, err);
}

int feeds_ledger_commit(struct feeds_ledger *l, struct error *err)
{
	if (l->latest_s == 0)
		return 0;
	if (l->snapshot && execute(l, "COMMIT", err))
		return -1;
	l->snapshot = false;
	/* IMMEDIATE waits for other runs here; a lock that is raised later could not wait */
	if (execute(l, "BEGIN IMMEDIATE", err))
		return -1;
	if (execute(l, move_aside, err) || move_seen(l, err) || forget(l, err) ||
		execute(l, empty_aside, err) || execute(l, "COMMIT", err)) {
		/* fails where SQLite has done so already */
		(void)sqlite3_exec(l->database, "ROLLBACK", NULL, NULL, NULL);
		return -1;
	}
	l->latest_s = 0;
	return 0;
}

void feeds_ledger_close(struct feeds_ledger *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		(void)sqlite3_finalize(l->statements[i]); /* none is being stepped */
	int status = sqlite3_close(l->database);
	assert(status == SQLITE_OK);
	free(l->path);
	free(l);
}

static int make_folder_of(const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	char *folder = xasprintf("%.*s", slash ? (int)(slash - path) : 0, path);
	int status = folder[0] ? folder_make(folder, 0700, err) : 0;
	free(folder);
	return status;
}

/* SQLite would let others read it. An existing file is not opened: that could drop its locks. */
static int make_file(const char *path, struct error *err)
{
	struct stat status;
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return close(fd) ? error_errno(err, ERROR_IO, "create %s", path) : 0;
	if (errno != EEXIST || stat(path, &status))
		return error_errno(err, ERROR_IO, "create %s", path);
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERROR_IO, "%s is no ledger of feeds", path);
	return 0;
}

/* 1 it is a ledger, 0 it is empty, -1 it is something else. */
static int identify(const struct feeds_ledger *l, struct error *err)
{
	int64_t pages, application, version;
	if (ask(l, "PRAGMA page_count", &pages, err) ||
		ask(l, "PRAGMA application_id", &application, err) ||
		ask(l, "PRAGMA user_version", &version, err))
		return -1;
	if (pages == 0)
		return 0;
	if (application != APPLICATION_ID || version < 1)
		return error_set(err, ERROR_IO, "%s is no ledger of feeds", l->path);
	if (version > SCHEMA_VERSION)
		return error_set(err, ERROR_IO,
			"ledger %s is of version %lld, this program knows up to %d", l->path,
			(long long)version, SCHEMA_VERSION);
	return 1;
}

/* In a transaction, which makes the first page of an empty file. */
static int fill(const struct feeds_ledger *l, struct error *err)
{
	int64_t tables;
	if (ask(l, "SELECT count(*) FROM main.sqlite_schema", &tables, err))
		return -1;
	if (tables > 0) /* another run has made it meanwhile */
		return identify(l, err) == 1 ? 0 : -1;
	char *mark = xasprintf("PRAGMA application_id = %d; PRAGMA user_version = %d",
		APPLICATION_ID, SCHEMA_VERSION);
	int status = execute(l, schema, err) || execute(l, mark, err) ? -1 : 0;
	free(mark);
	return status;
}

static int create(const struct feeds_ledger *l, struct error *err)
{
	if (execute(l, "BEGIN IMMEDIATE", err))
		return -1;
	if (fill(l, err) == 0 && execute(l, "COMMIT", err) == 0)
		return 0;
	/* fails where SQLite has done so already */
	(void)sqlite3_exec(l->database, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

static bool is_shared(const char *path)
{
	struct statfs status;
	size_t count = sizeof(shared_file_systems) / sizeof(shared_file_systems[0]);
	if (statfs(path, &status))
		return true;
	for (size_t i = 0; i < count; i++) {
		if ((uint32_t)status.f_type == shared_file_systems[i])
			return true;
	}
	return false;
}

static int prepare(struct feeds_ledger *l, struct error *err)
{
	/* what waits is small, and a container may have no place for temporary files */
	if (execute(l, "PRAGMA temp_store = MEMORY", err) || execute(l, temporary_schema, err))
		return -1;
	for (size_t i = 0; i < STATEMENTS; i++) {
		int status = sqlite3_prepare_v3(l->database, statement_texts[i], -1,
			SQLITE_PREPARE_PERSISTENT, &l->statements[i], NULL);
		if (status != SQLITE_OK)
			return complain(l, err);
	}
	return 0;
}

/*
 * With WAL all reads see the file as it is now, in one transaction, which keeps nobody from
 * writing and saves eight system calls a read. With a rollback journal it would.
 */
static int begin_snapshot(struct feeds_ledger *l, struct error *err)
{
	struct stat status;
	char *wal = xasprintf("%s-wal", l->path);
	bool is_wal = stat(wal, &status) == 0;
	free(wal);
	if (!is_wal)
		return 0;
	if (execute(l, "BEGIN", err))
		return -1;
	l->snapshot = true;
	return 0;
}

static int set_up(struct feeds_ledger *l, struct error *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(l->path, &l->database, flags, NULL) != SQLITE_OK)
		return complain(l, err);
	(void)sqlite3_busy_timeout(l->database, LEDGER_BUSY_MS); /* always succeeds */
	int status = identify(l, err);
	if (status < 0)
		return -1;
	if (sqlite3_db_readonly(l->database, "main") == 1)
		return error_set(err, ERROR_IO, "ledger %s may not be written", l->path);
	if (status == 0 && create(l, err))
		return -1;
	/*
	 * Only after it is known to be ours, for this writes. Where there can be no WAL, or another
	 * run is in the way, the file stays with its rollback journal, which is as safe.
	 */
	const char *mode =
		is_shared(l->path) ? "PRAGMA journal_mode = DELETE" : "PRAGMA journal_mode = WAL";
	(void)sqlite3_exec(l->database, mode, NULL, NULL, NULL);
	return prepare(l, err) || begin_snapshot(l, err) ? -1 : 0;
}

struct feeds_ledger *feeds_ledger_open(const char *path, struct error *err)
{
	struct feeds_ledger *l = xcalloc(1, sizeof(*l));
	/* SQLite takes some names that begin otherwise for addresses */
	l->path = path[0] == '/' ? xstrdup(path) : xasprintf("./%s", path);
	if (make_folder_of(l->path, err) == 0 && make_file(l->path, err) == 0 &&
		set_up(l, err) == 0)
		return l;
	feeds_ledger_close(l);
	return NULL;
}
