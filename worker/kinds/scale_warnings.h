/* SPDX-License-Identifier: MIT */
/* What libvips warns of while it makes one picture, although it goes on. For the whole process. */
#ifndef SCIAME_WORKER_KINDS_SCALE_WARNINGS_H
#define SCIAME_WORKER_KINDS_SCALE_WARNINGS_H

#include <stdbool.h>

/* From here on warnings are kept in mind and nothing is printed. Once. */
void warnings_start(void);

/* Forgets what was warned of. */
void warnings_clear(void);

/* Whether there was any since then. */
bool warnings_any(void);

#endif
