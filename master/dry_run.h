/* SPDX-License-Identifier: MIT */
/* --dry-run: what a run would do, said instead of done. */
#ifndef SCIAME_MASTER_DRY_RUN_H
#define SCIAME_MASTER_DRY_RUN_H

#include "common/error.h"
#include "master/run.h"

/* Lists everything, and says on stdout what would be made. The ledger was only looked at. */
void dry_run(struct run *run);

/* The last line, or all of it as JSON. */
void dry_run_print(const struct run *run);

#endif
