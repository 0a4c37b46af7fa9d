/* SPDX-License-Identifier: MIT */
/*
 * The command line from its first word to the exit status: what `sciame` and `sciame-serial`
 * share. They differ only in how the jobs are run.
 */
#ifndef SCIAME_MASTER_COMMAND_H
#define SCIAME_MASTER_COMMAND_H

#include "master/run.h"

enum {
	EXIT_ALL_DONE = 0,
	EXIT_SOME_FAILED = 1,
	EXIT_CALLED_WRONGLY = 2,
	EXIT_COULD_NOT_RUN = 3,
	EXIT_TARGET = 74, /* EX_IOERR of sysexits.h */
	EXIT_INTERRUPTED = 130,
};

struct command {
	/* Runs run->kind's jobs and fills run->summary. */
	int (*run)(struct run *run, struct error *err);
	/* For --serial: replaces this process by the one that can, or fails. NULL: this is it. */
	int (*become_serial)(char **argv, struct error *err);
};

/* Returns the exit status. */
int command_main(const struct command *command, int argc, char **argv);

#endif
