/* SPDX-License-Identifier: MIT */
/*
 * Lists a folder and all below it, one file at a time, in the order of the file system. Names are
 * bytes. Symbolic links are followed unless they are to be left out; a link to a folder that
 * contains it is found by device and inode. Left out: names that begin with a dot, one folder that
 * the caller names, and what the caller does not want.
 * Memory: the path in work and one open folder for each level.
 */
#ifndef SCIAME_COMMON_TREE_H
#define SCIAME_COMMON_TREE_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/error.h"

enum { TREE_DEPTH_MAX = 256 }; /* folders within folders */

struct tree;

struct tree_options {
	int without; /* descriptor of a folder to leave out, or -1; borrowed by the tree */
	/*
	 * Asked before a folder below the top is entered, with its path; not 0: it is not entered,
	 * *err says why and is reported as the folder's error. May be NULL.
	 */
	int (*may_enter)(void *context, const char *path, struct error *err);
	void *context;
	/* Whether a file is wanted, or a folder to be entered. May be NULL: all are. */
	bool (*wants)(void *context, const char *path, bool folder);
	bool skip_links; /* symbolic links are left out, wherever they lead */
};

/* NULL and *err when path is no folder that can be read. */
struct tree *tree_open(const char *path, const struct tree_options *options, struct error *err);
void tree_close(struct tree *tree);

/*
 * The next file (anything that is not a folder): 1 and its path relative to the top (borrowed
 * until the next call), 0 no more, -1 one folder or name could not be used: *err names it, and
 * the listing goes on with the next call.
 */
int tree_next(struct tree *tree, const char **path, struct error *err);

#endif
