/* SPDX-License-Identifier: MIT */
/*
 * Folders in which a worker that died may have left a temporary: those of the outputs of jobs that
 * were sent more than once, blamed, or cut off. They are tidied up when the run ends, as no other
 * worker may come by there again.
 */
#ifndef SCIAME_MASTER_LEFTOVERS_H
#define SCIAME_MASTER_LEFTOVERS_H

#include <stddef.h>

#include "common/job.h"
#include "common/table.h"

enum { LEFTOVERS_MAX = 100000 }; /* folders; those beyond are left to the next run */

/* Zeroed: none. */
struct leftovers {
	struct table folders; /* hash -> location of a folder, "ROOT:path" */
};

/* Notes where the temporaries of a job's outputs would be. */
void leftovers_note(struct leftovers *leftovers, const struct job *job);

/* Sweeps them all and forgets them. roots: "NAME=FOLDER", as in struct kind_run. */
void leftovers_sweep(struct leftovers *leftovers, char *const *roots, size_t roots_count);

#endif
