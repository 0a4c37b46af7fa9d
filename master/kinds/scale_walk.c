/* SPDX-License-Identifier: MIT */
#include "master/kinds/scale_walk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/tree.h"
#include "master/kinds/scale_list.h"
#include "master/kinds/scale_overlap.h"

struct scale_walk {
	const char *folder;
	const struct scale_select *select;
	int source; /* the folder, opened with O_PATH */
	int target; /* of this walk, or -1 */
	struct stat status;
	struct scale_list *list; /* NULL: the folder is listed */
	bool kept;
	struct tree *tree;
	struct scale_overlap *overlap; /* NULL: there is no target yet */
};

struct scale_walk *scale_walk_open(
	const char *folder, const struct scale_select *select, struct error *err)
{
	struct scale_walk *walk = xcalloc(1, sizeof(*walk));
	const struct scale_list_options list = { select->files_from, folder,
		select->ends_with_nul };
	walk->folder = folder;
	walk->select = select;
	walk->target = -1;
	walk->source = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int status = 0;
	if (walk->source < 0 || fstat(walk->source, &walk->status))
		status = error_errno(err, ERROR_IO, "open folder %s", folder);
	if (status == 0 && select->files_from)
		walk->list = scale_list_open(&list, err);
	if (status == 0 && (walk->list || !select->files_from))
		return walk;
	scale_walk_close(walk);
	return NULL;
}

void scale_walk_close(struct scale_walk *walk)
{
	if (!walk)
		return;
	tree_close(walk->tree);
	scale_list_close(walk->list);
	scale_overlap_free(walk->overlap);
	if (walk->source >= 0)
		(void)close(walk->source); /* opened with O_PATH */
	free(walk);
}

int scale_walk_keep(struct scale_walk *walk, struct error *err)
{
	if (!walk->list || walk->kept)
		return 0;
	walk->kept = true;
	return scale_list_keep(walk->list, err);
}

/* Where the outputs of a folder would be folders of the source, they would replace pictures. */
static int may_enter(void *context, const char *path, struct error *err)
{
	const struct scale_walk *walk = context;
	struct stat status;
	if (walk->target < 0)
		return 0;
	if (fstatat(walk->target, path, &status, 0) == 0 && status.st_dev == walk->status.st_dev &&
		status.st_ino == walk->status.st_ino)
		return error_set(
			err, ERROR_INPUT, "%s: its outputs would lie in the source folder", path);
	return scale_overlap_check(walk->overlap, path, err);
}

static bool wants(void *context, const char *path, bool folder)
{
	const struct scale_walk *walk = context;
	return globs_take(&walk->select->globs, path, folder);
}

int scale_walk_begin(struct scale_walk *walk, int target, struct error *err)
{
	walk->target = target;
	scale_overlap_free(walk->overlap);
	walk->overlap = target < 0 ? NULL : scale_overlap_new(walk->source, target);
	if (walk->list)
		return walk->kept ? scale_list_rewind(walk->list, err) : 0;
	const struct tree_options options = {
		.without = target,
		.may_enter = may_enter,
		.context = walk,
		.wants = walk->select->globs.count ? wants : NULL,
		.skip_links = walk->select->symlinks == SCALE_SYMLINKS_SKIP,
	};
	tree_close(walk->tree);
	walk->tree = tree_open(walk->folder, &options, err);
	return walk->tree ? 0 : -1;
}

static bool is_link(const struct scale_walk *walk, const char *path)
{
	struct stat status;
	return fstatat(walk->source, path, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISLNK(status.st_mode);
}

/* Whether the path or a folder of it is a symbolic link. */
static bool has_link(const struct scale_walk *walk, const char *path)
{
	char *start = xstrdup(path);
	bool found = is_link(walk, start);
	for (char *slash = strchr(start, '/'); slash && !found; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		found = is_link(walk, start);
		*slash = '/';
	}
	free(start);
	return found;
}

static int next_of_list(struct scale_walk *walk, const char **path, struct error *err)
{
	const struct scale_select *select = walk->select;
	for (;;) {
		int status = scale_list_next(walk->list, path, err);
		if (status <= 0)
			return status;
		if (!globs_take_file(&select->globs, *path) ||
			(select->symlinks == SCALE_SYMLINKS_SKIP && has_link(walk, *path)))
			continue;
		if (walk->overlap && scale_overlap_check_file(walk->overlap, *path, err))
			return -1;
		return 1;
	}
}

int scale_walk_next(struct scale_walk *walk, const char **path, struct error *err)
{
	return walk->list ? next_of_list(walk, path, err) : tree_next(walk->tree, path, err);
}

void scale_walk_stop(struct scale_walk *walk)
{
	if (walk->list)
		scale_list_stop(walk->list);
}

bool scale_walk_is_tree(const struct scale_walk *walk)
{
	return !walk->list;
}
