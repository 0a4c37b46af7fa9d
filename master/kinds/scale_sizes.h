/* SPDX-License-Identifier: MIT */
/* The boxes that pictures are made to fit: --size, once or several times. */
#ifndef SCIAME_MASTER_KINDS_SCALE_SIZES_H
#define SCIAME_MASTER_KINDS_SCALE_SIZES_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"

enum { SCALE_PIXELS_MAX = 65535 }; /* as in proto/scale.proto */

struct scale_size {
	uint32_t width, height;
	char label[JOB_LABEL_MAX]; /* {size} in a name: "400" of a square, else "400x300" */
};

/* Zeroed: none. */
struct scale_sizes {
	size_t count;
	struct scale_size list[JOB_OUTPUTS_MAX];
};

/* text: "400" or "400x300". ERROR_USAGE: it is none, was there before, or is one too many. */
int scale_sizes_add(struct scale_sizes *sizes, const char *text, struct error *err);

#endif
