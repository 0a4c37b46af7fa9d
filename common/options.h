/* SPDX-License-Identifier: MIT */
/*
 * The command line: one table says what is understood, checks it and prints --help.
 *
 *     static const struct option_spec specs[] = {
 *             { .name = "force", .letter = 'f', .help = "replace files that exist",
 *               .parse = option_flag, .offset = offsetof(struct settings, force), .value = true },
 *             { .name = NULL },
 *     };
 *     struct option_group groups[] = { { "Options", specs, &settings }, { 0 } };
 *     if (options_parse(groups, argc, argv, &first, &err) < 0) ...
 *     for (int i = first; i < argc; i++) ... argv[i] is an operand
 *
 * Not thread-safe (getopt keeps its state in globals), but it may be called again and again.
 */
#ifndef SCIAME_COMMON_OPTIONS_H
#define SCIAME_COMMON_OPTIONS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"

enum { OPTIONS_MAX = 128 }; /* options in all groups together; more is an assertion */

/* One option. A table of them ends with a zeroed entry. */
struct option_spec {
	const char *name;     /* without the dashes */
	char letter;          /* of the short form; 0: none */
	const char *argument; /* "N" or "N|WxH" in messages and help; NULL: takes none */
	const char *help;     /* NULL: understood, but neither listed nor suggested */
	/*
	 * Checks value (NULL when argument is) and stores it in settings. Returns 0, or -1 with
	 * ERROR_USAGE and a message that starts with "--name". When an option is given twice, it
	 * is called twice, so the last one holds.
	 */
	int (*parse)(const struct option_spec *spec, const char *value, void *settings,
		struct error *err);
	size_t offset;              /* of the member in *settings that parse fills */
	int64_t minimum, maximum;   /* option_integer and option_duration: both are allowed */
	const char *const *choices; /* option_choice: the words, ended by NULL */
	int64_t value;              /* option_flag: what is stored */
};

/* A list of groups ends with a zeroed one. */
struct option_group {
	const char *title; /* above its options in the help; NULL: none */
	const struct option_spec *specs;
	void *settings; /* what the offsets of specs count from */
};

/*
 * Reads all options of argv, wherever they stand before a "--", and moves the operands behind
 * them: argv[*first_operand] to argv[argc - 1]. (POSIXLY_CORRECT in the environment ends the
 * options at the first operand, as in every GNU program.) A long name may be cut as long as it
 * stays unique. Returns -1 with ERROR_USAGE at the first mistake; what stood before it is stored.
 */
int options_parse(const struct option_group *groups, int argc, char **argv, int *first_operand,
	struct error *err);

/* Lists every option that has a help text, in 80 columns, the texts of all groups aligned. */
void options_print(FILE *out, const struct option_group *groups);

/* The values of option_spec.parse. */

/* A bool at offset becomes spec->value. One of "--x" and "--no-x" each is an entry of its own. */
int option_flag(
	const struct option_spec *spec, const char *value, void *settings, struct error *err);

/* A whole decimal number, minimum to maximum, into an int64_t. */
int option_integer(
	const struct option_spec *spec, const char *value, void *settings, struct error *err);

/*
 * A time such as "2", "2s", "500ms", "1.5s", "2m", "1h", "7d" or "2w", in whole milliseconds,
 * into an int64_t; a number alone is in seconds. minimum and maximum are in milliseconds.
 */
int option_duration(
	const struct option_spec *spec, const char *value, void *settings, struct error *err);

/* One of the words of choices; its index goes into an int (or an enum of that size). */
int option_choice(
	const struct option_spec *spec, const char *value, void *settings, struct error *err);

/* Any text that is not empty, as const char *, borrowed from argv. */
int option_string(
	const struct option_spec *spec, const char *value, void *settings, struct error *err);

#endif
