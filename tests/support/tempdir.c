/* SPDX-License-Identifier: MIT */
#include "tests/support/tempdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATHS = 8 };

char *tempdir_new(void)
{
	const char *parent = getenv("TMPDIR");
	char *folder = NULL;
	assert_true(asprintf(&folder, "%s/sciame-test-XXXXXX", parent ? parent : P_tmpdir) > 0);
	assert_non_null(mkdtemp(folder));
	return folder;
}

/* By descriptors, because a test may have made a path longer than PATH_MAX. */
static void remove_tree(int parent, const char *name)
{
	if (unlinkat(parent, name, 0) == 0)
		return;
	/* a test may have taken its permissions away */
	assert_int_equal(fchmodat(parent, name, 0700, 0), 0);
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	assert_non_null(list);
	for (struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_tree(fd, entry->d_name);
	}
	assert_int_equal(closedir(list), 0);
	assert_int_equal(unlinkat(parent, name, AT_REMOVEDIR), 0);
}

void tempdir_free(char *folder)
{
	remove_tree(AT_FDCWD, folder);
	free(folder);
}

int tempdir_setup(void **state)
{
	*state = tempdir_new();
	return 0;
}

int tempdir_teardown(void **state)
{
	tempdir_free(*state);
	return 0;
}

const char *tempdir_path(const char *folder, const char *name)
{
	static char paths[PATHS][TEMPDIR_PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % PATHS];
	int length = snprintf(path, TEMPDIR_PATH_MAX, "%s/%s", folder, name);
	assert_true(length > 0 && length < TEMPDIR_PATH_MAX);
	return path;
}

static void make_parents(const char *path)
{
	char copy[TEMPDIR_PATH_MAX];
	(void)snprintf(copy, sizeof(copy), "%s", path); /* it fits: see tempdir_path */
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(copy, 0777) == 0 || errno == EEXIST);
		*slash = '/';
	}
}

void tempdir_write(const char *folder, const char *name, const char *text)
{
	const char *path = tempdir_path(folder, name);
	make_parents(path);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

void tempdir_make(const char *folder, const char *name)
{
	const char *path = tempdir_path(folder, name);
	make_parents(path);
	assert_true(mkdir(path, 0777) == 0 || errno == EEXIST);
}

void tempdir_link(const char *folder, const char *name, const char *to)
{
	assert_int_equal(symlink(to, tempdir_path(folder, name)), 0);
}

bool tempdir_holds(const char *folder, const char *name, const char *text)
{
	char got[4096];
	FILE *file = fopen(tempdir_path(folder, name), "re");
	if (!file)
		return false;
	size_t size = fread(got, 1, sizeof(got), file);
	assert_int_equal(fclose(file), 0);
	return size == strlen(text) && memcmp(got, text, size) == 0;
}

bool tempdir_exists(const char *folder, const char *name)
{
	struct stat status;
	return lstat(tempdir_path(folder, name), &status) == 0;
}

size_t tempdir_count(const char *folder, const char *name)
{
	size_t count = 0;
	DIR *list = opendir(tempdir_path(folder, name));
	assert_non_null(list);
	for (struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
		bool own = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
		count += own ? 0 : 1;
	}
	assert_int_equal(closedir(list), 0);
	return count;
}
