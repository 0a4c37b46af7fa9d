/* SPDX-License-Identifier: MIT */
/*
 * The file that the output goes to: written aside and renamed, so that what stood there before is
 * replaced by a whole one or not at all.
 *
 *     feeds_target_open -> write target.out -> feeds_target_commit or feeds_target_discard
 */
#ifndef SCIAME_MASTER_KINDS_FEEDS_TARGET_H
#define SCIAME_MASTER_KINDS_FEEDS_TARGET_H

#include <stdbool.h>
#include <stdio.h>

#include "common/error.h"

struct feeds_target {
	FILE *out;
	char *path;      /* as given */
	char *final;     /* what is replaced: the end of symbolic links. NULL: written directly */
	char *temporary; /* in its folder; NULL: it has no name yet */
	bool is_stdout;
};

/* "-" is stdout. A device or a pipe is written directly, a link stays one if it leads anywhere. */
int feeds_target_open(struct feeds_target *target, const char *path, struct error *err);
/*
 * The same in a folder that is everybody's, such as /tmp: what somebody else has put there under
 * this name, be it a link or a pipe, is refused; only the user may read the output.
 */
int feeds_target_open_shared(struct feeds_target *target, const char *path, struct error *err);
/* sync: also to disk. On failure what was there before is still there. */
int feeds_target_commit(struct feeds_target *target, bool sync, struct error *err);
/* Also after a commit, and of a zeroed target. */
void feeds_target_discard(struct feeds_target *target);

#endif
