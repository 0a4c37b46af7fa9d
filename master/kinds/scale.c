/* SPDX-License-Identifier: MIT */
/* The master's half of "scale": lists the pictures of a folder and counts what became of them. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "common/naming.h"
#include "common/s3.h"
#include "master/kind.h"
#include "master/kinds/scale_look.h"
#include "master/kinds/scale_manifest.h"
#include "master/kinds/scale_notes.h"
#include "master/kinds/scale_pattern.h"
#include "master/kinds/scale_sizes.h"
#include "master/kinds/scale_source.h"
#include "proto/scale.pb-c.h"

enum {
	PARAMETERS_MAX = 512,
	DIGEST_FIELD_BYTES = 3, /* of the packed parameters */
	COUNTER_COPIED = 0,
	COUNTER_SCALED = 1,
};

struct scale_settings {
	struct scale_look look; /* the first: its options are a group of their own */
	struct scale_sizes sizes;
	bool allow_private, preserve;
	const char *manifest;
	const char *s3_endpoint, *output;
	struct scale_select select;
};

struct scale {
	struct scale_source source;
	struct scale_manifest *manifest; /* or NULL: none is wanted */
	bool preserve;
	struct scale_sizes sizes;
	char *ledger_parameters; /* what outputs depend on besides; NULL: the parameters are all */
	size_t parameters_size;
	size_t identity_size; /* of their start, on which the outputs depend */
	uint8_t parameters[PARAMETERS_MAX];
};

_Static_assert((int)SCALE_NOTES_TEXT_MAX <= (int)KIND_REMARK_MAX, "a remark has room");

/* Of the box, where the user says nothing. */
#define SIZE_DEFAULT "400"

static int parse_size(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	struct scale_settings *own = settings;
	(void)spec;
	return scale_sizes_add(&own->sizes, value, err);
}

static const struct option_spec specs[] = {
	{ .name = "size",
		.letter = 's',
		.argument = "N|WxH",
		.parse = parse_size,
		.help = "the box to fit into, in pixels; what is smaller is enlarged only with "
			"--enlarge (default 400). May be given several times: each picture is read "
			"once and "
			"made in all sizes" },
	{ .name = "output",
		.argument = "PATTERN",
		.parse = option_string,
		.offset = offsetof(struct scale_settings, output),
		.help = "names of outputs, below TARGET, with {dir} {stem} {ext} {size} {width} "
			"{height} (default: as the input's; of several sizes " SCALE_PATTERN_DEFAULT
			")" },
	{ .name = "manifest",
		.argument = "FILE",
		.parse = option_string,
		.offset = offsetof(struct scale_settings, manifest),
		.help = "write what was made, as JSON lines with sizes and digests" },
	{ .name = "files-from",
		.argument = "FILE",
		.parse = option_string,
		.offset = offsetof(struct scale_settings, select.files_from),
		.help = "make only the pictures that are named in FILE, one a line, relative to "
			"SOURCE or absolute below it; '-' is standard input" },
	{ .name = "null",
		.letter = '0',
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct scale_settings, select.ends_with_nul),
		.help = "the names in FILE end with a NUL, not with the line" },
	{ .name = "include",
		.argument = "GLOB",
		.parse = scale_select_include,
		.offset = offsetof(struct scale_settings, select),
		.help = "take what matches; the last --include or --exclude that matches decides, "
			"and what none matches is taken unless the first is an --include; a GLOB "
			"with a '/' is a path below SOURCE, in which '**' is any number of "
			"folders; others are names" },
	{ .name = "exclude",
		.argument = "GLOB",
		.parse = scale_select_exclude,
		.offset = offsetof(struct scale_settings, select),
		.help = "leave out what matches; such a folder is not entered" },
	{ .name = "symlinks",
		.argument = "HOW",
		.parse = option_choice,
		.choices = scale_select_symlinks,
		.offset = offsetof(struct scale_settings, select.symlinks),
		.help = "follow or skip the symbolic links in SOURCE (default follow)" },
	{ .name = "on-collision",
		.argument = "HOW",
		.parse = option_choice,
		.choices = scale_select_on_collision,
		.offset = offsetof(struct scale_settings, select.on_collision),
		.help = "where two pictures would become one file: fail before any is made, or "
			"suffix, a.jpg and a-1.jpg (default fail)" },
	{ .name = "preserve",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct scale_settings, preserve),
		.help = "give each output the permissions and the time of its source" },
	{ .name = "s3-endpoint",
		.argument = "URL",
		.parse = option_string,
		.offset = offsetof(struct scale_settings, s3_endpoint),
		.help = "http[s]://HOST[:PORT] of an S3 that is not Amazon's (default: "
			"AWS_ENDPOINT_URL_S3)" },
	{ .name = "allow-private",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct scale_settings, allow_private),
		.help = "pictures may come from addresses that are not public" },
	{ 0 },
};

static void *scale_settings_new(void)
{
	struct scale_settings *own = xcalloc(1, sizeof(*own));
	scale_look_init(&own->look);
	return own;
}

static void pack_parameters(struct scale *scale, const struct scale_settings *own)
{
	Sciame__ScaleParameters parameters = SCIAME__SCALE_PARAMETERS__INIT;
	Sciame__ScaleSize sizes[JOB_OUTPUTS_MAX], *list[JOB_OUTPUTS_MAX];
	for (size_t i = 0; i < scale->sizes.count; i++) {
		sciame__scale_size__init(&sizes[i]);
		sizes[i].width = scale->sizes.list[i].width;
		sizes[i].height = scale->sizes.list[i].height;
		list[i] = &sizes[i];
	}
	parameters.n_sizes = scale->sizes.count;
	parameters.sizes = list;
	scale_look_pack(&own->look, &parameters);
	assert(sciame__scale_parameters__get_packed_size(&parameters) + DIGEST_FIELD_BYTES <=
		PARAMETERS_MAX);
	scale->identity_size = sciame__scale_parameters__pack(&parameters, scale->parameters);
	/* the last field: it goes behind the others, and changes no output */
	parameters.digest = own->manifest != NULL;
	scale->parameters_size = sciame__scale_parameters__pack(&parameters, scale->parameters);
	scale->source.target.suffix = scale_look_suffix(&own->look);
}

static void scale_close(void *state)
{
	struct scale *scale = state;
	scale_manifest_close(scale->manifest);
	scale_source_close(&scale->source);
	free(scale->ledger_parameters);
	free(scale);
}

static int check_operands(const struct settings *settings, struct error *err)
{
	char **operands = settings->operands;
	if (settings->operands_count != 2)
		return error_set(err, ERROR_USAGE,
			"SOURCE and TARGET are needed, %d %s given; see --help",
			settings->operands_count,
			settings->operands_count == 1 ? "operand is" : "operands are");
	if (operands[0][0] == '\0' || operands[1][0] == '\0')
		return error_set(err, ERROR_USAGE, "SOURCE and TARGET may not be empty");
	bool remote = scale_source_is_remote(operands[0]) || s3_is_location(operands[1]);
	if (remote && settings->serial)
		return error_set(err, ERROR_USAGE, "--serial is for files, not for the network");
	const struct scale_settings *own = settings->kind_settings;
	struct s3_endpoint endpoint;
	if (scale_look_check(&own->look, err))
		return -1;
	if (settings->deletes && s3_is_location(operands[1]))
		return error_set(err, ERROR_USAGE, "--delete needs a folder as TARGET");
	if (settings->deletes && remote && own->select.globs.count > 0)
		return error_set(err, ERROR_USAGE,
			"--delete with --include or --exclude needs a folder as SOURCE");
	if (own->select.ends_with_nul && !own->select.files_from)
		return error_set(err, ERROR_USAGE, "--null is for use with --files-from");
	if (own->output && scale_pattern_check(own->output, own->sizes.count, err))
		return -1;
	return own->s3_endpoint ? s3_endpoint_init(&endpoint, own->s3_endpoint, "", err) : 0;
}

/* Buckets of one name at two endpoints have nothing in common. */
static void name_endpoint(struct kind_run *run, const char *endpoint)
{
	char *whole = xasprintf("%s at %s", run->ledger_source, endpoint);
	free(run->ledger_source);
	run->ledger_source = whole;
}

/* Names of outputs depend on what is made when there are several, or when the user says so. */
static void set_names(struct scale *scale, const char *pattern)
{
	bool several = scale->sizes.count > 1;
	scale->source.target.pattern = !pattern && several ? SCALE_PATTERN_DEFAULT : pattern;
}

/* A run with other names is another one. */
static void set_ledger_parameters(struct scale *scale, struct kind_run *run)
{
	const char *pattern = scale->source.target.pattern;
	size_t size = scale->identity_size, more = pattern ? strlen(pattern) : 0;
	run->ledger_parameters = scale->parameters;
	run->ledger_parameters_size = size + more + scale->preserve;
	if (!pattern && !scale->preserve)
		return;
	scale->ledger_parameters = xmalloc(size + more + 1);
	memcpy(scale->ledger_parameters, scale->parameters, size);
	if (pattern)
		memcpy(scale->ledger_parameters + size, pattern, more);
	scale->ledger_parameters[size + more] = '\0'; /* no pattern has it: --preserve */
	run->ledger_parameters = scale->ledger_parameters;
}

static int scale_open(struct kind_run *run, const struct settings *settings, struct error *err)
{
	const struct scale_settings *own = settings->kind_settings;
	const struct scale_request request = { settings->operands[0], settings->operands[1],
		own->s3_endpoint, settings->roots, settings->roots_count, &own->select };
	if (check_operands(settings, err))
		return -1;
	struct scale *scale = xcalloc(1, sizeof(*scale));
	scale->source.target.folder = -1;
	scale->source.target.roots = settings->roots;
	scale->source.target.roots_count = settings->roots_count;
	scale->source.target.dry_run = settings->dry_run;
	scale->preserve = own->preserve;
	if (own->preserve && s3_is_location(request.target))
		log_line("--preserve: objects have no permissions, and times of their own");
	run->state = scale;
	run->s3_endpoint = own->s3_endpoint;
	run->allow_private = own->allow_private;
	scale->sizes = own->sizes;
	if (scale->sizes.count == 0 && scale_sizes_add(&scale->sizes, SIZE_DEFAULT, err))
		return -1;
	set_names(scale, own->output);
	pack_parameters(scale, own);
	set_ledger_parameters(scale, run);
	int status = scale_source_is_remote(request.source)
			     ? scale_source_open_objects(&scale->source, run, &request, err)
			     : scale_source_open_files(&scale->source, run, &request, err);
	if (status == 0 && own->s3_endpoint)
		name_endpoint(run, own->s3_endpoint);
	run->needs_outputs = own->manifest != NULL;
	run->stdout_taken = own->manifest && strcmp(own->manifest, "-") == 0;
	if (status == 0 && own->manifest && !settings->dry_run) {
		scale->manifest = scale_manifest_open(own->manifest, err);
		status = scale->manifest ? 0 : -1;
	}
	return status;
}

static int scale_next(void *state, struct job *job, struct error *err)
{
	struct scale *scale = state;
	int status = scale_source_next(&scale->source, job, err);
	if (status <= 0)
		return status;
	job->preserve = scale->preserve;
	job->parameters = scale->parameters;
	job->parameters_size = scale->parameters_size;
	if (scale->source.target.pattern) {
		job->labels_count = (uint32_t)scale->sizes.count;
		for (size_t i = 0; i < scale->sizes.count; i++)
			job->labels[i] = scale->sizes.list[i].label;
	}
	return 1;
}

static void scale_stop(void *state)
{
	struct scale *scale = state;
	scale_source_stop(&scale->source);
}

/* The path below the root, as people know it; a URL is left alone. */
static const char *below_root(const char *location)
{
	const char *colon = strchr(location, ':');
	return colon && strncmp(colon, "://", 3) != 0 ? colon + 1 : location;
}

static int write_down(const struct scale *scale, const struct job *job, const struct result *result,
	struct error *err)
{
	char location[JOB_LOCATION_MAX];
	for (uint32_t i = 0; i < result->outputs_count; i++) {
		const struct produced *made = &result->outputs[i];
		if (naming_location(job, i, made, location, err))
			return -1;
		const struct manifest_line line = {
			.source = below_root(job->source),
			.output = below_root(location),
			.label = scale->sizes.list[i].label,
			.width = made->width,
			.height = made->height,
			.bytes = made->bytes,
			.digest = made->has_digest ? made->digest : NULL,
		};
		scale_manifest_add(scale->manifest, &line);
	}
	return 0;
}

static void scale_known(void *state, const struct job *job, const struct result *past)
{
	struct scale *scale = state;
	struct error ignored;
	/* its names were good when it was made */
	if (scale->manifest)
		(void)write_down(scale, job, past, &ignored);
}

static int scale_fold(
	void *state, const struct job *job, const struct result *result, struct error *err)
{
	const struct scale *scale = state;
	Sciame__ScaleReport *report =
		sciame__scale_report__unpack(NULL, result->report_size, result->report);
	Sciame__ScaleAction action =
		report ? report->action : SCIAME__SCALE_ACTION__SCALE_ACTION_NONE;
	sciame__scale_report__free_unpacked(report, NULL);
	if (action != SCIAME__SCALE_ACTION__SCALE_ACTION_COPIED &&
		action != SCIAME__SCALE_ACTION__SCALE_ACTION_SCALED)
		return error_set(err, ERROR_PROTOCOL, "the lane's report makes no sense");
	if (scale->manifest && write_down(scale, job, result, err))
		return -1;
	return action == SCIAME__SCALE_ACTION__SCALE_ACTION_COPIED ? COUNTER_COPIED
								   : COUNTER_SCALED;
}

static void scale_remark(const struct result *result, char *text)
{
	Sciame__ScaleReport *report =
		sciame__scale_report__unpack(NULL, result->report_size, result->report);
	assert(report); /* fold has looked at it */
	scale_notes_text(report->notes, text);
	sciame__scale_report__free_unpacked(report, NULL);
}

static int scale_finish(void *state, const struct summary *summary, struct error *err)
{
	const struct scale *scale = state;
	if (summary->canceled || summary->aborted)
		return 0; /* it did not end anyway */
	if (scale->manifest && scale_manifest_commit(scale->manifest, err))
		return -1;
	return scale_target_check(&scale->source.target, err);
}

const struct master_kind master_kind_scale = {
	.name = "scale",
	.operands = "SOURCE TARGET",
	.summary = "pictures made to fit a box",
	.help = "Makes each picture of the folder SOURCE fit the box --size and writes it under "
		"the same\n"
		"name into the folder TARGET, which is created where it is missing. SOURCE may "
		"also be a\n"
		"single picture; then TARGET is a file or a folder. Either may be "
		"s3://BUCKET/PREFIX;\n"
		"SOURCE may be the http:// or https:// URL of a picture.",
	.unit = "images",
	.updates = true,
	.retries = 2,
	.counters = { [COUNTER_COPIED] = "copied", [COUNTER_SCALED] = "scaled" },
	.options = specs,
	.more_options = scale_look_specs,
	.more_title = "How pictures look",
	.settings_new = scale_settings_new,
	.open = scale_open,
	.next = scale_next,
	.stop = scale_stop,
	.known = scale_known,
	.fold = scale_fold,
	.remark = scale_remark,
	.finish = scale_finish,
	.close = scale_close,
};
