/* SPDX-License-Identifier: MIT */
/*
 * Values and arrays of C numbers in shared memory, for several processes, with a lock or without.
 * A value is an array of one. The types are those behind the codes of Python's array module:
 *
 *     'b' signed char    'h' short             'i' int             'l' long     'q' long long
 *     'B' unsigned char  'H' unsigned short    'I' unsigned int    'L', 'Q' the same unsigned
 *     'f' float          'd' double            'c' char            'u' wchar_t
 *
 *     sciame_array_open(&counter, &(struct sciame_array_options) { 'q', 1, true }, NULL);
 *     in each process:
 *         sciame_array_lock(counter, SCIAME_FOREVER, NULL);
 *         long long *value = sciame_array_items(counter);
 *         *value += 1;
 *         sciame_array_unlock(counter, NULL);
 *
 * Without the lock, `*value += 1` loses updates: it reads, adds and writes, and when two processes
 * have read the same number before either has written, one of the additions is gone. Hold the lock
 * from the read to the write.
 *
 * Memory is inherited over fork; over exec it is handed on by its descriptor. A process that is
 * killed while it holds the lock blocks nobody: the next one gets it, with SCIAME_OWNER_DIED, and
 * puts the numbers in order before it unlocks.
 */
#ifndef SCIAME_ARRAY_H
#define SCIAME_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sciame/error.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct sciame_array;

struct sciame_array_options {
	char typecode; /* as above */
	size_t count;  /* at least 1; at most 256 MiB together. All are 0 at first */
	bool locked;   /* it has a lock, which a thread may lock again; it unlocks as often */
};

/* SCIAME_MISUSED, SCIAME_LIMIT or SCIAME_SYSTEM. The caller closes *array. */
enum sciame_status sciame_array_open(struct sciame_array **array,
	const struct sciame_array_options *options, struct sciame_error *err);

/* That of another process, as sciame_queue_attach. */
enum sciame_status sciame_array_attach(
	struct sciame_array **array, int fd, struct sciame_error *err);

/* The descriptor for attach, close-on-exec, borrowed. */
int sciame_array_fd(const struct sciame_array *array);

/* Unmaps it here; the memory goes with its last user. Of NULL it does nothing. */
void sciame_array_close(struct sciame_array *array);

/* The numbers, in place, until the array is closed. */
void *sciame_array_items(const struct sciame_array *array);
size_t sciame_array_count(const struct sciame_array *array);
char sciame_array_typecode(const struct sciame_array *array);

/*
 * SCIAME_OK or SCIAME_OWNER_DIED: it is held now. SCIAME_TIMED_OUT: it is not. SCIAME_MISUSED: the
 * array has no lock.
 */
enum sciame_status sciame_array_lock(
	struct sciame_array *array, int64_t timeout_ms, struct sciame_error *err);

/* SCIAME_MISUSED: this thread does not hold it. */
enum sciame_status sciame_array_unlock(struct sciame_array *array, struct sciame_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
