/* SPDX-License-Identifier: MIT */
#include "master/kinds/feeds_spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"

enum { CAPACITY_FIRST = 256 };

/* errno is not cleared in this file: it may tell why the output could not be written, too. */
static int fail(struct error *err, const char *act)
{
	if (errno == 0)
		errno = EIO;
	return error_errno(err, ERROR_IO, "%s a temporary file", act);
}

int spool_open(struct spool *spool, struct error *err)
{
	assert(!spool->file);
	spool->file = tmpfile();
	if (!spool->file || fcntl(fileno(spool->file), F_SETFD, FD_CLOEXEC))
		return fail(err, "create");
	return 0;
}

void spool_release(struct spool *spool)
{
	if (spool->file)
		(void)fclose(spool->file); /* it ends here, written or not */
	free(spool->fragments);
	free(spool->buffer);
	*spool = (struct spool) { 0 };
}

FILE *spool_begin(struct spool *spool)
{
	assert(spool->file);
	return spool->file;
}

int spool_end(struct spool *spool, int64_t order, uint64_t identity, struct error *err)
{
	if (ferror(spool->file))
		return fail(err, "write");
	int64_t end = (int64_t)ftello(spool->file);
	if (end < 0)
		return fail(err, "write");
	if (end - spool->end > SPOOL_FRAGMENT_BYTES_MAX)
		return error_set(err, ERROR_LIMIT, "an entry of %lld bytes, at most %d",
			(long long)(end - spool->end), SPOOL_FRAGMENT_BYTES_MAX);
	if (spool->count == SPOOL_FRAGMENTS_MAX)
		return error_set(
			err, ERROR_LIMIT, "more than %d entries to sort", SPOOL_FRAGMENTS_MAX);
	if (spool->count == spool->capacity) {
		spool->capacity = spool->capacity ? 2 * spool->capacity : CAPACITY_FIRST;
		spool->fragments =
			xreallocarray(spool->fragments, spool->capacity, sizeof(*spool->fragments));
	}
	spool->fragments[spool->count++] =
		(struct fragment) { order, identity, spool->end, (size_t)(end - spool->end) };
	spool->end = end;
	return 0;
}

static int by_order(const void *left, const void *right)
{
	const struct fragment *a = left, *b = right;
	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static int by_identity(const void *left, const void *right)
{
	const struct fragment *a = left, *b = right;
	if (a->identity != b->identity)
		return a->identity < b->identity ? -1 : 1;
	return by_order(left, right);
}

int spool_sort(struct spool *spool, struct error *err)
{
	if (fflush(spool->file) != 0 || ferror(spool->file))
		return fail(err, "write");
	if (spool->count > 0)
		qsort(spool->fragments, spool->count, sizeof(*spool->fragments), by_order);
	return 0;
}

void spool_unique(struct spool *spool)
{
	if (spool->count == 0)
		return;
	struct fragment *fragments = spool->fragments;
	qsort(fragments, spool->count, sizeof(*fragments), by_identity);
	size_t kept = 1;
	for (size_t i = 1; i < spool->count; i++) {
		if (fragments[i].identity != fragments[kept - 1].identity)
			fragments[kept++] = fragments[i];
	}
	spool->count = kept;
	qsort(fragments, kept, sizeof(*fragments), by_order);
}

static void reserve(struct spool *spool, size_t size)
{
	if (size <= spool->buffer_size)
		return;
	free(spool->buffer);
	spool->buffer = xmalloc(size);
	spool->buffer_size = size;
}

int spool_copy(struct spool *spool, size_t i, FILE *out, struct error *err)
{
	assert(i < spool->count);
	const struct fragment *fragment = &spool->fragments[i];
	reserve(spool, fragment->size);
	for (size_t done = 0; done < fragment->size;) {
		ssize_t part = pread(fileno(spool->file), spool->buffer + done,
			fragment->size - done, (off_t)(fragment->offset + (int64_t)done));
		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0)
			return fail(err, "read");
		if (part == 0)
			return error_set(err, ERROR_IO, "a temporary file has become shorter");
		done += (size_t)part;
	}
	if (fragment->size > 0)
		(void)fwrite_unlocked(spool->buffer, 1, fragment->size, out); /* ferror() */
	return 0;
}
