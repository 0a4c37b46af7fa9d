/* SPDX-License-Identifier: MIT */
/* Texts stand at offsets, because their memory moves when it grows. */
#include "master/ledger_batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

enum {
	RECORDS_FIRST = 256,
	TEXTS_FIRST = 65536,
};

struct ledger_record {
	struct ledger_entry entry;
	size_t source, target, reason, worker, outputs;
};

static size_t add_text(struct ledger_batch *batch, const char *text, size_t length)
{
	size_t at = batch->texts_size;
	while (batch->texts_capacity - at <= length) {
		size_t capacity = batch->texts_capacity ? batch->texts_capacity * 2 : TEXTS_FIRST;
		batch->texts = xreallocarray(batch->texts, capacity, 1);
		batch->texts_capacity = capacity;
	}
	memcpy(batch->texts + at, text, length);
	batch->texts[at + length] = '\0';
	batch->texts_size += length + 1;
	return at;
}

static size_t add_whole(struct ledger_batch *batch, const char *text)
{
	return text ? add_text(batch, text, strlen(text)) : add_text(batch, "", 0);
}

/* Cut before a character of UTF-8, not in it. */
static size_t add_reason(struct ledger_batch *batch, const char *reason)
{
	size_t length = reason ? strnlen(reason, LEDGER_REASON_MAX) : 0;
	if (length == LEDGER_REASON_MAX) {
		length--;
		while (length > 0 && ((unsigned char)reason[length] & 0xC0) == 0x80)
			length--;
	}
	return add_text(batch, reason ? reason : "", length);
}

void ledger_batch_add(struct ledger_batch *batch, const struct ledger_entry *entry)
{
	assert(batch->count < LEDGER_AHEAD_MAX);
	if (batch->count == batch->capacity) {
		batch->capacity = batch->capacity ? batch->capacity * 2 : RECORDS_FIRST;
		batch->records =
			xreallocarray(batch->records, batch->capacity, sizeof(*batch->records));
	}
	struct ledger_record *record = &batch->records[batch->count++];
	record->entry = *entry;
	record->source = add_whole(batch, entry->source);
	record->target = add_whole(batch, entry->target);
	record->reason = add_reason(batch, entry->reason);
	record->worker = add_whole(batch, entry->worker);
	record->outputs =
		entry->outputs_size ? add_text(batch, entry->outputs, entry->outputs_size) : 0;
}

void ledger_batch_get(const struct ledger_batch *batch, size_t number, struct ledger_entry *entry)
{
	assert(number < batch->count);
	const struct ledger_record *record = &batch->records[number];
	*entry = record->entry;
	entry->source = batch->texts + record->source;
	entry->target = batch->texts + record->target;
	entry->reason = batch->texts + record->reason;
	entry->worker = batch->texts + record->worker;
	entry->outputs = entry->outputs_size ? batch->texts + record->outputs : NULL;
}

static int compare(const void *a, const void *b, void *texts)
{
	const struct ledger_record *one = a, *other = b;
	int order = strcmp((char *)texts + one->source, (char *)texts + other->source);
	return order ? order : one->source < other->source ? -1 : one->source > other->source;
}

void ledger_batch_sort(struct ledger_batch *batch)
{
	if (batch->count > 1)
		qsort_r(batch->records, batch->count, sizeof(*batch->records), compare,
			batch->texts);
}

void ledger_batch_clear(struct ledger_batch *batch)
{
	batch->count = 0;
	batch->texts_size = 0;
}

void ledger_batch_release(struct ledger_batch *batch)
{
	free(batch->records);
	free(batch->texts);
	*batch = (struct ledger_batch) { 0 };
}
