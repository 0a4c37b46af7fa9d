/* SPDX-License-Identifier: MIT */
/* Outcomes on their way to the disk, copied one behind the other. */
#ifndef SCIAME_MASTER_LEDGER_BATCH_H
#define SCIAME_MASTER_LEDGER_BATCH_H

#include <stddef.h>

#include "master/ledger.h"

struct ledger_record;

/* Zeroed it is empty. At most LEDGER_AHEAD_MAX, which the caller sees to. */
struct ledger_batch {
	size_t count, capacity;
	struct ledger_record *records;
	char *texts; /* of all records */
	size_t texts_size, texts_capacity;
};

/* Copies an entry; a reason that is too long is cut. */
void ledger_batch_add(struct ledger_batch *batch, const struct ledger_entry *entry);

/* The one with this number; its texts are borrowed until the batch changes. */
void ledger_batch_get(const struct ledger_batch *batch, size_t number, struct ledger_entry *entry);

/* By source, in the order of arrival for each: neighbours in the file are written together. */
void ledger_batch_sort(struct ledger_batch *batch);

/* Empties it and keeps its memory. */
void ledger_batch_clear(struct ledger_batch *batch);
void ledger_batch_release(struct ledger_batch *batch);

#endif
