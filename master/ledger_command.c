/* SPDX-License-Identifier: MIT */
#include "master/ledger_command.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/memory.h"
#include "common/options.h"
#include "common/quote.h"
#include "master/ledger_outputs.h"
#include "master/ledger_place.h"
#include "master/ledger_reader.h"

enum { GROUPED_MAX = 32 }; /* bytes of a number with commas */

struct choice {
	const char *path;
	bool json, help;
};

static const struct option_spec specs[] = {
	{ .name = "ledger",
		.argument = "FILE",
		.parse = option_string,
		.offset = offsetof(struct choice, path),
		.help = "this ledger, not that of a target" },
	{ .name = "json",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct choice, json),
		.help = "print JSON, one object a line" },
	{ .name = "help",
		.letter = 'h',
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct choice, help),
		.help = "print this and exit" },
	{ 0 },
};

static const char *const outcome_names[] = {
	[LEDGER_BLAMED] = "blamed",
	[LEDGER_DONE] = "done",
	[LEDGER_FAILED] = "failed",
	[LEDGER_QUARANTINED] = "quarantined",
};

static const char *outcome_name(enum ledger_outcome outcome)
{
	size_t count = sizeof(outcome_names) / sizeof(outcome_names[0]);
	return (size_t)outcome < count ? outcome_names[outcome] : "unknown";
}

/* 10,000 */
static const char *grouped(uint64_t number, char text[GROUPED_MAX])
{
	char digits[GROUPED_MAX];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, number);
	size_t to = 0;
	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			text[to++] = ',';
		text[to++] = digits[i];
	}
	text[to] = '\0';
	return text;
}

static const char *moment(int64_t time_s, char text[GROUPED_MAX])
{
	struct tm tm;
	time_t time = (time_t)time_s;
	if (!localtime_r(&time, &tm) || strftime(text, GROUPED_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		(void)snprintf(text, GROUPED_MAX, "%" PRId64, time_s);
	return text;
}

static void print_jobs(const struct ledger_account *a)
{
	char done[GROUPED_MAX], listed[GROUPED_MAX], failed[GROUPED_MAX], quarantined[GROUPED_MAX];
	(void)printf("jobs     %s of %s%s done, %s failed, %s quarantined\n",
		grouped(a->done, done), a->listing_ended ? "" : "at least ",
		grouped(a->listed, listed), grouped(a->failed, failed),
		grouped(a->quarantined, quarantined));
}

static void print_account(const struct ledger_account *a)
{
	struct quote quote;
	char text[GROUPED_MAX];
	(void)printf("command  %s of sciame %s\n", a->kind, a->program);
	(void)printf("source   %s\n", quote_name(&quote, a->source));
	(void)printf("target   %s\n", quote_name(&quote, a->target));
	(void)printf("started  %s", moment(a->started_s, text));
	if (a->epoch > 1)
		(void)printf(", resumed %" PRIu32 "%s", a->epoch - 1,
			a->epoch == 2 ? " time" : " times");
	if (a->ended_s)
		(void)printf("\nended    %s\n", moment(a->ended_s, text));
	else
		(void)printf("\nended    no: process %" PRId64
			     " on %s runs or was cut off, then the same command goes on\n",
			a->pid, quote_name(&quote, a->host));
	print_jobs(a);
}

static void json_text(const char *name, const char *text)
{
	(void)printf("\"%s\": ", name);
	json_string(stdout, text, strlen(text));
	if (!utf8_valid(text, strlen(text))) {
		(void)printf(", \"%s_base64\": \"", name);
		base64_write(stdout, text, strlen(text));
		(void)putchar('"');
	}
}

static void json_hex(const char *name, const uint8_t *bytes, size_t size)
{
	(void)printf(", \"%s\": \"", name);
	for (size_t i = 0; i < size; i++)
		(void)printf("%02x", bytes[i]);
	(void)putchar('"');
}

static void json_account(const struct ledger_account *a)
{
	(void)putchar('{');
	json_text("kind", a->kind);
	(void)fputs(", ", stdout);
	json_text("source", a->source);
	(void)fputs(", ", stdout);
	json_text("target", a->target);
	(void)fputs(", ", stdout);
	json_text("program", a->program);
	json_hex("run", a->run, sizeof(a->run));
	(void)printf(", \"started_s\": %" PRId64 ", \"ended_s\": ", a->started_s);
	if (a->ended_s)
		(void)printf("%" PRId64, a->ended_s);
	else
		(void)fputs("null", stdout);
	(void)printf(", \"epoch\": %" PRIu32 ", \"pid\": %" PRId64 ", ", a->epoch, a->pid);
	json_text("host", a->host);
	(void)printf(", \"listed\": %" PRIu64 ", \"listing_ended\": %s, \"done\": %" PRIu64
		     ", \"failed\": %" PRIu64 ", \"quarantined\": %" PRIu64 "}\n",
		a->listed, a->listing_ended ? "true" : "false", a->done, a->failed, a->quarantined);
}

static void json_outputs(const struct ledger_entry *e)
{
	struct ledger_outputs outputs;
	if (!e->outputs || ledger_outputs_unpack(&outputs, e->outputs, e->outputs_size))
		return;
	(void)fputs(", \"outputs\": [", stdout);
	for (size_t i = 0; i < outputs.count; i++) {
		const struct produced *produced = &outputs.list[i].produced;
		(void)fputs(i ? ", {" : "{", stdout);
		json_text("location", outputs.list[i].location);
		(void)printf(", \"bytes\": %" PRIu64 ", \"width\": %" PRIu32
			     ", \"height\": %" PRIu32,
			produced->bytes, produced->width, produced->height);
		if (produced->has_digest)
			json_hex("digest", produced->digest, sizeof(produced->digest));
		(void)putchar('}');
	}
	(void)putchar(']');
	ledger_outputs_release(&outputs);
}

static void json_entry(const struct ledger_entry *e, const struct ledger_account *a)
{
	(void)putchar('{');
	json_text("source", e->source);
	(void)fputs(", ", stdout);
	json_text("target", e->target);
	json_outputs(e);
	(void)printf(", \"outcome\": \"%s\", \"counter\": %" PRIu32 ", \"code\": %d, ",
		outcome_name(e->outcome), e->counter, (int)e->code);
	json_text("reason", e->reason);
	(void)printf(", \"source_size\": %" PRIu64 ", \"source_mtime_ns\": %" PRId64,
		e->source_size, e->source_mtime_ns);
	if (e->has_digest)
		json_hex("digest", e->digest, sizeof(e->digest));
	(void)printf(", \"input_bytes\": %" PRIu64 ", \"output_bytes\": %" PRIu64
		     ", \"attempts\": %" PRIu32 ", \"blames\": %" PRIu32
		     ", \"duration_us\": %" PRIu32 ", ",
		e->input_bytes, e->output_bytes, e->attempts, e->blames, e->duration_us);
	json_text("worker", e->worker);
	(void)printf(", \"settled_s\": %" PRId64 ", \"last_run\": %s", e->settled_s,
		e->this_run ? "true" : "false");
	json_hex("run", a->run, sizeof(a->run));
	(void)fputs(", ", stdout);
	json_text("kind", a->kind);
	(void)fputs(", ", stdout);
	json_text("program", a->program);
	(void)fputs("}\n", stdout);
}

/* For people: a path without its root, a URL as it is. */
static void print_failure(const struct ledger_entry *e)
{
	struct quote quote;
	const char *colon = strchr(e->source, ':');
	bool is_path = colon && strncmp(colon, "://", 3) != 0;
	(void)printf("%s: ", quote_name(&quote, is_path ? colon + 1 : e->source));
	(void)printf("%s%s (%" PRIu32 " %s)\n",
		e->outcome == LEDGER_QUARANTINED ? "quarantined: " : "",
		quote_name(&quote, e->reason), e->attempts,
		e->attempts == 1 ? "attempt" : "attempts");
}

static int show(struct ledger_reader *reader, const struct choice *choice, struct error *err)
{
	struct ledger_account account;
	int status = ledger_reader_last(reader, &account, err);
	if (status <= 0)
		return status;
	if (choice->json)
		json_account(&account);
	else
		print_account(&account);
	return 0;
}

static int print_rows(
	struct ledger_reader *reader, enum ledger_rows rows, bool json, struct error *err)
{
	struct ledger_entry entry;
	struct ledger_account account;
	if (ledger_reader_begin(reader, rows, err))
		return -1;
	int status = ledger_reader_next(reader, &entry, &account, err);
	while (status > 0) {
		if (json)
			json_entry(&entry, &account);
		else
			print_failure(&entry);
		status = ledger_reader_next(reader, &entry, &account, err);
	}
	return status;
}

static int failed(struct ledger_reader *reader, const struct choice *choice, struct error *err)
{
	return print_rows(reader, LEDGER_ROWS_FAILED, choice->json, err);
}

static int export_all(struct ledger_reader *reader, const struct choice *choice, struct error *err)
{
	if (!choice->json)
		return error_set(err, ERROR_USAGE, "export knows one form: add --json");
	return print_rows(reader, LEDGER_ROWS_ALL, true, err);
}

static const struct {
	const char *name;
	int (*print)(struct ledger_reader *, const struct choice *, struct error *);
} acts[] = { { "show", show }, { "failed", failed }, { "export", export_all } };

static void print_help(const struct option_group *groups)
{
	(void)printf(
		"usage: sciame ledger show|failed|export [options] [TARGET]\n\n"
		"Tells what stands in the ledger of the runs that wrote TARGET; also while one "
		"runs.\n"
		"  show     the last run\n"
		"  failed   what failed in it, and what is quarantined, with the reason\n"
		"  export   every source and what became of it; with --json\n\n");
	options_print(stdout, groups);
	(void)printf("\nExit status: 0 all done; 2 called wrongly; 3 could not be read.\n");
}

static int act(size_t number, const struct choice *choice, char *const *operands, struct error *err)
{
	char *path = choice->path ? xstrdup(choice->path) : ledger_place(operands[1], err);
	struct ledger_reader *reader = path ? ledger_reader_open(path, err) : NULL;
	int status = reader ? acts[number].print(reader, choice, err) : -1;
	ledger_reader_close(reader);
	free(path);
	return status;
}

int ledger_command(int argc, char **argv, struct error *err)
{
	struct choice choice = { 0 };
	const struct option_group groups[] = { { "Options", specs, &choice }, { 0 } };
	size_t number = 0, count = sizeof(acts) / sizeof(acts[0]);
	int first;
	if (options_parse(groups, argc, argv, &first, err))
		return -1;
	if (choice.help) {
		print_help(groups);
		return 0;
	}
	if (first == argc)
		return error_set(err, ERROR_USAGE, "ledger: show, failed or export is missing");
	while (number < count && strcmp(argv[first], acts[number].name) != 0)
		number++;
	if (number == count)
		return error_set(err, ERROR_USAGE,
			"ledger: '%s' is not one of show, failed, export", argv[first]);
	if (argc - first != (choice.path ? 1 : 2))
		return error_set(err, ERROR_USAGE,
			"ledger: either --ledger FILE or one TARGET is needed; see --help");
	if (argc - first == 2 && argv[first + 1][0] == '\0')
		return error_set(err, ERROR_USAGE, "ledger: TARGET may not be empty");
	return act(number, &choice, argv + first, err);
}
