/* SPDX-License-Identifier: MIT */
/* A row of the table job <-> struct ledger_entry. */
#ifndef SCIAME_MASTER_LEDGER_ROW_H
#define SCIAME_MASTER_LEDGER_ROW_H

#include <stdint.h>

#include "common/job.h"
#include "master/ledger.h"
#include "master/ledger_database.h"

/* What the rows of one transaction have in common. */
struct ledger_stamp {
	int64_t run; /* its row */
	int64_t settled_s;
};

/* Parameters 1 to 18 of this are bound by ledger_row_bind. */
#define LEDGER_ROW_INSERT                                                                          \
	"INSERT INTO job (source, target, run, outcome, counter, code, reason, source_size,"       \
	" source_mtime_ns, digest, input_bytes, output_bytes, attempts, blames, duration_us,"      \
	" worker, settled_s, outputs)"                                                             \
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, "    \
	"?18)"

/* A query that begins with this has the columns that ledger_row_read takes, 0 to 17. */
#define LEDGER_ROW_SELECT                                                                          \
	"SELECT job.source, job.target, outcome, counter, code, reason, source_size,"              \
	" source_mtime_ns, digest, input_bytes, output_bytes, attempts, blames, duration_us,"      \
	" worker.name, settled_s, job.run, outputs"

enum { LEDGER_ROW_COLUMNS = 18 }; /* where the caller's own columns begin */

/* worker: its row; 0: none. What *entry points to must stay until the statement is reset. */
void ledger_row_bind(sqlite3_stmt *statement, const struct ledger_entry *entry, int64_t worker,
	const struct ledger_stamp *stamp);

/*
 * All but this_run, same_command and same_program. Texts are borrowed until the next step; target
 * is the place for a target that is not stored.
 */
void ledger_row_read(
	sqlite3_stmt *statement, struct ledger_entry *entry, char target[JOB_LOCATION_MAX]);

#endif
