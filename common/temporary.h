/* SPDX-License-Identifier: MIT */
/*
 * The names of outputs that are not whole yet (".sciame-TAG-JOB-ATTEMPT-OUTPUT.tmp"), and what is
 * left of them. Who writes one holds its lock (flock): one that nobody has locked was left by the
 * dead.
 */
#ifndef SCIAME_COMMON_TEMPORARY_H
#define SCIAME_COMMON_TEMPORARY_H

#include <stdint.h>

#include "common/error.h"

enum { TEMPORARY_NAME_MAX = 96 }; /* bytes of a name with its NUL */

/* Of which try of which output of a job. */
struct temporary_of {
	uint64_t tag; /* of the process that writes it */
	uint64_t job;
	uint32_t attempt, output;
};

void temporary_name(char name[TEMPORARY_NAME_MAX], const struct temporary_of *of);

/*
 * Creates and locks one in a folder; a sweep of another process may come between. A descriptor, or
 * -1.
 */
int temporary_create(int folder, const char *name, struct error *err);

/*
 * Removes from a folder (a descriptor, O_PATH will do) those that nobody has locked. Best effort:
 * what can't be listed or removed stays for the next time.
 */
void temporary_sweep(int folder);

#endif
