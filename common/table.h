/* SPDX-License-Identifier: MIT */
/*
 * Numbers to pointers, in constant time: a hash table whose memory follows what is in it.
 * Pure: no I/O, no clock; out of memory is abort().
 *
 *     struct table t = { 0 };
 *     table_insert(&t, 17, job);
 *     job = table_find(&t, 17);
 *     job = table_remove(&t, 17);
 *     table_release(&t);
 */
#ifndef SCIAME_COMMON_TABLE_H
#define SCIAME_COMMON_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed: empty and holding no memory. The values are borrowed, never freed. */
struct table {
	struct table_slot *slots; /* 2 to the power of bits, at most 3/4 of them in use */
	size_t count;
	uint32_t bits;
};

/* The value of key, or NULL. */
void *table_find(const struct table *table, uint64_t key);

/* key is not 0 and not in the table yet; value is not NULL. */
void table_insert(struct table *table, uint64_t key, void *value);

/* Takes key out. Returns its value, or NULL if it was not there. */
void *table_remove(struct table *table, uint64_t key);

size_t table_count(const struct table *table);

/*
 * The next value in no particular order, or NULL after the last one. *cursor starts at 0; the
 * table must stay as it is in between.
 */
void *table_next(const struct table *table, size_t *cursor);

/* Frees the slots; the table is empty and can be used again. */
void table_release(struct table *table);

#endif
