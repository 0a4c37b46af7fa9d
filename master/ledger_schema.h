/* SPDX-License-Identifier: MIT */
/*
 * What stands in a ledger's file, and which files are one. Four tables: job (a row for each source,
 * keyed by it), run (a row for each), command and worker (what runs and rows have in common, by
 * number, so that a row of job stays small).
 */
#ifndef SCIAME_MASTER_LEDGER_SCHEMA_H
#define SCIAME_MASTER_LEDGER_SCHEMA_H

#include "common/error.h"
#include "master/ledger_database.h"

enum {
	LEDGER_APPLICATION_ID = 0x73634C67, /* "scLg" in the file's header, told by file(1) */
	LEDGER_SCHEMA_VERSION = 2,          /* in the same header as user_version */
};

/*
 * Makes sure that the tables are ours, brings those of an earlier version to this one, and sets WAL
 * and synchronous=FULL. 1: the file is empty, the tables are still to be made. A file that is
 * something else is not changed.
 */
int ledger_schema_prepare(const struct ledger_database *database, struct error *err);

/* Makes the tables; in a transaction of the caller's. */
int ledger_schema_create(const struct ledger_database *database, struct error *err);

/* 0 when it is a ledger of this version; for those who only look. */
int ledger_schema_check(const struct ledger_database *database, struct error *err);

/* Looks at the structure of the whole file: a second for 1,000,000 jobs. */
int ledger_schema_verify(const struct ledger_database *database, struct error *err);

#endif
