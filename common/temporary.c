/* SPDX-License-Identifier: MIT */
#include "common/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX ".sciame-"
#define SUFFIX ".tmp"

enum { CREATE_TRIES_MAX = 8 }; /* times that a sweeping neighbour may take a new one away */

void temporary_name(char name[TEMPORARY_NAME_MAX], const struct temporary_of *of)
{
	(void)snprintf(name, TEMPORARY_NAME_MAX, PREFIX "%016llx-%llu-%u-%u" SUFFIX,
		(unsigned long long)of->tag, (unsigned long long)of->job, of->attempt,
		of->output); /* fits */
}

int temporary_create(int folder, const char *name, struct error *err)
{
	for (int i = 0; i < CREATE_TRIES_MAX; i++) {
		struct stat status;
		int fd = openat(
			folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
		if (fd < 0)
			return error_errno(err, ERROR_IO, "create");
		/* where there are no locks nobody sweeps either */
		bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
		if (locked && fstat(fd, &status) == 0 && status.st_nlink > 0)
			return fd;
		(void)unlinkat(folder, name, 0); /* it may be gone: that is why we are here */
		(void)close(fd);                 /* nothing was written */
	}
	return error_set(
		err, ERROR_IO, "create: another process keeps removing the temporary file");
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
