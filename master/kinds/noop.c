/* SPDX-License-Identifier: MIT */
/* The master's half of "noop": so many empty jobs. The template of a kind. */
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "master/kind.h"
#include "proto/noop.pb-c.h"

enum {
	COUNT_MAX = 1000000000,
	SLEEP_MS_MAX = 3600000, /* as in proto/noop.proto */
	PAYLOAD_MAX = JOB_PARAMETERS_MAX - 64,
};

struct noop_settings {
	int64_t count, sleep_ms, payload_bytes;
};

struct noop {
	int64_t left;
	size_t size;
	uint8_t parameters[JOB_PARAMETERS_MAX]; /* the same for every job */
};

static const struct option_spec specs[] = {
	{ .name = "count",
		.letter = 'n',
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct noop_settings, count),
		.maximum = COUNT_MAX,
		.help = "how many jobs (default 1000)" },
	{ .name = "sleep-ms",
		.argument = "M",
		.parse = option_integer,
		.offset = offsetof(struct noop_settings, sleep_ms),
		.maximum = SLEEP_MS_MAX,
		.help = "how long each waits in its lane, in milliseconds (default 0)" },
	{ .name = "payload-bytes",
		.argument = "B",
		.parse = option_integer,
		.offset = offsetof(struct noop_settings, payload_bytes),
		.maximum = PAYLOAD_MAX,
		.help = "bytes that each carries along (default 0)" },
	{ 0 },
};

static void *noop_settings_new(void)
{
	struct noop_settings *settings = xcalloc(1, sizeof(*settings));
	settings->count = 1000;
	return settings;
}

static int noop_open(struct kind_run *run, const struct settings *settings, struct error *err)
{
	const struct noop_settings *own = settings->kind_settings;
	if (settings->operands_count > 0)
		return error_set(err, ERROR_USAGE, "'%s' is not expected; see --help",
			settings->operands[0]);
	struct noop *noop = xcalloc(1, sizeof(*noop));
	Sciame__NoopParameters parameters = SCIAME__NOOP_PARAMETERS__INIT;
	parameters.sleep_ms = (uint32_t)own->sleep_ms;
	parameters.payload.len = (size_t)own->payload_bytes;
	parameters.payload.data = xcalloc(1, parameters.payload.len);
	noop->left = own->count;
	/* fits: PAYLOAD_MAX leaves room for the rest */
	noop->size = sciame__noop_parameters__pack(&parameters, noop->parameters);
	free(parameters.payload.data);
	run->state = noop;
	return 0;
}

static int noop_next(void *state, struct job *job, struct error *err)
{
	struct noop *noop = state;
	(void)err;
	if (noop->left == 0)
		return 0;
	noop->left--;
	job->parameters = noop->parameters;
	job->parameters_size = noop->size;
	return 1;
}

static int noop_fold(
	void *state, const struct job *job, const struct result *result, struct error *err)
{
	(void)job;
	(void)state;
	(void)result;
	(void)err;
	return 0;
}

const struct master_kind master_kind_noop = {
	.name = "noop",
	.operands = "",
	.summary = "empty jobs, to measure the machinery",
	.help = "Sends empty jobs through master, worker and lanes.",
	.unit = "jobs",
	.counters = { "done" },
	.options = specs,
	.settings_new = noop_settings_new,
	.open = noop_open,
	.next = noop_next,
	.fold = noop_fold,
	.close = free,
};
