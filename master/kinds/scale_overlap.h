/* SPDX-License-Identifier: MIT */
/*
 * Folders of a target that are folders of the source, by a symbolic link or a bind mount: an output
 * there would replace another picture. A folder goes by its file system and its path in that, as
 * mountinfo (proc(5)) tells. Where that can't be read nothing overlaps. For one thread.
 */
#ifndef SCIAME_MASTER_KINDS_SCALE_OVERLAP_H
#define SCIAME_MASTER_KINDS_SCALE_OVERLAP_H

#include "common/error.h"

struct scale_overlap;

/* Both are open folders, borrowed; never NULL. */
struct scale_overlap *scale_overlap_new(int source, int target);
void scale_overlap_free(struct scale_overlap *overlap);

/*
 * ERROR_INPUT where the outputs of the folder `path`, below the source, would lie in the source; a
 * target that lies in the source may, of course, hold them.
 */
int scale_overlap_check(struct scale_overlap *overlap, const char *path, struct error *err);

/* The same for the folder that a file lies in, and ERROR_INPUT for a file of the target. */
int scale_overlap_check_file(struct scale_overlap *overlap, const char *path, struct error *err);

#endif
