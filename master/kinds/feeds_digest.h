/* SPDX-License-Identifier: MIT */
/* Which entries of a feed are to be shown: those of its copy that the options leave over. */
#ifndef SCIAME_MASTER_KINDS_FEEDS_DIGEST_H
#define SCIAME_MASTER_KINDS_FEEDS_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "master/kinds/feeds_ledger.h"
#include "master/kinds/feeds_output.h"
#include "proto/feeds.pb-c.h"

struct digest_options {
	int64_t limit;   /* entries; 0: all */
	int64_t since_s; /* none that is older. An entry without a date is as old as first seen */
	bool only_new;   /* only those that no earlier run has shown */
	int64_t now_s;
};

struct digest {
	struct output_entry *entries; /* texts are borrowed from the copy */
	uint64_t *identities;         /* of the entries, for feeds_ledger_add_seen */
	size_t count;
};

/* Where it stands what earlier runs have shown of the feed. */
struct digest_known {
	struct feeds_ledger *ledger; /* NULL: nothing is remembered; then every entry is new */
	const char *url;             /* of the feed, as the ledger knows it */
};

/*
 * Of more than limit entries the newest are taken when all have dates, else the first; their order
 * stays that of the feed.
 */
int feeds_digest_make(struct digest *digest, const Sciame__Feed *feed,
	const struct digest_known *known, const struct digest_options *options, struct error *err);
void feeds_digest_release(struct digest *digest);

#endif
