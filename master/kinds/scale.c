/* SPDX-License-Identifier: MIT */
/* The master's half of "scale": lists the pictures of a folder and counts what became of them. */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/memory.h"
#include "common/s3.h"
#include "master/kind.h"
#include "master/kinds/scale_source.h"
#include "proto/scale.pb-c.h"

enum {
	SIZE_MAX_PIXELS = 65535, /* as in proto/scale.proto */
	PARAMETERS_MAX = 64,
	COUNTER_COPIED = 0,
	COUNTER_SCALED = 1,
};

struct scale_settings {
	int64_t width, height, quality;
	bool subsample, allow_private;
	int format; /* index into formats */
	const char *s3_endpoint;
};

struct scale {
	struct scale_source source;
	size_t parameters_size;
	uint8_t parameters[PARAMETERS_MAX];
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
	scale->source.target.suffix = suffixes[own->format];
}

static void scale_close(void *state)
{
	struct scale *scale = state;
	scale_source_close(&scale->source);
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
	return own->s3_endpoint ? s3_endpoint_init(&endpoint, own->s3_endpoint, "", err) : 0;
}

/* Buckets of one name at two endpoints have nothing in common. */
static void name_endpoint(struct kind_run *run, const char *endpoint)
{
	char *whole = xasprintf("%s at %s", run->ledger_source, endpoint);
	free(run->ledger_source);
	run->ledger_source = whole;
}

static int scale_open(struct kind_run *run, const struct settings *settings, struct error *err)
{
	const struct scale_settings *own = settings->kind_settings;
	const struct scale_request request = { settings->operands[0], settings->operands[1],
		own->s3_endpoint, settings->roots, settings->roots_count };
	if (check_operands(settings, err))
		return -1;
	struct scale *scale = xcalloc(1, sizeof(*scale));
	scale->source.target.folder = -1;
	scale->source.target.roots = settings->roots;
	scale->source.target.roots_count = settings->roots_count;
	run->state = scale;
	run->s3_endpoint = own->s3_endpoint;
	run->allow_private = own->allow_private;
	pack_parameters(scale, own);
	run->ledger_parameters = scale->parameters;
	run->ledger_parameters_size = scale->parameters_size;
	int status = scale_source_is_remote(request.source)
			     ? scale_source_open_objects(&scale->source, run, &request, err)
			     : scale_source_open_files(&scale->source, run, &request, err);
	if (status == 0 && own->s3_endpoint)
		name_endpoint(run, own->s3_endpoint);
	return status;
}

static int scale_next(void *state, struct job *job, struct error *err)
{
	struct scale *scale = state;
	int status = scale_source_next(&scale->source, job, err);
	if (status <= 0)
		return status;
	job->parameters = scale->parameters;
	job->parameters_size = scale->parameters_size;
	return 1;
}

static void scale_stop(void *state)
{
	struct scale *scale = state;
	if (scale->source.lister)
		object_lister_stop(scale->source.lister);
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

static int scale_finish(void *state, const struct summary *summary, struct error *err)
{
	const struct scale *scale = state;
	if (summary->canceled || summary->aborted)
		return 0; /* it did not end anyway */
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
	.retries = 2,
	.counters = { [COUNTER_COPIED] = "copied", [COUNTER_SCALED] = "scaled" },
	.options = specs,
	.settings_new = scale_settings_new,
	.open = scale_open,
	.next = scale_next,
	.stop = scale_stop,
	.fold = scale_fold,
	.finish = scale_finish,
	.close = scale_close,
};
