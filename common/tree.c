/* SPDX-License-Identifier: MIT */
#include "common/tree.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"

struct level {
	DIR *list;
	dev_t device;
	ino_t inode;
	size_t length; /* of the path up to and with this folder's slash */
};

struct tree {
	struct tree_options options;
	struct stat without;
	size_t depth; /* levels open; 0: the listing has ended */
	struct level levels[TREE_DEPTH_MAX];
	char path[PATH_MAX];
};

/* Fails for the path in work: "a/b: what: why". */
static int fail(const struct tree *tree, struct error *err, const char *what)
{
	return errno ? error_errno(err, ERROR_IO, "%s: %s", tree->path, what)
		     : error_set(err, ERROR_LIMIT, "%s: %s", tree->path, what);
}

static int push(struct tree *tree, int fd, size_t length, struct error *err)
{
	struct stat status;
	DIR *list = NULL;
	if (fstat(fd, &status) == 0)
		list = fdopendir(fd);
	if (!list) {
		(void)fail(tree, err, "list folder");
		(void)close(fd); /* only read */
		return -1;
	}
	tree->levels[tree->depth++] = (struct level) { list, status.st_dev, status.st_ino, length };
	return 0;
}

struct tree *tree_open(const char *path, const struct tree_options *options, struct error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		(void)error_errno(err, ERROR_IO, "open folder %s", path);
		return NULL;
	}
	struct tree *tree = xcalloc(1, sizeof(*tree));
	tree->options = *options;
	if (options->without >= 0 && fstat(options->without, &tree->without)) {
		(void)error_errno(err, ERROR_IO, "read the status of the folder to leave out");
		(void)close(fd); /* only read */
		free(tree);
		return NULL;
	}
	if (push(tree, fd, 0, err)) {
		free(tree);
		return NULL;
	}
	return tree;
}

static void pop(struct tree *tree)
{
	(void)closedir(tree->levels[--tree->depth].list); /* only read */
}

void tree_close(struct tree *tree)
{
	if (!tree)
		return;
	while (tree->depth > 0)
		pop(tree);
	free(tree);
}

static bool is_same(const struct stat *a, dev_t device, ino_t inode)
{
	return a->st_dev == device && a->st_ino == inode;
}

static bool contains_itself(const struct tree *tree, const struct stat *status)
{
	for (size_t i = 0; i < tree->depth; i++) {
		if (is_same(status, tree->levels[i].device, tree->levels[i].inode))
			return true;
	}
	return false;
}

/* Enters the folder that tree->path names: 0 entered or left out, -1 *err. */
static int enter(struct tree *tree, const char *name, struct error *err)
{
	struct stat status;
	size_t length = strlen(tree->path);
	int parent = dirfd(tree->levels[tree->depth - 1].list);
	if (fstatat(parent, name, &status, 0))
		return fail(tree, err, "open folder");
	if (tree->options.without >= 0 &&
		is_same(&status, tree->without.st_dev, tree->without.st_ino))
		return 0;
	errno = 0;
	if (contains_itself(tree, &status))
		return fail(tree, err, "a link to a folder that contains it");
	if (tree->depth == TREE_DEPTH_MAX)
		return fail(tree, err, "more than 256 folders within folders");
	if (length + 2 > sizeof(tree->path))
		return fail(tree, err, "the path is longer than 4095 bytes");
	if (tree->options.may_enter &&
		tree->options.may_enter(tree->options.context, tree->path, err))
		return -1;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(tree, err, "open folder");
	if (push(tree, fd, length + 1, err))
		return -1;
	memcpy(tree->path + length, "/", 2);
	return 0;
}

static bool is_folder(int parent, const struct dirent *entry)
{
	struct stat status;
	if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
		return entry->d_type == DT_DIR;
	/* a broken link is a file that can't be opened */
	return fstatat(parent, entry->d_name, &status, 0) == 0 && S_ISDIR(status.st_mode);
}

static bool is_link(int parent, const struct dirent *entry)
{
	struct stat status;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_LNK;
	return fstatat(parent, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISLNK(status.st_mode);
}

static bool is_wanted(const struct tree *tree, bool folder)
{
	const struct tree_options *options = &tree->options;
	return !options->wants || options->wants(options->context, tree->path, folder);
}

/* The next entry of the innermost folder: 1 a file, 0 a folder was entered or left, -1 *err. */
static int advance(struct tree *tree, struct error *err)
{
	struct level *level = &tree->levels[tree->depth - 1];
	tree->path[level->length] = '\0';
	errno = 0;
	struct dirent *entry = readdir(level->list);
	if (!entry) {
		int status = errno ? fail(tree, err, "list folder") : 0;
		pop(tree);
		return status;
	}
	if (entry->d_name[0] == '.')
		return 0;
	size_t length = strlen(entry->d_name);
	errno = 0;
	if (level->length + length >= sizeof(tree->path))
		return fail(tree, err, "holds a name that makes the path longer than 4095 bytes");
	memcpy(tree->path + level->length, entry->d_name, length + 1);
	if (tree->options.skip_links && is_link(dirfd(level->list), entry))
		return 0;
	bool folder = is_folder(dirfd(level->list), entry);
	if (!is_wanted(tree, folder))
		return 0;
	return folder ? enter(tree, entry->d_name, err) : 1;
}

int tree_next(struct tree *tree, const char **path, struct error *err)
{
	while (tree->depth > 0) {
		int status = advance(tree, err);
		if (status) {
			*path = tree->path;
			return status;
		}
	}
	return 0;
}
