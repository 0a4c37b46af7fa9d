/* SPDX-License-Identifier: MIT */
/* Which pictures of a source are taken, and what is done where two become one: the command line. */
#ifndef SCIAME_MASTER_KINDS_SCALE_SELECT_H
#define SCIAME_MASTER_KINDS_SCALE_SELECT_H

#include <stdbool.h>

#include "common/error.h"
#include "common/globs.h"
#include "common/options.h"

enum scale_symlinks { SCALE_SYMLINKS_FOLLOW, SCALE_SYMLINKS_SKIP };
enum scale_on_collision { SCALE_ON_COLLISION_FAIL, SCALE_ON_COLLISION_SUFFIX };

/* Zeroed: all of them. */
struct scale_select {
	struct globs globs;
	const char *files_from; /* "-": standard input; NULL: the whole folder is listed */
	bool ends_with_nul;     /* the names in it do */
	int symlinks;           /* enum scale_symlinks */
	int on_collision;       /* enum scale_on_collision */
};

extern const char *const scale_select_symlinks[];
extern const char *const scale_select_on_collision[];

/* As option_spec.parse; the offset is that of a struct scale_select. */
int scale_select_include(
	const struct option_spec *spec, const char *value, void *settings, struct error *err);
int scale_select_exclude(
	const struct option_spec *spec, const char *value, void *settings, struct error *err);

#endif
