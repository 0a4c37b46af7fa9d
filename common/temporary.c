/* SPDX-License-Identifier: MIT */
#include "common/temporary.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PREFIX ".sciame-"
#define SUFFIX ".tmp"

void temporary_name(char name[TEMPORARY_NAME_MAX], uint64_t tag, uint64_t job, uint32_t attempt)
{
	(void)snprintf(name, TEMPORARY_NAME_MAX, PREFIX "%016llx-%llu-%u" SUFFIX,
		(unsigned long long)tag, (unsigned long long)job, attempt); /* fits */
}

static bool is_temporary(const char *name)
{
	size_t length = strlen(name), suffix = strlen(SUFFIX);
	return strncmp(name, PREFIX, strlen(PREFIX)) == 0 && length > suffix &&
	       strcmp(name + length - suffix, SUFFIX) == 0;
}

/* Removes a temporary unless a living process holds its lock. */
static void sweep_file(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return; /* gone already, or not ours to remove */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(folder, name, 0); /* what stays is tried again by the next run */
	(void)close(fd);                         /* only read */
}

void temporary_sweep(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	if (!list) {
		if (fd >= 0)
			(void)close(fd); /* only read */
		return;
	}
	for (struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
		if (is_temporary(entry->d_name))
			sweep_file(folder, entry->d_name);
	}
	(void)closedir(list); /* only read */
}
