/* SPDX-License-Identifier: MIT */
/*
 * The fast way for the ordinary JPEG (8 bits, grey or YCbCr): libjpeg-turbo decodes it smaller,
 * scale_reduce does the rest while the rows arrive. What is not ordinary, or turns out to be
 * damaged beyond what libjpeg bridges by itself, is declined, so that libvips has the last word.
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_JPEG_H
#define SCIAME_WORKER_KINDS_SCALE_JPEG_H

#include "worker/kinds/scale_pixels.h"
#include "worker/kinds/scale_task.h"

/* SCALE_DONE with *outcome filled, SCALE_NOT_MINE with nothing written, or -1 with *err filled. */
int scale_jpeg(const struct scale_task *task, scale_finish *finish, struct scale_outcome *outcome,
	struct error *err);

#endif
