/* SPDX-License-Identifier: MIT */
/* `sciame ledger show|failed|export`: what a ledger says, for people and for scripts. */
#ifndef SCIAME_MASTER_LEDGER_COMMAND_H
#define SCIAME_MASTER_LEDGER_COMMAND_H

#include "common/error.h"

/*
 * argv[0] is "ledger". Prints to stdout (the caller flushes it). 0, or -1: ERROR_USAGE called
 * wrongly, else it could not be read.
 */
int ledger_command(int argc, char **argv, struct error *err);

#endif
