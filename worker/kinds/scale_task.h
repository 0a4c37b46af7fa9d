/* SPDX-License-Identifier: MIT */
/* One picture to scale and what became of it: the structs that the ways of scaling share. */
#ifndef SCIAME_WORKER_KINDS_SCALE_TASK_H
#define SCIAME_WORKER_KINDS_SCALE_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/kinds/scale_fit.h"
#include "worker/kinds/scale_sniff.h"

enum { TASK_QUALITY_DEFAULT = 75 }; /* libvips' own for JPEG and WebP */

struct scale_task {
	int in_fd;
	int out_fd;
	struct size box;
	bool subsample;
	enum picture_format source; /* what sniff() said; PICTURE_UNKNOWN: ask the library */
	enum picture_format target; /* PICTURE_UNKNOWN: the same as the source */
	int quality;                /* 1 to 100 */
};

struct scale_outcome {
	bool copied;
	struct size size; /* of the output, upright */
	uint64_t output_bytes;
};

/*
 * What becomes of the pixels that a special way made and does not save itself: scale_vips_finish.
 * Handed over as an argument, so that the special ways do not depend on libvips. The pixels are
 * grey or RGB, either with alpha, borrowed during the call.
 */
struct pixels;
typedef int scale_finish(const struct scale_task *task, const struct pixels *pixels,
	struct scale_outcome *outcome, struct error *err);

/* Answers of a way of scaling, besides -1 with *err filled. */
enum {
	SCALE_DONE = 0,
	SCALE_NOT_MINE = 1, /* nothing was written; another way must do it */
};

#endif
