/* SPDX-License-Identifier: MIT */
/* Sorting, not a hash table: no feed can choose entries that make this slow. */
#include "master/kinds/feeds_seen.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

struct seen_record {
	uint64_t hash;
	int64_t first_seen_s;
	size_t order; /* a higher one was in the feed later */
};

/* As it is kept; two numbers of 8 bytes have no padding. */
struct kept {
	uint64_t hash;
	uint64_t first_seen_s;
};
static_assert(sizeof(struct kept) == SEEN_RECORD_SIZE, "a record has a fixed size");

static int compare_hashes(const void *left, const void *right)
{
	const struct seen_record *a = left, *b = right;
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static int compare_orders(const void *left, const void *right)
{
	const struct seen_record *a = left, *b = right;
	return a->order < b->order ? -1 : a->order > b->order;
}

static void sort(struct seen *seen, int (*compare)(const void *, const void *))
{
	if (seen->count > 0) /* qsort may not be given NULL */
		qsort(seen->records, seen->count, sizeof(seen->records[0]), compare);
}

static void reserve(struct seen *seen, size_t more)
{
	if (seen->count + more > 0)
		seen->records =
			xreallocarray(seen->records, seen->count + more, sizeof(seen->records[0]));
}

void seen_release(struct seen *seen)
{
	free(seen->records);
	*seen = (struct seen) { 0 };
}

void *seen_write(const struct seen *seen, size_t *size)
{
	struct kept *kept = xcalloc(seen->count + 1, sizeof(*kept)); /* never of 0 bytes */
	for (size_t i = 0; i < seen->count; i++) {
		kept[i].hash = htole64(seen->records[i].hash);
		kept[i].first_seen_s = htole64((uint64_t)seen->records[i].first_seen_s);
	}
	*size = seen->count * sizeof(*kept);
	return kept;
}

int seen_read(struct seen *seen, const void *bytes, size_t size)
{
	assert(!seen->records);
	if (size % SEEN_RECORD_SIZE != 0 || size / SEEN_RECORD_SIZE > SEEN_MAX)
		return -1;
	reserve(seen, size / SEEN_RECORD_SIZE);
	for (; seen->count < size / SEEN_RECORD_SIZE; seen->count++) {
		struct kept kept;
		memcpy(&kept, (const char *)bytes + seen->count * sizeof(kept), sizeof(kept));
		seen->records[seen->count] = (struct seen_record) {
			.hash = le64toh(kept.hash),
			.first_seen_s = (int64_t)le64toh(kept.first_seen_s),
			.order = seen->count,
		};
	}
	return 0;
}

static int64_t find(const struct seen *seen, uint64_t hash)
{
	size_t low = 0, high = seen->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (seen->records[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < seen->count && seen->records[low].hash == hash)
		return seen->records[low].first_seen_s;
	return 0;
}

void seen_find(
	const struct seen *seen, const uint64_t *entries, size_t count, int64_t *first_seen_s)
{
	struct seen sorted = { 0 };
	reserve(&sorted, seen->count);
	if (seen->count > 0)
		memcpy(sorted.records, seen->records, seen->count * sizeof(seen->records[0]));
	sorted.count = seen->count;
	sort(&sorted, compare_hashes);
	for (size_t i = 0; i < count; i++)
		first_seen_s[i] = find(&sorted, entries[i]);
	seen_release(&sorted);
}

/* Each entry once: at its last place, with its earliest time. Leaves them sorted by hash. */
static void remove_repeated(struct seen *seen)
{
	size_t kept = 0;
	sort(seen, compare_hashes);
	for (size_t i = 0; i < seen->count; i++) {
		struct seen_record record = seen->records[i];
		struct seen_record *last = kept > 0 ? &seen->records[kept - 1] : NULL;
		if (!last || last->hash != record.hash) {
			seen->records[kept++] = record;
			continue;
		}
		last->order = record.order;
		/* a run that began earlier may be committed later */
		if (record.first_seen_s < last->first_seen_s)
			last->first_seen_s = record.first_seen_s;
	}
	seen->count = kept;
}

void seen_add(struct seen *seen, const uint64_t *entries, size_t count, int64_t now_s)
{
	assert(count <= SEEN_MAX);
	reserve(seen, count);
	for (size_t i = 0; i < count; i++) {
		seen->records[seen->count] =
			(struct seen_record) { entries[i], now_s, seen->count };
		seen->count++;
	}
	remove_repeated(seen);
	sort(seen, compare_orders);
	size_t surplus = seen->count > SEEN_MAX ? seen->count - SEEN_MAX : 0;
	seen->count -= surplus;
	if (surplus > 0)
		memmove(seen->records, seen->records + surplus,
			seen->count * sizeof(seen->records[0]));
	for (size_t i = 0; i < seen->count; i++)
		seen->records[i].order = i;
}
