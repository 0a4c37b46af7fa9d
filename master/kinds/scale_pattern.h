/* SPDX-License-Identifier: MIT */
/*
 * How outputs are called: --output PATTERN, a path below the target with
 *
 *     {dir}     the folder of the picture below the source; at the top there is none, and a slash
 *               behind it falls away
 *     {stem}    its name without its suffix
 *     {ext}     the suffix of the output, with its dot
 *     {size}    the box asked for: "400" or "400x300"
 *     {width} {height}    of what was made
 *     {{ }}     braces
 */
#ifndef SCIAME_MASTER_KINDS_SCALE_PATTERN_H
#define SCIAME_MASTER_KINDS_SCALE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "common/job.h"

/* What holds for several sizes unless the user says otherwise. */
#define SCALE_PATTERN_DEFAULT "{dir}/{stem}-{size}{ext}"

/*
 * ERROR_USAGE with a message that begins with "--output": a brace that means nothing, a path that
 * leads out of the target, or one name for all of `sizes` sizes.
 */
int scale_pattern_check(const char *pattern, size_t sizes, struct error *err);

/*
 * Appends what a checked pattern makes of the relative path of a picture to a template
 * (common/naming.h), which has {size}, {width} and {height} in it then. suffix: of the output;
 * NULL: as that of the picture. False: there is no room.
 */
bool scale_pattern_apply(
	const char *pattern, const char *path, const char *suffix, char template[JOB_LOCATION_MAX]);

#endif
