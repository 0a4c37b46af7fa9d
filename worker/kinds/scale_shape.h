/* SPDX-License-Identifier: MIT */
/* The geometry and the colours of an output: which size, upright, sRGB or what was asked for. */
#ifndef SCIAME_WORKER_KINDS_SCALE_SHAPE_H
#define SCIAME_WORKER_KINDS_SCALE_SHAPE_H

#include <stdbool.h>

#include "worker/kinds/scale_task.h"

typedef struct _VipsImage VipsImage; /* as in vips/vips.h, which only the .c files need */

/* Whether a picture of this size, upright, already has the size that is asked for. */
bool scale_shape_fits(const struct scale_task *task, struct size upright);

/* The box for which its pixels have to be decoded: what the output has at least before a crop. */
struct size scale_shape_needs(const struct scale_task *task, struct size upright);

struct shape_options {
	bool deep;  /* the output keeps 16 bits a sample */
	bool light; /* it keeps floats, which may be brighter than white; without alpha */
	bool crop;  /* where attention and entropy look is up to the picture; else the centre */
};

/*
 * The output of one picture or frame. *notes gets what was given up. -1: vips_error_buffer says
 * why. The caller unrefs *out.
 */
int scale_shape(const struct scale_task *task, VipsImage *in, const struct shape_options *options,
	VipsImage **out, uint32_t *notes);

/* The same for frames below each other: in's page-height tells where one ends. */
int scale_shape_frames(
	const struct scale_task *task, VipsImage *in, VipsImage **out, uint32_t *notes);

#endif
