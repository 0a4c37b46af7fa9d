/* SPDX-License-Identifier: MIT */
/*
 * The master's shell: turns what happens (messages, signals, found jobs, dead workers) into the
 * scheduler's events, and its actions into messages. The only file that knows all the others.
 */
#ifndef SCIAME_MASTER_LOOP_H
#define SCIAME_MASTER_LOOP_H

#include "common/error.h"
#include "master/run.h"

/* Runs to the end or to its cancellation; run->summary is then complete. -1: it could not run. */
int loop_run(struct run *run, struct error *err);

#endif
