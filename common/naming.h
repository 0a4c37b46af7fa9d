/* SPDX-License-Identifier: MIT */
/*
 * Names of outputs that depend on what is made: a template with {size}, {width} and {height}, which
 * the side that commits an output fills when it is known. "{{" and "}}" are braces of the name
 * itself. The master has put in everything else before. Pure.
 *
 *     "target:2024/IMG_1-{size}-{width}.jpg", label "800x600"
 */
#ifndef SCIAME_COMMON_NAMING_H
#define SCIAME_COMMON_NAMING_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "common/job.h"

/*
 * The location of output number `output` of a job: its target, or its target as template with
 * labels[output] as size. ERROR_PROTOCOL: a template with an unknown or open brace; ERROR_LIMIT:
 * longer than JOB_LOCATION_MAX.
 */
int naming_location(const struct job *job, unsigned output, const struct produced *produced,
	char location[JOB_LOCATION_MAX], struct error *err);

/*
 * Whether the outputs of a success can all have their names: those that are the same in pixels may
 * share one, for they are the same bytes; of others one would replace the other (ERROR_INPUT).
 * Errors of naming_location besides.
 */
int naming_check(const struct job *job, const struct result *result, struct error *err);

/*
 * How many bytes of the target are in front of the first component that {width} or {height} stand
 * in: the folder of this start is known before the output is made. All of it for a target without
 * these.
 */
size_t naming_known(const struct job *job);

/* The same part of the location of one output, filled. Errors as above. */
int naming_start(
	const struct job *job, unsigned output, char location[JOB_LOCATION_MAX], struct error *err);

/* Appends text to a template, its braces doubled; false: there is no room, and it is cut. */
bool naming_append(char template[JOB_LOCATION_MAX], const char *text);

#endif
