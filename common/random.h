/* SPDX-License-Identifier: MIT */
/* Names that nobody can guess and nobody else has: runs, sessions, temporary files. */
#ifndef SCIAME_COMMON_RANDOM_H
#define SCIAME_COMMON_RANDOM_H

#include <stddef.h>

/* Fills memory from the kernel's generator; size at most 256. */
void random_bytes(void *memory, size_t size);

#endif
