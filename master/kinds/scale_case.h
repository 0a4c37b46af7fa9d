/* SPDX-License-Identifier: MIT */
/* Whether a folder takes names that differ only in case for one. */
#ifndef SCIAME_MASTER_KINDS_SCALE_CASE_H
#define SCIAME_MASTER_KINDS_SCALE_CASE_H

#include <stdbool.h>

/*
 * Asks the folder, or the nearest one above it that is there, by making a temporary file in it that
 * is looked up under other letters and removed. One where no file can be made does not.
 */
bool scale_case_folds(const char *folder);

/* The same without making anything: by a name in it or, if it is empty, by its own. */
bool scale_case_seems_to_fold(const char *folder);

#endif
