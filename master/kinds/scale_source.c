/* SPDX-License-Identifier: MIT */
/* A folder of pictures, or one file. */
#include "master/kinds/scale_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "master/kinds/scale_place.h"

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

/* Where the outputs of a folder would be folders of the source, they would replace pictures. */
static int may_enter(void *context, const char *path, struct error *err)
{
	const struct scale_source *source = context;
	struct stat status;
	if (source->target.folder < 0 || fstatat(source->target.folder, path, &status, 0) ||
		status.st_dev != source->status.st_dev || status.st_ino != source->status.st_ino)
		return 0;
	return error_set(err, ERROR_INPUT, "%s: its outputs would lie in the source folder", path);
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

static int open_tree(struct scale_source *source, struct kind_run *run,
	const struct scale_request *request, struct error *err)
{
	struct stat target;
	/* before TARGET is created: a spelling of SOURCE may lie within what would be created */
	if (stat(request->target, &target) == 0 && !S_ISDIR(target.st_mode))
		return error_set(err, ERROR_USAGE, "target %s is not a folder", request->target);
	if (use_root(source, run, request, request->source, err) ||
		scale_target_open(&source->target, run, request->target, err) ||
		check_target(source, err))
		return -1;
	const struct tree_options options = { source->target.folder, may_enter, source };
	source->tree = tree_open(request->source, &options, err);
	return source->tree ? set_ledger(run, request->source, err) : -1;
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
	if (source->target.folder >= 0 && fstatat(source->target.folder, path, &output, 0) == 0 &&
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
	if (stat(request->source, &source->status))
		return error_errno(err, ERROR_USAGE, "source %s", request->source);
	return S_ISDIR(source->status.st_mode) ? open_tree(source, run, request, err)
					       : open_single(source, run, request, err);
}

void scale_source_close(struct scale_source *source)
{
	tree_close(source->tree);
	object_lister_close(source->lister);
	scale_target_close(&source->target);
	free(source->prefix);
}

int scale_source_next_file(struct scale_source *source, struct job *job, struct error *err)
{
	const char *path;
	int status = tree_next(source->tree, &path, err);
	if (status <= 0)
		return status;
	if (set_source(source, path, err) ||
		scale_target_name(&source->target, path, source->location, err) ||
		scale_target_take(&source->target, path, source->location, err))
		return -1;
	job->source = source->source;
	job->target = source->location;
	return 1;
}

int scale_source_next(struct scale_source *source, struct job *job, struct error *err)
{
	if (source->lister)
		return scale_source_next_object(source, job, err);
	if (source->tree)
		return scale_source_next_file(source, job, err);
	if (!source->single_pending)
		return 0;
	source->single_pending = false;
	job->source = source->source;
	job->target = source->location;
	return 1;
}
