/* SPDX-License-Identifier: MIT */
/* Several sizes of one picture at once: the same as each by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vips/vips.h>

#include "proto/scale.pb-c.h"
#include "worker/kind.h"
#include "worker/kinds/scale_spread.h"
#include "worker/kinds/scale_vips.h"

extern const struct worker_kind worker_kind_scale;

/* What is asked for: two that are nearly the same, small ones, and all of the picture. */
static const uint32_t boxes[] = { 400, 397, 120, 33, 1, 4000 };
enum { BOXES = sizeof(boxes) / sizeof(boxes[0]) };

struct made {
	struct produced produced;
	VipsImage *image; /* in memory */
};

static int file_with(const void *bytes, size_t size)
{
	int fd = memfd_create("picture", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	return fd;
}

static VipsImage *read_image(int fd, size_t size)
{
	void *bytes = malloc(size);
	assert_int_equal(pread(fd, bytes, size, 0), size);
	VipsImage *image = vips_image_new_from_buffer(bytes, size, "", NULL);
	if (!image)
		fail_msg("%s", vips_error_buffer());
	VipsImage *copy = vips_image_copy_memory(image);
	assert_non_null(copy);
	g_object_unref(image);
	free(bytes);
	return copy;
}

/* One job. */
struct order {
	void *input;
	size_t input_size;
	const uint32_t *sides; /* of the boxes */
	uint32_t count;
};

static void make(const struct order *order, Sciame__ScaleParameters parameters, struct made *made)
{
	uint32_t count = order->count;
	Sciame__ScaleSize sizes[BOXES], *list[BOXES];
	int out_fds[BOXES];
	uint8_t packed[256];
	struct job job = { .id = 1, .source = "", .target = "target:x", .parameters = packed };
	struct result result = { 0 };
	struct error err = { 0 };
	for (uint32_t i = 0; i < count; i++) {
		sciame__scale_size__init(&sizes[i]);
		sizes[i].width = sizes[i].height = order->sides[i];
		list[i] = &sizes[i];
		out_fds[i] = file_with("", 0);
	}
	parameters.sizes = list;
	parameters.n_sizes = count;
	parameters.quality = 95;
	job.parameters_size = sciame__scale_parameters__pack(&parameters, packed);
	int in_fd = file_with(order->input, order->input_size);
	if (worker_kind_scale.execute(&job, in_fd, out_fds, &result, &err))
		fail_msg("%s", err.message);
	assert_int_equal(result.outputs_count, count);
	assert_int_equal(close(in_fd), 0);
	for (uint32_t i = 0; i < count; i++) {
		made[i].produced = result.outputs[i];
		made[i].image = read_image(out_fds[i], result.outputs[i].bytes);
		assert_int_equal(close(out_fds[i]), 0);
	}
}

static double mean_difference(VipsImage *a, VipsImage *b)
{
	VipsImage *subtracted, *absolute;
	double mean;
	assert_int_equal(a->Xsize, b->Xsize);
	assert_int_equal(a->Ysize, b->Ysize);
	assert_int_equal(a->Bands, b->Bands);
	assert_int_equal(vips_subtract(a, b, &subtracted, NULL), 0);
	assert_int_equal(vips_abs(subtracted, &absolute, NULL), 0);
	assert_int_equal(vips_avg(absolute, &mean, NULL), 0);
	g_object_unref(absolute);
	g_object_unref(subtracted);
	return mean;
}

/* limit: of the mean difference of a sample. */
static void assert_like_single(
	VipsImage *image, const char *suffix, Sciame__ScaleParameters parameters, double limit)
{
	struct made together[BOXES], alone;
	struct order order = { .sides = boxes, .count = BOXES };
	assert_int_equal(
		vips_image_write_to_buffer(image, suffix, &order.input, &order.input_size, NULL),
		0);
	make(&order, parameters, together);
	order.count = 1;
	for (uint32_t i = 0; i < BOXES; i++) {
		order.sides = &boxes[i];
		make(&order, parameters, &alone);
		assert_int_equal(together[i].produced.width, alone.produced.width);
		assert_int_equal(together[i].produced.height, alone.produced.height);
		double difference = mean_difference(together[i].image, alone.image);
		if (difference > limit)
			fail_msg("%s at %u differs by %g", suffix, boxes[i], difference);
		g_object_unref(together[i].image);
		g_object_unref(alone.image);
	}
	g_free(order.input);
	g_object_unref(image);
}

/* Waves of different directions in every band; the last of four is opacity. */
static VipsImage *waves(int width, int height, int bands)
{
	size_t size = (size_t)width * (size_t)height * (size_t)bands;
	uint8_t *bytes = malloc(size);
	uint8_t *to = bytes;
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			for (int band = 0; band < bands; band++)
				*to++ = (uint8_t)(band == 3 ? 128 + x * 127 / width
							    : 128 + (x * (band + 1) + y * 3) / 9 %
									      90);
	VipsImage *image = vips_image_new_from_memory_copy(
		bytes, size, width, height, bands, VIPS_FORMAT_UCHAR);
	assert_non_null(image);
	image->Type = bands < 3 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB;
	free(bytes);
	return image;
}

static const Sciame__ScaleParameters plain = SCIAME__SCALE_PARAMETERS__INIT;

/* Decoded once at the largest size, then averaged: not the same bytes, but the same picture. */
static void test_sizes_of_a_jpeg(void **state)
{
	(void)state;
	assert_like_single(waves(1607, 1203, 3), ".jpg", plain, 2);
	assert_like_single(waves(1601, 1199, 1), ".jpg", plain, 2);
	VipsImage *lying = waves(1607, 1203, 3);
	vips_image_set_int(lying, VIPS_META_ORIENTATION, 6);
	assert_like_single(lying, ".jpg", plain, 2);
}

static void test_sizes_of_a_jpeg_by_sampling(void **state)
{
	(void)state;
	Sciame__ScaleParameters sampled = plain;
	sampled.subsample = true;
	assert_like_single(waves(1607, 1203, 3), ".jpg", sampled, 6);
}

static void test_sizes_of_a_png(void **state)
{
	(void)state;
	Sciame__ScaleParameters sampled = plain;
	sampled.subsample = true;
	assert_like_single(waves(801, 603, 3), ".png", plain, 0);
	assert_like_single(waves(801, 603, 4), ".png", plain, 0);
	assert_like_single(waves(801, 603, 3), ".png[interlace]", plain, 0);
	assert_like_single(waves(801, 603, 3), ".png", sampled, 0);
}

static void test_sizes_of_what_libvips_reads(void **state)
{
	(void)state;
	Sciame__ScaleParameters cover = plain;
	cover.fit = SCIAME__SCALE_FIT__SCALE_FIT_COVER;
	assert_like_single(waves(801, 603, 3), ".tif", plain, 0);
	assert_like_single(waves(801, 603, 4), ".webp[lossless]", plain, 4);
	assert_like_single(waves(801, 603, 3), ".jpg", cover, 4);
}

/* Of an odd size, so that blocks at the right and at the bottom are smaller ones. */
static void test_spread_averages_blocks(void **state)
{
	(void)state;
	enum { WIDTH = 7, HEIGHT = 5, BLOCK = 2 };
	const struct reduce_shape half = {
		.in = { 4, 3 }, .out = { 4, 3 }, .span_x = 4, .span_y = 3, .bands = 1, .step = 1
	};
	struct spread spread = { 0 };
	uint8_t row[WIDTH];
	struct size size;
	assert_true(spread_add(&spread, &half, BLOCK));
	for (int y = 0; y < HEIGHT; y++) {
		for (int x = 0; x < WIDTH; x++)
			row[x] = (uint8_t)(10 * x + y);
		spread_row(&spread, row, WIDTH);
	}
	/* 10 * (x, x + 1) + (y, y + 1), halves rounded up */
	static const uint8_t expected[] = { 6, 26, 46, 61, 8, 28, 48, 63, 9, 29, 49, 64 };
	const uint8_t *pixels = spread_pixels(&spread, 0, &size);
	assert_int_equal(size.width, 4);
	assert_int_equal(size.height, 3);
	assert_memory_equal(pixels, expected, sizeof(expected));
	spread_release(&spread);
}

/* What does not fit with the others is left for another time. */
static void test_spread_has_a_limit(void **state)
{
	(void)state;
	const struct reduce_shape large = { .in = { 16000, 16000 },
		.out = { 9000, 9000 },
		.span_x = 16000,
		.span_y = 16000,
		.bands = 3 };
	struct spread spread = { 0 };
	assert_true(spread_add(&spread, &large, 1));
	assert_true(spread_add(&spread, &large, 1));
	assert_false(spread_add(&spread, &large, 1));
	assert_int_equal(spread.count, 2);
	assert_true(spread.bytes <= SPREAD_BYTES_MAX);
	spread_release(&spread);
}

static int setup(void **state)
{
	(void)state;
	struct error err;
	return scale_vips_start(&err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_of_a_jpeg),
		cmocka_unit_test(test_sizes_of_a_jpeg_by_sampling),
		cmocka_unit_test(test_sizes_of_a_png),
		cmocka_unit_test(test_sizes_of_what_libvips_reads),
		cmocka_unit_test(test_spread_averages_blocks),
		cmocka_unit_test(test_spread_has_a_limit),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
