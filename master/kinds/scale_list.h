/* SPDX-License-Identifier: MIT */
/*
 * A list of pictures, one after the other: --files-from. Names are bytes, each ended by a line end,
 * or by a NUL. They are relative to a folder, or absolute and below it; "." and empty parts are
 * dropped, ".." is refused. A name that comes again is dropped.
 * Memory: 11 to 22 bytes for each name.
 */
#ifndef SCIAME_MASTER_KINDS_SCALE_LIST_H
#define SCIAME_MASTER_KINDS_SCALE_LIST_H

#include <stdbool.h>

#include "common/error.h"

enum { SCALE_LIST_NAME_MAX = 8192 }; /* bytes of a name; PATH_MAX and a folder before it fit */

struct scale_list;

struct scale_list_options {
	const char *file;   /* "-": standard input; borrowed */
	const char *folder; /* as the user wrote it; borrowed for the call */
	bool ends_with_nul;
};

/* ERROR_USAGE: the file can't be read. */
struct scale_list *scale_list_open(const struct scale_list_options *options, struct error *err);
void scale_list_close(struct scale_list *list);

/*
 * Copies what is left of it into an unnamed file and begins there: it can be read again then, and
 * says the same. Waits for all of it.
 */
int scale_list_keep(struct scale_list *list, struct error *err);

/* To the beginning of a list that was kept. */
int scale_list_rewind(struct scale_list *list, struct error *err);

/*
 * The next name: 1 and its path below the folder (borrowed until the next call), 0 no more, or it
 * was stopped, -1 *err says what is wrong with this one, and next may be called again.
 */
int scale_list_next(struct scale_list *list, const char **path, struct error *err);

/* For any thread or signal handler: next gives 0 from now on, also one that waits. */
void scale_list_stop(struct scale_list *list);

#endif
