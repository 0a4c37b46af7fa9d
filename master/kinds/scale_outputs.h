/* SPDX-License-Identifier: MIT */
/*
 * Which outputs of a listing are taken: with a suffix of their own a.png and a.webp would both
 * become a.jpg, and the one that is written last would silently replace the other.
 * Memory: 11 to 22 bytes for each file of the folders from the top to the one that is listed.
 */
#ifndef SCIAME_MASTER_KINDS_SCALE_OUTPUTS_H
#define SCIAME_MASTER_KINDS_SCALE_OUTPUTS_H

#include <stdbool.h>

struct scale_outputs;

struct scale_outputs *scale_outputs_new(void);
void scale_outputs_free(struct scale_outputs *outputs);

/*
 * False: path, below the target, was taken before. Paths come as a tree is listed: nothing of a
 * folder follows once it was left for its parent or for the next one.
 */
bool scale_outputs_take(struct scale_outputs *outputs, const char *path);

#endif
