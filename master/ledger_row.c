/* SPDX-License-Identifier: MIT */
#include "master/ledger_row.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TARGET_ROOT "target"

/* Whether a target follows from its source: the same path, below the target's root. */
static bool follows(const char *target, const char *source)
{
	const char *path = strchr(source, ':');
	size_t length = strlen(TARGET_ROOT);
	return path && strncmp(target, TARGET_ROOT, length) == 0 &&
	       strcmp(target + length, path) == 0;
}

void ledger_row_bind(sqlite3_stmt *s, const struct ledger_entry *entry, int64_t worker,
	const struct ledger_stamp *stamp)
{
	/* what is not bound is NULL */
	ledger_bind_text(s, 1, entry->source);
	if (!follows(entry->target, entry->source))
		ledger_bind_text(s, 2, entry->target);
	ledger_bind_integer(s, 3, stamp->run);
	ledger_bind_integer(s, 4, entry->outcome);
	ledger_bind_integer(s, 5, entry->counter);
	ledger_bind_integer(s, 6, entry->code);
	if (entry->reason[0])
		ledger_bind_text(s, 7, entry->reason);
	ledger_bind_integer(s, 8, (int64_t)entry->source_size);
	ledger_bind_integer(s, 9, entry->source_mtime_ns);
	if (entry->has_digest)
		ledger_bind_blob(s, 10, entry->digest, sizeof(entry->digest));
	if (entry->input_bytes != entry->source_size)
		ledger_bind_integer(s, 11, (int64_t)entry->input_bytes);
	ledger_bind_integer(s, 12, (int64_t)entry->output_bytes);
	ledger_bind_integer(s, 13, entry->attempts);
	ledger_bind_integer(s, 14, entry->blames);
	ledger_bind_integer(s, 15, entry->duration_us);
	if (worker)
		ledger_bind_integer(s, 16, worker);
	ledger_bind_integer(s, 17, stamp->settled_s);
	if (entry->outputs_size)
		ledger_bind_blob(s, 18, entry->outputs, entry->outputs_size);
}

static bool is_null(sqlite3_stmt *s, int column)
{
	return sqlite3_column_type(s, column) == SQLITE_NULL;
}

static const char *read_target(sqlite3_stmt *s, const char *source, char target[JOB_LOCATION_MAX])
{
	const char *path = strchr(source, ':');
	if (!is_null(s, 1))
		return ledger_column_text(s, 1);
	/* a path that is too long was never a job's: it is cut, and then has no output */
	(void)snprintf(target, JOB_LOCATION_MAX, TARGET_ROOT "%s", path ? path : ":");
	return target;
}

static void read_digest(sqlite3_stmt *s, struct ledger_entry *entry)
{
	const void *digest = sqlite3_column_blob(s, 8);
	entry->has_digest = digest && sqlite3_column_bytes(s, 8) == JOB_DIGEST_SIZE;
	if (entry->has_digest)
		memcpy(entry->digest, digest, JOB_DIGEST_SIZE);
}

void ledger_row_read(sqlite3_stmt *s, struct ledger_entry *entry, char target[JOB_LOCATION_MAX])
{
	*entry = (struct ledger_entry) {
		.source = ledger_column_text(s, 0),
		.outcome = (enum ledger_outcome)sqlite3_column_int(s, 2),
		.counter = (uint32_t)sqlite3_column_int64(s, 3),
		.code = (enum error_code)sqlite3_column_int(s, 4),
		.reason = ledger_column_text(s, 5),
		.source_size = (uint64_t)sqlite3_column_int64(s, 6),
		.source_mtime_ns = sqlite3_column_int64(s, 7),
		.output_bytes = (uint64_t)sqlite3_column_int64(s, 10),
		.attempts = (uint32_t)sqlite3_column_int64(s, 11),
		.blames = (uint32_t)sqlite3_column_int64(s, 12),
		.duration_us = (uint32_t)sqlite3_column_int64(s, 13),
		.worker = ledger_column_text(s, 14),
		.settled_s = sqlite3_column_int64(s, 15),
	};
	entry->target = read_target(s, entry->source, target);
	entry->input_bytes =
		is_null(s, 9) ? entry->source_size : (uint64_t)sqlite3_column_int64(s, 9);
	read_digest(s, entry);
	entry->outputs = sqlite3_column_blob(s, 17);
	entry->outputs_size = entry->outputs ? (size_t)sqlite3_column_bytes(s, 17) : 0;
}
