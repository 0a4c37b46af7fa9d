/* SPDX-License-Identifier: MIT */
/*
 * The names of outputs that are not whole yet (".sciame-TAG-JOB-ATTEMPT.tmp"), and what is left of
 * them. Who writes one holds its lock (flock): one that nobody has locked was left by the dead.
 */
#ifndef SCIAME_COMMON_TEMPORARY_H
#define SCIAME_COMMON_TEMPORARY_H

#include <stdint.h>

enum { TEMPORARY_NAME_MAX = 96 }; /* bytes of a name with its NUL */

/* tag: of the process that writes it. */
void temporary_name(char name[TEMPORARY_NAME_MAX], uint64_t tag, uint64_t job, uint32_t attempt);

/*
 * Removes from a folder (a descriptor, O_PATH will do) those that nobody has locked. Best effort:
 * what can't be listed or removed stays for the next time.
 */
void temporary_sweep(int folder);

#endif
