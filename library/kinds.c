/* SPDX-License-Identifier: MIT */
#include "library/kinds.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/kind.h"
#include "common/options.h"
#include "master/kinds/scale_look.h"
#include "master/kinds/scale_sizes.h"
#include "proto/feeds.pb-c.h"
#include "proto/noop.pb-c.h"
#include "proto/scale.pb-c.h"

enum {
	TIMEOUT_MS = 60000, /* of a job, as the command's --job-timeout */
	FEED_TIMEOUT_MS = 20000,
	FEED_BYTES_MAX = 15 << 20,
	FEED_PER_HOST = 4,
	SLEEP_MS_MAX = 3600000,
};

#define SIZE_DEFAULT "400"

/* All that options of the command's kinds can fill. */
struct kind_options {
	struct scale_look look;
	struct scale_sizes sizes;
	int64_t sleep_ms;
	int64_t timeout_ms, per_host;
	const char *proxy;
	bool allow_private;
};

static int parse_size(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	struct kind_options *o = settings;
	(void)spec;
	return scale_sizes_add(&o->sizes, value, err);
}

static const struct option_spec scale_specs[] = {
	{ .name = "size", .argument = "N|WxH", .parse = parse_size },
	{ 0 },
};

static const struct option_spec noop_specs[] = {
	{ .name = "sleep-ms",
		.argument = "M",
		.parse = option_integer,
		.offset = offsetof(struct kind_options, sleep_ms),
		.maximum = SLEEP_MS_MAX },
	{ 0 },
};

static const struct option_spec feeds_specs[] = {
	{ .name = "timeout",
		.argument = "TIME",
		.parse = option_duration,
		.offset = offsetof(struct kind_options, timeout_ms),
		.minimum = 100,
		.maximum = 3600000 },
	{ .name = "per-host",
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct kind_options, per_host),
		.minimum = 1,
		.maximum = 1000 },
	{ .name = "proxy",
		.argument = "URL",
		.parse = option_string,
		.offset = offsetof(struct kind_options, proxy) },
	{ .name = "allow-private",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct kind_options, allow_private) },
	{ 0 },
};

/* The option that a word names: "--name" or "--name=value"; *value NULL: it stands alone. */
static const struct option_spec *find(
	const struct option_spec *specs, const char *word, const char **value)
{
	if (strncmp(word, "--", 2) != 0)
		return NULL;
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	*value = equals ? equals + 1 : NULL;
	for (const struct option_spec *spec = specs; spec->name; spec++) {
		if (strncmp(spec->name, name, length) == 0 && spec->name[length] == '\0')
			return spec;
	}
	return NULL;
}

/* getopt keeps its state for the whole process, and these may come from any thread. */
static int parse(const struct option_group *groups, const char *const *words, struct error *err)
{
	for (; *words; words++) {
		const struct option_spec *spec = NULL;
		const struct option_group *group = groups;
		const char *value = NULL, *word = *words;
		for (; group->specs && !spec; group++)
			spec = find(group->specs, word, &value);
		if (!spec)
			return error_set(err, ERROR_USAGE, "there is no option '%s'", word);
		if (!spec->argument && value)
			return error_set(err, ERROR_USAGE, "--%s takes no value", spec->name);
		if (spec->argument && !value)
			value = *++words;
		if (spec->argument && !value)
			return error_set(err, ERROR_USAGE, "--%s needs a value", spec->name);
		if (spec->parse(spec, value, (group - 1)->settings, err))
			return -1;
	}
	return 0;
}

static int fill(struct kind_request *request, size_t size, struct error *err)
{
	request->job.parameters = request->parameters;
	request->job.parameters_size = size;
	if (size <= sizeof(request->parameters))
		return 0;
	return error_set(err, ERROR_LIMIT, "options may take %d bytes", JOB_PARAMETERS_MAX);
}

static int prepare_noop(
	struct kind_request *request, const struct sciame_job *job, struct error *err)
{
	struct kind_options o = { 0 };
	const struct option_group groups[] = { { NULL, noop_specs, &o }, { 0 } };
	Sciame__NoopParameters p = SCIAME__NOOP_PARAMETERS__INIT;
	if (job->options && parse(groups, job->options, err))
		return -1;
	p.sleep_ms = (uint32_t)o.sleep_ms;
	return fill(request, sciame__noop_parameters__pack(&p, request->parameters), err);
}

static int prepare_scale(
	struct kind_request *request, const struct sciame_job *job, struct error *err)
{
	struct kind_options o = { 0 };
	const struct option_group groups[] = {
		{ NULL, scale_specs, &o },
		{ NULL, scale_look_specs, &o.look },
		{ 0 },
	};
	Sciame__ScaleParameters p = SCIAME__SCALE_PARAMETERS__INIT;
	Sciame__ScaleSize size = SCIAME__SCALE_SIZE__INIT, *sizes[] = { &size };
	scale_look_init(&o.look);
	if (job->options && parse(groups, job->options, err))
		return -1;
	if (o.sizes.count == 0 && scale_sizes_add(&o.sizes, SIZE_DEFAULT, err))
		return -1;
	if (o.sizes.count > 1)
		return error_set(err, ERROR_USAGE, "a job makes one size: --size is there twice");
	if (scale_look_check(&o.look, err))
		return -1;
	size.width = o.sizes.list[0].width;
	size.height = o.sizes.list[0].height;
	p.sizes = sizes;
	p.n_sizes = 1;
	scale_look_pack(&o.look, &p);
	return fill(request, sciame__scale_parameters__pack(&p, request->parameters), err);
}

static int prepare_feeds(
	struct kind_request *request, const struct sciame_job *job, struct error *err)
{
	struct kind_options o = { .timeout_ms = FEED_TIMEOUT_MS, .per_host = FEED_PER_HOST };
	const struct option_group groups[] = { { NULL, feeds_specs, &o }, { 0 } };
	Sciame__FeedsParameters p = SCIAME__FEEDS_PARAMETERS__INIT;
	if (job->options && parse(groups, job->options, err))
		return -1;
	p.timeout_ms = (uint32_t)o.timeout_ms;
	p.body_bytes_max = FEED_BYTES_MAX;
	p.allow_private = o.allow_private;
	p.per_host = (uint32_t)o.per_host;
	if (o.proxy)
		p.proxy = (char *)o.proxy;
	if (sciame__feeds_parameters__get_packed_size(&p) > sizeof(request->parameters))
		return fill(request, SIZE_MAX, err);
	return fill(request, sciame__feeds_parameters__pack(&p, request->parameters), err);
}

static int prepare_own(
	struct kind_request *request, const struct sciame_job *job, struct error *err)
{
	if (job->options)
		return error_set(err, ERROR_USAGE,
			"options are for the command's kinds; '%s' is given its parameters",
			job->kind);
	request->job.parameters = job->parameters;
	request->job.parameters_size = job->parameters_size;
	if (job->parameters_size <= JOB_PARAMETERS_MAX)
		return 0;
	return error_set(err, ERROR_LIMIT, "parameters may have %d bytes, not %zu",
		JOB_PARAMETERS_MAX, job->parameters_size);
}

static int check_location(const char *what, const char *location, struct error *err)
{
	if (strlen(location) >= JOB_LOCATION_MAX)
		return error_set(err, ERROR_LIMIT, "the %s may have %d bytes, not %zu", what,
			JOB_LOCATION_MAX - 1, strlen(location));
	if (location[0] && !strchr(location, ':'))
		return error_set(err, ERROR_USAGE,
			"the %s '%s' is neither \"NAME:path\" with the name of a root nor a URL",
			what, location);
	return 0;
}

int kinds_prepare(struct kind_request *request, const struct sciame_job *job, struct error *err)
{
	int64_t timeout_ms = job->timeout_ms == 0 ? TIMEOUT_MS : job->timeout_ms;
	if (!job->kind || !kind_name_valid(job->kind))
		return error_set(
			err, ERROR_USAGE, "'%s' is no name of a kind", job->kind ? job->kind : "");
	for (size_t i = 0; i < sizeof(job->reserved) / sizeof(job->reserved[0]); i++) {
		if (job->reserved[i])
			return error_set(err, ERROR_USAGE, "reserved members of jobs are to be 0");
	}
	if (timeout_ms < SCIAME_NO_TIMEOUT || timeout_ms > UINT32_MAX)
		return error_set(err, ERROR_USAGE, "a job can't have a time-out of %lld ms",
			(long long)timeout_ms);
	request->job = (struct job) {
		.kind = kind_number(job->kind),
		.deadline_ms = timeout_ms < 0 ? 0 : (uint32_t)timeout_ms,
		.source = job->source ? job->source : "",
		.target = job->target ? job->target : "",
	};
	if (check_location("source", request->job.source, err) ||
		check_location("target", request->job.target, err))
		return -1;
	if (request->job.kind & KIND_OWN)
		return prepare_own(request, job, err);
	if (job->parameters)
		return error_set(err, ERROR_USAGE, "'%s' is told what to do by options", job->kind);
	switch (request->job.kind) {
	case KIND_noop:
		return prepare_noop(request, job, err);
	case KIND_scale:
		return prepare_scale(request, job, err);
	default:
		assert(request->job.kind == KIND_feeds);
		return prepare_feeds(request, job, err);
	}
}

static const char *scale_outcome(const struct result *result)
{
	Sciame__ScaleReport *report =
		sciame__scale_report__unpack(NULL, result->report_size, result->report);
	bool copied = report && report->action == SCIAME__SCALE_ACTION__SCALE_ACTION_COPIED;
	if (report)
		sciame__scale_report__free_unpacked(report, NULL);
	return copied ? "copied" : "scaled";
}

const char *kinds_outcome(uint32_t kind, const struct result *result)
{
	if (kind == KIND_scale)
		return scale_outcome(result);
	return kind == KIND_feeds ? "read" : "done";
}
