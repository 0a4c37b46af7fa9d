/* SPDX-License-Identifier: MIT */
/*
 * Open addressing with linear probing. A removal moves the followers back instead of leaving a
 * tombstone: the table of a run of ten million jobs would be full of them.
 */
#include "common/table.h"

#include <assert.h>
#include <stdlib.h>

struct table_slot {
	uint64_t key; /* 0: free */
	void *value;
};

enum { BITS_MIN = 4 };

/* Fibonacci hashing: numbers that count up, by whatever stride, spread evenly. */
static size_t home(const struct table *table, uint64_t key)
{
	return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - table->bits));
}

static size_t capacity(const struct table *table)
{
	return table->slots ? (size_t)1 << table->bits : 0;
}

/* The slot that holds key, or the free one where it would go. There is always a free one. */
static struct table_slot *probe(const struct table *table, uint64_t key)
{
	size_t mask = capacity(table) - 1;
	size_t at = home(table, key);
	while (table->slots[at].key != 0 && table->slots[at].key != key)
		at = (at + 1) & mask;
	return &table->slots[at];
}

static void resize(struct table *table, uint32_t bits)
{
	struct table other = { .count = table->count, .bits = bits };
	other.slots = calloc((size_t)1 << bits, sizeof(*other.slots));
	if (!other.slots)
		abort();
	for (size_t i = 0; i < capacity(table); i++) {
		if (table->slots[i].key != 0)
			*probe(&other, table->slots[i].key) = table->slots[i];
	}
	free(table->slots);
	*table = other;
}

/* Frees the slot and closes the gap, so that every key is still found from its home. */
static void close_gap(struct table *table, size_t gap)
{
	size_t mask = capacity(table) - 1;
	for (size_t at = (gap + 1) & mask; table->slots[at].key != 0; at = (at + 1) & mask) {
		size_t from_home = (at - home(table, table->slots[at].key)) & mask;
		if (from_home >= ((at - gap) & mask)) {
			table->slots[gap] = table->slots[at];
			gap = at;
		}
	}
	table->slots[gap] = (struct table_slot) { 0 };
}

void *table_find(const struct table *table, uint64_t key)
{
	assert(key != 0);
	return table->slots ? probe(table, key)->value : NULL;
}

void table_insert(struct table *table, uint64_t key, void *value)
{
	assert(key != 0);
	assert(value);
	if (!table->slots)
		resize(table, BITS_MIN);
	else if ((table->count + 1) * 4 > capacity(table) * 3)
		resize(table, table->bits + 1);
	struct table_slot *slot = probe(table, key);
	assert(slot->key == 0);
	*slot = (struct table_slot) { .key = key, .value = value };
	table->count++;
}

void *table_remove(struct table *table, uint64_t key)
{
	void *value = table_find(table, key);
	if (!value)
		return NULL;
	close_gap(table, (size_t)(probe(table, key) - table->slots));
	table->count--;
	/* At an eighth, not at a half: a count that swings must not resize each time. */
	if (table->bits > BITS_MIN && table->count < capacity(table) / 8)
		resize(table, table->bits - 1);
	return value;
}

size_t table_count(const struct table *table)
{
	return table->count;
}

void *table_next(const struct table *table, size_t *cursor)
{
	while (*cursor < capacity(table)) {
		void *value = table->slots[(*cursor)++].value;
		if (value)
			return value;
	}
	return NULL;
}

void table_release(struct table *table)
{
	free(table->slots);
	*table = (struct table) { 0 };
}
