/* SPDX-License-Identifier: MIT */
/* Folders that have to be there. */
#ifndef SCIAME_COMMON_FOLDER_H
#define SCIAME_COMMON_FOLDER_H

#include <sys/types.h>

#include "common/error.h"

/* Makes a folder and those above it that are missing; one that is there is fine. */
int folder_make(const char *path, mode_t mode, struct error *err);

#endif
