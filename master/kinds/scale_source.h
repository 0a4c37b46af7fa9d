/* SPDX-License-Identifier: MIT */
/*
 * Which pictures "scale" is to make: those of a folder, one file, the objects below a prefix of a
 * bucket, one object, or one URL.
 */
#ifndef SCIAME_MASTER_KINDS_SCALE_SOURCE_H
#define SCIAME_MASTER_KINDS_SCALE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "common/error.h"
#include "common/job.h"
#include "master/kind.h"
#include "master/kinds/scale_select.h"
#include "master/kinds/scale_target.h"
#include "master/kinds/scale_walk.h"
#include "master/object_lister.h"

/* Zeroed, but for target.folder: nothing is open. */
struct scale_source {
	struct scale_walk *walk;           /* a folder; or */
	struct object_lister *lister;      /* objects; or */
	bool single_pending;               /* one picture that was not given out yet */
	const struct scale_select *select; /* borrowed */
	struct scale_target target;
	struct stat status; /* of a folder or file */
	char *prefix;       /* "s3://BUCKET/PREFIX/", "ROOT:path/": what stands before each path */
	char source[JOB_LOCATION_MAX];   /* of the last job */
	char location[JOB_LOCATION_MAX]; /* of its output */
};

/* What is the same for all of these. The operands are those of the command line. */
struct scale_request {
	const char *source, *target;
	const char *s3_endpoint;  /* or NULL */
	const char *const *roots; /* "NAME=FOLDER", named by the user */
	size_t roots_count;
	const struct scale_select *select;
};

/*
 * Opens source and target and fills the run's roots, and what its ledger goes by. One of them for
 * files, one for what begins with s3://, http:// or https://.
 */
int scale_source_open_files(struct scale_source *source, struct kind_run *run,
	const struct scale_request *request, struct error *err);
int scale_source_open_objects(struct scale_source *source, struct kind_run *run,
	const struct scale_request *request, struct error *err);
bool scale_source_is_remote(const char *text);
/* For any thread: no more is wanted. */
void scale_source_stop(struct scale_source *source);
void scale_source_close(struct scale_source *source);

/* As struct master_kind's next; the parameters are left alone. */
int scale_source_next_file(struct scale_source *source, struct job *job, struct error *err);
int scale_source_next_object(struct scale_source *source, struct job *job, struct error *err);
int scale_source_next(struct scale_source *source, struct job *job, struct error *err);

#endif
