/* SPDX-License-Identifier: MIT */
/* sciame: lists jobs, has workers do them and says what came of it. */
#include <stdlib.h>
#include <unistd.h>

#include "common/startup.h"
#include "master/command.h"
#include "master/run_client.h"

/* The master has no decoder in it, so the serial mode is an executable of its own. */
static int become_serial(char **argv, struct error *err)
{
	char *program = startup_program("sciame-serial", err);
	if (!program)
		return -1;
	(void)execv(program, argv);
	(void)error_errno(err, ERROR_START, "start %s", program);
	free(program);
	return -1;
}

int main(int argc, char **argv)
{
	static const struct command command = { .run = run_with_workers,
		.become_serial = become_serial };
	return command_main(&command, argc, argv);
}
