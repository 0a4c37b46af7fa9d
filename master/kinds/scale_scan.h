/* SPDX-License-Identifier: MIT */
/*
 * Reads a listing in advance where two pictures could become one file: where the outputs' names
 * lose a part of the pictures', or the target takes names that differ only in case for one. Names
 * only, no file is opened; once, and again where something has come twice.
 */
#ifndef SCIAME_MASTER_KINDS_SCALE_SCAN_H
#define SCIAME_MASTER_KINDS_SCALE_SCAN_H

#include <stdbool.h>

#include "common/error.h"
#include "master/kinds/scale_target.h"

/* A listing that can be begun again. */
struct scale_scan {
	void *listing;
	int (*begin)(void *listing, struct error *err);
	/* As scale_walk_next. What can't be listed is left to the run. */
	int (*next)(void *listing, const char **path, struct error *err);
	bool folds;   /* of the target */
	bool resolve; /* by other names, instead of an error */
};

/*
 * ERROR_USAGE and two names for each pair (scale_collisions_refuse); or the target gives out the
 * other names from now on.
 */
int scale_scan(const struct scale_scan *scan, struct scale_target *target, struct error *err);

#endif
