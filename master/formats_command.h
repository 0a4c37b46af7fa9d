/* SPDX-License-Identifier: MIT */
/* `sciame formats`: which pictures can be read and written on this machine. */
#ifndef SCIAME_MASTER_FORMATS_COMMAND_H
#define SCIAME_MASTER_FORMATS_COMMAND_H

#include "common/error.h"

/*
 * argv[0] is "formats". Becomes the program that has the decoders (sciame-lane-scale), because the
 * master has none; returns 0 after --help, else only with -1: ERROR_USAGE called wrongly,
 * ERROR_START the program could not be started.
 */
int formats_command(int argc, char **argv, struct error *err);

#endif
