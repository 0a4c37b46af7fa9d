/* SPDX-License-Identifier: MIT */
/* Nobody is let in by oversight: what both sides ask before they open a socket. */
#ifndef SCIAME_COMMON_ACCESS_H
#define SCIAME_COMMON_ACCESS_H

#include <stdbool.h>

#include "common/error.h"

/*
 * ERROR_USAGE where the address can be reached from other machines and there are neither keys nor
 * the word of the user that this is meant (--insecure); that is warned of at each start.
 */
int access_check(const char *address, bool keys, bool insecure, struct error *err);

#endif
