/* SPDX-License-Identifier: MIT */
/* sciame-serial: what `sciame --serial` becomes. */
#include <stddef.h>

#include "master/command.h"
#include "serial/serial.h"

int main(int argc, char **argv)
{
	static const struct command command = { .run = serial_run, .become_serial = NULL };
	return command_main(&command, argc, argv);
}
