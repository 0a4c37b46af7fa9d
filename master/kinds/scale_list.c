/* SPDX-License-Identifier: MIT */
#include "master/kinds/scale_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/memory.h"
#include "common/socket.h"
#include "common/table.h"

enum { BUFFER_SIZE = 65536 };

_Static_assert((int)SCALE_LIST_NAME_MAX < (int)BUFFER_SIZE, "a name fits");

struct scale_list {
	int fd, stop;       /* the latter: readable when no more is wanted */
	FILE *kept;         /* owns fd; or NULL */
	char *given, *real; /* the folder: as it was written, and as it is */
	int separator;
	bool ended, broken; /* broken: it could not be read on */
	bool skipping;      /* what is left of a name that was too long */
	size_t begin, end;  /* of what was read and not yet given out */
	struct table seen;  /* digests of the names given out; the values say nothing */
	char path[SCALE_LIST_NAME_MAX];
	char buffer[BUFFER_SIZE];
};

static int open_file(struct scale_list *list, const char *file, struct error *err)
{
	bool input = strcmp(file, "-") == 0;
	list->fd = input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
			 : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (list->fd < 0)
		return error_errno(
			err, ERROR_USAGE, "--files-from %s", input ? "standard input" : file);
	return 0;
}

static char *without_slashes(const char *folder)
{
	size_t length = strlen(folder);
	while (length > 1 && folder[length - 1] == '/')
		length--;
	return xasprintf("%.*s", (int)length, folder);
}

struct scale_list *scale_list_open(const struct scale_list_options *options, struct error *err)
{
	struct scale_list *list = xcalloc(1, sizeof(*list));
	list->separator = options->ends_with_nul ? '\0' : '\n';
	list->given = without_slashes(options->folder);
	list->real = realpath(options->folder, NULL);
	list->fd = -1;
	list->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int status = list->stop < 0 ? error_errno(err, ERROR_START, "eventfd")
				    : open_file(list, options->file, err);
	if (status == 0)
		return list;
	scale_list_close(list);
	return NULL;
}

static void close_file(struct scale_list *list)
{
	if (list->kept)
		(void)fclose(list->kept); /* it goes away with this */
	else if (list->fd >= 0)
		(void)close(list->fd); /* only read */
	list->kept = NULL;
	list->fd = -1;
}

void scale_list_close(struct scale_list *list)
{
	if (!list)
		return;
	close_file(list);
	if (list->stop >= 0)
		(void)close(list->stop); /* nothing to flush */
	table_release(&list->seen);
	free(list->given);
	free(list->real);
	free(list);
}

void scale_list_stop(struct scale_list *list)
{
	(void)eventfd_write(list->stop, 1); /* fails only when it is readable anyway */
}

/* Reads some more: 1, or 0 at the end or when it was stopped, or -1. */
static int fill(struct scale_list *list, struct error *err)
{
	struct poll_item items[] = { { .fd = list->fd }, { .fd = list->stop } };
	while (!items[0].ready && !items[1].ready) { /* a signal came */
		if (socket_poll(items, 2, -1, err))
			return -1;
	}
	if (items[1].ready) {
		list->end = list->begin; /* half a name is none */
		return 0;
	}
	memmove(list->buffer, list->buffer + list->begin, list->end - list->begin);
	list->end -= list->begin;
	list->begin = 0;
	ssize_t size;
	do {
		size = read(list->fd, list->buffer + list->end, BUFFER_SIZE - list->end);
	} while (size < 0 && errno == EINTR);
	if (size < 0)
		return error_errno(err, ERROR_IO, "read the list of files");
	list->end += (size_t)size;
	return size > 0;
}

int scale_list_keep(struct scale_list *list, struct error *err)
{
	FILE *file = tmpfile();
	if (!file)
		return error_errno(err, ERROR_START, "make room for the list of files");
	int status = fill(list, err);
	while (status > 0) {
		if (fwrite(list->buffer, 1, list->end, file) < list->end)
			status = error_errno(err, ERROR_START, "keep the list of files");
		list->begin = list->end;
		if (status > 0)
			status = fill(list, err);
	}
	if (status == 0 && fflush(file))
		status = error_errno(err, ERROR_START, "keep the list of files");
	if (status < 0) {
		(void)fclose(file); /* it goes away with this */
		return -1;
	}
	close_file(list);
	list->kept = file;
	list->fd = fileno(file);
	(void)fcntl(list->fd, F_SETFD, FD_CLOEXEC); /* fails for no open file */
	return scale_list_rewind(list, err);
}

int scale_list_rewind(struct scale_list *list, struct error *err)
{
	if (lseek(list->fd, 0, SEEK_SET) < 0)
		return error_errno(err, ERROR_START, "read the list of files again");
	list->begin = list->end = 0;
	list->ended = list->skipping = false;
	table_release(&list->seen);
	return 0;
}

/* Takes the name that ends at `stop` out of the buffer: its length; 0: it says nothing. */
static size_t take_name(struct scale_list *list, const char *stop, const char **name)
{
	*name = list->buffer + list->begin;
	size_t length = list->skipping ? 0 : (size_t)(stop - *name);
	list->begin = (size_t)(stop - list->buffer);
	list->skipping = false;
	return length;
}

static int refuse_long(const char *start, struct error *err)
{
	return error_set(err, ERROR_LIMIT, "%.64s...: a name of more than %d bytes", start,
		SCALE_LIST_NAME_MAX - 1);
}

/* The buffer holds no end of a name: 1 when there is more of it now, 0 at the end of all, -1. */
static int read_on(struct scale_list *list, struct error *err)
{
	if (list->end - list->begin < SCALE_LIST_NAME_MAX)
		return fill(list, err);
	bool told = list->skipping;
	const char *start = list->buffer + list->begin;
	list->skipping = true;
	list->begin = list->end;
	return told ? 1 : refuse_long(start, err);
}

/* The next name, which no NUL ends: 1, 0 no more, -1. */
static int read_name(struct scale_list *list, const char **name, size_t *length, struct error *err)
{
	int status = 1;
	*length = 0;
	while (*length == 0 && status > 0) {
		size_t size = list->end - list->begin;
		const char *stop = memchr(list->buffer + list->begin, list->separator, size);
		if (stop) {
			*length = take_name(list, stop, name);
			list->begin++;
		} else {
			status = read_on(list, err);
		}
	}
	if (status == 0) { /* the last one may lack its end */
		list->ended = true;
		*length = take_name(list, list->buffer + list->end, name);
	}
	return status < 0 ? -1 : *length > 0;
}

/* What of `name` lies below `folder`, or NULL. */
static const char *below(const char *name, const char *folder)
{
	size_t length = folder ? strlen(folder) : 0;
	if (length == 0 || strncmp(name, folder, length) != 0)
		return NULL;
	if (folder[length - 1] == '/')
		return name + length;
	return name[length] == '/' ? name + length : NULL;
}

/* name without what says nothing, into list->path. */
static int normalize(struct scale_list *list, const char *name, struct error *err)
{
	const char *rest = name;
	size_t used = 0;
	if (name[0] == '/') {
		rest = below(name, list->given);
		rest = rest ? rest : below(name, list->real);
		if (!rest)
			return error_set(err, ERROR_INPUT, "%s: not below the source", name);
	}
	for (size_t length; *rest; rest += length + (rest[length] != '\0')) {
		length = strcspn(rest, "/");
		if (length == 2 && memcmp(rest, "..", 2) == 0)
			return error_set(err, ERROR_INPUT, "%s: a name with '..'", name);
		if (length == 0 || (length == 1 && rest[0] == '.'))
			continue;
		if (used)
			list->path[used++] = '/';
		memcpy(list->path + used, rest, length);
		used += length;
	}
	list->path[used] = '\0';
	return used ? 0 : error_set(err, ERROR_INPUT, "%s: not below the source", name);
}

/* 64 bits of a digest: no two of ten million meet by chance. */
static bool is_new(struct scale_list *list)
{
	uint8_t digest[HASH_SHA256_SIZE];
	uint64_t key;
	hash_sha256(list->path, strlen(list->path), digest);
	memcpy(&key, digest, sizeof(key));
	key |= key == 0; /* 0 is no key */
	if (table_find(&list->seen, key))
		return false;
	table_insert(&list->seen, key, list);
	return true;
}

/* 1: list->path is a new one; 0: it came before; -1. */
static int take(struct scale_list *list, const char *start, size_t length, struct error *err)
{
	char name[SCALE_LIST_NAME_MAX];
	if (length >= sizeof(name))
		return refuse_long(start, err);
	memcpy(name, start, length);
	name[length] = '\0';
	if (strlen(name) < length)
		return error_set(err, ERROR_INPUT,
			"%s: followed by a NUL; names that end with one need --null", name);
	return normalize(list, name, err) ? -1 : is_new(list);
}

int scale_list_next(struct scale_list *list, const char **path, struct error *err)
{
	int status = 0;
	const char *name;
	size_t length;
	while (status == 0 && !list->ended && !list->broken) {
		int got = read_name(list, &name, &length, err);
		/* whether it is the name or the file: a file that fails once fails again */
		if (got < 0) {
			list->broken = err->code != ERROR_LIMIT;
			return -1;
		}
		status = got ? take(list, name, length, err) : 0;
	}
	*path = list->path;
	return status;
}
