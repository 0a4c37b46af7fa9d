/* SPDX-License-Identifier: MIT */
/*
 * An array in shared memory with its lock, for several processes.
 *
 *     parent: shared_array_create(&a, sizeof(struct row), n, 0, err); hand a.fd to children
 *     child:  shared_array_open(&a, fd, err)
 *     any:    shared_array_lock(&a); struct row *row = shared_array_item(&a, i); ...
 *             shared_array_unlock(&a);
 *
 * Without the lock, `counter->value += 1` loses updates: it reads, adds and writes, and when two
 * processes have read the same value before either has written, one of the additions is gone. The
 * same holds for each change of more than one word. Hold the lock from the read to the write.
 *
 * A process that is killed while it holds the lock blocks nobody: the next one gets it, and is
 * told that the items may be half changed. But everyone who may write to the memory can also keep
 * the lock for ever or spoil it: no process that is to be guarded against may have the descriptor.
 */
#ifndef SCIAME_COMMON_SHARED_H
#define SCIAME_COMMON_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum shared_flags {
	SHARED_RECURSIVE = 1, /* a thread may lock again what it holds, and unlocks as often */
};

enum {
	SHARED_ALIGNMENT = 64,        /* of the first item: a cache line */
	SHARED_BYTES_MAX = 256 << 20, /* of all items together */
};

struct shared_header; /* at the start of the memory; only shared.c looks into it */

struct shared_array {
	int fd; /* of a sealed memfd, close-on-exec: a child gets it by dup2. Void without header */
	struct shared_header *header;   /* NULL: closed */
	size_t item_size, count, bytes; /* checked copies; others may write to the header */
};

/*
 * count items of item_size bytes, both at least 1, all zero. flags: 0 or SHARED_RECURSIVE. The
 * size of the memory can't be changed any more, by nobody, so no process can make another one
 * die of SIGBUS. The caller owns *a and closes it. Returns -1 with ERROR_LIMIT for more than
 * SHARED_BYTES_MAX, ERROR_START when the system refuses.
 */
int shared_array_create(
	struct shared_array *a, size_t item_size, size_t count, unsigned flags, struct error *err);

/*
 * Maps the array of another process from a descriptor that was inherited or received, and keeps
 * a duplicate; the caller keeps fd. What it finds is checked before it is used: returns -1 with
 * ERROR_PROTOCOL when this is no such array, or one of another build, ERROR_IO otherwise.
 */
int shared_array_open(struct shared_array *a, int fd, struct error *err);

/* Unmaps; the memory is gone with its last user. Accepts a zeroed *a and NULL. */
void shared_array_close(struct shared_array *a);

/*
 * Waits for the lock. Returns 0; or 1 when the last holder died with it: the lock is held all the
 * same, and the items are what that process left behind, to be put in order before the unlock.
 */
int shared_array_lock(struct shared_array *a);

enum shared_locked {
	SHARED_LOCKED,
	SHARED_OWNER_DIED, /* it is held; as shared_array_lock's 1 */
	SHARED_TIMED_OUT,  /* it is not held, as below */
	SHARED_BROKEN,     /* the lock was overwritten */
};

/* Waits up to timeout_ms (-1: for ever, 0: not at all). Asserts nothing about others. */
enum shared_locked shared_array_lock_for(struct shared_array *a, int64_t timeout_ms);

/* False: this thread does not hold it. */
bool shared_array_unlock_own(struct shared_array *a);

/* Only by the thread that holds the lock; by another one it is an assertion. */
void shared_array_unlock(struct shared_array *a);

/* Item i, in place; i below the count is asserted. Borrowed until shared_array_close. */
void *shared_array_item(const struct shared_array *a, size_t i);

size_t shared_array_count(const struct shared_array *a);
size_t shared_array_item_size(const struct shared_array *a);

#endif
