/* SPDX-License-Identifier: MIT */
/* The arithmetic of fitting a picture into a box, with the roundings of libvips 8.14. */
#include "worker/kinds/scale_fit.h"

#include <assert.h>

static uint32_t round_half_up(double value)
{
	return value < 1 ? 1 : (uint32_t)(value + 0.5);
}

static uint32_t divide_up(uint32_t value, uint32_t by)
{
	return value / by + (value % by != 0);
}

bool fit_inside(struct size picture, struct size box)
{
	return picture.width <= box.width && picture.height <= box.height;
}

double fit_factor(struct size picture, struct size box)
{
	assert(box.width > 0 && box.height > 0);
	double across = (double)picture.width / box.width;
	double down = (double)picture.height / box.height;
	double factor = across > down ? across : down;
	return factor > 1 ? factor : 1;
}

struct size fit_output(struct size loaded, struct size box)
{
	double factor = fit_factor(loaded, box);
	return (struct size) {
		.width = round_half_up(loaded.width / factor),
		.height = round_half_up(loaded.height / factor),
	};
}

uint32_t fit_preshrink(struct size picture, struct size box)
{
	/* A line must not shrink to nothing, so the thin side bounds the factor as in libvips. */
	double factor = fit_factor(picture, box);
	double thin = picture.width < picture.height ? picture.width : picture.height;
	if (factor > thin)
		factor = thin;
	if (factor >= 16)
		return 8;
	if (factor >= 8)
		return 4;
	return factor >= 4 ? 2 : 1;
}

uint32_t fit_stride(struct size picture, struct size box)
{
	assert(box.width > 0 && box.height > 0);
	uint32_t across = divide_up(picture.width, box.width);
	uint32_t down = divide_up(picture.height, box.height);
	uint32_t stride = across > down ? across : down;
	return stride > 1 ? stride : 1;
}

struct size fit_sampled(struct size picture, uint32_t stride)
{
	assert(stride > 0);
	return (struct size) {
		.width = divide_up(picture.width, stride),
		.height = divide_up(picture.height, stride),
	};
}

struct size fit_swap(struct size size)
{
	return (struct size) { .width = size.height, .height = size.width };
}

int fit_limits(struct size picture, struct error *err)
{
	if (picture.width > FIT_DIMENSION_MAX || picture.height > FIT_DIMENSION_MAX)
		return error_set(err, ERROR_LIMIT,
			"%ux%u pixels, more than the limit of %u in one direction", picture.width,
			picture.height, FIT_DIMENSION_MAX);
	uint64_t pixels = (uint64_t)picture.width * picture.height;
	if (pixels > FIT_PIXELS_MAX)
		return error_set(err, ERROR_LIMIT,
			"%ux%u pixels are more than the limit of %u pixels", picture.width,
			picture.height, FIT_PIXELS_MAX);
	return 0;
}
