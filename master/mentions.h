/* SPDX-License-Identifier: MIT */
/*
 * Sources and outputs that a run has listed, as digests: for what is to be deleted because it is no
 * longer among them. Memory: 22 to 44 bytes for each picture.
 */
#ifndef SCIAME_MASTER_MENTIONS_H
#define SCIAME_MASTER_MENTIONS_H

#include <stdbool.h>

#include "common/job.h"

struct mentions;

struct mentions *mentions_new(void);
void mentions_free(struct mentions *mentions);

/* Notes source and target of a job. For one thread at a time. */
void mentions_add(struct mentions *mentions, const struct job *job);

/* Whether anything was noted, and whether this was. Two names that meet by chance: it was. */
bool mentions_any(const struct mentions *mentions);
bool mentions_source(const struct mentions *mentions, const char *location);
bool mentions_target(const struct mentions *mentions, const char *location);

#endif
