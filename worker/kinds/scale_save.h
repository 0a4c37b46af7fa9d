/* SPDX-License-Identifier: MIT */
/* The encoding of an output: which formats there are, what each can hold, with which options. */
#ifndef SCIAME_WORKER_KINDS_SCALE_SAVE_H
#define SCIAME_WORKER_KINDS_SCALE_SAVE_H

#include <stdbool.h>

#include "worker/kinds/scale_task.h"

typedef struct _VipsImage VipsImage; /* as in vips/vips.h, which only the .c files need */

bool scale_save_writes(enum picture_format format);
/* Several frames below each other become an animation. */
bool scale_save_animates(enum picture_format format);
/* More than 8 bits a sample. */
bool scale_save_is_deep(enum picture_format format);

struct save_options {
	enum picture_format format; /* one that is written */
	bool palette;               /* the input had one: a PNG gets one as well */
};

/*
 * Writes the image, of the output's size, to task->out_fd and fills size, output_bytes and notes of
 * *outcome. -1 with *err filled.
 */
int scale_save(const struct scale_task *task, VipsImage *image, const struct save_options *options,
	struct scale_outcome *outcome, struct error *err);

#endif
