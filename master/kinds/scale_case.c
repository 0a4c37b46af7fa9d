/* SPDX-License-Identifier: MIT */
#include "master/kinds/scale_case.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/random.h"
#include "common/temporary.h"

/* The nearest folder above a path that is there; the caller frees it. */
static char *nearest(const char *folder)
{
	struct stat status;
	char *path = xstrdup(folder);
	while (stat(path, &status) && errno == ENOENT) {
		size_t length = strlen(path);
		while (length > 0 && path[length - 1] == '/')
			length--;
		while (length > 0 && path[length - 1] != '/')
			length--;
		if (length == 0) {
			free(path);
			return xstrdup(".");
		}
		path[length] = '\0';
	}
	return path;
}

static void swap_case(char *name)
{
	for (; *name; name++)
		*name = (char)(islower((unsigned char)*name) ? toupper((unsigned char)*name)
							     : tolower((unsigned char)*name));
}

/* Whether the other name is the same file. */
static bool is_same(int folder, const char *name, const struct stat *status)
{
	struct stat other;
	return fstatat(folder, name, &other, AT_SYMLINK_NOFOLLOW) == 0 &&
	       other.st_dev == status->st_dev && other.st_ino == status->st_ino;
}

static bool probe(int folder)
{
	char name[TEMPORARY_NAME_MAX], other[TEMPORARY_NAME_MAX];
	uint64_t tag;
	struct stat status;
	random_bytes(&tag, sizeof(tag));
	temporary_name(name,
		&(struct temporary_of) {
			.tag = tag }); /* what is left of it after a kill is swept like others */
	memcpy(other, name, sizeof(other));
	swap_case(other);
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	bool folds = fstat(fd, &status) == 0 && is_same(folder, other, &status);
	(void)unlinkat(folder, name, 0); /* then the next run removes it */
	(void)close(fd);                 /* nothing was written */
	return folds;
}

bool scale_case_folds(const char *folder)
{
	char *path = nearest(folder);
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		temporary_sweep(fd); /* of a run that was killed while it asked */
	bool folds = fd >= 0 && probe(fd);
	if (fd >= 0)
		(void)close(fd); /* opened with O_PATH */
	free(path);
	return folds;
}

/* Whether a path is found with other letters in its last part: 1, 0, or -1: it has none. */
static int is_found_twice(int folder, const char *name)
{
	struct stat status;
	char *other = xstrdup(name), *slash = strrchr(other, '/');
	swap_case(slash ? slash + 1 : other);
	int twice = -1;
	if (strcmp(other, name) != 0 && fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		twice = is_same(folder, other, &status);
	free(other);
	return twice;
}

/* The first answer of what is in the folder, or -1. */
static int look_inside(const char *folder)
{
	int twice = -1;
	DIR *list = opendir(folder);
	struct dirent *entry = list ? readdir(list) : NULL;
	for (; entry && twice < 0; entry = readdir(list))
		twice = is_found_twice(dirfd(list), entry->d_name);
	if (list)
		(void)closedir(list); /* only read */
	return twice;
}

bool scale_case_seems_to_fold(const char *folder)
{
	char *path = nearest(folder), *real = realpath(path, NULL);
	int twice = look_inside(path);
	if (twice < 0 && real)
		twice = is_found_twice(AT_FDCWD, real);
	free(real);
	free(path);
	return twice > 0;
}
