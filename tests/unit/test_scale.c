/* SPDX-License-Identifier: MIT */
/* The kind "scale" from file to file, on pictures that are made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vips/vips.h>

#include "proto/scale.pb-c.h"
#include "worker/kind.h"
#include "worker/kinds/scale_vips.h"

extern const struct worker_kind worker_kind_scale;

/* One call of execute: what goes in, and after run() what came out. */
struct trial {
	uint32_t width;
	uint32_t height;
	bool subsample;
	uint32_t quality;
	Sciame__ScaleFormat format;
	const void *input;
	size_t input_size;
	int status;
	uint8_t *output;
	size_t output_size;
	Sciame__ScaleReport *report;
	struct result result;
	struct error err;
};

static int file_with(const void *bytes, size_t size)
{
	int fd = memfd_create("picture", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void run_into(struct trial *trial, int out_fd)
{
	Sciame__ScaleParameters parameters = SCIAME__SCALE_PARAMETERS__INIT;
	Sciame__ScaleSize box = SCIAME__SCALE_SIZE__INIT;
	box.width = trial->width;
	box.height = trial->height;
	parameters.n_sizes = 1;
	parameters.sizes = (Sciame__ScaleSize *[]) { &box };
	parameters.subsample = trial->subsample;
	parameters.quality = trial->quality;
	parameters.background = 0xFFFFFF;
	parameters.format = trial->format;
	uint8_t packed[64];
	size_t size = sciame__scale_parameters__pack(&parameters, packed);
	struct job job = { .id = 1, .source = "", .target = "target:x", .parameters = packed };
	job.parameters_size = size;
	int in_fd = file_with(trial->input, trial->input_size);
	trial->status =
		worker_kind_scale.execute(&job, in_fd, &out_fd, &trial->result, &trial->err);
	assert_int_equal(close(in_fd), 0);
}

static void run(struct trial *trial)
{
	int fd = file_with("", 0);
	run_into(trial, fd);
	off_t size = lseek(fd, 0, SEEK_END);
	assert_true(size >= 0);
	trial->output_size = (size_t)size;
	trial->output = malloc(trial->output_size + 1);
	assert_int_equal(pread(fd, trial->output, trial->output_size, 0), size);
	assert_int_equal(close(fd), 0);
	if (trial->status != 0)
		return;
	assert_int_equal(trial->result.input_bytes, trial->input_size);
	assert_int_equal(trial->result.output_bytes, trial->output_size);
	trial->report =
		sciame__scale_report__unpack(NULL, trial->result.report_size, trial->result.report);
	assert_non_null(trial->report);
}

static void trial_release(struct trial *trial)
{
	free(trial->output);
	if (trial->report)
		sciame__scale_report__free_unpacked(trial->report, NULL);
}

static void assert_made(const struct trial *trial, uint32_t width, uint32_t height)
{
	assert_string_equal(trial->err.message, "");
	assert_int_equal(trial->status, 0);
	assert_int_equal(trial->result.outputs[0].width, width);
	assert_int_equal(trial->result.outputs[0].height, height);
	VipsImage *image = vips_image_new_from_buffer(trial->output, trial->output_size, "", NULL);
	assert_non_null(image);
	assert_int_equal(image->Xsize, width);
	assert_int_equal(image->Ysize, height);
	assert_int_equal(vips_image_get_orientation(image), 1);
	g_object_unref(image);
}

static void assert_refused(struct trial *trial, enum error_code code, const char *message)
{
	run(trial);
	assert_int_equal(trial->status, -1);
	assert_int_equal(trial->err.code, code);
	assert_non_null(strstr(trial->err.message, message));
	assert_null(strchr(trial->err.message, '\n'));
	assert_int_equal(trial->output_size, 0);
	trial_release(trial);
}

/* A smooth picture with something in every band: waves of different directions. */
static VipsImage *waves(int width, int height, int bands)
{
	size_t size = (size_t)width * (size_t)height * (size_t)bands;
	uint8_t *bytes = malloc(size);
	uint8_t *to = bytes;
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			for (int band = 0; band < bands; band++)
				*to++ = (uint8_t)(band == 3 ? 128 + x * 127 / width
							    : (x * (band + 1) + y * 3) / 7 % 256);
	VipsImage *image = vips_image_new_from_memory_copy(
		bytes, size, width, height, bands, VIPS_FORMAT_UCHAR);
	assert_non_null(image);
	image->Type = bands < 3 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB;
	free(bytes);
	return image;
}

static void encode(struct trial *trial, VipsImage *image, const char *suffix)
{
	void *bytes;
	assert_int_equal(
		vips_image_write_to_buffer(image, suffix, &bytes, &trial->input_size, NULL), 0);
	trial->input = bytes;
	g_object_unref(image);
}

static void input_release(struct trial *trial)
{
	g_free((void *)trial->input);
	trial_release(trial);
}

/* Mean and largest difference between the pixels of two files. */
static double difference(const struct trial *a, const struct trial *b, double *largest)
{
	VipsImage *left = vips_image_new_from_buffer(a->output, a->output_size, "", NULL);
	VipsImage *right = vips_image_new_from_buffer(b->output, b->output_size, "", NULL);
	assert_non_null(left);
	assert_non_null(right);
	assert_int_equal(left->Bands, right->Bands);
	VipsImage *subtracted;
	VipsImage *absolute;
	double mean;
	assert_int_equal(vips_subtract(left, right, &subtracted, NULL), 0);
	assert_int_equal(vips_abs(subtracted, &absolute, NULL), 0);
	assert_int_equal(vips_avg(absolute, &mean, NULL), 0);
	assert_int_equal(vips_max(absolute, largest, NULL), 0);
	g_object_unref(absolute);
	g_object_unref(subtracted);
	g_object_unref(right);
	g_object_unref(left);
	return mean;
}

/* The same task by the general way only. */
static void run_general(struct trial *trial, enum picture_format source)
{
	struct scale_task task = {
		.in_fd = file_with(trial->input, trial->input_size),
		.out_fd = file_with("", 0),
		.box = { trial->width, trial->height },
		.source = source,
		.target = trial->format == SCIAME__SCALE_FORMAT__SCALE_FORMAT_PNG ? PICTURE_PNG
										  : PICTURE_JPEG,
		.style = { .quality = (int)trial->quality, .subsample = trial->subsample },
	};
	struct scale_outcome outcome = { 0 };
	trial->status = scale_vips(&(struct scale_batch) { &task, &outcome, 1 }, &trial->err);
	assert_int_equal(trial->status, 0);
	trial->output_size = outcome.output_bytes;
	trial->output = malloc(trial->output_size);
	assert_int_equal(
		pread(task.out_fd, trial->output, trial->output_size, 0), outcome.output_bytes);
	assert_int_equal(close(task.in_fd), 0);
	assert_int_equal(close(task.out_fd), 0);
}

static void test_fit_rounds_as_libvips_and_never_enlarges(void **state)
{
	(void)state;
	static const uint32_t cases[][6] = {
		/* picture, box, output */
		{ 4000, 3000, 400, 400, 400, 300 },
		{ 3072, 2048, 400, 400, 400, 267 },
		{ 100, 50, 400, 400, 100, 50 },
		{ 10000, 2, 400, 400, 400, 1 },
		{ 401, 400, 400, 400, 400, 399 },
		{ 1, 65535, 10, 10, 1, 10 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint32_t *c = cases[i];
		struct size out =
			fit_output((struct size) { c[0], c[1] }, (struct size) { c[2], c[3] });
		assert_int_equal(out.width, c[4]);
		assert_int_equal(out.height, c[5]);
	}
}

static void test_stride_makes_it_fit(void **state)
{
	(void)state;
	struct size picture = { 4001, 3000 };
	struct size box = { 400, 400 };
	assert_int_equal(fit_stride(picture, box), 11);
	struct size sampled = fit_sampled(picture, 11);
	assert_int_equal(sampled.width, 364);
	assert_int_equal(sampled.height, 273);
	assert_int_equal(fit_stride((struct size) { 5, 5 }, box), 1);
}

static void test_sniff_goes_by_content(void **state)
{
	(void)state;
	assert_int_equal(sniff((const uint8_t *)"\xff\xd8\xff\xe0", 4), PICTURE_JPEG);
	assert_int_equal(sniff((const uint8_t *)"RIFF....WEBPVP8 ", 16), PICTURE_WEBP);
	assert_int_equal(sniff((const uint8_t *)"%PDF-1.4", 8), PICTURE_PDF);
	assert_int_equal(sniff((const uint8_t *)"\xff", 1), PICTURE_UNKNOWN);
	assert_int_equal(sniff((const uint8_t *)"push graphic-context", 20), PICTURE_UNKNOWN);
}

static void test_what_fits_is_copied_byte_for_byte(void **state)
{
	(void)state;
	/* libvips' savers say more than pixels unless they are told; that of WebP even then */
	static const char *const suffixes[] = { ".jpg[strip]", ".png[strip]", ".gif[strip]",
		".tif[strip]", ".ppm[strip]" };
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		struct trial trial = { .width = 64, .height = 48 };
		encode(&trial, waves(64, 48, 3), suffixes[i]);
		run(&trial);
		assert_int_equal(trial.status, 0);
		assert_int_equal(trial.report->action, SCIAME__SCALE_ACTION__SCALE_ACTION_COPIED);
		assert_int_equal(trial.result.outputs[0].width, 64);
		assert_int_equal(trial.output_size, trial.input_size);
		assert_memory_equal(trial.output, trial.input, trial.input_size);
		input_release(&trial);
	}
}

static void test_every_format_is_scaled_to_itself(void **state)
{
	(void)state;
	static const char *const suffixes[] = { ".jpg", ".png", ".webp", ".gif", ".tif", ".ppm" };
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		for (int subsample = 0; subsample < 2; subsample++) {
			struct trial trial = { .width = 50, .height = 50, .subsample = subsample };
			encode(&trial, waves(200, 101, 3), suffixes[i]);
			run(&trial);
			assert_made(&trial, 50, subsample ? 26 : 25);
			assert_int_equal(
				trial.report->action, SCIAME__SCALE_ACTION__SCALE_ACTION_SCALED);
			assert_memory_equal(trial.output, trial.input, 2);
			input_release(&trial);
		}
	}
}

static void test_another_format_is_converted_without_enlarging(void **state)
{
	(void)state;
	struct trial trial = { .width = 500, .height = 500 };
	trial.format = SCIAME__SCALE_FORMAT__SCALE_FORMAT_WEBP;
	encode(&trial, waves(64, 48, 3), ".jpg");
	run(&trial);
	assert_made(&trial, 64, 48);
	assert_int_equal(trial.report->action, SCIAME__SCALE_ACTION__SCALE_ACTION_SCALED);
	assert_memory_equal(trial.output, "RIFF", 4);
	input_release(&trial);
}

/* The stored picture is white but for its top left quarter, which is black. */
static VipsImage *corner(int orientation)
{
	VipsImage *image = waves(400, 300, 3);
	uint8_t *pixels = image->data;
	for (int i = 0; i < 400 * 300 * 3; i++)
		pixels[i] = (i / 3) % 400 < 200 && i / 3 / 400 < 150 ? 0 : 255;
	vips_image_set_int(image, VIPS_META_ORIENTATION, orientation);
	return image;
}

static void test_orientation_is_applied_once(void **state)
{
	(void)state;
	/* Where the dark quarter is seen, as right * 2 + bottom ... by orientation. */
	static const struct {
		int right;
		int bottom;
	} seen[] = { { 0, 0 }, { 0, 0 }, { 1, 0 }, { 1, 1 }, { 0, 1 }, { 0, 0 }, { 1, 0 }, { 1, 1 },
		{ 0, 1 } };
	for (int orientation = 1; orientation <= 8; orientation++) {
		for (int way = 0; way < 3; way++) {
			struct trial trial = { .width = 100, .height = 100, .subsample = way == 1 };
			if (way == 2)
				trial.format = SCIAME__SCALE_FORMAT__SCALE_FORMAT_PNG;
			encode(&trial, corner(orientation), ".jpg");
			run(&trial);
			uint32_t width = orientation > 4 ? 75 : 100;
			uint32_t height = orientation > 4 ? 100 : 75;
			assert_made(&trial, width, height);
			VipsImage *image = vips_image_new_from_buffer(
				trial.output, trial.output_size, "", NULL);
			double *pixel;
			int bands;
			int x = (int)width * (seen[orientation].right ? 3 : 1) / 4;
			int y = (int)height * (seen[orientation].bottom ? 3 : 1) / 4;
			assert_int_equal(vips_getpoint(image, &pixel, &bands, x, y, NULL), 0);
			assert_true(pixel[0] < 10);
			g_free(pixel);
			x = (int)width - 1 - x;
			assert_int_equal(vips_getpoint(image, &pixel, &bands, x, y, NULL), 0);
			assert_true(pixel[0] > 245);
			g_free(pixel);
			g_object_unref(image);
			input_release(&trial);
		}
	}
}

static void test_fast_jpeg_looks_like_libvips(void **state)
{
	(void)state;
	static const uint32_t boxes[] = { 700, 333, 100, 50 };
	for (int bands = 1; bands <= 3; bands += 2) {
		for (size_t i = 0; i < 4; i++) {
			struct trial fast = {
				.width = boxes[i], .height = boxes[i], .quality = 95
			};
			fast.format = SCIAME__SCALE_FORMAT__SCALE_FORMAT_JPEG;
			VipsImage *image = waves(800, 608, bands);
			VipsImage *soft;
			assert_int_equal(vips_gaussblur(image, &soft, 6, NULL), 0);
			g_object_unref(image);
			encode(&fast, soft, ".jpg[Q=95]");
			struct trial general = fast;
			run(&fast);
			run_general(&general, PICTURE_JPEG);
			double largest;
			assert_true(difference(&fast, &general, &largest) < 1.5);
			assert_true(largest < 16);
			trial_release(&general);
			input_release(&fast);
		}
	}
}

static void test_fast_png_reads_every_filter_and_colour(void **state)
{
	(void)state;
	static const int filters[] = { 0x08, 0x10, 0x20, 0x40, 0x80, 0xf8 };
	for (int bands = 1; bands <= 4; bands++) {
		for (size_t i = 0; i < 6; i++) {
			char suffix[32];
			(void)snprintf(suffix, sizeof(suffix), ".png[filter=%d]", filters[i]);
			struct trial fast = { .width = 97, .height = 97 };
			fast.format = SCIAME__SCALE_FORMAT__SCALE_FORMAT_PNG;
			VipsImage *image = waves(301, 203, bands);
			VipsImage *soft;
			assert_int_equal(vips_gaussblur(image, &soft, 2, NULL), 0);
			g_object_unref(image);
			encode(&fast, soft, suffix);
			struct trial general = fast;
			run(&fast);
			run_general(&general, PICTURE_PNG);
			double largest;
			assert_true(difference(&fast, &general, &largest) < 1.0);
			trial_release(&general);
			input_release(&fast);
		}
	}
}

static void test_fast_png_samples_the_same_pixels_as_libvips(void **state)
{
	(void)state;
	static const char *const suffixes[] = { ".png", ".png[interlace]", ".png[palette]" };
	for (size_t i = 0; i < 3; i++) {
		struct trial fast = { .width = 40, .height = 40, .subsample = true };
		fast.format = SCIAME__SCALE_FORMAT__SCALE_FORMAT_PNG;
		encode(&fast, waves(301, 203, 3), suffixes[i]);
		struct trial general = fast;
		run(&fast);
		assert_made(&fast, 38, 26);
		run_general(&general, PICTURE_PNG);
		double largest;
		assert_true(difference(&fast, &general, &largest) == 0);
		trial_release(&general);
		input_release(&fast);
	}
}

static void test_smooth_has_no_aliasing_and_keeps_flat_areas(void **state)
{
	(void)state;
	for (int flat = 0; flat < 2; flat++) {
		struct trial trial = { .width = 60, .height = 60 };
		VipsImage *image = waves(300, 300, 3);
		uint8_t *pixels = image->data;
		for (int i = 0; i < 300 * 300 * 3; i++)
			pixels[i] = flat || (i / 3 % 300 + i / 900) % 2 ? 255 : 0;
		encode(&trial, image, ".png");
		run(&trial);
		assert_made(&trial, 60, 60);
		VipsImage *out =
			vips_image_new_from_buffer(trial.output, trial.output_size, "", NULL);
		double low;
		double high;
		assert_int_equal(vips_min(out, &low, NULL), 0);
		assert_int_equal(vips_max(out, &high, NULL), 0);
		assert_true(low >= (flat ? 255 : 110));
		assert_true(high <= (flat ? 255 : 145));
		g_object_unref(out);
		input_release(&trial);
	}
}

static void test_transparent_becomes_white_on_jpeg(void **state)
{
	(void)state;
	struct trial trial = { .width = 20, .height = 20 };
	trial.format = SCIAME__SCALE_FORMAT__SCALE_FORMAT_JPEG;
	VipsImage *clear;
	assert_int_equal(vips_black(&clear, 100, 100, "bands", 4, NULL), 0);
	clear->Type = VIPS_INTERPRETATION_sRGB;
	encode(&trial, clear, ".png");
	run(&trial);
	assert_made(&trial, 20, 20);
	VipsImage *out = vips_image_new_from_buffer(trial.output, trial.output_size, "", NULL);
	double low;
	assert_int_equal(vips_min(out, &low, NULL), 0);
	assert_true(low >= 254);
	g_object_unref(out);
	input_release(&trial);
}

static void test_a_broken_off_jpeg_is_salvaged(void **state)
{
	(void)state;
	struct trial trial = { .width = 40, .height = 40 };
	encode(&trial, waves(400, 300, 3), ".jpg");
	trial.input_size /= 2;
	run(&trial);
	assert_made(&trial, 40, 30);
	input_release(&trial);
}

static void test_the_same_picture_gives_the_same_bytes(void **state)
{
	(void)state;
	static const char *const suffixes[] = { ".jpg", ".png", ".webp", ".tif" };
	for (size_t i = 0; i < 4; i++) {
		struct trial first = { .width = 77, .height = 77 };
		encode(&first, waves(501, 399, 3), suffixes[i]);
		struct trial second = first;
		run(&first);
		run(&second);
		assert_int_equal(first.status, 0);
		assert_int_equal(first.output_size, second.output_size);
		assert_memory_equal(first.output, second.output, first.output_size);
		trial_release(&second);
		input_release(&first);
	}
}

static void test_what_is_no_picture_is_refused_with_a_reason(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		enum error_code code;
		const char *message;
	} cases[] = {
		{ "", ERROR_INPUT, "empty file" },
		{ "hello, this is only some text, and not a short one", ERROR_INPUT,
			"not an image" },
		{ "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", ERROR_INPUT,
			"svg pictures are not read" },
		{ "<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'></svg>",
			ERROR_INPUT, "svg pictures are not read" },
		{ "%PDF-1.4\n", ERROR_INPUT, "pdf pictures are not read" },
		{ "%!PS-Adobe-3.0\n", ERROR_INPUT, "ps pictures are not read" },
		{ "\xff\xd8\xff\xe0 not a picture at all", ERROR_INPUT, "" },
		{ "\x89PNG\r\n\x1a\n and nothing", ERROR_INPUT, "" },
		{ "P5\n70000 1\n255\n", ERROR_LIMIT, "limit of 65535" },
		{ "P5\n30000 30000\n255\n", ERROR_LIMIT, "limit of 536870912" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trial trial = { .width = 10, .height = 10 };
		trial.input = cases[i].bytes;
		trial.input_size = strlen(cases[i].bytes);
		assert_refused(&trial, cases[i].code, cases[i].message);
	}
}

static void test_bmp_is_read_but_not_written(void **state)
{
	(void)state;
	static const uint8_t header[] = { 'B', 'M', 0, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0,
		0, 64, 0, 0, 0, 64, 0, 0, 0, 1, 0, 24 };
	uint8_t bmp[54 + 64 * 64 * 3] = { 0 };
	memcpy(bmp, header, sizeof(header));
	struct trial trial = { .width = 10, .height = 10, .input = bmp, .input_size = sizeof(bmp) };
	assert_refused(&trial, ERROR_INPUT, "cannot write bmp; give --format");
	struct trial converted = trial;
	memset(&converted.err, 0, sizeof(converted.err));
	converted.format = SCIAME__SCALE_FORMAT__SCALE_FORMAT_PNG;
	run(&converted);
	assert_made(&converted, 10, 10);
	trial_release(&converted);
}

static void test_a_full_disk_is_an_io_error(void **state)
{
	(void)state;
	static const char *const suffixes[] = { ".jpg", ".png", ".webp" };
	for (size_t i = 0; i < 3; i++) {
		for (uint32_t box = 20; box <= 200; box += 180) {
			struct trial trial = { .width = box, .height = box };
			encode(&trial, waves(100, 100, 3), suffixes[i]);
			int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
			assert_true(full >= 0);
			run_into(&trial, full);
			assert_int_equal(trial.status, -1);
			assert_int_equal(trial.err.code, ERROR_IO);
			assert_int_equal(trial.err.number, ENOSPC);
			assert_int_equal(close(full), 0);
			input_release(&trial);
		}
	}
}

static void test_parameters_out_of_range_are_refused(void **state)
{
	(void)state;
	struct trial none = { .width = 0, .height = 10, .input = "x", .input_size = 1 };
	assert_refused(&none, ERROR_PROTOCOL, "out of range");
	struct trial large = { .width = 65536, .height = 10, .input = "x", .input_size = 1 };
	assert_refused(&large, ERROR_PROTOCOL, "out of range");
	struct trial best = { .width = 9, .height = 9, .quality = 101, .input = "x" };
	assert_refused(&best, ERROR_PROTOCOL, "out of range");
	struct trial odd = { .width = 9, .height = 9, .format = (Sciame__ScaleFormat)99 };
	assert_refused(&odd, ERROR_PROTOCOL, "out of range");
}

static int start(void **state)
{
	(void)state;
	struct error err;
	return worker_kind_scale.start(&err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fit_rounds_as_libvips_and_never_enlarges),
		cmocka_unit_test(test_stride_makes_it_fit),
		cmocka_unit_test(test_sniff_goes_by_content),
		cmocka_unit_test(test_what_fits_is_copied_byte_for_byte),
		cmocka_unit_test(test_every_format_is_scaled_to_itself),
		cmocka_unit_test(test_another_format_is_converted_without_enlarging),
		cmocka_unit_test(test_orientation_is_applied_once),
		cmocka_unit_test(test_fast_jpeg_looks_like_libvips),
		cmocka_unit_test(test_fast_png_reads_every_filter_and_colour),
		cmocka_unit_test(test_fast_png_samples_the_same_pixels_as_libvips),
		cmocka_unit_test(test_smooth_has_no_aliasing_and_keeps_flat_areas),
		cmocka_unit_test(test_transparent_becomes_white_on_jpeg),
		cmocka_unit_test(test_a_broken_off_jpeg_is_salvaged),
		cmocka_unit_test(test_the_same_picture_gives_the_same_bytes),
		cmocka_unit_test(test_what_is_no_picture_is_refused_with_a_reason),
		cmocka_unit_test(test_bmp_is_read_but_not_written),
		cmocka_unit_test(test_a_full_disk_is_an_io_error),
		cmocka_unit_test(test_parameters_out_of_range_are_refused),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
