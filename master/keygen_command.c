/* SPDX-License-Identifier: MIT */
#include "master/keygen_command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/keys.h"
#include "common/memory.h"
#include "common/options.h"
#include "common/quote.h"

struct choice {
	bool help;
};

static const struct option_spec specs[] = {
	{ .name = "help",
		.letter = 'h',
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct choice, help),
		.help = "print this and exit" },
	{ 0 },
};

/* Before anything is made: a list that can't be read is told by whoever writes it. */
static bool is_listed(const char *folder, const char *name)
{
	struct error ignored;
	char *path = xasprintf("%s/allowed", folder);
	struct allowed_keys *allowed = name ? allowed_keys_read(path, &ignored) : NULL;
	bool listed = allowed && allowed_keys_have(allowed, name);
	allowed_keys_free(allowed);
	free(path);
	return listed;
}

static void print_help(const struct option_group *groups)
{
	(void)printf(
		"usage: sciame keygen FOLDER [NAME...]\n\n"
		"Makes in FOLDER the keys by which a master and its workers know each "
		"other:\n"
		"  master.key   of the master; it stays with the master\n"
		"  master.pub   what workers know the master by\n"
		"  NAME.key     of the worker NAME (default: worker)\n"
		"  allowed      the workers that are let in, a line for each\n"
		"What is there already is kept: other NAMEs may be added at any time. A worker "
		"needs\nmaster.pub and its own key; several may use the same key. Who is struck "
		"off the list\nis sent away by a master that runs; naming him here again allows "
		"him again.\n\n");
	options_print(stdout, groups);
	(void)printf("\nExit status: 0 all done; 2 called wrongly; 3 could not be made.\n");
}

/* One pair: what became of it, and of the list. */
static int make(const char *folder, char *name, struct error *err)
{
	struct quote quote;
	size_t made;
	const char *where = quote_name(&quote, folder);
	bool listed = is_listed(folder, name);
	if (keys_make(folder, &name, name ? 1 : 0, &made, err))
		return -1;
	(void)printf("%s %s/%s.key\n", made > 0 ? "made" : "kept", where, name ? name : "master");
	if (name && !listed)
		(void)printf("allowed %s\n", name);
	return 0;
}

int keygen_command(int argc, char **argv, struct error *err)
{
	char one[] = "worker";
	struct choice choice = { 0 };
	const struct option_group groups[] = { { "Options", specs, &choice }, { 0 } };
	int first;
	if (options_parse(groups, argc, argv, &first, err))
		return -1;
	if (choice.help) {
		print_help(groups);
		return 0;
	}
	if (first == argc || argv[first][0] == '\0')
		return error_set(err, ERROR_USAGE, "keygen: FOLDER is missing; see --help");
	const char *folder = argv[first++];
	for (int i = first; i < argc; i++) {
		if (keys_check_name(argv[i], err))
			return -1;
	}
	int status = make(folder, NULL, err);
	if (status == 0 && first == argc)
		status = make(folder, one, err);
	for (int i = first; i < argc && status == 0; i++)
		status = make(folder, argv[i], err);
	return status;
}
