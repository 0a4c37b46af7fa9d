/* SPDX-License-Identifier: MIT */
/* `sciame keygen FOLDER [NAME...]`: the keys of a master and of its workers. */
#ifndef SCIAME_MASTER_KEYGEN_COMMAND_H
#define SCIAME_MASTER_KEYGEN_COMMAND_H

#include "common/error.h"

/*
 * argv[0] is "keygen". Prints to stdout (the caller flushes it). 0, or -1: ERROR_USAGE called
 * wrongly, else something could not be written.
 */
int keygen_command(int argc, char **argv, struct error *err);

#endif
