/* SPDX-License-Identifier: MIT */
#include "master/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/quote.h"
#include "common/startup.h"
#include "master/dry_run.h"
#include "master/formats_command.h"
#include "master/keygen_command.h"
#include "master/ledger_command.h"
#include "master/progress.h"
#include "master/prune.h"
#include "master/run_ledger.h"
#include "master/workers_command.h"

static void print_failure(void *context, const char *name, const char *reason)
{
	struct quote quote;
	(void)context;
	log_line("  %s%s%s", quote_name(&quote, name), name[0] ? ": " : "", reason);
}

struct json_list {
	FILE *out;
	bool first;
};

static void print_json_failure(void *context, const char *name, const char *reason)
{
	struct json_list *list = context;
	(void)fputs(list->first ? "\n" : ",\n", list->out);
	list->first = false;
	(void)fputs("    {\"source\": ", list->out);
	json_string(list->out, name, strlen(name));
	if (!utf8_valid(name, strlen(name))) {
		(void)fputs(", \"source_base64\": \"", list->out);
		base64_write(list->out, name, strlen(name));
		(void)fputc('"', list->out);
	}
	(void)fputs(", \"reason\": ", list->out);
	json_string(list->out, reason, strlen(reason));
	(void)fputc('}', list->out);
}

/* Errors of writing are kept by stdio and looked at once, at the end. */
static void print_json(const struct run *run)
{
	const struct summary *s = &run->summary;
	struct json_list list = { stdout, true };
	(void)printf("{\n  \"todo\": %" PRIu64 ",\n", s->todo);
	for (size_t i = 0; i < SUMMARY_COUNTERS_MAX && s->counters[i]; i++)
		(void)printf("  \"%s\": %" PRIu64 ",\n", s->counters[i], s->counts[i]);
	(void)printf("  \"skipped\": %" PRIu64 ",\n  \"failed\": %" PRIu64 ",\n",
		summary_skipped(s), s->failed);
	(void)printf("  \"unchanged\": %" PRIu64 ",\n", s->unchanged);
	if (run->settings->deletes)
		(void)printf("  \"deleted\": %" PRIu64 ",\n", run->deleted);
	(void)printf("  \"canceled\": %s,\n", s->canceled ? "true" : "false");
	(void)printf("  \"halted\": %s,\n", s->halted ? "true" : "false");
	(void)printf("  \"aborted\": %s,\n", s->aborted ? "true" : "false");
	(void)printf("  \"processes\": %" PRIu32 ",\n", s->processes || s->open ? s->processes : 1);
	if (s->open)
		(void)printf("  \"workers\": %" PRIu32 ",\n", s->workers);
	(void)printf("  \"input_bytes\": %" PRIu64 ",\n  \"output_bytes\": %" PRIu64 ",\n",
		s->input_bytes, s->output_bytes);
	(void)printf("  \"seconds\": %.3f,\n  \"failures\": [", (double)s->elapsed_ms / 1000.0);
	failures_each(run->failures, print_json_failure, &list);
	(void)printf("%s]\n}\n", list.first ? "" : "\n  ");
}

static void print(const struct run *run)
{
	char line[SUMMARY_LINE_MAX], number[QUOTE_NUMBER_MAX];
	uint64_t failed = failures_count(run->failures);
	if (run->settings->json && !run->settings->dry_run) {
		print_json(run);
		return;
	}
	if (run->settings->quiet)
		return;
	if (failed > 0) {
		log_line("%" PRIu64 " failed:", failed);
		failures_each(run->failures, print_failure, NULL);
	}
	if (run->settings->dry_run) {
		dry_run_print(run);
		return;
	}
	if (run->deleted)
		(void)printf("deleted %s output%s whose source is gone\n",
			quote_number(number, run->deleted), run->deleted == 1 ? "" : "s");
	if (run->kind->line)
		run->kind->line(&run->summary, line, sizeof(line));
	else
		summary_line(&run->summary, line, sizeof(line));
	(void)fprintf(run->kind_run.stdout_taken ? stderr : stdout, "%s\n", line);
}

static int flush_stdout(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	log_line("standard output could not be written");
	return -1;
}

static int status_of(const struct run *run)
{
	if (flush_stdout())
		return EXIT_COULD_NOT_RUN;
	if (run->summary.canceled)
		return EXIT_INTERRUPTED;
	if (run->summary.aborted)
		return EXIT_TARGET;
	return run->summary.failed > 0 ? EXIT_SOME_FAILED : EXIT_ALL_DONE;
}

static int fail(const struct error *err)
{
	log_line("%s", err->message);
	if (err->code == ERROR_TARGET)
		return EXIT_TARGET;
	return err->code == ERROR_USAGE ? EXIT_CALLED_WRONGLY : EXIT_COULD_NOT_RUN;
}

/* What the run was for, then its last line: it stands even when the output could not be made. */
static int conclude(struct run *run)
{
	struct error err;
	int failed = EXIT_ALL_DONE;
	if (run->kind->finish && run->kind->finish(run->kind_run.state, &run->summary, &err)) {
		failed = fail(&err);
		run->ended = false; /* what the ledger says is looked at again */
	}
	if (prune(run, &err))
		failed = fail(&err);
	print(run);
	int status = status_of(run);
	return failed ? failed : status;
}

static int execute(const struct command *command, const struct settings *settings)
{
	struct error err;
	struct run run = {
		.settings = settings,
		.kind = settings->kind,
		.summary.counters = settings->kind->counters,
		.summary.processes = settings->serial ? 0 : (uint32_t)settings->concurrency,
		.start_ms = clock_ms(),
	};
	int status = settings->kind->open(&run.kind_run, settings, &err);
	if (status == 0)
		status = run_open_ledger(&run, &err);
	if (status == 0) {
		run.failures = failures_open();
		progress_open(!settings->quiet && !settings->verbose);
		if (settings->dry_run)
			dry_run(&run);
		else
			status = command->run(&run, &err);
		run.summary.elapsed_ms = clock_ms() - run.start_ms;
		progress_close();
	}
	if (status)
		status = fail(&err);
	else
		status = conclude(&run);
	/* one that failed in the middle of the run was told already */
	if (run_close_ledger(&run, &err) && status != EXIT_COULD_NOT_RUN)
		status = fail(&err);
	failures_close(run.failures);
	master_kind_close(settings->kind, &run.kind_run);
	return status;
}

/* The commands that run no jobs. */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv, struct error *err);
} others[] = {
	{ "ledger", ledger_command },
	{ "keygen", keygen_command },
	{ "formats", formats_command },
	{ "workers", workers_command },
};

/* -1: the command line names none of them. */
static int run_other(int argc, char **argv)
{
	struct error err;
	for (size_t i = 0; argc > 1 && i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(argv[1], others[i].name) != 0)
			continue;
		int status = others[i].run(argc - 1, argv + 1, &err) ? fail(&err) : EXIT_ALL_DONE;
		return flush_stdout() ? EXIT_COULD_NOT_RUN : status;
	}
	return -1;
}

int command_main(const struct command *command, int argc, char **argv)
{
	struct settings settings;
	struct error err;
	int status;
	startup_descriptors();
	startup_dispositions();
	log_open("sciame");
	status = run_other(argc, argv);
	if (status >= 0)
		return status;
	if (settings_parse(&settings, argc, argv, &err))
		return fail(&err);
	if (settings.help || settings.version) {
		if (settings.help)
			settings_print_help(&settings);
		else
			(void)printf("sciame %s\n", SCIAME_VERSION);
		status = flush_stdout() ? EXIT_COULD_NOT_RUN : EXIT_ALL_DONE;
	} else if (settings.serial && command->become_serial) {
		(void)command->become_serial(argv, &err); /* returns only when it failed */
		status = fail(&err);
	} else {
		status = execute(command, &settings);
	}
	settings_release(&settings);
	return status;
}
