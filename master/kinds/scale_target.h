/* SPDX-License-Identifier: MIT */
/* Where the pictures of "scale" go: a folder or the keys below a prefix, and how each is called. */
#ifndef SCIAME_MASTER_KINDS_SCALE_TARGET_H
#define SCIAME_MASTER_KINDS_SCALE_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "common/job.h"
#include "master/kind.h"

struct scale_target {
	int folder;               /* opened with O_PATH; -1: objects */
	char *place;              /* in front of each name: "ROOT:path/" or "s3://BUCKET/PREFIX/" */
	const char *const *roots; /* named by the user; set before it is opened, borrowed */
	size_t roots_count;
	const char *suffix;            /* of all outputs, with its dot; NULL: that of the input */
	const char *pattern;           /* of names (scale_pattern.h); NULL: as the input's */
	struct scale_outputs *outputs; /* of all pictures, where their names change; or NULL */
	struct scale_collisions
		*collisions; /* pictures with another name than their own; or NULL */
	bool dry_run;        /* set before it is opened: nothing is made */
	bool absent;         /* a folder that is not there, and was not made */
};

/*
 * Opens what all of a folder goes to: text is a folder, which is created, or s3://BUCKET/PREFIX.
 * Sets the run's root and the ledger's target.
 */
int scale_target_open(
	struct scale_target *target, struct kind_run *run, const char *text, struct error *err);

/*
 * The same for one picture: text is a folder that is there, or ends with a slash, or is the
 * output's whole name. *name is the picture's and becomes the output's; it is freed with free()
 * and replaced in the last case.
 */
int scale_target_open_single(struct scale_target *target, struct kind_run *run, const char *text,
	char **name, struct error *err);

void scale_target_close(struct scale_target *target);

/*
 * The name of the output of a relative path, below the target, or the template of those of all its
 * outputs, before another one is found for it where two meet.
 */
int scale_target_output(const struct scale_target *target, const char *path,
	char output[JOB_LOCATION_MAX], struct error *err);

/* Whether two paths may have the same output by that name. */
bool scale_target_may_collide(const struct scale_target *target);

/*
 * Makes the location of the output of a relative path; with a pattern the template of all its
 * outputs (common/naming.h). What can be no name below the target (a
 * component that is empty, "." or ".."; a key that S3 does not take) is an error that says why.
 */
int scale_target_name(const struct scale_target *target, const char *path,
	char location[JOB_LOCATION_MAX], struct error *err);

/* An error where another picture of the listing has this location already. */
int scale_target_take(const struct scale_target *target, const char *path, const char *location,
	struct error *err);

/* An error where the folder was removed, and outputs in it, although another may stand there. */
int scale_target_check(const struct scale_target *target, struct error *err);

#endif
