/* SPDX-License-Identifier: MIT */
/* The arithmetic of fitting a picture into a box. Pure: no pixels, no I/O, no library. */
#ifndef SCIAME_WORKER_KINDS_SCALE_FIT_H
#define SCIAME_WORKER_KINDS_SCALE_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

/* The limits of a picture that is decoded, from its header. */
#define FIT_DIMENSION_MAX 65535U  /* pixels: the most that a JPEG can have */
#define FIT_PIXELS_MAX 536870912U /* 2^29: 2 GiB as 4 bytes each, inside the lane's memory */

struct size {
	uint32_t width;
	uint32_t height;
};

/* Whether a picture of that size needs no scaling for the box. */
bool fit_inside(struct size picture, struct size box);

/*
 * The size that vips_thumbnail(size=down) gives a picture of `loaded` pixels: one factor for both
 * directions, rounded half up, never 0, never larger than it was.
 */
struct size fit_output(struct size loaded, struct size box);

/* The factor behind fit_output; 1 or more. */
double fit_factor(struct size picture, struct size box);

/* What vips_thumbnail lets the JPEG decoder shrink: 1, 2, 4 or 8, with a factor of 2 left over. */
uint32_t fit_preshrink(struct size picture, struct size box);

/* Every how many pixels `subsample` takes one so that the result fits: 1 or more. */
uint32_t fit_stride(struct size picture, struct size box);

/* How many pixels sampling at 0, stride, 2 * stride ... gives. */
struct size fit_sampled(struct size picture, uint32_t stride);

/* The same size lying on its side. */
struct size fit_swap(struct size size);

/* 0 when the picture is within the limits, else ERROR_LIMIT with the limit and the size. */
int fit_limits(struct size picture, struct error *err);

#endif
