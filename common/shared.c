/* SPDX-License-Identifier: MIT */
/*
 * The memory is a header and the items. The mutex is robust: the kernel walks the list of locks
 * of every thread that dies and marks them, so the next locker learns of it (EOWNERDEAD).
 */
#include "common/shared.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

static const uint64_t magic = 0x31656d6169637300; /* changes with the layout of the header */
static const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

struct shared_header {
	uint64_t magic;
	uint64_t items_offset; /* differs where another C library has another mutex */
	uint64_t item_size, count;
	pthread_mutex_t lock;
};

static size_t items_offset(void)
{
	return (sizeof(struct shared_header) + SHARED_ALIGNMENT - 1) &
	       ~(size_t)(SHARED_ALIGNMENT - 1);
}

static bool sizes_ok(uint64_t item_size, uint64_t count)
{
	return item_size > 0 && count > 0 && item_size <= SHARED_BYTES_MAX &&
	       count <= SHARED_BYTES_MAX / item_size;
}

/* None of the calls on locks can fail unless we use them wrongly. */
static void must(int status)
{
	assert(status == 0);
}

static void lock_init(pthread_mutex_t *lock, unsigned flags)
{
	pthread_mutexattr_t attributes;
	/* With the type NORMAL a second lock would hang; with ERRORCHECK it is an assertion. */
	int type = flags & SHARED_RECURSIVE ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_ERRORCHECK;
	must(pthread_mutexattr_init(&attributes));
	must(pthread_mutexattr_settype(&attributes, type));
	must(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
	must(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST));
	must(pthread_mutex_init(lock, &attributes));
	must(pthread_mutexattr_destroy(&attributes));
}

/* Maps a->bytes of a->fd. */
static int map(struct shared_array *a, struct error *err)
{
	void *memory = mmap(NULL, a->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, 0);
	if (memory == MAP_FAILED)
		return error_errno(err, ERROR_START, "map %zu bytes of shared memory", a->bytes);
	a->header = memory;
	return 0;
}

/* Takes back what a failed create or open has done; returns -1. */
static int undo(struct shared_array *a)
{
	if (a->header)
		(void)munmap(a->header, a->bytes); /* ours, so it can't fail */
	if (a->fd >= 0)
		(void)close(a->fd); /* nothing was written through it */
	*a = (struct shared_array) { .fd = -1 };
	return -1;
}

static int create(struct shared_array *a, struct error *err)
{
	a->fd = memfd_create("sciame-shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (a->fd < 0)
		return error_errno(err, ERROR_START, "create shared memory");
	if (ftruncate(a->fd, (off_t)a->bytes) < 0)
		return error_errno(err, ERROR_START, "give shared memory %zu bytes", a->bytes);
	if (fcntl(a->fd, F_ADD_SEALS, seals) < 0)
		return error_errno(err, ERROR_START, "seal shared memory");
	return map(a, err);
}

/* The size of the memory behind fd, once it is sure that it stays like that. */
static int sealed_size(int fd, size_t *bytes, struct error *err)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return error_errno(err, ERROR_IO, "look at shared memory");
	int found = fcntl(fd, F_GET_SEALS); /* fails for what is no memfd */
	if (found < 0 || (found & seals) != seals)
		return error_set(
			err, ERROR_PROTOCOL, "descriptor %d is no sealed shared memory", fd);
	if (status.st_size < (off_t)items_offset() ||
		status.st_size > (off_t)(items_offset() + SHARED_BYTES_MAX))
		return error_set(err, ERROR_PROTOCOL, "shared memory has a wrong size, %lld bytes",
			(long long)status.st_size);
	*bytes = (size_t)status.st_size;
	return 0;
}

static int open_mapped(struct shared_array *a, int fd, struct error *err)
{
	if (sealed_size(fd, &a->bytes, err) < 0)
		return -1;
	a->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (a->fd < 0)
		return error_errno(err, ERROR_IO, "duplicate shared memory");
	if (map(a, err) < 0)
		return -1;
	const struct shared_header *header = a->header;
	if (header->magic != magic || header->items_offset != items_offset())
		return error_set(err, ERROR_PROTOCOL, "shared memory is not of this build");
	uint64_t item_size = header->item_size, count = header->count;
	if (!sizes_ok(item_size, count) || a->bytes != items_offset() + item_size * count)
		return error_set(err, ERROR_PROTOCOL,
			"shared memory of %zu bytes can't hold %llu items of %llu bytes", a->bytes,
			(unsigned long long)count, (unsigned long long)item_size);
	a->item_size = item_size;
	a->count = count;
	return 0;
}

void shared_array_close(struct shared_array *a)
{
	if (!a || !a->header)
		return;
	(void)undo(a); /* its -1 is for failures */
}

int shared_array_lock(struct shared_array *a)
{
	int status = pthread_mutex_lock(&a->header->lock);
	if (status == EOWNERDEAD) {
		must(pthread_mutex_consistent(&a->header->lock));
		return 1;
	}
	must(status);
	return 0;
}

static int lock_until(pthread_mutex_t *lock, int64_t timeout_ms)
{
	if (timeout_ms < 0)
		return pthread_mutex_lock(lock);
	int status = pthread_mutex_trylock(lock);
	if (status != EBUSY || timeout_ms == 0)
		return status;
	int64_t until_us =
		clock_us() + (timeout_ms < INT64_MAX / 2000 ? timeout_ms * 1000 : INT64_MAX / 2);
	const struct timespec until = {
		.tv_sec = (time_t)(until_us / 1000000),
		.tv_nsec = (long)(until_us % 1000000 * 1000),
	};
	return pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &until);
}

enum shared_locked shared_array_lock_for(struct shared_array *a, int64_t timeout_ms)
{
	switch (lock_until(&a->header->lock, timeout_ms)) {
	case 0:
		return SHARED_LOCKED;
	case EOWNERDEAD:
		must(pthread_mutex_consistent(&a->header->lock));
		return SHARED_OWNER_DIED;
	case EBUSY:
	case ETIMEDOUT:
		return SHARED_TIMED_OUT;
	default:
		return SHARED_BROKEN;
	}
}

bool shared_array_unlock_own(struct shared_array *a)
{
	return pthread_mutex_unlock(&a->header->lock) == 0;
}

void shared_array_unlock(struct shared_array *a)
{
	must(pthread_mutex_unlock(&a->header->lock));
}

void *shared_array_item(const struct shared_array *a, size_t i)
{
	assert(i < a->count);
	return (char *)a->header + items_offset() + i * a->item_size;
}

size_t shared_array_count(const struct shared_array *a)
{
	return a->count;
}

size_t shared_array_item_size(const struct shared_array *a)
{
	return a->item_size;
}

int shared_array_open(struct shared_array *a, int fd, struct error *err)
{
	*a = (struct shared_array) { .fd = -1 };
	return open_mapped(a, fd, err) < 0 ? undo(a) : 0;
}

int shared_array_create(
	struct shared_array *a, size_t item_size, size_t count, unsigned flags, struct error *err)
{
	assert(item_size > 0);
	assert(count > 0);
	*a = (struct shared_array) { .fd = -1 };
	if (!sizes_ok(item_size, count))
		return error_set(err, ERROR_LIMIT,
			"%zu shared items of %zu bytes are more than %d bytes", count, item_size,
			SHARED_BYTES_MAX);
	a->item_size = item_size;
	a->count = count;
	a->bytes = items_offset() + item_size * count;
	if (create(a, err) < 0)
		return undo(a);
	*a->header = (struct shared_header) {
		.magic = magic,
		.items_offset = items_offset(),
		.item_size = item_size,
		.count = count,
	};
	lock_init(&a->header->lock, flags);
	return 0;
}
