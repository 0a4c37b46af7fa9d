/* SPDX-License-Identifier: MIT */
/*
 * What was read becomes the output: feed after feed in the order of the list, as soon as all before
 * it are settled, so that the page is nearly written when the last feed comes.
 */
#ifndef SCIAME_MASTER_KINDS_FEEDS_PUBLISH_H
#define SCIAME_MASTER_KINDS_FEEDS_PUBLISH_H

#include "common/error.h"
#include "common/summary.h"
#include "master/kinds/feeds_run.h"

/* Opens what feeds_publish_settled writes to; run->target is open. */
void feeds_publish_begin(struct feeds_run *run);

/* The ledger can't be used any more: said once, and the run goes on without. */
void feeds_publish_forget(struct feeds_run *run, const struct error *why);

/* A feed has been settled. What fails is told at the end. */
void feeds_publish_settled(struct feeds_run *run);

/*
 * Writes the rest, puts the output in its place, remembers what was shown and opens a page in the
 * browser. Of a canceled run nothing is put in place: what stood there before is whole, and would
 * be more than half a page.
 */
int feeds_publish_end(struct feeds_run *run, const struct summary *summary, struct error *err);

#endif
