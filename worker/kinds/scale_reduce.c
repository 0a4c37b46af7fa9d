/* SPDX-License-Identifier: MIT */
/*
 * Makes a picture smaller while its rows arrive. Down first, then across: going down works on whole
 * rows, which compilers turn into vector code, and leaves few rows for going across. Samples are
 * 16 bits wide in between: 7 bits of fraction in a kept row (INTAKE_BITS), 6 after going down.
 */
#include "worker/kinds/scale_reduce.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

enum {
	INTAKE_BITS = 7,   /* fraction of a kept row: 255 << 7 fits 15 bits */
	DOWN_BITS = 15,    /* fraction of the weights of going down */
	BETWEEN_BITS = 6,  /* INTAKE_BITS + DOWN_BITS - 16 */
	ACROSS_BITS = 14,  /* fraction of the weights of going across */
	LOBES = 3,         /* of the windowed sinc */
	TAPS_MULTIPLE = 8, /* going across: weights in whole vectors, the rest of them 0 */
	BLOCK = 16,        /* rows are whole vectors long */
};

/* One output position: which inputs it is made of and how much of each. */
struct window {
	uint32_t first;
	uint32_t count;
	const int16_t *weights;
};

struct axis {
	struct window *windows; /* one for each output position */
	int16_t *weights;
	uint32_t taps; /* the longest count, rounded up to the multiple asked for */
};

struct reduce {
	struct reduce_shape shape;
	struct axis down;
	struct axis across;
	size_t row_samples;
	int16_t *rows;    /* ring of down.taps rows */
	int16_t *between; /* one row after going down */
	int16_t *planes;  /* the same band by band, each with room for a window past its end */
	uint8_t *pixels;
	uint32_t rows_in;
	uint32_t rows_out;
};

/* sin(pi * x) by its series, for libm's last bit differs between machines. */
static double sine_pi(double x)
{
	double turn = x - 2 * floor(x / 2 + 0.5); /* into -1 ... 1 */
	if (turn > 0.5)
		turn = 1 - turn;
	if (turn < -0.5)
		turn = -1 - turn;
	double angle = turn * 3.14159265358979323846;
	double term = angle;
	double sum = angle;
	for (int n = 2; n <= 20; n += 2) {
		term = -term * angle * angle / (n * (n + 1));
		sum += term;
	}
	return sum;
}

static double kernel(double x)
{
	if (fabs(x) >= LOBES)
		return 0;
	if (fabs(x) < 1e-9)
		return 1;
	double angle = 3.14159265358979323846 * x;
	return LOBES * sine_pi(x) * sine_pi(x / LOBES) / (angle * angle);
}

/* Weights as integers that add up to 1 exactly: flat areas stay what they are. */
static void fill_weights(int16_t *weights, const double *shares, uint32_t count, int bits)
{
	double sum = 0;
	for (uint32_t i = 0; i < count; i++)
		sum += shares[i];
	int32_t left = 1 << bits;
	uint32_t largest = 0;
	for (uint32_t i = 0; i < count; i++) {
		int32_t weight = (int32_t)floor(shares[i] / sum * (1 << bits) + 0.5);
		weights[i] = (int16_t)(weight > INT16_MAX ? INT16_MAX : weight);
		left -= weights[i];
		if (weights[i] > weights[largest])
			largest = i;
	}
	int32_t corrected = weights[largest] + left;
	weights[largest] = (int16_t)(corrected > INT16_MAX ? INT16_MAX : corrected);
}

static void axis_init(struct axis *axis, uint32_t in, uint32_t out, double span, int bits)
{
	double factor = span / out;
	double reach = LOBES * (factor > 1 ? factor : 1);
	uint32_t taps = (uint32_t)ceil(reach) * 2 + 1;
	axis->taps = (taps + TAPS_MULTIPLE - 1) / TAPS_MULTIPLE * TAPS_MULTIPLE;
	axis->windows = xcalloc(out, sizeof(*axis->windows));
	axis->weights = xcalloc((size_t)out * axis->taps, sizeof(*axis->weights));
	double *shares = xcalloc(axis->taps, sizeof(*shares));
	for (uint32_t i = 0; i < out; i++) {
		struct window *window = &axis->windows[i];
		double centre = (i + 0.5) * factor;
		double first = floor(centre - reach + 0.5);
		double end = floor(centre + reach + 0.5);
		window->first = first > 0 ? (uint32_t)first : 0;
		window->count = (end < in ? (uint32_t)end : in) - window->first;
		assert(window->count >= 1 && window->count <= axis->taps);
		int16_t *weights = axis->weights + (size_t)i * axis->taps;
		window->weights = weights;
		for (uint32_t tap = 0; tap < window->count; tap++)
			shares[tap] = kernel(
				(window->first + tap + 0.5 - centre) / (factor > 1 ? factor : 1));
		fill_weights(weights, shares, window->count, bits);
	}
	free(shares);
}

static size_t plane_samples(const struct reduce *reduce)
{
	return reduce->shape.in.width + reduce->across.taps;
}

uint64_t reduce_rows_bytes(const struct reduce_shape *shape)
{
	double samples = (double)shape->in.width * shape->bands;
	double taps = 2 * LOBES * (shape->span_y / shape->out.height) + 2 + TAPS_MULTIPLE;
	double weights = 2 * LOBES * (shape->span_x + shape->span_y);
	return shape->step > 0 ? 0 : (uint64_t)((samples * taps + weights) * sizeof(int16_t));
}

struct reduce *reduce_new(const struct reduce_shape *shape)
{
	assert(shape->bands >= 1 && shape->bands <= REDUCE_BANDS_MAX);
	assert(shape->out.width >= 1 && shape->out.height >= 1);
	size_t samples = (size_t)shape->in.width * shape->bands;
	if (reduce_rows_bytes(shape) > REDUCE_ROWS_BYTES_MAX)
		return NULL;
	size_t bytes = (size_t)shape->out.width * shape->out.height * shape->bands;
	if (bytes > REDUCE_PIXELS_BYTES_MAX)
		return NULL;
	struct reduce *reduce = xcalloc(1, sizeof(*reduce));
	reduce->shape = *shape;
	reduce->pixels = xcalloc(1, bytes);
	if (shape->step > 0)
		return reduce;
	axis_init(&reduce->down, shape->in.height, shape->out.height, shape->span_y, DOWN_BITS);
	axis_init(&reduce->across, shape->in.width, shape->out.width, shape->span_x, ACROSS_BITS);
	reduce->row_samples = (samples + BLOCK - 1) / BLOCK * BLOCK;
	reduce->rows = xcalloc(reduce->down.taps * reduce->row_samples, sizeof(int16_t));
	reduce->between = xcalloc(reduce->row_samples, sizeof(int16_t));
	reduce->planes = xcalloc(shape->bands * plane_samples(reduce), sizeof(int16_t));
	return reduce;
}

void reduce_free(struct reduce *reduce)
{
	if (!reduce)
		return;
	free(reduce->planes);
	free(reduce->between);
	free(reduce->rows);
	free(reduce->across.weights);
	free(reduce->across.windows);
	free(reduce->down.weights);
	free(reduce->down.windows);
	free(reduce->pixels);
	free(reduce);
}

static int16_t *row_at(const struct reduce *reduce, uint32_t index)
{
	return reduce->rows + index % reduce->down.taps * reduce->row_samples;
}

/* Colours of pixels that cannot be seen must not bleed into those that can. */
static void take_with_alpha(int16_t *to, const uint8_t *from, size_t pixels, unsigned bands)
{
	for (size_t i = 0; i < pixels; i++, to += bands, from += bands) {
		uint32_t alpha = from[bands - 1];
		for (unsigned band = 0; band + 1 < bands; band++) /* 32897 / 65536 is 128 / 255 */
			to[band] = (int16_t)((from[band] * alpha * 32897U) >> 16);
		to[bands - 1] = (int16_t)(alpha << INTAKE_BITS);
	}
}

static void take_row(struct reduce *reduce, const uint8_t *row)
{
	const struct reduce_shape *shape = &reduce->shape;
	int16_t *to = row_at(reduce, reduce->rows_in);
	if (shape->alpha) {
		take_with_alpha(to, row, shape->in.width, shape->bands);
		return;
	}
	size_t samples = (size_t)shape->in.width * shape->bands;
	for (size_t i = 0; i < samples; i++)
		to[i] = (int16_t)(row[i] << INTAKE_BITS);
}

/*
 * The high half of 16 x 16 bits is one vector instruction. A function of its own: joined with its
 * loop over the rows, gcc turns the loops inside out and makes scalar code of them.
 */
static __attribute__((noinline)) void add_row(
	int16_t *restrict sums, const int16_t *restrict row, int16_t weight, size_t samples)
{
	for (size_t i = 0; i < samples; i++)
		sums[i] = (int16_t)(sums[i] + ((row[i] * weight) >> 16));
}

static void go_down(struct reduce *reduce, const struct window *window)
{
	/* Each row is cut off half a unit on average, which the starting value gives back. */
	for (size_t i = 0; i < reduce->row_samples; i++)
		reduce->between[i] = (int16_t)(window->count / 2);
	for (uint32_t tap = 0; tap < window->count; tap++)
		add_row(reduce->between, row_at(reduce, window->first + tap), window->weights[tap],
			reduce->row_samples);
}

static void split_bands(struct reduce *reduce)
{
	unsigned bands = reduce->shape.bands;
	for (unsigned band = 0; band < bands; band++) {
		int16_t *plane = reduce->planes + band * plane_samples(reduce);
		const int16_t *from = reduce->between + band;
		for (uint32_t x = 0; x < reduce->shape.in.width; x++)
			plane[x] = from[(size_t)x * bands];
	}
}

static uint8_t clamp(int32_t value)
{
	return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void go_across(const struct reduce *reduce, unsigned band, uint8_t *to)
{
	const int16_t *plane = reduce->planes + band * plane_samples(reduce);
	uint32_t taps = reduce->across.taps;
	int shift = BETWEEN_BITS + ACROSS_BITS;
	for (uint32_t x = 0; x < reduce->shape.out.width; x++, to += reduce->shape.bands) {
		const struct window *window = &reduce->across.windows[x];
		const int16_t *from = plane + window->first;
		const int16_t *weights = window->weights;
		int32_t sum = 1 << (shift - 1);
		for (uint32_t tap = 0; tap < taps; tap++)
			sum += from[tap] * weights[tap];
		*to = clamp(sum >> shift);
	}
}

static void undo_alpha(const struct reduce *reduce, uint8_t *pixels)
{
	unsigned bands = reduce->shape.bands;
	for (uint32_t x = 0; x < reduce->shape.out.width; x++, pixels += bands) {
		int32_t alpha = pixels[bands - 1];
		for (unsigned band = 0; band + 1 < bands; band++)
			pixels[band] = alpha ? clamp((pixels[band] * 255 + alpha / 2) / alpha) : 0;
	}
}

static void give_row(struct reduce *reduce)
{
	const struct reduce_shape *shape = &reduce->shape;
	uint8_t *to = reduce->pixels + (size_t)reduce->rows_out * shape->out.width * shape->bands;
	go_down(reduce, &reduce->down.windows[reduce->rows_out]);
	split_bands(reduce);
	for (unsigned band = 0; band < shape->bands; band++)
		go_across(reduce, band, to + band);
	if (shape->alpha)
		undo_alpha(reduce, to);
	reduce->rows_out++;
}

static void sample_row(struct reduce *reduce, const uint8_t *row)
{
	const struct reduce_shape *shape = &reduce->shape;
	if (reduce->rows_in != (uint32_t)(reduce->rows_out * shape->step))
		return;
	size_t row_bytes = (size_t)shape->out.width * shape->bands;
	uint8_t *to = reduce->pixels + reduce->rows_out * row_bytes;
	for (uint32_t x = 0; x < shape->out.width; x++, to += shape->bands) {
		uint32_t at = (uint32_t)(x * shape->step);
		assert(at < shape->in.width);
		memcpy(to, row + (size_t)at * shape->bands, shape->bands);
	}
	reduce->rows_out++;
}

void reduce_row(struct reduce *reduce, const uint8_t *row)
{
	assert(reduce->rows_in < reduce->shape.in.height);
	if (reduce->shape.step > 0) {
		if (reduce->rows_out < reduce->shape.out.height)
			sample_row(reduce, row);
		reduce->rows_in++;
		return;
	}
	take_row(reduce, row);
	reduce->rows_in++;
	while (reduce->rows_out < reduce->shape.out.height) {
		const struct window *window = &reduce->down.windows[reduce->rows_out];
		if (window->first + window->count > reduce->rows_in)
			return;
		give_row(reduce);
	}
}

uint8_t *reduce_pixels(struct reduce *reduce)
{
	assert(reduce->rows_out == reduce->shape.out.height);
	return reduce->pixels;
}

struct size reduce_size(const struct reduce *reduce)
{
	return reduce->shape.out;
}
