/* SPDX-License-Identifier: MIT */
/* The ledger of a run: which one it is, and what it says about sources that come again. */
#ifndef SCIAME_MASTER_RUN_LEDGER_H
#define SCIAME_MASTER_RUN_LEDGER_H

#include "common/error.h"
#include "master/run.h"

/*
 * Opens the ledger that the settings ask for and sets the run's ledger, resume, listing, id and
 * epoch. Says what is resumed. The kind has been opened.
 */
int run_open_ledger(struct run *run, struct error *err);

/* Writes what waits; the run goes on from here the next time unless it has ended. */
int run_close_ledger(struct run *run, struct error *err);

#endif
