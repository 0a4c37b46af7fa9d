/* SPDX-License-Identifier: MIT */
#include "tests/support/ledger_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

const struct ledger_options ledger_sample_command = {
	.kind = "scale",
	.source = "/photos",
	.target = "/thumbs",
	.parameters = "size=400",
	.parameters_size = 8,
	.program = "1.0",
};

struct ledger *ledger_sample_open(const char *path)
{
	struct error err = { 0 };
	struct ledger *ledger;
	struct ledger_options options = ledger_sample_command;
	options.path = path;
	if (ledger_open(&ledger, &options, &err))
		fail_msg("%s", err.message);
	return ledger;
}

void ledger_sample_close(struct ledger *ledger, bool ended)
{
	struct error err = { 0 };
	if (ledger_close(ledger, ended, &err))
		fail_msg("%s", err.message);
}

struct ledger_entry ledger_sample_entry(const char *source)
{
	return (struct ledger_entry) {
		.source = source,
		.target = "target:t",
		.outcome = LEDGER_DONE,
		.counter = 1,
		.reason = "",
		.source_size = 1000,
		.source_mtime_ns = 1700000000123456789,
		.input_bytes = 1000,
		.output_bytes = 100,
		.attempts = 1,
		.duration_us = 5000,
		.worker = "host",
	};
}

void ledger_sample_settle(struct ledger *ledger, unsigned number)
{
	char source[32], worker[32];
	(void)snprintf(source, sizeof(source), "source:%08u", number);
	(void)snprintf(worker, sizeof(worker), "host-%u", number / 500 % 3);
	struct ledger_entry entry = ledger_sample_entry(source);
	entry.output_bytes = number;
	entry.worker = worker;
	ledger_settle(ledger, &entry);
}

static int64_t ask(sqlite3 *database, const char *query)
{
	sqlite3_stmt *statement;
	if (sqlite3_prepare_v2(database, query, -1, &statement, NULL) != SQLITE_OK ||
		sqlite3_step(statement) != SQLITE_ROW)
		fail_msg("%s: %s", query, sqlite3_errmsg(database));
	int64_t answer = sqlite3_column_int64(statement, 0);
	assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
	return answer;
}

static sqlite3 *open_file(const char *path)
{
	sqlite3 *database;
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(database, 10000), SQLITE_OK);
	return database;
}

int64_t ledger_sample_ask(const char *path, const char *query)
{
	sqlite3 *database = open_file(path);
	int64_t answer = ask(database, query);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
	return answer;
}

unsigned ledger_sample_check(const char *path)
{
	if (access(path, F_OK))
		return 0;
	sqlite3 *database = open_file(path);
	int64_t count = 0;
	assert_int_equal(ask(database, "SELECT integrity_check = 'ok'"
				       " FROM pragma_integrity_check LIMIT 1"),
		1);
	if (ask(database, "SELECT count(*) FROM sqlite_schema") > 0) {
		count = ask(database, "SELECT count(*) FROM job");
		assert_int_equal(ask(database, "SELECT count(*) FROM run"), 1);
		assert_int_equal(ask(database, "SELECT done FROM run"), count);
		assert_int_equal(
			ask(database, "SELECT ifnull(max(output_bytes), -1) FROM job"), count - 1);
		assert_int_equal(ask(database, "SELECT count(*) FROM job JOIN worker"
					       " ON worker.id = job.worker"),
			count);
		assert_int_equal(ask(database, "SELECT count(*) FROM job WHERE"
					       " source = printf('source:%08d', output_bytes)"),
			count);
	}
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
	return (unsigned)count;
}
