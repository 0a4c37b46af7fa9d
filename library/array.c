/* SPDX-License-Identifier: MIT */
/* A shared array (common/shared.h) of numbers; a first item in front of them says of what type. */
#include "sciame/array.h"

#include <stdlib.h>
#include <wchar.h>

#include "common/shared.h"
#include "library/error.h"

/* In front of the numbers: as long as a cache line, so that they are aligned. */
struct head {
	char typecode;
	bool locked;
	uint64_t count;
};

struct sciame_array {
	struct shared_array memory; /* lines of SHARED_ALIGNMENT bytes; the first is the head */
	char typecode;
	bool locked;
	size_t count;
};

_Static_assert(sizeof(struct head) <= SHARED_ALIGNMENT, "the head is one line");

/* 0: no such type. */
static size_t size_of(char typecode)
{
	switch (typecode) {
	case 'b':
	case 'B':
	case 'c':
		return sizeof(char);
	case 'u':
		return sizeof(wchar_t);
	case 'h':
	case 'H':
		return sizeof(short);
	case 'i':
	case 'I':
		return sizeof(int);
	case 'l':
	case 'L':
		return sizeof(long);
	case 'q':
	case 'Q':
		return sizeof(long long);
	case 'f':
		return sizeof(float);
	case 'd':
		return sizeof(double);
	default:
		return 0;
	}
}

static enum sciame_status check(
	const struct sciame_array_options *options, struct sciame_error *err)
{
	size_t size = size_of(options->typecode);
	if (size == 0)
		return library_error(err, SCIAME_MISUSED, "no type has the code '%c'",
			options->typecode >= ' ' && options->typecode <= '~' ? options->typecode
									     : '?');
	if (options->count == 0)
		return library_error(err, SCIAME_MISUSED, "an array of no numbers");
	if (options->count > (SHARED_BYTES_MAX - SHARED_ALIGNMENT) / size)
		return library_error(err, SCIAME_LIMIT,
			"%zu numbers of %zu bytes are more than %d bytes", options->count, size,
			SHARED_BYTES_MAX - SHARED_ALIGNMENT);
	return SCIAME_OK;
}

static size_t lines_of(char typecode, size_t count)
{
	size_t bytes = size_of(typecode) * count;
	return 1 + (bytes + SHARED_ALIGNMENT - 1) / SHARED_ALIGNMENT;
}

enum sciame_status sciame_array_open(struct sciame_array **array,
	const struct sciame_array_options *options, struct sciame_error *err)
{
	struct error inside;
	*array = NULL;
	enum sciame_status status = check(options, err);
	if (status != SCIAME_OK)
		return status;
	struct sciame_array *a = calloc(1, sizeof(*a));
	if (!a)
		return library_errno(err, "make an array");
	if (shared_array_create(&a->memory, SHARED_ALIGNMENT,
		    lines_of(options->typecode, options->count), SHARED_RECURSIVE, &inside)) {
		free(a);
		return library_error_from(err, &inside);
	}
	a->typecode = options->typecode;
	a->locked = options->locked;
	a->count = options->count;
	*(struct head *)shared_array_item(&a->memory, 0) =
		(struct head) { .typecode = a->typecode, .locked = a->locked, .count = a->count };
	*array = a;
	return SCIAME_OK;
}

/* Others may write to the head: it is read once. */
static bool take_head(struct sciame_array *a)
{
	struct head head = *(volatile struct head *)shared_array_item(&a->memory, 0);
	size_t size = size_of(head.typecode);
	a->typecode = head.typecode;
	a->locked = head.locked;
	a->count = head.count;
	return size > 0 && head.count > 0 && head.count <= SHARED_BYTES_MAX / size &&
	       shared_array_item_size(&a->memory) == SHARED_ALIGNMENT &&
	       shared_array_count(&a->memory) == lines_of(a->typecode, a->count);
}

enum sciame_status sciame_array_attach(
	struct sciame_array **array, int fd, struct sciame_error *err)
{
	struct error inside;
	*array = NULL;
	struct sciame_array *a = calloc(1, sizeof(*a));
	if (!a)
		return library_errno(err, "make an array");
	if (shared_array_open(&a->memory, fd, &inside)) {
		free(a);
		return library_error_from(err, &inside);
	}
	if (!take_head(a)) {
		sciame_array_close(a);
		return library_error(
			err, SCIAME_PROTOCOL, "descriptor %d is no array of numbers", fd);
	}
	*array = a;
	return SCIAME_OK;
}

int sciame_array_fd(const struct sciame_array *array)
{
	return array->memory.fd;
}

void sciame_array_close(struct sciame_array *array)
{
	if (!array)
		return;
	shared_array_close(&array->memory);
	free(array);
}

void *sciame_array_items(const struct sciame_array *array)
{
	return shared_array_item(&array->memory, 1);
}

size_t sciame_array_count(const struct sciame_array *array)
{
	return array->count;
}

char sciame_array_typecode(const struct sciame_array *array)
{
	return array->typecode;
}

enum sciame_status sciame_array_lock(
	struct sciame_array *array, int64_t timeout_ms, struct sciame_error *err)
{
	if (!array->locked)
		return library_error(err, SCIAME_MISUSED, "the array has no lock");
	switch (shared_array_lock_for(&array->memory, timeout_ms)) {
	case SHARED_LOCKED:
		return SCIAME_OK;
	case SHARED_OWNER_DIED:
		return library_error(
			err, SCIAME_OWNER_DIED, "the last owner of the lock died with it");
	case SHARED_TIMED_OUT:
		return library_error(err, SCIAME_TIMED_OUT, "the lock was not free in time");
	case SHARED_BROKEN:
		break;
	}
	return library_error(err, SCIAME_PROTOCOL, "the lock was overwritten");
}

enum sciame_status sciame_array_unlock(struct sciame_array *array, struct sciame_error *err)
{
	if (!array->locked)
		return library_error(err, SCIAME_MISUSED, "the array has no lock");
	if (!shared_array_unlock_own(&array->memory))
		return library_error(err, SCIAME_MISUSED, "the lock is not held by this thread");
	return SCIAME_OK;
}
