/* SPDX-License-Identifier: MIT */
/*
 * Pictures that would become one file, found before any is made. The names are given twice:
 *
 *     scale_collisions_note(c, output) for each       finds out which outputs may come twice
 *     if (scale_collisions_suspects(c))
 *         scale_collisions_add(c, source, output)      for each, in any order
 *     scale_collisions_refuse(c, &err)                 names them; or
 *     scale_collisions_resolve(c)                      gives all but one another name
 *     scale_collisions_find(c, source)                 which one
 *
 * Memory: 8 to 16 bytes for each picture, and the names of those that collide. Pure.
 */
#ifndef SCIAME_MASTER_KINDS_SCALE_COLLISIONS_H
#define SCIAME_MASTER_KINDS_SCALE_COLLISIONS_H

#include <stdbool.h>

#include "common/error.h"

enum {
	SCALE_COLLISIONS_SHOWN_MAX = 10, /* pairs that are named */
};

struct scale_collisions;

/*
 * folds: names that differ only in case are one file. What is the same is decided letter by letter
 * in UTF-8; that a letter and its accent may be written in two ways is not seen.
 */
struct scale_collisions *scale_collisions_new(bool folds);
void scale_collisions_free(struct scale_collisions *collisions);

/* The relative path of an output. */
void scale_collisions_note(struct scale_collisions *collisions, const char *output);

/* Whether any has come twice; nothing may be noted any more. */
bool scale_collisions_suspects(struct scale_collisions *collisions);

/* The same output again, and the relative path of the picture that becomes it. */
void scale_collisions_add(
	struct scale_collisions *collisions, const char *source, const char *output);

/*
 * ERROR_USAGE when two pictures become one file; up to SCALE_COLLISIONS_SHOWN_MAX pairs are logged
 * first. Else 0.
 */
int scale_collisions_refuse(struct scale_collisions *collisions, struct error *err);

/*
 * The first in the order of bytes keeps its output; others get -1, -2 ... before their suffix,
 * the first that no other picture has. The same pictures get the same names each time.
 */
void scale_collisions_resolve(struct scale_collisions *collisions);

/* The output that a picture got instead of its own, or NULL; borrowed from the collisions. */
const char *scale_collisions_find(const struct scale_collisions *collisions, const char *source);

#endif
