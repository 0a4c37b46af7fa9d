/* SPDX-License-Identifier: MIT */
/*
 * Two batches take turns: one is filled under the lock, the other is written without it. A
 * transaction holds all that waited, not LEDGER_BATCH_MAX of it: a sync costs the same for many.
 */
#include "master/ledger_writer.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/memory.h"
#include "master/ledger_batch.h"
#include "master/ledger_row.h"

enum statement {
	STATEMENT_BEGIN,
	STATEMENT_SETTLE,
	STATEMENT_BLAME,
	STATEMENT_BLAME_AGAIN,
	STATEMENT_BEFORE,
	STATEMENT_FIND_WORKER,
	STATEMENT_ADD_WORKER,
	STATEMENT_COUNT,
	STATEMENT_COMMIT,
	STATEMENTS,
};

#define REPLACE_ROW                                                                                \
	" ON CONFLICT (source) DO UPDATE SET target = excluded.target, run = excluded.run,"        \
	" outcome = excluded.outcome, counter = excluded.counter, code = excluded.code,"           \
	" reason = excluded.reason, source_size = excluded.source_size,"                           \
	" source_mtime_ns = excluded.source_mtime_ns, digest = excluded.digest,"                   \
	" input_bytes = excluded.input_bytes, output_bytes = excluded.output_bytes,"               \
	" attempts = excluded.attempts, blames = excluded.blames,"                                 \
	" duration_us = excluded.duration_us, worker = excluded.worker,"                           \
	" settled_s = excluded.settled_s, outputs = excluded.outputs"

/*
 * A death may be heard of after the end of its job, which a twin has done: it never takes away an
 * outcome of this run, it is only counted there.
 */
static const char *const texts[STATEMENTS] = {
	[STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[STATEMENT_SETTLE] = LEDGER_ROW_INSERT REPLACE_ROW,
	[STATEMENT_BLAME] =
		LEDGER_ROW_INSERT REPLACE_ROW " WHERE run <> excluded.run OR outcome = 0",
	[STATEMENT_BLAME_AGAIN] = "UPDATE job SET blames = ?2 WHERE source = ?1",
	[STATEMENT_BEFORE] = "SELECT outcome FROM job WHERE source = ?1 AND run = ?2",
	[STATEMENT_FIND_WORKER] = "SELECT id FROM worker WHERE name = ?1",
	[STATEMENT_ADD_WORKER] = "INSERT INTO worker (name) VALUES (?1)",
	[STATEMENT_COUNT] = ("UPDATE run SET listed = ?2, listing_ended = ?3, done = ?4,"
			     " failed = ?5, quarantined = ?6 WHERE id = ?1"),
	[STATEMENT_COMMIT] = "COMMIT",
};

_Static_assert(LEDGER_BLAMED == 0, "as in STATEMENT_BLAME");

/* A worker that was met before. */
struct worker_name {
	char *name;
	int64_t id;
};

struct ledger_writer {
	/* The thread's alone: */
	const struct ledger_database *database;
	sqlite3_stmt *statements[STATEMENTS];
	int64_t run;
	bool resuming; /* a row of this run may be there before it is settled */
	uint64_t outcomes[LEDGER_QUARANTINED + 1];
	struct ledger_batch written;
	struct worker_name *workers;
	size_t workers_count, workers_last;
	pthread_t thread;
	/* Under the lock: */
	pthread_mutex_t lock;
	pthread_cond_t wanted; /* the thread waits for work */
	pthread_cond_t room;   /* ledger_settle waits for the thread */
	struct ledger_batch filled;
	uint64_t listed;
	bool listing_ended;
	bool counted; /* listed has changed since it was written */
	bool stopping;
	struct error why; /* of failed */
	atomic_bool failed;
};

static void must(int status)
{
	assert(status == 0);
}

static int run_statement(struct ledger_writer *w, enum statement number, struct error *err)
{
	return ledger_run(w->database, w->statements[number], err);
}

/* The number of the worker that was met just now; new ones get one. */
static int add_worker(struct ledger_writer *w, const char *name, struct error *err)
{
	sqlite3_stmt *find = w->statements[STATEMENT_FIND_WORKER];
	sqlite3_stmt *add = w->statements[STATEMENT_ADD_WORKER];
	ledger_bind_text(find, 1, name);
	int status = ledger_step(w->database, find, err);
	int64_t id = status > 0 ? sqlite3_column_int64(find, 0) : 0;
	ledger_reset(find);
	if (status < 0)
		return -1;
	if (status == 0) {
		ledger_bind_text(add, 1, name);
		if (ledger_run(w->database, add, err))
			return -1;
		id = sqlite3_last_insert_rowid(w->database->handle);
	}
	w->workers = xreallocarray(w->workers, w->workers_count + 1, sizeof(*w->workers));
	w->workers_last = w->workers_count++;
	w->workers[w->workers_last] = (struct worker_name) { xstrdup(name), id };
	return 0;
}

/* Most rows come from the worker of the row before. */
static int find_worker(struct ledger_writer *w, const char *name, int64_t *id, struct error *err)
{
	*id = 0;
	if (!name[0])
		return 0;
	if (w->workers_count == 0 || strcmp(w->workers[w->workers_last].name, name) != 0) {
		size_t i = 0;
		while (i < w->workers_count && strcmp(w->workers[i].name, name) != 0)
			i++;
		w->workers_last = i;
		if (i == w->workers_count && add_worker(w, name, err))
			return -1;
	}
	*id = w->workers[w->workers_last].id;
	return 0;
}

/* Of a run that was taken up again: what is counted already is not counted twice. */
static int uncount(struct ledger_writer *w, const char *source, struct error *err)
{
	sqlite3_stmt *before = w->statements[STATEMENT_BEFORE];
	ledger_bind_text(before, 1, source);
	ledger_bind_integer(before, 2, w->run);
	int status = ledger_step(w->database, before, err);
	int64_t outcome = status > 0 ? sqlite3_column_int64(before, 0) : LEDGER_BLAMED;
	ledger_reset(before);
	if (outcome > LEDGER_BLAMED && outcome <= LEDGER_QUARANTINED && w->outcomes[outcome] > 0)
		w->outcomes[outcome]--;
	return status < 0 ? -1 : 0;
}

static int blame(struct ledger_writer *w, const struct ledger_entry *entry, struct error *err)
{
	if (run_statement(w, STATEMENT_BLAME, err))
		return -1;
	if (sqlite3_changes(w->database->handle) > 0)
		return 0;
	sqlite3_stmt *again = w->statements[STATEMENT_BLAME_AGAIN];
	ledger_bind_text(again, 1, entry->source);
	ledger_bind_integer(again, 2, entry->blames);
	return ledger_run(w->database, again, err);
}

static int write_entry(struct ledger_writer *w, const struct ledger_entry *entry,
	const struct ledger_stamp *stamp, struct error *err)
{
	int64_t worker;
	bool settled = entry->outcome != LEDGER_BLAMED;
	if (find_worker(w, entry->worker, &worker, err))
		return -1;
	if (settled && w->resuming && uncount(w, entry->source, err))
		return -1;
	ledger_row_bind(
		w->statements[settled ? STATEMENT_SETTLE : STATEMENT_BLAME], entry, worker, stamp);
	if (!settled)
		return blame(w, entry, err);
	w->outcomes[entry->outcome]++;
	return run_statement(w, STATEMENT_SETTLE, err);
}

static int write_counts(
	struct ledger_writer *w, uint64_t listed, bool listing_ended, struct error *err)
{
	sqlite3_stmt *count = w->statements[STATEMENT_COUNT];
	ledger_bind_integer(count, 1, w->run);
	ledger_bind_integer(count, 2, (int64_t)listed);
	ledger_bind_integer(count, 3, listing_ended);
	ledger_bind_integer(count, 4, (int64_t)w->outcomes[LEDGER_DONE]);
	ledger_bind_integer(count, 5, (int64_t)w->outcomes[LEDGER_FAILED]);
	ledger_bind_integer(count, 6, (int64_t)w->outcomes[LEDGER_QUARANTINED]);
	return ledger_run(w->database, count, err);
}

/* One transaction. After an error there is nothing to undo: nothing is written any more. */
static int write_batch(
	struct ledger_writer *w, uint64_t listed, bool listing_ended, struct error *err)
{
	struct ledger_stamp stamp = { w->run, clock_wall_s() };
	if (run_statement(w, STATEMENT_BEGIN, err))
		return -1;
	ledger_batch_sort(&w->written);
	for (size_t i = 0; i < w->written.count; i++) {
		struct ledger_entry entry;
		ledger_batch_get(&w->written, i, &entry);
		if (write_entry(w, &entry, &stamp, err))
			return -1;
	}
	if (write_counts(w, listed, listing_ended, err))
		return -1;
	return run_statement(w, STATEMENT_COMMIT, err);
}

static bool has_work(const struct ledger_writer *w)
{
	return w->filled.count > 0 || w->counted;
}

/* Under the lock. Until there is enough of it, or it has waited long enough, or it is the last. */
static void wait_for_work(struct ledger_writer *w)
{
	while (!w->stopping && !has_work(w))
		must(pthread_cond_wait(&w->wanted, &w->lock));
	int64_t end_ms = clock_ms() + LEDGER_COMMIT_MS;
	struct timespec end = { end_ms / 1000, end_ms % 1000 * 1000000 };
	int status = 0;
	while (!w->stopping && w->filled.count < LEDGER_BATCH_MAX && status == 0)
		status = pthread_cond_timedwait(&w->wanted, &w->lock, &end);
}

static void fail(struct ledger_writer *w, const struct error *why)
{
	/* a transaction that is left open would keep the log from ever being used again */
	if (!sqlite3_get_autocommit(w->database->handle))
		(void)sqlite3_exec(w->database->handle, "ROLLBACK", NULL, NULL, NULL);
	must(pthread_mutex_lock(&w->lock));
	w->why = *why;
	atomic_store(&w->failed, true);
	ledger_batch_clear(&w->filled);
	must(pthread_cond_broadcast(&w->room));
	must(pthread_mutex_unlock(&w->lock));
}

/* Takes what waits; false when nothing does and nothing more will come. */
static bool take(struct ledger_writer *w, uint64_t *listed, bool *listing_ended)
{
	must(pthread_mutex_lock(&w->lock));
	wait_for_work(w);
	bool any = has_work(w);
	struct ledger_batch batch = w->filled;
	w->filled = w->written;
	w->written = batch;
	w->counted = false;
	*listed = w->listed;
	*listing_ended = w->listing_ended;
	must(pthread_cond_broadcast(&w->room));
	must(pthread_mutex_unlock(&w->lock));
	return any;
}

static void *write_all(void *argument)
{
	struct ledger_writer *w = argument;
	struct error err;
	uint64_t listed;
	bool listing_ended;
	while (!atomic_load(&w->failed) && take(w, &listed, &listing_ended)) {
		if (write_batch(w, listed, listing_ended, &err))
			fail(w, &err);
		ledger_batch_clear(&w->written);
	}
	return NULL;
}

void ledger_writer_put(struct ledger_writer *w, const struct ledger_entry *entry)
{
	assert(entry->outcome <= LEDGER_QUARANTINED);
	must(pthread_mutex_lock(&w->lock));
	while (w->filled.count == LEDGER_AHEAD_MAX)
		must(pthread_cond_wait(&w->room, &w->lock));
	bool first = !has_work(w);
	if (!atomic_load(&w->failed))
		ledger_batch_add(&w->filled, entry);
	/* in between the thread sleeps */
	if (first || w->filled.count == LEDGER_BATCH_MAX)
		must(pthread_cond_signal(&w->wanted));
	must(pthread_mutex_unlock(&w->lock));
}

void ledger_writer_listed(struct ledger_writer *w, uint64_t listed, bool ended)
{
	must(pthread_mutex_lock(&w->lock));
	bool first = !has_work(w);
	/* a run that is taken up lists anew: until that has come as far, it knows less */
	if (ended || listed > w->listed) {
		w->listed = listed;
		w->counted = true;
	}
	w->listing_ended = w->listing_ended || ended;
	if (first && w->counted)
		must(pthread_cond_signal(&w->wanted));
	must(pthread_mutex_unlock(&w->lock));
}

int ledger_writer_check(struct ledger_writer *w, struct error *err)
{
	if (!atomic_load(&w->failed))
		return 0;
	must(pthread_mutex_lock(&w->lock));
	*err = w->why;
	must(pthread_mutex_unlock(&w->lock));
	return -1;
}

static void writer_free(struct ledger_writer *w)
{
	for (size_t i = 0; i < STATEMENTS; i++)
		(void)sqlite3_finalize(w->statements[i]); /* repeats an error that was told */
	for (size_t i = 0; i < w->workers_count; i++)
		free(w->workers[i].name);
	free(w->workers);
	ledger_batch_release(&w->filled);
	ledger_batch_release(&w->written);
	must(pthread_cond_destroy(&w->wanted));
	must(pthread_cond_destroy(&w->room));
	must(pthread_mutex_destroy(&w->lock));
	free(w);
}

int ledger_writer_stop(struct ledger_writer *w, struct error *err)
{
	if (!w)
		return 0;
	must(pthread_mutex_lock(&w->lock));
	w->stopping = true;
	must(pthread_cond_signal(&w->wanted));
	must(pthread_mutex_unlock(&w->lock));
	must(pthread_join(w->thread, NULL));
	int status = ledger_writer_check(w, err);
	writer_free(w);
	return status;
}

static void init_lock(struct ledger_writer *w)
{
	pthread_condattr_t monotonic;
	must(pthread_mutex_init(&w->lock, NULL));
	must(pthread_condattr_init(&monotonic));
	must(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC));
	must(pthread_cond_init(&w->wanted, &monotonic));
	must(pthread_cond_init(&w->room, NULL));
	must(pthread_condattr_destroy(&monotonic));
}

static int prepare_all(struct ledger_writer *w, struct error *err)
{
	for (size_t i = 0; i < STATEMENTS; i++) {
		w->statements[i] = ledger_prepare(w->database, texts[i], err);
		if (!w->statements[i])
			return -1;
	}
	return 0;
}

/* Signals are for the thread that called: this one would end the process with them. */
static int start_thread(struct ledger_writer *w)
{
	sigset_t all, before;
	(void)sigfillset(&all);                            /* always succeeds */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before); /* fails only for wrong arguments */
	int status = pthread_create(&w->thread, NULL, write_all, w);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return status;
}

struct ledger_writer *ledger_writer_start(const struct ledger_database *database, int64_t run,
	const struct ledger_past *past, struct error *err)
{
	struct ledger_writer *w = xcalloc(1, sizeof(*w));
	w->database = database;
	w->run = run;
	w->resuming = past->resuming;
	w->outcomes[LEDGER_DONE] = past->done;
	w->outcomes[LEDGER_FAILED] = past->failed;
	w->outcomes[LEDGER_QUARANTINED] = past->quarantined;
	w->listed = past->listed;
	w->listing_ended = past->listing_ended;
	init_lock(w);
	if (prepare_all(w, err) == 0) {
		if (start_thread(w) == 0)
			return w;
		(void)error_set(err, ERROR_START, "start the thread that writes the ledger");
	}
	writer_free(w);
	return NULL;
}
