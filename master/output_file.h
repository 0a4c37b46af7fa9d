/* SPDX-License-Identifier: MIT */
/*
 * The file that the output goes to: written aside and renamed, so that what stood there before is
 * replaced by a whole one or not at all.
 *
 *     output_file_open -> write target.out -> output_file_commit or output_file_discard
 */
#ifndef SCIAME_MASTER_OUTPUT_FILE_H
#define SCIAME_MASTER_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "common/error.h"

struct output_file {
	FILE *out;
	char *path;      /* as given */
	char *final;     /* what is replaced: the end of symbolic links. NULL: written directly */
	char *temporary; /* in its folder; NULL: it has no name yet */
	bool is_stdout;
};

/* "-" is stdout. A device or a pipe is written directly, a link stays one if it leads anywhere. */
int output_file_open(struct output_file *target, const char *path, struct error *err);
/*
 * The same in a folder that is everybody's, such as /tmp: what somebody else has put there under
 * this name, be it a link or a pipe, is refused; only the user may read the output.
 */
int output_file_open_shared(struct output_file *target, const char *path, struct error *err);
/* sync: also to disk. On failure what was there before is still there. */
int output_file_commit(struct output_file *target, bool sync, struct error *err);
/* Also after a commit, and of a zeroed target. */
void output_file_discard(struct output_file *target);

#endif
