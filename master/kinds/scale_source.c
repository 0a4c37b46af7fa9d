/* SPDX-License-Identifier: MIT */
/* A folder of pictures, or one file. */
#include "master/kinds/scale_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/s3.h"
#include "master/kinds/scale_case.h"
#include "master/kinds/scale_place.h"
#include "master/kinds/scale_scan.h"

static int use_root(struct scale_source *source, struct kind_run *run,
	const struct scale_request *request, const char *folder, struct error *err)
{
	const struct scale_place_options options = { request->roots, request->roots_count,
		"source" };
	return scale_place(run, &options, folder, &source->prefix, err);
}

static int set_ledger(struct kind_run *run, const char *source, struct error *err)
{
	run->ledger_source = realpath(source, NULL);
	return run->ledger_source ? 0 : error_errno(err, ERROR_USAGE, "source %s", source);
}

static int check_target(const struct scale_source *source, struct error *err)
{
	struct stat target;
	if (source->target.folder < 0)
		return 0;
	if (fstat(source->target.folder, &target))
		return error_errno(err, ERROR_IO, "read the target's status");
	if (target.st_dev == source->status.st_dev && target.st_ino == source->status.st_ino)
		return error_set(err, ERROR_USAGE, "source and target must be different");
	return 0;
}

static int begin_walk(void *listing, struct error *err)
{
	const struct scale_source *source = listing;
	return scale_walk_begin(source->walk, source->target.folder, err);
}

static int next_of_walk(void *listing, const char **path, struct error *err)
{
	const struct scale_source *source = listing;
	return scale_walk_next(source->walk, path, err);
}

/* Two pictures that would become one are found before there is anything. */
static int scan(struct scale_source *source, const char *target, struct error *err)
{
	struct scale_scan scan = {
		.listing = source,
		.begin = begin_walk,
		.next = next_of_walk,
		.resolve = source->select->on_collision == SCALE_ON_COLLISION_SUFFIX,
	};
	if (!s3_is_location(target))
		scan.folds = source->target.dry_run ? scale_case_seems_to_fold(target)
						    : scale_case_folds(target);
	if (!scan.folds && !scale_target_may_collide(&source->target))
		return 0;
	return scale_walk_keep(source->walk, err) || scale_scan(&scan, &source->target, err) ? -1
											     : 0;
}

/* A target that is there, for the time before it is made where it is missing. */
static int look_at_target(struct scale_source *source, const char *path, struct error *err)
{
	struct stat status;
	if (s3_is_location(path) || stat(path, &status))
		return 0; /* if that is more than missing, opening it will tell */
	if (!S_ISDIR(status.st_mode))
		return error_set(err, ERROR_USAGE, "target %s is not a folder", path);
	source->target.folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (source->target.folder < 0)
		return error_errno(err, ERROR_IO, "open folder %s", path);
	return check_target(source, err);
}

static int open_tree(struct scale_source *source, struct kind_run *run,
	const struct scale_request *request, struct error *err)
{
	if (use_root(source, run, request, request->source, err) ||
		look_at_target(source, request->target, err))
		return -1;
	source->walk = scale_walk_open(request->source, source->select, err);
	if (!source->walk || scan(source, request->target, err))
		return -1;
	/* a spelling of SOURCE may lie within what is created: it is looked at again */
	if (scale_target_open(&source->target, run, request->target, err) ||
		check_target(source, err) || begin_walk(source, err))
		return -1;
	return set_ledger(run, request->source, err);
}

/* The folder part of a path; the caller frees it. */
static char *folder_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xasprintf("%.*s", (int)(slash - path), path);
}

/* Where both are the same file, the output would replace it. */
static int check_single(const struct scale_source *source, struct error *err)
{
	struct stat output;
	const char *path = source->location + strlen(source->target.place);
	/* where the name is a template, the store sees to it */
	if (!source->target.pattern && source->target.folder >= 0 &&
		fstatat(source->target.folder, path, &output, 0) == 0 &&
		output.st_dev == source->status.st_dev && output.st_ino == source->status.st_ino)
		return error_set(err, ERROR_USAGE, "source and target must be different");
	return 0;
}

static int set_source(struct scale_source *source, const char *path, struct error *err)
{
	int length = snprintf(source->source, sizeof(source->source), "%s%s", source->prefix, path);
	if (length >= JOB_LOCATION_MAX)
		return error_set(err, ERROR_LIMIT, "%.64s...: the path is too long", path);
	return 0;
}

static int open_single(struct scale_source *source, struct kind_run *run,
	const struct scale_request *request, struct error *err)
{
	const char *slash = strrchr(request->source, '/');
	const char *name = slash ? slash + 1 : request->source;
	char *output = xstrdup(name), *folder = folder_name(request->source);
	int status = use_root(source, run, request, folder, err);
	free(folder);
	if (status == 0)
		status = scale_target_open_single(
			&source->target, run, request->target, &output, err);
	if (status == 0)
		status = scale_target_name(&source->target, output, source->location, err);
	free(output);
	if (status || set_source(source, name, err) || check_single(source, err))
		return -1;
	source->single_pending = true;
	run->ledger_optional = true;
	return set_ledger(run, request->source, err);
}

int scale_source_open_files(struct scale_source *source, struct kind_run *run,
	const struct scale_request *request, struct error *err)
{
	source->select = request->select;
	if (stat(request->source, &source->status))
		return error_errno(err, ERROR_USAGE, "source %s", request->source);
	if (!S_ISDIR(source->status.st_mode) && source->select->files_from)
		return error_set(err, ERROR_USAGE, "--files-from needs a folder as SOURCE");
	return S_ISDIR(source->status.st_mode) ? open_tree(source, run, request, err)
					       : open_single(source, run, request, err);
}

void scale_source_close(struct scale_source *source)
{
	scale_walk_close(source->walk);
	object_lister_close(source->lister);
	scale_target_close(&source->target);
	free(source->prefix);
}

void scale_source_stop(struct scale_source *source)
{
	if (source->lister)
		object_lister_stop(source->lister);
	if (source->walk)
		scale_walk_stop(source->walk);
}

int scale_source_next_file(struct scale_source *source, struct job *job, struct error *err)
{
	const char *path;
	int status = scale_walk_next(source->walk, &path, err);
	if (status <= 0)
		return status;
	if (set_source(source, path, err) ||
		scale_target_name(&source->target, path, source->location, err) ||
		(scale_walk_is_tree(source->walk) &&
			scale_target_take(&source->target, path, source->location, err)))
		return -1;
	job->source = source->source;
	job->target = source->location;
	return 1;
}

int scale_source_next(struct scale_source *source, struct job *job, struct error *err)
{
	if (source->lister)
		return scale_source_next_object(source, job, err);
	if (source->walk)
		return scale_source_next_file(source, job, err);
	if (!source->single_pending)
		return 0;
	source->single_pending = false;
	job->source = source->source;
	job->target = source->location;
	return 1;
}
