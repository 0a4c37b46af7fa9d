/* SPDX-License-Identifier: MIT */
/* The master's half of "scale": lists the pictures of a folder and counts what became of them. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/folder.h"
#include "common/memory.h"
#include "common/tree.h"
#include "master/kind.h"
#include "master/kinds/scale_outputs.h"
#include "proto/scale.pb-c.h"

enum {
	SIZE_MAX_PIXELS = 65535, /* as in proto/scale.proto */
	PARAMETERS_MAX = 64,
	COUNTER_COPIED = 0,
	COUNTER_SCALED = 1,
};

struct scale_settings {
	int64_t width, height, quality;
	bool subsample;
	int format; /* index into formats */
};

struct scale {
	struct tree *tree;             /* NULL: the source is a single file */
	bool single_pending;           /* and it was not given out yet */
	int target;                    /* folder */
	struct stat source;            /* folder */
	const char *suffix;            /* of the outputs, with its dot; NULL: as the input */
	struct scale_outputs *outputs; /* of a folder's pictures whose suffixes change, or NULL */
	size_t parameters_size;
	uint8_t parameters[PARAMETERS_MAX];
	char job_source[JOB_LOCATION_MAX], job_target[JOB_LOCATION_MAX];
};

static const char *const formats[] = { "same", "jpeg", "png", "webp", NULL };
static const char *const suffixes[] = { NULL, ".jpg", ".png", ".webp" };

static bool parse_pixels(const char **text, int64_t *pixels)
{
	char *end;
	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	long value = strtol(*text, &end, 10);
	if (errno || value < 1 || value > SIZE_MAX_PIXELS)
		return false;
	*text = end;
	*pixels = value;
	return true;
}

/* "400" or "400x300". */
static int parse_size(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	struct scale_settings *own = settings;
	const char *text = value;
	bool good = parse_pixels(&text, &own->width);
	own->height = own->width;
	if (good && (*text == 'x' || *text == 'X')) {
		text++;
		good = parse_pixels(&text, &own->height);
	}
	if (good && *text == '\0')
		return 0;
	return error_set(err, ERROR_USAGE, "--%s takes pixels as N or WxH, from 1 to %d, not '%s'",
		spec->name, SIZE_MAX_PIXELS, value);
}

static const struct option_spec specs[] = {
	{ .name = "size",
		.letter = 's',
		.argument = "N|WxH",
		.parse = parse_size,
		.help = "the box to fit into, in pixels; smaller pictures are never enlarged "
			"(default 400)" },
	{ .name = "smooth",
		.letter = 'S',
		.parse = option_flag,
		.value = false,
		.offset = offsetof(struct scale_settings, subsample),
		.help = "the good resampler (default)" },
	{ .name = "no-smooth",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct scale_settings, subsample),
		.help = "take every n-th pixel: the fastest way to a preview" },
	{ .name = "format",
		.argument = "FORMAT",
		.parse = option_choice,
		.choices = formats,
		.offset = offsetof(struct scale_settings, format),
		.help = "of the outputs: jpeg, png or webp (default: same, as each input)" },
	{ .name = "quality",
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct scale_settings, quality),
		.minimum = 1,
		.maximum = 100,
		.help = "of lossy formats, 1 to 100 (default: 75)" },
	{ 0 },
};

static void *scale_settings_new(void)
{
	struct scale_settings *own = xcalloc(1, sizeof(*own));
	own->width = own->height = 400;
	return own;
}

static void pack_parameters(struct scale *scale, const struct scale_settings *own)
{
	Sciame__ScaleParameters parameters = SCIAME__SCALE_PARAMETERS__INIT;
	parameters.width = (uint32_t)own->width;
	parameters.height = (uint32_t)own->height;
	parameters.subsample = own->subsample;
	parameters.format = (Sciame__ScaleFormat)own->format;
	parameters.quality = (uint32_t)own->quality;
	assert(sciame__scale_parameters__get_packed_size(&parameters) <= PARAMETERS_MAX);
	scale->parameters_size = sciame__scale_parameters__pack(&parameters, scale->parameters);
	scale->suffix = suffixes[own->format];
}

static bool is_folder(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Creates and opens the folder that takes the outputs. */
static int open_target(struct scale *scale, const char *path, struct error *err)
{
	if (folder_make(path, 0777, err))
		return -1;
	scale->target = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (scale->target < 0 && errno == ENOTDIR)
		return error_set(err, ERROR_USAGE, "target %s is not a folder", path);
	if (scale->target < 0)
		return error_errno(err, ERROR_IO, "open folder %s", path);
	return 0;
}

static void add_root(struct kind_run *run, const char *name, const char *path)
{
	assert(run->roots_count < KIND_ROOTS_MAX);
	run->roots[run->roots_count++] = xasprintf("%s=%s", name, path);
}

/* Where the outputs of a folder would be folders of the source, they would replace pictures. */
static int may_enter(void *context, const char *path, struct error *err)
{
	const struct scale *scale = context;
	struct stat status;
	if (fstatat(scale->target, path, &status, 0) || status.st_dev != scale->source.st_dev ||
		status.st_ino != scale->source.st_ino)
		return 0;
	return error_set(err, ERROR_INPUT, "%s: its outputs would lie in the source folder", path);
}

static int check_target(const struct scale *scale, struct error *err)
{
	struct stat target;
	if (fstat(scale->target, &target))
		return error_errno(err, ERROR_IO, "read the target's status");
	if (target.st_dev == scale->source.st_dev && target.st_ino == scale->source.st_ino)
		return error_set(err, ERROR_USAGE, "source and target must be different");
	return 0;
}

/* Runs into one target have one ledger, however the target is spelled. */
static int set_ledger(struct scale *scale, struct kind_run *run, const char *source,
	const char *target, struct error *err)
{
	run->ledger_source = realpath(source, NULL);
	if (!run->ledger_source)
		return error_errno(err, ERROR_USAGE, "source %s", source);
	run->ledger_target = realpath(target, NULL);
	if (!run->ledger_target)
		return error_errno(err, ERROR_IO, "target %s", target);
	run->ledger_parameters = scale->parameters;
	run->ledger_parameters_size = scale->parameters_size;
	return 0;
}

static int open_tree(struct scale *scale, struct kind_run *run, char **operands, struct error *err)
{
	struct stat target;
	/* before TARGET is created: a spelling of SOURCE may lie within what would be created */
	if (stat(operands[1], &target) == 0 && !S_ISDIR(target.st_mode))
		return error_set(err, ERROR_USAGE, "target %s is not a folder", operands[1]);
	if (open_target(scale, operands[1], err) || check_target(scale, err))
		return -1;
	const struct tree_options options = { scale->target, may_enter, scale };
	scale->tree = tree_open(operands[0], &options, err);
	if (!scale->tree)
		return -1;
	if (scale->suffix)
		scale->outputs = scale_outputs_new();
	add_root(run, "source", operands[0]);
	add_root(run, "target", operands[1]);
	return set_ledger(scale, run, operands[0], operands[1], err);
}

/* The last component of a path that ends in none of "/", ".", "..". */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
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

static int set_names(
	struct scale *scale, const char *source, const char *target, bool exact, struct error *err)
{
	const char *dot = strrchr(base_name(target), '.');
	size_t stem = dot && dot != base_name(target) ? (size_t)(dot - target) : strlen(target);
	bool change = scale->suffix && !exact;
	int a = snprintf(scale->job_source, sizeof(scale->job_source), "source:%s", source);
	int b = snprintf(scale->job_target, sizeof(scale->job_target), "target:%.*s%s",
		change ? (int)stem : (int)strlen(target), target, change ? scale->suffix : "");
	if (a >= JOB_LOCATION_MAX || b >= JOB_LOCATION_MAX)
		return error_set(err, ERROR_LIMIT, "%.64s...: the path is too long", source);
	return 0;
}

/* One picture: TARGET is a folder that is there or ends with a slash, else the output's name. */
static int open_single(
	struct scale *scale, struct kind_run *run, char **operands, struct error *err)
{
	struct stat output;
	const char *target = operands[1];
	bool into = is_folder(target) || target[strlen(target) - 1] == '/';
	char *source_folder = folder_name(operands[0]);
	char *target_folder = into ? xstrdup(target) : folder_name(target);
	int status = open_target(scale, target_folder, err);
	if (status == 0)
		status = set_names(scale, base_name(operands[0]),
			into ? base_name(operands[0]) : base_name(target), !into, err);
	if (status == 0 &&
		fstatat(scale->target, strchr(scale->job_target, ':') + 1, &output, 0) == 0 &&
		output.st_dev == scale->source.st_dev && output.st_ino == scale->source.st_ino)
		status = error_set(err, ERROR_USAGE, "source and target must be different");
	if (status == 0) {
		add_root(run, "source", source_folder);
		add_root(run, "target", target_folder);
		scale->single_pending = true;
		run->ledger_optional = true;
		status = set_ledger(scale, run, operands[0], target_folder, err);
	}
	free(source_folder);
	free(target_folder);
	return status;
}

static void scale_close(void *state)
{
	struct scale *scale = state;
	tree_close(scale->tree);
	scale_outputs_free(scale->outputs);
	if (scale->target >= 0)
		(void)close(scale->target); /* opened with O_PATH */
	free(scale);
}

static int scale_open(struct kind_run *run, const struct settings *settings, struct error *err)
{
	char **operands = settings->operands;
	if (settings->operands_count != 2)
		return error_set(err, ERROR_USAGE,
			"SOURCE and TARGET are needed, %d %s given; see --help",
			settings->operands_count,
			settings->operands_count == 1 ? "operand is" : "operands are");
	if (operands[0][0] == '\0' || operands[1][0] == '\0')
		return error_set(err, ERROR_USAGE, "SOURCE and TARGET may not be empty");
	struct scale *scale = xcalloc(1, sizeof(*scale));
	scale->target = -1;
	run->state = scale;
	pack_parameters(scale, settings->kind_settings);
	if (stat(operands[0], &scale->source))
		return error_errno(err, ERROR_USAGE, "source %s", operands[0]);
	return S_ISDIR(scale->source.st_mode) ? open_tree(scale, run, operands, err)
					      : open_single(scale, run, operands, err);
}

/* What two pictures would be written to is the output of the one that is listed first. */
static int take_output(struct scale *scale, const char *path, struct error *err)
{
	const char *output = strchr(scale->job_target, ':') + 1;
	if (!scale->outputs || scale_outputs_take(scale->outputs, output))
		return 0;
	return error_set(err, ERROR_INPUT, "%s: another picture becomes %s, too", path, output);
}

static int scale_next(void *state, struct job *job, struct error *err)
{
	struct scale *scale = state;
	const char *path;
	int status = scale->tree ? tree_next(scale->tree, &path, err) : scale->single_pending;
	if (status <= 0)
		return status;
	scale->single_pending = false;
	if (scale->tree &&
		(set_names(scale, path, path, false, err) || take_output(scale, path, err)))
		return -1;
	job->source = scale->job_source;
	job->target = scale->job_target;
	job->parameters = scale->parameters;
	job->parameters_size = scale->parameters_size;
	return 1;
}

static int scale_fold(
	void *state, const struct job *job, const struct result *result, struct error *err)
{
	(void)job;
	(void)state;
	Sciame__ScaleReport *report =
		sciame__scale_report__unpack(NULL, result->report_size, result->report);
	Sciame__ScaleAction action =
		report ? report->action : SCIAME__SCALE_ACTION__SCALE_ACTION_NONE;
	sciame__scale_report__free_unpacked(report, NULL);
	if (action == SCIAME__SCALE_ACTION__SCALE_ACTION_COPIED)
		return COUNTER_COPIED;
	if (action == SCIAME__SCALE_ACTION__SCALE_ACTION_SCALED)
		return COUNTER_SCALED;
	return error_set(err, ERROR_PROTOCOL, "the lane's report makes no sense");
}

/* What was written into a folder that is gone is gone, too, although another may stand there. */
static int scale_finish(void *state, const struct summary *summary, struct error *err)
{
	const struct scale *scale = state;
	struct stat target;
	if (summary->canceled || summary->aborted)
		return 0; /* it did not end anyway */
	if (fstat(scale->target, &target) == 0 && target.st_nlink > 0)
		return 0;
	return error_set(err, ERROR_TARGET,
		"the target folder was removed under the run, with outputs; the same command makes "
		"them again");
}

const struct master_kind master_kind_scale = {
	.name = "scale",
	.operands = "SOURCE TARGET",
	.summary = "pictures made to fit a box",
	.help = "Makes each picture of the folder SOURCE fit the box --size and writes it under "
		"the same\n"
		"name into the folder TARGET, which is created where it is missing. SOURCE may "
		"also be a\n"
		"single picture; then TARGET is a file or a folder.",
	.unit = "images",
	.retries = 2,
	.counters = { [COUNTER_COPIED] = "copied", [COUNTER_SCALED] = "scaled" },
	.options = specs,
	.settings_new = scale_settings_new,
	.open = scale_open,
	.next = scale_next,
	.fold = scale_fold,
	.finish = scale_finish,
	.close = scale_close,
};
