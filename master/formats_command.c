/* SPDX-License-Identifier: MIT */
#include "master/formats_command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/options.h"
#include "common/startup.h"

#define PROGRAM "sciame-lane-scale"

struct choice {
	bool help, json;
};

static const struct option_spec specs[] = {
	{ .name = "json",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct choice, json),
		.help = "as JSON" },
	{ .name = "help",
		.letter = 'h',
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct choice, help),
		.help = "print this and exit" },
	{ 0 },
};

static void print_help(const struct option_group *groups)
{
	(void)printf(
		"usage: sciame formats\n\n"
		"Prints which formats of pictures this machine's libvips reads and writes for "
		"sciame scale,\nwith the options that count for each. A file's content decides "
		"what it is, not its name.\n\n");
	options_print(stdout, groups);
	(void)printf("\nExit status: 0 all done; 2 called wrongly; 3 could not be started.\n");
}

static int become_lane(bool json, struct error *err)
{
	char *program = startup_program(PROGRAM, err);
	if (!program)
		return -1;
	char *arguments[] = { program, json ? "--formats=json" : "--formats", NULL };
	(void)execv(program, arguments);
	int status = error_errno(err, ERROR_START, "start %s", program);
	free(program);
	return status;
}

int formats_command(int argc, char **argv, struct error *err)
{
	struct choice choice = { 0 };
	const struct option_group groups[] = { { "Options", specs, &choice }, { 0 } };
	int first;
	if (options_parse(groups, argc, argv, &first, err))
		return -1;
	if (choice.help) {
		print_help(groups);
		return 0;
	}
	if (first < argc)
		return error_set(err, ERROR_USAGE, "formats: nothing is expected behind it");
	return become_lane(choice.json, err);
}
