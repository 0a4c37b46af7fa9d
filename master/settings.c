/* SPDX-License-Identifier: MIT */
#include "master/settings.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cpus.h"
#include "common/endpoint.h"
#include "common/options.h"
#include "common/wire.h"
#include "master/kind.h"

enum {
	TIME_MAX_MS = 24 * 3600 * 1000,
	RETRIES_MAX = 100,
	TARGET_WAIT_MS = 30 * 1000, /* by default */
	WAIT_TIMEOUT_MS = 60 * 1000,
	CHANNELS = 64,
	GROUPS_MAX = 6,
};

static const char *const transfers[] = { "shared", "inline", NULL };
static const char *const sandboxes[] = { "require", "best-effort", NULL };

static int parse_halt(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	struct settings *s = settings;
	(void)spec;
	return halt_parse(&s->halt, value, err);
}

static int parse_root(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	struct settings *s = settings;
	const char *folder = strchr(value, '=');
	size_t length = folder ? (size_t)(folder - value) : 0;
	if (length == 0 || length >= WIRE_ROOT_NAME_MAX || memchr(value, ':', length) ||
		folder[1] == '\0')
		return error_set(
			err, ERROR_USAGE, "--%s takes NAME=FOLDER, not '%s'", spec->name, value);
	if (s->roots_count == SETTINGS_ROOTS_MAX)
		return error_set(err, ERROR_USAGE, "--%s may be given %d times", spec->name,
			SETTINGS_ROOTS_MAX);
	s->roots[s->roots_count++] = value;
	return 0;
}

static const struct option_spec specs[] = {
	{ .name = "concurrency",
		.letter = 'c',
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct settings, concurrency),
		.maximum = WIRE_LANES_MAX,
		.help = "lanes, the processes that work, or transfers in flight (default: the "
			"cores that this process may use, by affinity and cgroup; for feeds four "
			"times as many); with --listen 0 leaves all work to others" },
	{ .name = "serial",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, serial),
		.help = "do the same work in one process, without any messages" },
	{ .name = "job-timeout",
		.argument = "TIME",
		.parse = option_duration,
		.offset = offsetof(struct settings, job_timeout_ms),
		.maximum = TIME_MAX_MS,
		.help = "how long one job may take before its lane is ended; 0 is no limit "
			"(default 60s)" },
	{ .name = "grace",
		.argument = "TIME",
		.parse = option_duration,
		.offset = offsetof(struct settings, grace_ms),
		.maximum = 3600 * 1000,
		.help = "how long running jobs may go on after Ctrl+C (default 2s)" },
	{ .name = "retries",
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct settings, retries),
		.maximum = RETRIES_MAX,
		.help = "how often a job is tried again whose failure may pass, such as an "
			"error of the network or of a disk (default 2, feeds 0)" },
	{ .name = "halt",
		.argument = "WHEN",
		.parse = parse_halt,
		.help = "soon,fail=N or soon,fail=N%: after so many failures start nothing new; "
			"now,...: end what runs, too (default never)" },
	{ .name = "no-twins",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, no_twins),
		.help = "do not give the last, slow jobs to idle workers a second time" },
	{ .name = "disk-wait",
		.argument = "TIME",
		.parse = option_duration,
		.offset = offsetof(struct settings, target_wait_ms),
		.maximum = TIME_MAX_MS,
		.help = "how long a full or read-only target is waited for before the run ends "
			"with status 74 (default 30s)" },
	{ .name = "ledger",
		.argument = "FILE",
		.parse = option_string,
		.offset = offsetof(struct settings, ledger),
		.help = "where to keep what became of each source, so that a run that was cut "
			"off goes on (default: below XDG_STATE_HOME, one for each target)" },
	{ .name = "no-ledger",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, no_ledger),
		.help = "keep none" },
	{ .name = "retry-failed",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, retry_failed),
		.help = "try again what failed or was quarantined in earlier runs" },
	{ .name = "checksum",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, checksum),
		.help = "know sources by their content (SHA-256), not only by size and time" },
	{ .name = "fsync",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, sync),
		.help = "sync each output and its folder to disk before it counts" },
	{ .name = "sandbox",
		.argument = "NEED",
		.parse = option_choice,
		.choices = sandboxes,
		.offset = offsetof(struct settings, sandbox),
		.help = "require: lanes are confined or do nothing; best-effort: as far as this "
			"kernel can, with a warning (default require)" },
	{ .name = "json",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, json),
		.help = "print the summary and the failures as JSON" },
	{ .name = "quiet",
		.letter = 'q',
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, quiet),
		.help = "print only errors" },
	{ .name = "verbose",
		.letter = 'v',
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, verbose),
		.help = "report each job" },
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

/* Of kinds whose outputs stay where they were made. */
static const struct option_spec update_specs[] = {
	{ .name = "update",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, update),
		.help = "make only the outputs whose source (size and time; content with "
			"--checksum), options or program have changed since, or that are missing; "
			"-v says why" },
	{ .name = "delete",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, deletes),
		.help = "at the end remove the outputs whose source is gone, as far as the ledger "
			"knows that they were made from it and they were not changed since; and "
			"folders that this leaves empty" },
	{ .name = "dry-run",
		.letter = 'n',
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, dry_run),
		.help = "say what would be made and deleted, and why, and do nothing" },
	{ 0 },
};

static const struct option_spec network_specs[] = {
	{ .name = "listen",
		.argument = "HOST:PORT",
		.parse = option_string,
		.offset = offsetof(struct settings, listen),
		.help = "let workers of other machines join here (sciame-worker --master "
			"HOST:PORT); PORT, PORT+1 and those from PORT+5 on are used" },
	{ .name = "keys",
		.argument = "FOLDER",
		.parse = option_string,
		.offset = offsetof(struct settings, keys),
		.help = "what 'sciame keygen' made: master.key, and in 'allowed' who is let in" },
	{ .name = "insecure",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, insecure),
		.help = "let in everybody who reaches the address, without keys" },
	{ .name = "transfer",
		.argument = "HOW",
		.parse = option_choice,
		.choices = transfers,
		.offset = offsetof(struct settings, transfer),
		.help = "how files come to workers of other machines: shared, they have the "
			"folders, too, as their --root; inline, in messages (default shared)" },
	{ .name = "root",
		.argument = "NAME=FOLDER",
		.parse = parse_root,
		.help = "a folder that the workers have, too, wherever: sources and targets in it "
			"go by this name instead of 'source' and 'target'; may be given several "
			"times" },
	{ .name = "channels",
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct settings, channels),
		.minimum = 1,
		.maximum = ENDPOINT_CHANNELS_MAX,
		.help = "how many workers of other machines may be here at a time, each at a "
			"port of its own (default 64)" },
	{ .name = "wait-workers",
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct settings, wait_workers),
		.maximum = ENDPOINT_CHANNELS_MAX,
		.help = "begin when so many workers of other machines have come (default 0; 1 "
			"with -c 0)" },
	{ .name = "wait-timeout",
		.argument = "TIME",
		.parse = option_duration,
		.offset = offsetof(struct settings, wait_timeout_ms),
		.maximum = TIME_MAX_MS,
		.help = "how long to wait for them, and for anybody to come back when all have "
			"gone; then the run ends; 0 is for ever (default 60s)" },
	{ 0 },
};

static void make_groups(struct settings *settings, struct option_group groups[GROUPS_MAX])
{
	size_t count = 0;
	if (settings->kind)
		groups[count++] = (struct option_group) { "Options", settings->kind->options,
			settings->kind_settings };
	if (settings->kind && settings->kind->more_options)
		groups[count++] = (struct option_group) { settings->kind->more_title,
			settings->kind->more_options, settings->kind_settings };
	if (settings->kind && settings->kind->updates)
		groups[count++] =
			(struct option_group) { "What has changed", update_specs, settings };
	groups[count++] = (struct option_group) { "General options", specs, settings };
	groups[count++] = (struct option_group) { "Other machines", network_specs, settings };
	groups[count] = (struct option_group) { 0 };
}

/* What the options about other machines mean together. */
static int check_network(struct settings *settings, struct error *err)
{
	if (settings->wait_workers < 0)
		settings->wait_workers = settings->concurrency == 0 ? 1 : 0;
	if (settings->listen && settings->serial)
		return error_set(err, ERROR_USAGE, "--listen and --serial exclude each other");
	if (settings->listen)
		return endpoint_check(settings->listen, (uint32_t)settings->channels, err);
	if (settings->concurrency == 0)
		return error_set(err, ERROR_USAGE,
			"-c 0 leaves nobody to work; with --listen HOST:PORT others can");
	if (settings->keys || settings->insecure || settings->wait_workers > 0 ||
		settings->transfer != TRANSFER_SHARED)
		return error_set(err, ERROR_USAGE,
			"--keys, --insecure, --transfer and --wait-workers are for use with "
			"--listen");
	return 0;
}

static int parse_options(struct settings *settings, int argc, char **argv, struct error *err)
{
	struct option_group groups[GROUPS_MAX];
	int operand;
	make_groups(settings, groups);
	if (options_parse(groups, argc, argv, &operand, err))
		return -1;
	settings->operands = argv + operand;
	settings->operands_count = argc - operand;
	if (settings->help || settings->version)
		return 0;
	if (!settings->kind)
		return error_set(err, ERROR_USAGE,
			"a command is missing; there are: %s; see --help", master_kind_names());
	if (settings->ledger && settings->no_ledger)
		return error_set(err, ERROR_USAGE, "--ledger and --no-ledger exclude each other");
	if (settings->no_ledger && (settings->update || settings->deletes))
		return error_set(err, ERROR_USAGE,
			"--%s needs the ledger, and excludes --no-ledger",
			settings->update ? "update" : "delete");
	if (settings->quiet && settings->verbose)
		return error_set(err, ERROR_USAGE, "--quiet and --verbose exclude each other");
	if (settings->quiet && settings->dry_run)
		return error_set(err, ERROR_USAGE, "--quiet and --dry-run exclude each other");
	return check_network(settings, err);
}

int settings_parse(struct settings *settings, int argc, char **argv, struct error *err)
{
	*settings = (struct settings) {
		.concurrency = cpus_usable(),
		.grace_ms = 2000,
		.job_timeout_ms = 60000,
		.target_wait_ms = TARGET_WAIT_MS,
		.retries = -1,
		.channels = CHANNELS,
		.wait_workers = -1,
		.wait_timeout_ms = WAIT_TIMEOUT_MS,
	};
	if (argc > 1 && argv[1][0] != '-') {
		settings->kind = master_kind_named(argv[1]);
		if (!settings->kind)
			return error_set(err, ERROR_USAGE,
				"'%s' is no command; there are: %s; see --help", argv[1],
				master_kind_names());
		settings->kind_settings = settings->kind->settings_new();
		if (settings->kind->transfers_per_core)
			settings->concurrency *= settings->kind->transfers_per_core;
		argv++;
		argc--;
	}
	if (parse_options(settings, argc, argv, err)) {
		settings_release(settings);
		return -1;
	}
	return 0;
}

void settings_release(struct settings *settings)
{
	free(settings->kind_settings);
	settings->kind_settings = NULL;
}

void settings_print_help(const struct settings *settings)
{
	struct settings copy = *settings;
	struct option_group groups[GROUPS_MAX];
	const struct master_kind *kind = settings->kind;
	if (kind) {
		(void)printf("usage: sciame %s [options]%s%s\n\n%s\n\n", kind->name,
			kind->operands[0] ? " " : "", kind->operands, kind->help);
	} else {
		(void)printf("usage: sciame COMMAND [options] ...\n\n"
			     "Spreads many independent jobs over all cores. Commands:\n");
		for (uint32_t i = 0; i < KINDS_MAX; i++) {
			kind = master_kind_find(i);
			if (kind)
				(void)printf("  %-8s %s\n", kind->name, kind->summary);
		}
		(void)printf("  %-8s %s\n", "ledger", "what became of each source of a run");
		(void)printf("  %-8s %s\n", "formats", "which pictures are read and written here");
		(void)printf("  %-8s %s\n", "keygen", "keys for workers of other machines");
		(void)printf("  %-8s %s\n", "workers", "who works for a run");
		(void)printf("\n'sciame COMMAND --help' lists a command's own options.\n\n");
	}
	make_groups(&copy, groups);
	options_print(stdout, groups);
	(void)printf("\nExit status: 0 all done; 1 the run ended but some jobs failed; 2 called "
		     "wrongly;\n3 could not run; 74 the target took no more files; 130 "
		     "interrupted.\n");
}
