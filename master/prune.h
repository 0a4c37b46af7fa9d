/* SPDX-License-Identifier: MIT */
/*
 * --delete: outputs whose source is gone. Removed is only what the ledger knows that an earlier run
 * of the same source and target has made, if it is still as it was made (its size, and a time not
 * after it was written down), if its source was not listed and is not there, and if no picture that
 * was listed becomes it; and folders that this leaves empty. What was removed is forgotten.
 *
 * Nothing is removed after a run that did not list and settle everything, or that listed nothing:
 * a source that is not mounted looks like that.
 */
#ifndef SCIAME_MASTER_PRUNE_H
#define SCIAME_MASTER_PRUNE_H

#include "common/error.h"
#include "master/run.h"

/* After the last job. Sets the run's deleted; -1: an output or the ledger could not be changed. */
int prune(struct run *run, struct error *err);

#endif
