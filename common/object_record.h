/* SPDX-License-Identifier: MIT */
/*
 * What sciame-list-s3 writes to its pipe and the master reads: fields of bytes, each ended by a
 * NUL, after a field with one letter that says which record they make:
 *
 *     o KEY SIZE MTIME_NS    an object
 *     x KEY                  an object whose key has a NUL; as the server wrote it, with %00
 *     e CODE NUMBER MESSAGE  the listing failed (enum error_code, errno); nothing follows
 *     .                      the listing is complete; nothing follows
 *
 * A pipe that ends before either of the last two was cut off.
 */
#ifndef SCIAME_COMMON_OBJECT_RECORD_H
#define SCIAME_COMMON_OBJECT_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"

enum { OBJECT_RECORD_MAX = 8192 }; /* bytes of a record; longer ones make no sense */

enum object_record_type {
	OBJECT_RECORD_OBJECT,
	OBJECT_RECORD_REFUSED,
	OBJECT_RECORD_FAILED,
	OBJECT_RECORD_END,
};

struct object_record {
	enum object_record_type type;
	const char *key;
	uint64_t size;
	int64_t mtime_ns; /* since 1970 */
	struct error failure;
};

/* The caller looks at ferror(). */
void object_record_write(FILE *out, const struct object_record *record);

/*
 * The record at the beginning of these bytes: 1, *record (its key is borrowed from them) and in
 * *used how many bytes it has; 0: it is not all there yet; -1: it makes no sense.
 */
int object_record_read(struct object_record *record, const char *bytes, size_t size, size_t *used,
	struct error *err);

#endif
