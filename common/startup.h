/* SPDX-License-Identifier: MIT */
/* What a process has to put in order before it does anything else. */
#ifndef SCIAME_COMMON_STARTUP_H
#define SCIAME_COMMON_STARTUP_H

#include "common/error.h"

/*
 * Makes sure that descriptors 0, 1 and 2 are open, so that no socket or picture ever gets one of
 * these numbers. What was closed fails when it is written, as it would have without us.
 */
void startup_descriptors(void);

/*
 * Blocks SIGTERM, SIGINT and SIGHUP and returns a non-blocking signalfd for them, or -1. The latter
 * two are left alone where the parent had them ignored: nohup, or the background of a script.
 */
int startup_signals(struct error *err);

#endif
