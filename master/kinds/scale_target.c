/* SPDX-License-Identifier: MIT */
#include "master/kinds/scale_target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/folder.h"
#include "common/memory.h"
#include "common/naming.h"
#include "common/s3.h"
#include "master/kinds/scale_collisions.h"
#include "master/kinds/scale_outputs.h"
#include "master/kinds/scale_pattern.h"
#include "master/kinds/scale_place.h"

static bool is_folder(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The last component of a path that ends in none of "/", ".", "..". */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool ends_with_slash(const char *text)
{
	size_t length = strlen(text);
	return length > 0 && text[length - 1] == '/';
}

/* Creates and opens the folder that takes the outputs. */
static int open_folder(struct scale_target *target, const char *path, struct error *err)
{
	if (folder_make(path, 0777, err))
		return -1;
	if (target->folder >= 0)
		(void)close(target->folder); /* opened with O_PATH, to look at it */
	target->folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target->folder < 0 && errno == ENOTDIR)
		return error_set(err, ERROR_USAGE, "target %s is not a folder", path);
	if (target->folder < 0)
		return error_errno(err, ERROR_IO, "open folder %s", path);
	return 0;
}

/* Runs into one target have one ledger, however the target is spelled. */
static int use_folder(
	struct scale_target *target, struct kind_run *run, const char *path, struct error *err)
{
	struct stat status;
	if (target->dry_run && stat(path, &status) && errno == ENOENT) {
		target->absent = true;
		target->place = xstrdup("target:");
		return 0;
	}
	if (open_folder(target, path, err))
		return -1;
	const struct scale_place_options options = { target->roots, target->roots_count, "target" };
	if (scale_place(run, &options, path, &target->place, err))
		return -1;
	run->ledger_target = realpath(path, NULL);
	return run->ledger_target ? 0 : error_errno(err, ERROR_IO, "target %s", path);
}

/* prefix: "" or with a slash at its end. */
static void use_bucket(struct scale_target *target, struct kind_run *run,
	const struct s3_location *location, const char *prefix)
{
	target->folder = -1;
	target->place = xasprintf("s3://%s/%s", location->bucket, prefix);
	run->ledger_target = xstrdup(target->place);
}

int scale_target_open(
	struct scale_target *target, struct kind_run *run, const char *text, struct error *err)
{
	struct s3_location location;
	if (target->suffix || target->pattern)
		target->outputs = scale_outputs_new();
	if (!s3_is_location(text))
		return use_folder(target, run, text, err);
	if (s3_parse(&location, text, err))
		return -1;
	bool bare = *location.key == '\0' || ends_with_slash(location.key);
	char *prefix = xasprintf("%s%s", location.key, bare ? "" : "/");
	use_bucket(target, run, &location, prefix);
	free(prefix);
	return 0;
}

/* The folder part of a path; the caller frees it. */
static char *folder_name(const char *path)
{
	const char *name = base_name(path);
	if (name == path)
		return xstrdup(".");
	if (name == path + 1)
		return xstrdup("/");
	return xasprintf("%.*s", (int)(name - path - 1), path);
}

/* A name that the user has chosen stays as it is. */
static void choose(struct scale_target *target, char **name, const char *chosen)
{
	free(*name);
	*name = xstrdup(chosen);
	target->suffix = NULL;
}

static int open_single_object(struct scale_target *target, struct kind_run *run, const char *text,
	char **name, struct error *err)
{
	struct s3_location location;
	if (s3_parse(&location, text, err))
		return -1;
	const char *chosen = base_name(location.key);
	char *prefix = xasprintf("%.*s", (int)(chosen - location.key), location.key);
	use_bucket(target, run, &location, prefix);
	free(prefix);
	if (*chosen)
		choose(target, name, chosen);
	return 0;
}

int scale_target_open_single(struct scale_target *target, struct kind_run *run, const char *text,
	char **name, struct error *err)
{
	if (s3_is_location(text))
		return open_single_object(target, run, text, name, err);
	bool into = is_folder(text) || ends_with_slash(text);
	char *folder = into ? xstrdup(text) : folder_name(text);
	int status = use_folder(target, run, folder, err);
	free(folder);
	if (!into)
		choose(target, name, base_name(text));
	return status;
}

void scale_target_close(struct scale_target *target)
{
	if (target->folder >= 0)
		(void)close(target->folder); /* opened with O_PATH */
	free(target->place);
	scale_outputs_free(target->outputs);
	scale_collisions_free(target->collisions);
	*target = (struct scale_target) { .folder = -1 };
}

/* No component is empty, "." or "..": those would lead elsewhere. */
static bool is_plain(const char *path)
{
	for (;;) {
		size_t length = strcspn(path, "/");
		if (length == 0 || (length <= 2 && strncmp(path, "..", length) == 0))
			return false;
		if (path[length] == '\0')
			return true;
		path += length + 1;
	}
}

/* The rest of a location below the target's place. */
static const char *below(const struct scale_target *target, const char *location)
{
	size_t length = strlen(target->place);
	/* in a template they are doubled */
	for (const char *brace = target->place; target->pattern && *brace; brace++)
		length += *brace == '{' || *brace == '}';
	return location + length;
}

static int check(const struct scale_target *target, const char *location, struct error *err)
{
	struct s3_location object;
	if (s3_is_location(target->place))
		return s3_parse(&object, location, err) || s3_check_key(object.key, err) ? -1 : 0;
	if (!is_plain(below(target, location)))
		return error_set(err, ERROR_INPUT,
			"no name for a file: a component of it is empty, '.' or '..'");
	return 0;
}

static bool make_plain_name(
	const struct scale_target *target, const char *path, char output[JOB_LOCATION_MAX])
{
	const char *name = base_name(path), *dot = strrchr(name, '.');
	size_t stem = target->suffix && dot && dot != name ? (size_t)(dot - path) : strlen(path);
	int length = snprintf(output, JOB_LOCATION_MAX, "%.*s%s", (int)stem, path,
		target->suffix ? target->suffix : "");
	return length < JOB_LOCATION_MAX;
}

bool scale_target_may_collide(const struct scale_target *target)
{
	return target->suffix || target->pattern;
}

int scale_target_output(const struct scale_target *target, const char *path,
	char output[JOB_LOCATION_MAX], struct error *err)
{
	output[0] = '\0';
	bool fits = target->pattern
			    ? scale_pattern_apply(target->pattern, path, target->suffix, output)
			    : make_plain_name(target, path, output);
	if (!fits)
		return error_set(err, ERROR_LIMIT, "%.64s...: the path is too long", path);
	return 0;
}

/* The place of the target, in a template as one. */
static bool make_place(const struct scale_target *target, char location[JOB_LOCATION_MAX])
{
	location[0] = '\0';
	if (target->pattern)
		return naming_append(location, target->place);
	return snprintf(location, JOB_LOCATION_MAX, "%s", target->place) < JOB_LOCATION_MAX;
}

int scale_target_name(const struct scale_target *target, const char *path,
	char location[JOB_LOCATION_MAX], struct error *err)
{
	char output[JOB_LOCATION_MAX];
	const char *name =
		target->collisions ? scale_collisions_find(target->collisions, path) : NULL;
	if (!name && scale_target_output(target, path, output, err))
		return -1;
	name = name ? name : output;
	bool fits =
		make_place(target, location) && strlen(location) + strlen(name) < JOB_LOCATION_MAX;
	if (fits)
		strcat(location, name);
	else
		return error_set(err, ERROR_LIMIT, "%.64s...: the path is too long", path);
	return check(target, location, err) ? error_wrap(err, path) : 0;
}

int scale_target_take(const struct scale_target *target, const char *path, const char *location,
	struct error *err)
{
	const char *output = below(target, location);
	if (!target->outputs || scale_outputs_take(target->outputs, output))
		return 0;
	return error_set(err, ERROR_INPUT, "%s: another picture becomes %s, too", path, output);
}

int scale_target_check(const struct scale_target *target, struct error *err)
{
	struct stat status;
	if (target->folder < 0 || (fstat(target->folder, &status) == 0 && status.st_nlink > 0))
		return 0;
	return error_set(err, ERROR_TARGET,
		"the target folder was removed under the run, with outputs; the same command makes "
		"them again");
}
