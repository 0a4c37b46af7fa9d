/* SPDX-License-Identifier: MIT */
/*
 * By what name workers know a folder of the master's: that of a root that the user has named
 * (--root) and that holds it, so that daemons of other machines, which have that root at a place of
 * their own, can serve any folder in it; else a root of the run's own.
 */
#ifndef SCIAME_MASTER_KINDS_SCALE_PLACE_H
#define SCIAME_MASTER_KINDS_SCALE_PLACE_H

#include <stddef.h>

#include "common/error.h"
#include "master/kind.h"

struct scale_place_options {
	const char *const *roots; /* "NAME=FOLDER", of the command line */
	size_t roots_count;
	const char *name; /* of a root that is made for the folder where none of those holds it */
};

/*
 * Adds the root to the run and makes what stands before each path in the folder: "NAME:" or
 * "NAME:path/"; the caller frees *place. The folder is there.
 */
int scale_place(struct kind_run *run, const struct scale_place_options *options, const char *folder,
	char **place, struct error *err);

#endif
