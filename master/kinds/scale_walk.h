/* SPDX-License-Identifier: MIT */
/*
 * The pictures of a folder that are taken: all that are listed in it, or those of --files-from, as
 * the patterns decide. It can be begun again.
 */
#ifndef SCIAME_MASTER_KINDS_SCALE_WALK_H
#define SCIAME_MASTER_KINDS_SCALE_WALK_H

#include <stdbool.h>

#include "common/error.h"
#include "master/kinds/scale_select.h"

struct scale_walk;

/* folder and select are borrowed. A list is opened, nothing is read. */
struct scale_walk *scale_walk_open(
	const char *folder, const struct scale_select *select, struct error *err);
void scale_walk_close(struct scale_walk *walk);

/* It will be begun more than once: a list is read to its end and kept. */
int scale_walk_keep(struct scale_walk *walk, struct error *err);

/*
 * From the beginning. target: the folder of the outputs, borrowed until the next begin, or -1; it
 * is left out, and so are folders whose outputs would lie in the source.
 */
int scale_walk_begin(struct scale_walk *walk, int target, struct error *err);

/*
 * 1 and a path below the folder (borrowed until the next call), 0 no more, -1 *err says what could
 * not be listed, and next may be called again.
 */
int scale_walk_next(struct scale_walk *walk, const char **path, struct error *err);

/* For any thread: as scale_list_stop. */
void scale_walk_stop(struct scale_walk *walk);

/* Paths come as a tree is listed (see scale_outputs.h), not as a list has them. */
bool scale_walk_is_tree(const struct scale_walk *walk);

#endif
