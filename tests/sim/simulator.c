/* SPDX-License-Identifier: MIT */
/*
 * Runs the scheduler through many seeds, each a swarm with its own faults (plan.h), and stops at
 * the first one that breaks a rule (checker.h). The same seed always does the same:
 *
 *     simulator                       those that ever failed (seeds.c), then 2,000 from 1
 *     simulator --seed 17 --trace     what happens in seed 17
 *
 * Exit: 0 all rules hold; 1 a rule is broken; 2 called wrongly.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/seeds.h"
#include "tests/sim/world.h"

struct settings {
	uint64_t first, seeds;
	const char *mutant; /* the name of a changed scheduler, for messages; "" for the real one */
	bool trace;
	bool single; /* one seed, and none that ever failed */
};

/* What to say if an assertion ends the process: made before, as a handler can not format. */
static char last_words[256];

static void on_abort(int number)
{
	(void)number;
	ssize_t written = write(STDOUT_FILENO, last_words, strlen(last_words));
	(void)written; /* the process ends in any case */
}

static int parse_number(const char *text, uint64_t *number)
{
	char *end = NULL;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno != 0 || *text < '0' || *text > '9' || *end != '\0' ? -1 : 0;
}

static int parse_option(struct settings *settings, int option)
{
	switch (option) {
	case 'n':
		return parse_number(optarg, &settings->seeds);
	case 'f':
		return parse_number(optarg, &settings->first);
	case 's':
		settings->seeds = 1;
		settings->single = true;
		return parse_number(optarg, &settings->first);
	case 't':
		settings->trace = true;
		return 0;
	case 'm':
		settings->mutant = optarg;
		return 0;
	default:
		return -1;
	}
}

static int parse(struct settings *settings, int argc, char **argv)
{
	static const struct option options[] = {
		{ "seeds", required_argument, NULL, 'n' },
		{ "first", required_argument, NULL, 'f' },
		{ "seed", required_argument, NULL, 's' },
		{ "trace", no_argument, NULL, 't' },
		{ "mutant", required_argument, NULL, 'm' },
		{ 0 },
	};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (parse_option(settings, option) != 0)
			return -1;
	}
	return optind == argc && settings->seeds > 0 ? 0 : -1;
}

/* "5,123,456" */
static const char *with_commas(uint64_t number, char text[32])
{
	char digits[32];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, number);
	char *at = text;
	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			*at++ = ',';
		*at++ = digits[i];
	}
	*at = '\0';
	return text;
}

/* Adds to *events. Returns -1 after a broken rule. */
static int run_seed(const struct settings *settings, uint64_t seed, uint64_t *events)
{
	const char *space = settings->mutant[0] == '\0' ? "" : ": ";
	(void)snprintf(last_words, sizeof(last_words), "%s%sseed %" PRIu64 ": aborted\n",
		settings->mutant, space, seed); /* a cut message is fine */
	struct verdict verdict = world_run(seed, settings->trace);
	*events += verdict.events;
	if (verdict.broken[0] == '\0')
		return 0;
	printf("%s%sseed %" PRIu64 ": %s\n", settings->mutant, space, seed, verdict.broken);
	return -1;
}

static int run(const struct settings *settings)
{
	uint64_t events = 0;
	const char *space = settings->mutant[0] == '\0' ? "" : ": ";
	for (size_t i = 0; i < seeds_count && !settings->single; i++) {
		if (run_seed(settings, seeds[i].number, &events) == 0)
			continue;
		printf("it once found: %s\n", seeds[i].found);
		return 1;
	}
	for (uint64_t i = 0; i < settings->seeds; i++) {
		if (run_seed(settings, settings->first + i, &events) != 0)
			return 1;
	}
	char seeds_text[32], events_text[32];
	printf("%s%s%s seeds, %s events, all rules hold\n", settings->mutant, space,
		with_commas(settings->seeds, seeds_text), with_commas(events, events_text));
	return 0;
}

int main(int argc, char **argv)
{
	struct settings settings = { .first = 1, .seeds = 2000, .mutant = "" };
	if (parse(&settings, argc, argv) != 0) {
		fprintf(stderr, "usage: simulator [--seeds N] [--first N] [--seed N] [--trace] "
				"[--mutant NAME]\n");
		return 2;
	}
	/* By the line: what was traced must be there when an assertion ends the process. */
	if (setvbuf(stdout, NULL, _IOLBF, 0) != 0 || signal(SIGABRT, on_abort) == SIG_ERR)
		return 2;
	return run(&settings);
}
