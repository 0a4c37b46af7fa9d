/* SPDX-License-Identifier: MIT */
#include "master/kinds/feeds_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/folder.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/memory.h"
#include "master/xdg.h"

enum {
	NAME_BYTES = 16, /* of the digest, in a name */
	DAY_S = 24 * 3600,
};

static const char suffix[] = ".feed";

struct feeds_cache {
	char *path;
	int folder;
	bool temporary;
};

static int open_folder(struct feeds_cache *cache, struct error *err)
{
	cache->folder = open(cache->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cache->folder < 0)
		return error_errno(err, ERROR_IO, "open folder %s", cache->path);
	if (faccessat(cache->folder, ".", W_OK | X_OK, 0))
		return error_errno(err, ERROR_IO, "write into folder %s", cache->path);
	return 0;
}

static int open_home(struct feeds_cache *cache, struct error *err)
{
	cache->path = xdg_path(XDG_CACHE, "sciame/feeds", err);
	if (!cache->path || folder_make(cache->path, 0700, err))
		return -1;
	return open_folder(cache, err);
}

static int open_temporary(struct feeds_cache *cache, struct error *err)
{
	const char *parent = getenv("TMPDIR");
	free(cache->path);
	cache->path = xasprintf("%s/sciame-XXXXXX", parent && parent[0] == '/' ? parent : "/tmp");
	if (!mkdtemp(cache->path))
		return error_errno(err, ERROR_IO, "create folder %s", cache->path);
	cache->temporary = true;
	return open_folder(cache, err);
}

struct feeds_cache *feeds_cache_open(struct error *err)
{
	struct feeds_cache *cache = xcalloc(1, sizeof(*cache));
	cache->folder = -1;
	int status = open_home(cache, err);
	if (status) {
		log_line("%s; nothing is kept for the next run", err->message);
		if (cache->folder >= 0)
			(void)close(cache->folder); /* only listed */
		cache->folder = -1;
		status = open_temporary(cache, err);
	}
	if (status) {
		feeds_cache_close(cache);
		return NULL;
	}
	return cache;
}

/* Calls each for every file of ours. */
static void for_each(const struct feeds_cache *cache,
	void (*each)(int folder, const char *name, int64_t now_s), int64_t now_s)
{
	int fd = openat(cache->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	if (!directory) {
		if (fd >= 0)
			(void)close(fd); /* only listed */
		return;
	}
	while ((entry = readdir(directory))) {
		size_t length = strlen(entry->d_name);
		if (length > strlen(suffix) &&
			strcmp(entry->d_name + length - strlen(suffix), suffix) == 0)
			each(cache->folder, entry->d_name, now_s);
	}
	(void)closedir(directory); /* only read */
}

static void remove_file(int folder, const char *name, int64_t now_s)
{
	(void)now_s;
	(void)unlinkat(folder, name, 0); /* what stays is in a temporary folder */
}

void feeds_cache_close(struct feeds_cache *cache)
{
	if (!cache)
		return;
	if (cache->temporary && cache->folder >= 0)
		for_each(cache, remove_file, 0);
	if (cache->folder >= 0)
		(void)close(cache->folder); /* only listed */
	if (cache->temporary && rmdir(cache->path))
		log_line("%s could not be removed", cache->path);
	free(cache->path);
	free(cache);
}

const char *feeds_cache_folder(const struct feeds_cache *cache)
{
	return cache->path;
}

void feeds_cache_name(const char *url, char name[CACHE_NAME_SIZE])
{
	uint8_t digest[HASH_SHA256_SIZE];
	hash_sha256(url, strlen(url), digest);
	for (size_t i = 0; i < NAME_BYTES; i++)
		(void)snprintf(name + 2 * i, 3, "%02x", digest[i]);
	memcpy(name + 2 * NAME_BYTES, suffix, sizeof(suffix));
}

/* A whole regular file of a sensible size; NULL when it is not there or can't be read. */
static uint8_t *read_file(int folder, const char *name, size_t *size)
{
	struct stat status;
	uint8_t *bytes = NULL;
	size_t got = 0;
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
		status.st_size <= CACHE_FILE_BYTES_MAX) {
		*size = (size_t)status.st_size;
		bytes = xmalloc(*size + 1);
		while (got < *size) {
			ssize_t n = pread(fd, bytes + got, *size - got, (off_t)got);
			if (n <= 0 && !(n < 0 && errno == EINTR))
				break;
			got += n > 0 ? (size_t)n : 0;
		}
	}
	if (bytes && got < *size) {
		free(bytes);
		bytes = NULL;
	}
	if (fd >= 0)
		(void)close(fd); /* only read */
	return bytes;
}

/* Memory of one copy: empty entries would grow fifty-fold. */
static void *allocate(void *used, size_t size)
{
	size_t *sum = used;
	if (size > CACHE_MEMORY_MAX - *sum)
		return NULL;
	*sum += size;
	return malloc(size);
}

static void release(void *used, void *memory)
{
	(void)used;
	free(memory);
}

static Sciame__Feed *unpack(size_t size, const uint8_t *bytes)
{
	size_t used = 0;
	ProtobufCAllocator allocator = { allocate, release, &used };
	return sciame__feed__unpack(&allocator, size, bytes);
}

Sciame__Feed *feeds_cache_read(const struct feeds_cache *cache, const char *name)
{
	size_t size;
	uint8_t *bytes = read_file(cache->folder, name, &size);
	Sciame__Feed *feed = bytes ? unpack(size, bytes) : NULL;
	free(bytes);
	if (feed && feed->version == SCIAME__FEED_VERSION__FEED_VERSION_CURRENT &&
		feed->n_entries <= CACHE_ENTRIES_MAX)
		return feed;
	sciame__feed__free_unpacked(feed, NULL);
	return NULL;
}

bool feeds_cache_has(const struct feeds_cache *cache, const char *name)
{
	return faccessat(cache->folder, name, R_OK, 0) == 0;
}

void feeds_cache_touch(const struct feeds_cache *cache, const char *name)
{
	/* without it the copy is fetched again one day */
	(void)utimensat(cache->folder, name, NULL, AT_SYMLINK_NOFOLLOW);
}

static void remove_old(int folder, const char *name, int64_t now_s)
{
	struct stat status;
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		status.st_mtime < now_s - (int64_t)CACHE_KEPT_DAYS * DAY_S)
		remove_file(folder, name, now_s);
}

void feeds_cache_prune(const struct feeds_cache *cache, int64_t now_s)
{
	for_each(cache, remove_old, now_s);
}
