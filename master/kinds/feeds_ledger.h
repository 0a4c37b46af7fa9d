/* SPDX-License-Identifier: MIT */
/*
 * What is remembered of each feed from run to run, in one SQLite file: what was shown, when it was
 * last right, how long its host asked to be left alone. Safe with several runs at once, and with a
 * run that is killed at any moment: then nothing of it is remembered, or all.
 *
 *     open -> for each feed: load, seen ... store, add_seen -> commit -> close
 */
#ifndef SCIAME_MASTER_KINDS_FEEDS_LEDGER_H
#define SCIAME_MASTER_KINDS_FEEDS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "master/kinds/feeds_seen.h"

enum {
	LEDGER_SEEN_MAX = SEEN_MAX, /* entries of one feed; the oldest are forgotten */
	LEDGER_KEPT_DAYS = 400,     /* a feed that no run asked for so long is forgotten */
	LEDGER_BUSY_MS = 5000,      /* longest wait for another run; then an error that says so */
};

struct feeds_ledger;

/* Entries of one feed, each by a 64-bit hash of its identity. */
struct ledger_entries {
	const uint64_t *hashes;
	size_t count;
};

struct ledger_feed {
	int64_t checked_s;    /* when it was last read or found unchanged; 0: never */
	int64_t not_before_s; /* it is not to be asked before; 0: at any time */
	uint32_t failures;    /* in a row */
	uint32_t http_status; /* last one */
};

/*
 * Opens or creates the file (0600) and its folders (0700). NULL and *err: it can't be used; a file
 * that is no ledger, or of a later version, is an error that names it and is left alone.
 */
struct feeds_ledger *feeds_ledger_open(const char *path, struct error *err);
void feeds_ledger_close(struct feeds_ledger *ledger); /* what was not committed is dropped */

/* What is known of a feed from runs that were committed; all zero: nothing. */
int feeds_ledger_load(
	struct feeds_ledger *ledger, const char *url, struct ledger_feed *feed, struct error *err);

/*
 * For each of the entries: when it was first seen by a run that was committed, or 0. One read of
 * the file for a feed. Where what was kept of the feed is damaged, the error names the feed and all
 * are 0; the next commit of the feed begins anew.
 */
int feeds_ledger_seen(struct feeds_ledger *ledger, const char *url,
	const struct ledger_entries *entries, int64_t *first_seen_s, struct error *err);

/*
 * Sets aside what a run found, at now_s (seconds since 1970, above 0). It waits in a file of its
 * own and keeps no other run from anything, however long the run takes; only commit makes it
 * visible, to this run too.
 */
int feeds_ledger_store(struct feeds_ledger *ledger, const char *url, const struct ledger_feed *feed,
	int64_t now_s, struct error *err);
/*
 * The same for the entries of a feed as it is now, at most LEDGER_SEEN_MAX, whether they are new or
 * not: those that are known keep their time, and are the last to be forgotten.
 */
int feeds_ledger_add_seen(struct feeds_ledger *ledger, const char *url,
	const struct ledger_entries *entries, int64_t now_s, struct error *err);

/* Forgets what was set aside. */
int feeds_ledger_drop(struct feeds_ledger *ledger, struct error *err);

/*
 * Adds all that was set aside to the file, and to what other runs have added meanwhile, in one
 * transaction. After an error the file is as before; commit may be called again.
 */
int feeds_ledger_commit(struct feeds_ledger *ledger, struct error *err);

#endif
