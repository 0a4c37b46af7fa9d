/* SPDX-License-Identifier: MIT */
/* `sciame workers --master HOST:PORT`: who works there, and on what. */
#ifndef SCIAME_MASTER_WORKERS_COMMAND_H
#define SCIAME_MASTER_WORKERS_COMMAND_H

#include "common/error.h"

/*
 * argv[0] is "workers". Prints to stdout (the caller flushes it). 0, or -1: ERROR_USAGE called
 * wrongly, else no master answered.
 */
int workers_command(int argc, char **argv, struct error *err);

#endif
