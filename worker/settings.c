/* SPDX-License-Identifier: MIT */
#include "worker/settings.h"

#include <stdio.h>
#include <string.h>

#include "common/cpus.h"
#include "common/endpoint.h"
#include "common/options.h"
#include "common/s3.h"
#include "common/wire.h"

enum {
	TRANSFERS_PER_CORE = 4,
	JOBS_PER_LANE_MAX = 1000000000,
	ORPHAN_MS = 60 * 1000,
	ORPHAN_MS_MAX = 7 * 24 * 3600 * 1000,
};

static int parse_sandbox(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	struct settings *s = settings;
	if (strcmp(value, "require") == 0)
		s->sandbox = SANDBOX_REQUIRED;
	else if (strcmp(value, "best-effort") == 0)
		s->sandbox = SANDBOX_BEST_EFFORT;
	else
		return error_set(err, ERROR_USAGE, "--%s is require or best-effort, not '%s'",
			spec->name, value);
	return 0;
}

static int parse_root(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	struct settings *s = settings;
	if (s->roots_count == SETTINGS_ROOTS_MAX)
		return error_set(err, ERROR_USAGE, "--%s may be given %d times", spec->name,
			SETTINGS_ROOTS_MAX);
	s->roots[s->roots_count++] = value;
	return 0;
}

static int parse_kind(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	struct settings *s = settings;
	if (s->kinds_count == OWN_KINDS_MAX)
		return error_set(
			err, ERROR_USAGE, "--%s may be given %d times", spec->name, OWN_KINDS_MAX);
	s->kinds[s->kinds_count++] = value;
	return 0;
}

static int parse_endpoint(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	struct settings *s = settings;
	struct s3_endpoint endpoint;
	(void)spec;
	s->s3_endpoint = value;
	return s3_endpoint_init(&endpoint, value, "", err);
}

static const struct option_spec specs[] = {
	{ .name = "master",
		.letter = 'm',
		.argument = "HOST:PORT",
		.parse = option_string,
		.offset = offsetof(struct settings, master),
		.help = "where the master listens; a worker on the same host may also be given "
			"ipc:/FOLDER" },
	{ .name = "keys",
		.argument = "FOLDER",
		.parse = option_string,
		.offset = offsetof(struct settings, keys),
		.help = "what 'sciame keygen' made: worker.key and master.pub are read" },
	{ .name = "key",
		.argument = "FILE",
		.parse = option_string,
		.offset = offsetof(struct settings, key),
		.help = "this worker's key instead of worker.key" },
	{ .name = "insecure",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, insecure),
		.help = "go to another machine without keys: anybody on the way can read and "
			"forge everything" },
	{ .name = "once",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, once),
		.help = "end with the first run instead of waiting for the next" },
	{ .name = "concurrency",
		.letter = 'c',
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct settings, concurrency),
		.minimum = 1,
		.maximum = WIRE_LANES_MAX,
		.help = "lanes (default: the cores that this process may use)" },
	{ .name = "jobs-per-lane",
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct settings, jobs_per_lane),
		.minimum = 0,
		.maximum = JOBS_PER_LANE_MAX,
		.help = "replace a lane by a new one after so many jobs; 0 is never (default 0)" },
	{ .name = "kind",
		.argument = "FILE",
		.parse = parse_kind,
		.help = "a shared object with a kind of jobs of one's own (<sciame/kind.h>); may "
			"be "
			"given several times" },
	{ .name = "transfers",
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct settings, transfers),
		.minimum = 1,
		.maximum = WIRE_LANES_MAX,
		.help = "transfers over the network at once (default: four for each core)" },
	{ .name = "orphan-timeout",
		.argument = "TIME",
		.parse = option_duration,
		.offset = offsetof(struct settings, orphan_ms),
		.maximum = ORPHAN_MS_MAX,
		.help = "how long to look for a master that does not answer; 0 is for ever "
			"(default 0; 60s on the same host)" },
	{ .name = "root",
		.letter = 'r',
		.argument = "NAME=FOLDER",
		.parse = parse_root,
		.help = "a folder that jobs may read and write; may be given several times" },
	{ .name = "follow-links",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, follow_links),
		.help = "symbolic links may lead out of the roots" },
	{ .name = "s3-endpoint",
		.argument = "URL",
		.parse = parse_endpoint,
		.help = "http[s]://HOST[:PORT] of an S3 that is not Amazon's (default: "
			"AWS_ENDPOINT_URL_S3)" },
	{ .name = "allow-private",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, allow_private),
		.help = "inputs may come from addresses that are not public" },
	{ .name = "fsync",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, sync),
		.help = "sync each output and its folder to disk" },
	{ .name = "sandbox",
		.argument = "NEED",
		.parse = parse_sandbox,
		.help = "require: no lane runs where the kernel can't confine it (default); "
			"best-effort: it runs with a warning" },
	{ .name = "health",
		.argument = "FILE",
		.parse = option_string,
		.offset = offsetof(struct settings, health),
		.help = "touch this file each second for as long as all is well" },
	{ .name = "check",
		.argument = "FILE",
		.parse = option_string,
		.offset = offsetof(struct settings, check),
		.help = "only say, by the exit status 0 or 1, whether a worker has touched this "
			"file lately" },
	{ .name = "leash",
		.argument = "FD",
		.parse = option_integer,
		.maximum = 1 << 20,
		.offset = offsetof(struct settings, leash),
		.help = "for the master's own use: ends the worker when the master ends" },
	{ .name = "help",
		.letter = 'h',
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, help),
		.help = "print this and exit" },
	{ .name = "version",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, version),
		.help = "print the version and exit" },
	{ 0 },
};

int settings_parse(struct settings *settings, int argc, char **argv, struct error *err)
{
	int operand;
	*settings = (struct settings) {
		.leash = -1,
		.concurrency = cpus_usable(),
		.orphan_ms = -1,
		.transfers = TRANSFERS_PER_CORE * (int64_t)cpus_usable(),
	};
	const struct option_group groups[] = { { "Options", specs, settings }, { 0 } };
	if (options_parse(groups, argc, argv, &operand, err))
		return -1;
	if (settings->help || settings->version)
		return 0;
	if (operand < argc)
		return error_set(
			err, ERROR_USAGE, "'%s' is not expected; see --help", argv[operand]);
	if (settings->check)
		return 0;
	if (!settings->master)
		return error_set(err, ERROR_USAGE, "--master is missing; see --help");
	if (settings->key && !settings->keys)
		return error_set(err, ERROR_USAGE, "--key is for use with --keys");
	if (endpoint_check(settings->master, 0, err))
		return -1;
	if (settings->orphan_ms < 0)
		settings->orphan_ms = endpoint_is_tcp(settings->master) ? 0 : ORPHAN_MS;
	return 0;
}

void settings_print_help(void)
{
	struct settings settings;
	const struct option_group groups[] = { { "Options", specs, &settings }, { 0 } };
	(void)printf("usage: sciame-worker --master HOST:PORT [options]\n\n"
		     "Executes the jobs of a master that listens there (sciame COMMAND --listen), "
		     "one run\nafter another, and waits for it where there is none. For its own "
		     "host sciame starts\na worker by itself.\n\n");
	options_print(stdout, groups);
}
