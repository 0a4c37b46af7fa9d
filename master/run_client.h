/* SPDX-License-Identifier: MIT */
/*
 * A run as a client of the loop: its jobs come from the enumerator, their ends go into the summary
 * and the ledger, and the progress line is drawn.
 */
#ifndef SCIAME_MASTER_RUN_CLIENT_H
#define SCIAME_MASTER_RUN_CLIENT_H

#include "common/error.h"
#include "master/run.h"

/* Runs to the end or to its cancellation; run->summary is then complete. -1: it could not run. */
int run_with_workers(struct run *run, struct error *err);

#endif
