/* SPDX-License-Identifier: MIT */
/* The objects below a prefix, one object, or one URL. Workers fetch them; no byte comes here. */
#include "master/kinds/scale_source.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "common/s3.h"
#include "master/kinds/scale_case.h"
#include "master/kinds/scale_scan.h"

static bool is_url(const char *text)
{
	return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

bool scale_source_is_remote(const char *text)
{
	return s3_is_location(text) || is_url(text);
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *found = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
	return found ? (int)(found - digits) : -1;
}

/* The last component of a URL's path without its %XX; the caller frees it. */
static char *name_of_url(const char *url)
{
	const char *path = strstr(url, "://") + 3;
	size_t length = strcspn(path, "?#");
	const char *end = path + length, *slash = memrchr(path, '/', length);
	char *name = xasprintf("%.*s", slash ? (int)(end - slash - 1) : 0, slash ? slash + 1 : "");
	char *to = name;
	for (const char *from = name; *from; from++) {
		int high = *from == '%' ? hex_digit(from[1]) : -1;
		int low = high >= 0 ? hex_digit(from[2]) : -1;
		*to++ = low >= 0 ? (char)(high * 16 + low) : *from;
		from += low >= 0 ? 2 : 0;
	}
	*to = '\0';
	return name;
}

/* One picture with this name; source->source is set. */
static int open_single(struct scale_source *source, struct kind_run *run, const char *target,
	const char *name, struct error *err)
{
	char *output = xstrdup(name);
	int status = scale_target_open_single(&source->target, run, target, &output, err);
	if (status == 0 && *output == '\0')
		status = error_set(
			err, ERROR_USAGE, "the source names no file; give TARGET a file's name");
	if (status == 0)
		status = scale_target_name(&source->target, output, source->location, err);
	free(output);
	if (status == 0 && strcmp(source->source, source->location) == 0)
		status = error_set(err, ERROR_USAGE, "source and target must be different");
	source->single_pending = status == 0;
	run->ledger_optional = true;
	run->ledger_source = xstrdup(source->source);
	return status;
}

static int set_source(struct scale_source *source, const char *location, struct error *err)
{
	int length = snprintf(source->source, sizeof(source->source), "%s", location);
	if (length >= JOB_LOCATION_MAX)
		return error_set(err, ERROR_LIMIT, "%.64s...: the name is too long", location);
	return 0;
}

static int open_url(struct scale_source *source, struct kind_run *run,
	const struct scale_request *request, struct error *err)
{
	if (set_source(source, request->source, err))
		return -1;
	char *name = name_of_url(request->source);
	int status = strchr(name, '/') ? error_set(err, ERROR_USAGE,
						 "a name with a '/': give TARGET a file's name")
				       : open_single(source, run, request->target, name, err);
	free(name);
	return status;
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* A key that can be a job's; *path: what is left of it below the source. */
static int check_key(const struct scale_source *source, const struct object_record *record,
	const char **path, struct error *err)
{
	const char *folder = strchr(source->prefix + strlen("s3://"), '/') + 1;
	if (record->type == OBJECT_RECORD_REFUSED)
		return error_set(err, ERROR_INPUT, "%s: a key with a NUL", record->key);
	if (s3_check_key(record->key, err))
		return error_wrap(err, record->key);
	if (!starts_with(record->key, folder))
		return error_set(err, ERROR_PROTOCOL, "%s: not below the source", record->key);
	*path = record->key + strlen(folder);
	return 0;
}

/* 1 and *path: it is to be made; 0: not wanted, or an output of a target in the source; -1. */
static int name_object(const struct scale_source *source, const struct object_record *record,
	const char **path, struct error *err)
{
	const char *place = source->target.place;
	if (check_key(source, record, path, err))
		return -1;
	if (place && starts_with(place, source->prefix) &&
		starts_with(*path, place + strlen(source->prefix)))
		return 0;
	return globs_take_file(&source->select->globs, *path);
}

/* A listing of its own, beside the one that the run reads. */
struct scan {
	const struct scale_source *source;
	const struct scale_request *request;
	struct object_lister *lister;
	struct object_record record;
};

static int begin_scan(void *listing, struct error *err)
{
	struct scan *scan = listing;
	object_lister_close(scan->lister);
	scan->lister = object_lister_open(scan->request->source, scan->request->s3_endpoint, err);
	return scan->lister ? 0 : -1;
}

static int next_of_scan(void *listing, const char **path, struct error *err)
{
	struct scan *scan = listing;
	int status, named = 0;
	do {
		status = object_lister_next(scan->lister, &scan->record, err);
		if (status > 0)
			named = name_object(scan->source, &scan->record, path, err);
	} while (status > 0 && named == 0);
	return status > 0 ? named : status;
}

static int scan_names(
	struct scale_source *source, const struct scale_request *request, struct error *err)
{
	struct scan own = { .source = source, .request = request };
	struct scale_scan scan = {
		.listing = &own,
		.begin = begin_scan,
		.next = next_of_scan,
		.resolve = source->select->on_collision == SCALE_ON_COLLISION_SUFFIX,
	};
	if (!s3_is_location(request->target))
		scan.folds = source->target.dry_run ? scale_case_seems_to_fold(request->target)
						    : scale_case_folds(request->target);
	if (!scan.folds && !scale_target_may_collide(&source->target))
		return 0;
	int status = scale_scan(&scan, &source->target, err);
	object_lister_close(own.lister);
	return status;
}

/* A folder is made only when the names are fine. */
static int open_folder(struct scale_source *source, struct kind_run *run,
	const struct scale_request *request, struct error *err)
{
	bool bucket = s3_is_location(request->target);
	if (bucket && scale_target_open(&source->target, run, request->target, err))
		return -1;
	if (bucket && strcmp(source->target.place, source->prefix) == 0)
		return error_set(err, ERROR_USAGE, "source and target must be different");
	if (scan_names(source, request, err))
		return -1;
	if (!bucket && scale_target_open(&source->target, run, request->target, err))
		return -1;
	run->ledger_source = xstrdup(source->prefix);
	return 0;
}

/* What fails for good when nothing was done yet is a mistake of the command line. */
static int blame_source(const char *source, struct error *err)
{
	if (error_class(err->code, err->number) == ERROR_CLASS_PERMANENT ||
		error_class(err->code, err->number) == ERROR_CLASS_TARGET)
		err->code = err->code == ERROR_START ? ERROR_START : ERROR_USAGE;
	char *where = xasprintf("source %s", source);
	(void)error_wrap(err, where); /* always -1 */
	free(where);
	return -1;
}

/* The first record tells whether the source is a folder or one object. */
static int open_bucket(struct scale_source *source, struct kind_run *run,
	const struct scale_request *request, struct error *err)
{
	struct object_record record;
	struct s3_location location;
	if (s3_parse(&location, request->source, err))
		return -1;
	size_t length = strlen(location.key);
	source->lister = object_lister_open(request->source, request->s3_endpoint, err);
	int status = source->lister ? object_lister_peek(source->lister, &record, err) : -1;
	if (status < 0)
		return blame_source(request->source, err);
	if (status > 0 && length > 0 && strcmp(record.key, location.key) == 0) {
		const char *slash = strrchr(location.key, '/');
		object_lister_close(source->lister);
		source->lister = NULL;
		if (set_source(source, request->source, err))
			return -1;
		return open_single(
			source, run, request->target, slash ? slash + 1 : location.key, err);
	}
	bool bare = length == 0 || location.key[length - 1] == '/';
	source->prefix = xasprintf("s3://%s/%s%s", location.bucket, location.key, bare ? "" : "/");
	return open_folder(source, run, request, err);
}

int scale_source_open_objects(struct scale_source *source, struct kind_run *run,
	const struct scale_request *request, struct error *err)
{
	source->select = request->select;
	if (source->select->files_from)
		return error_set(err, ERROR_USAGE, "--files-from needs a folder as SOURCE");
	return is_url(request->source) ? open_url(source, run, request, err)
				       : open_bucket(source, run, request, err);
}

/* The same, and *job is set. */
static int take_object(struct scale_source *source, struct job *job,
	const struct object_record *record, struct error *err)
{
	const char *path = NULL;
	bool inside = starts_with(source->target.place, source->prefix);
	int status = name_object(source, record, &path, err);
	if (status <= 0)
		return status;
	char *location = xasprintf("%s%s", source->prefix, path);
	status = set_source(source, location, err);
	free(location);
	if (status || scale_target_name(&source->target, path, source->location, err) ||
		scale_target_take(&source->target, path, source->location, err))
		return -1;
	if (!inside && starts_with(source->location, source->prefix))
		return error_set(err, ERROR_INPUT, "%s: its output would lie among the sources",
			record->key);
	job->source = source->source;
	job->target = source->location;
	job->source_size = record->size;
	job->source_mtime_ns = record->mtime_ns;
	return 1;
}

int scale_source_next_object(struct scale_source *source, struct job *job, struct error *err)
{
	struct object_record record;
	int status, taken = 0;
	do {
		status = object_lister_next(source->lister, &record, err);
		if (status > 0)
			taken = take_object(source, job, &record, err);
	} while (status > 0 && taken == 0);
	return status > 0 ? taken : status;
}
