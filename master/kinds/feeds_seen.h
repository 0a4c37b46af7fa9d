/* SPDX-License-Identifier: MIT */
/*
 * Which entries of one feed were seen, and when first, as the ledger keeps it: records of 16 bytes,
 * little-endian, the hash and the seconds since 1970, in the order in which the entries were last
 * in the feed. Pure: no I/O.
 *
 *     struct seen seen = { 0 };
 *     seen_read(&seen, bytes, size); seen_add(&seen, ...); bytes = seen_write(&seen, &size);
 *     seen_release(&seen);
 */
#ifndef SCIAME_MASTER_KINDS_FEEDS_SEEN_H
#define SCIAME_MASTER_KINDS_FEEDS_SEEN_H

#include <stddef.h>
#include <stdint.h>

enum {
	SEEN_MAX = 20000, /* entries of one feed that are remembered; the oldest are forgotten */
	SEEN_RECORD_SIZE = 16,
};

/* Zeroed: nothing was seen. */
struct seen {
	struct seen_record *records;
	size_t count;
};

/* Fills *seen, which is zeroed. -1: size is none that seen_write makes; *seen stays as it is. */
int seen_read(struct seen *seen, const void *bytes, size_t size);

/* When each of count entries was first seen, or 0. */
void seen_find(
	const struct seen *seen, const uint64_t *entries, size_t count, int64_t *first_seen_s);

/*
 * The feed has these entries now, at most SEEN_MAX. Those that are known keep their time, or get
 * now_s where that is earlier; all of them are the last to be forgotten.
 */
void seen_add(struct seen *seen, const uint64_t *entries, size_t count, int64_t now_s);

/* The records of *size bytes; the caller frees them. */
void *seen_write(const struct seen *seen, size_t *size);

void seen_release(struct seen *seen);

#endif
