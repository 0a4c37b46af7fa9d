/* SPDX-License-Identifier: MIT */
/* What a process has to put in order before it does anything else. */
#ifndef SCIAME_COMMON_STARTUP_H
#define SCIAME_COMMON_STARTUP_H

#include <stdint.h>

#include "common/error.h"

/*
 * Makes sure that descriptors 0, 1 and 2 are open, so that no socket or picture ever gets one of
 * these numbers: what was closed fails when it is used, as it would have without us. All others
 * that were inherited are closed in children that are not given them.
 */
void startup_descriptors(void);

/*
 * Children can be waited for, a peer that is gone and a file that grows too large are errors of
 * write(): whatever the parent had these signals set to.
 */
void startup_dispositions(void);

enum { STARTUP_FILES_MIN = 40 }; /* with fewer descriptors libzmq aborts instead of failing */

/*
 * Allows this process as many descriptors as its parent lets it have, and stores how many in
 * *count; -1 when that is less than STARTUP_FILES_MIN.
 */
int startup_files(uint64_t *count, struct error *err);

/*
 * Blocks SIGTERM, SIGINT and SIGHUP and returns a non-blocking signalfd for them, or -1. The latter
 * two are left alone where the parent had them ignored: nohup, or the background of a script.
 */
int startup_signals(struct error *err);

/* Lets the signals of startup_signals do again what they do by themselves. */
void startup_unblock(void);

/* The path of an executable beside this one; the caller frees it. NULL and *err on failure. */
char *startup_program(const char *name, struct error *err);

#endif
