/* SPDX-License-Identifier: MIT */
/* How outputs look: colours, transparency, depth, frames, sizes, and what is said of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <vips/vips.h>

#include "proto/scale.pb-c.h"
#include "worker/kind.h"
#include "worker/kinds/scale_srgb.h"
#include "worker/kinds/scale_vips.h"

extern const struct worker_kind worker_kind_scale;

enum { WIDE = 240, HIGH = 160, PACKED_MAX = 512 };

/* One job: what it was told, and what it made. */
struct work {
	Sciame__ScaleParameters p;
	Sciame__ScaleSize size;
	const char *name;
	int status;
	uint32_t notes;
	bool copied;
	VipsImage *image; /* the output, or NULL */
	char *bytes;
	struct error err;
};

static struct work work_of(uint32_t width, uint32_t height)
{
	struct work work = { .p = SCIAME__SCALE_PARAMETERS__INIT, .name = "" };
	work.size = (Sciame__ScaleSize)SCIAME__SCALE_SIZE__INIT;
	work.size.width = width;
	work.size.height = height;
	work.p.background = 0xFFFFFF;
	return work;
}

static int file_with(const void *bytes, size_t size)
{
	int fd = memfd_create("picture", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	return fd;
}

static void take_output(struct work *work, int fd, const struct result *result)
{
	size_t size = result->outputs[0].bytes;
	assert_int_equal(result->outputs_count, 1);
	assert_int_equal(lseek(fd, 0, SEEK_END), size);
	work->bytes = malloc(size);
	assert_int_equal(pread(fd, work->bytes, size, 0), size);
	/* all frames where there are several */
	work->image = vips_image_new_from_buffer(work->bytes, size, "n=-1", NULL);
	if (!work->image)
		work->image = vips_image_new_from_buffer(work->bytes, size, "", NULL);
	assert_non_null(work->image);
	assert_int_equal(vips_image_get_width(work->image), result->outputs[0].width);
	assert_int_equal(vips_image_get_page_height(work->image), result->outputs[0].height);
	Sciame__ScaleReport *report =
		sciame__scale_report__unpack(NULL, result->report_size, result->report);
	assert_non_null(report);
	work->notes = report->notes;
	work->copied = report->action == SCIAME__SCALE_ACTION__SCALE_ACTION_COPIED;
	sciame__scale_report__free_unpacked(report, NULL);
}

static void run(struct work *work, const void *bytes, size_t size)
{
	uint8_t packed[PACKED_MAX];
	Sciame__ScaleSize *sizes = &work->size;
	struct result result = { 0 };
	work->p.n_sizes = 1;
	work->p.sizes = &sizes;
	const struct job job = { .id = 1,
		.source = work->name,
		.target = "target:x",
		.parameters = packed,
		.parameters_size = sciame__scale_parameters__pack(&work->p, packed) };
	int in = file_with(bytes, size), out = file_with("", 0);
	work->status = worker_kind_scale.execute(&job, in, &out, &result, &work->err);
	if (work->status == 0)
		take_output(work, out, &result);
	assert_int_equal(close(in), 0);
	assert_int_equal(close(out), 0);
}

/* Encodes and frees the image, and scales it. */
static void run_image(struct work *work, VipsImage *image, const char *suffix)
{
	void *bytes;
	size_t size;
	assert_int_equal(vips_image_write_to_buffer(image, suffix, &bytes, &size, NULL), 0);
	g_object_unref(image);
	run(work, bytes, size);
	g_free(bytes);
}

static void done(struct work *work)
{
	g_clear_object(&work->image);
	free(work->bytes);
}

static VipsImage *flat(int width, int height, const double *ink, int bands, VipsInterpretation type)
{
	VipsImage *black, *full, *bytes, *image;
	double ones[] = { 1, 1, 1, 1 };
	bool deep = type == VIPS_INTERPRETATION_RGB16 || type == VIPS_INTERPRETATION_GREY16;
	assert_int_equal(vips_black(&black, width, height, "bands", bands, NULL), 0);
	assert_int_equal(vips_linear(black, &full, ones, (double *)ink, bands, NULL), 0);
	assert_int_equal(
		vips_cast(full, &bytes, deep ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR, NULL), 0);
	assert_int_equal(vips_copy(bytes, &image, "interpretation", type, NULL), 0);
	g_object_unref(black);
	g_object_unref(full);
	g_object_unref(bytes);
	return image;
}

static VipsImage *colour(double r, double g, double b)
{
	return flat(WIDE, HIGH, (double[]) { r, g, b }, 3, VIPS_INTERPRETATION_sRGB);
}

static void assert_pixel(VipsImage *image, int x, int y, const double *expected, double tolerance)
{
	double *pixel;
	int bands;
	assert_int_equal(vips_getpoint(image, &pixel, &bands, x, y, NULL), 0);
	for (int i = 0; i < bands; i++)
		assert_float_equal(pixel[i], expected[i], tolerance);
	g_free(pixel);
}

static void test_a_wide_profile_becomes_srgb(void **state)
{
	(void)state;
	const double ink[] = { 200, 60, 120 };
	VipsImage *wide;
	VipsImage *image = colour(ink[0], ink[1], ink[2]);
	assert_int_equal(vips_icc_transform(image, &wide, "p3", "input_profile", "srgb", NULL), 0);
	double *stored;
	int bands;
	assert_int_equal(vips_getpoint(wide, &stored, &bands, 5, 5, NULL), 0);
	assert_true(stored[0] < ink[0] - 5); /* other numbers for the same colour */
	g_object_unref(image);
	for (int keep = 0; keep < 2; keep++) {
		struct work work = work_of(60, 60);
		work.p.keep_profile = keep;
		g_object_ref(wide);
		run_image(&work, wide, ".png");
		assert_int_equal(work.status, 0);
		assert_int_equal(work.notes, 0);
		assert_pixel(work.image, 30, 20, keep ? stored : ink, 2);
		assert_true(vips_image_get_typeof(work.image, VIPS_META_ICC_NAME) != 0);
		done(&work);
	}
	g_free(stored);
	g_object_unref(wide);
}

/* A JPEG with a profile that is for other numbers than it has; libvips itself would write none. */
static size_t put_wrong_profile(uint8_t *to, const uint8_t *jpeg, size_t size)
{
	static const uint8_t head[] = "\xFF\xD8\xFF\xE2\0\0ICC_PROFILE\0\1\1";
	uint8_t *profile = to + sizeof(head) - 1;
	memcpy(to, head, sizeof(head) - 1);
	size_t length = srgb_profile(profile);
	memcpy(profile + 16, "CMYK", 4);
	size_t segment = length + sizeof(head) - 1 - 4;
	to[4] = (uint8_t)(segment >> 8);
	to[5] = (uint8_t)segment;
	memcpy(profile + length, jpeg + 2, size - 2);
	return sizeof(head) - 1 + length + size - 2;
}

static void test_a_broken_profile_is_survived_and_told(void **state)
{
	(void)state;
	VipsImage *image = colour(10, 200, 90);
	void *jpeg;
	size_t size;
	assert_int_equal(vips_jpegsave_buffer(image, &jpeg, &size, "Q", 95, NULL), 0);
	uint8_t *bytes = malloc(size + 1024);
	size = put_wrong_profile(bytes, jpeg, size);
	for (int strict = 0; strict < 2; strict++) {
		struct work work = work_of(60, 60);
		work.p.strict = strict;
		run(&work, bytes, size);
		if (strict) {
			assert_int_equal(work.status, -1);
			assert_string_equal(
				work.err.message, "its colour profile can't be used (--strict)");
		} else {
			assert_int_equal(work.notes, SCIAME__SCALE_NOTE__SCALE_NOTE_PROFILE_BROKEN);
			assert_pixel(work.image, 30, 20, (double[]) { 10, 200, 90 }, 4);
		}
		done(&work);
	}
	free(bytes);
	g_free(jpeg);
	g_object_unref(image);
}

static void test_cmyk_becomes_srgb_with_and_without_a_profile(void **state)
{
	(void)state;
	for (int strip = 0; strip < 2; strip++) {
		struct work work = work_of(60, 60);
		VipsImage *image = colour(180, 150, 120), *ink;
		assert_int_equal(
			vips_icc_transform(image, &ink, "cmyk", "input_profile", "srgb", NULL), 0);
		g_object_unref(image);
		run_image(&work, ink, strip ? ".jpg[Q=95,strip]" : ".jpg[Q=95]");
		assert_int_equal(work.status, 0);
		assert_int_equal(
			work.notes, strip ? SCIAME__SCALE_NOTE__SCALE_NOTE_PROFILE_ASSUMED : 0);
		assert_int_equal(work.image->Bands, 3);
		assert_pixel(work.image, 30, 20, (double[]) { 180, 150, 120 }, 6);
		done(&work);
	}
}

static void test_the_profile_of_outputs_is_srgb(void **state)
{
	(void)state;
	uint8_t profile[SRGB_PROFILE_MAX];
	VipsImage *image = colour(153, 228, 77), *lab, *back;
	vips_image_set_blob_copy(image, VIPS_META_ICC_NAME, profile, srgb_profile(profile));
	assert_int_equal(vips_icc_import(image, &lab, "embedded", TRUE, NULL), 0);
	assert_int_equal(vips_icc_export(lab, &back, "output_profile", "srgb", NULL), 0);
	assert_pixel(back, 3, 3, (double[]) { 153, 228, 77 }, 1);
	g_object_unref(image);
	g_object_unref(lab);
	g_object_unref(back);
}

static void test_sixteen_bits_stay_where_they_can(void **state)
{
	(void)state;
	const double ink[] = { 12345, 54321, 257 };
	static const Sciame__ScaleFormat formats[] = { SCIAME__SCALE_FORMAT__SCALE_FORMAT_SAME,
		SCIAME__SCALE_FORMAT__SCALE_FORMAT_TIFF, SCIAME__SCALE_FORMAT__SCALE_FORMAT_JPEG };
	for (int i = 0; i < 4; i++) {
		struct work work = work_of(60, 60);
		work.p.format = i < 3 ? formats[i] : formats[0];
		work.p.depth = i == 3 ? 8 : 0;
		run_image(&work, flat(WIDE, HIGH, ink, 3, VIPS_INTERPRETATION_RGB16), ".png");
		assert_int_equal(work.status, 0);
		bool deep = i < 2;
		assert_int_equal(
			work.image->BandFmt, deep ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR);
		assert_pixel(
			work.image, 30, 20, deep ? ink : (double[]) { 48, 212, 1 }, deep ? 1 : 4);
		assert_int_equal(vips_image_get_width(work.image), 60);
		assert_int_equal(vips_image_get_height(work.image), 40);
		done(&work);
	}
}

static void test_transparency_goes_onto_the_background_only_where_it_must(void **state)
{
	(void)state;
	const double ink[] = { 200, 100, 0, 128 };
	for (int opaque = 0; opaque < 2; opaque++) {
		struct work work = work_of(60, 60);
		work.p.format = SCIAME__SCALE_FORMAT__SCALE_FORMAT_JPEG;
		work.p.quality = 95;
		work.p.background = 0x0000FF;
		const double full[] = { 200, 100, 0, 255 };
		run_image(&work, flat(WIDE, HIGH, opaque ? full : ink, 4, VIPS_INTERPRETATION_sRGB),
			".png");
		assert_int_equal(work.notes, opaque ? 0 : SCIAME__SCALE_NOTE__SCALE_NOTE_FLATTENED);
		assert_pixel(work.image, 30, 20, opaque ? full : (double[]) { 100, 50, 127 }, 5);
		done(&work);
	}
	struct work kept = work_of(60, 60);
	run_image(&kept, flat(WIDE, HIGH, ink, 4, VIPS_INTERPRETATION_sRGB), ".png");
	assert_int_equal(kept.notes, 0);
	assert_pixel(kept.image, 30, 20, ink, 1);
	done(&kept);
}

static VipsImage *animation(void)
{
	VipsImage *frames[] = { colour(255, 0, 0), colour(0, 255, 0), colour(0, 0, 255) };
	VipsImage *joined, *image;
	int delays[] = { 40, 50, 60 };
	assert_int_equal(vips_arrayjoin(frames, &joined, 3, "across", 1, NULL), 0);
	assert_int_equal(vips_copy(joined, &image, NULL), 0);
	vips_image_set_int(image, VIPS_META_PAGE_HEIGHT, HIGH);
	vips_image_set_array_int(image, "delay", delays, 3);
	vips_image_set_int(image, "loop", 5);
	for (int i = 0; i < 3; i++)
		g_object_unref(frames[i]);
	g_object_unref(joined);
	return image;
}

static void test_animations_stay_animated(void **state)
{
	(void)state;
	static const char *const suffixes[] = { ".gif", ".webp[lossless]" };
	static const double inks[][4] = { { 255, 0, 0, 255 }, { 0, 255, 0, 255 },
		{ 0, 0, 255, 255 } };
	for (int from = 0; from < 2; from++) {
		for (int to = 0; to < 2; to++) {
			struct work work = work_of(60, 60);
			work.p.format = to ? SCIAME__SCALE_FORMAT__SCALE_FORMAT_WEBP
					   : SCIAME__SCALE_FORMAT__SCALE_FORMAT_GIF;
			run_image(&work, animation(), suffixes[from]);
			assert_int_equal(work.status, 0);
			assert_int_equal(work.notes, 0);
			assert_int_equal(vips_image_get_n_pages(work.image), 3);
			for (int i = 0; i < 3; i++)
				assert_pixel(work.image, 30, 40 * i + 1, inks[i], 8);
			int *delays, count, loop;
			assert_int_equal(
				vips_image_get_array_int(work.image, "delay", &delays, &count), 0);
			assert_int_equal(delays[2], 60);
			assert_int_equal(vips_image_get_int(work.image, "loop", &loop), 0);
			assert_int_equal(loop, 5);
			done(&work);
		}
	}
}

static void test_frames_that_are_dropped_are_told(void **state)
{
	(void)state;
	struct work work = work_of(60, 60);
	work.p.format = SCIAME__SCALE_FORMAT__SCALE_FORMAT_PNG;
	run_image(&work, animation(), ".gif");
	assert_int_equal(work.notes, SCIAME__SCALE_NOTE__SCALE_NOTE_FRAMES_DROPPED);
	done(&work);
	struct work chosen = work_of(500, 500);
	chosen.p.first_frame = true;
	run_image(&chosen, animation(), ".gif");
	assert_int_equal(chosen.notes, 0);
	assert_int_equal(vips_image_get_n_pages(chosen.image), 1);
	assert_false(chosen.copied);
	done(&chosen);
	struct work strict = work_of(60, 60);
	strict.p.format = SCIAME__SCALE_FORMAT__SCALE_FORMAT_JPEG;
	strict.p.strict = true;
	run_image(&strict, animation(), ".gif");
	assert_int_equal(strict.status, -1);
	assert_string_equal(strict.err.message, "it would lose frames (--strict)");
}

static void assert_fit(Sciame__ScaleFit fit, bool enlarge, struct size box, struct size expected)
{
	struct work work = work_of(box.width, box.height);
	work.p.fit = fit;
	work.p.enlarge = enlarge;
	run_image(&work, colour(1, 2, 3), ".png");
	assert_int_equal(work.status, 0);
	assert_int_equal(vips_image_get_width(work.image), expected.width);
	assert_int_equal(vips_image_get_height(work.image), expected.height);
	done(&work);
}

static void test_every_fit_has_its_size(void **state)
{
	(void)state;
	const Sciame__ScaleFit inside = SCIAME__SCALE_FIT__SCALE_FIT_INSIDE;
	const Sciame__ScaleFit cover = SCIAME__SCALE_FIT__SCALE_FIT_COVER;
	const Sciame__ScaleFit fill = SCIAME__SCALE_FIT__SCALE_FIT_FILL;
	const Sciame__ScaleFit wide = SCIAME__SCALE_FIT__SCALE_FIT_WIDTH;
	const Sciame__ScaleFit high = SCIAME__SCALE_FIT__SCALE_FIT_HEIGHT;
	assert_fit(inside, false, (struct size) { 60, 60 }, (struct size) { 60, 40 });
	assert_fit(inside, false, (struct size) { 480, 480 }, (struct size) { 240, 160 });
	assert_fit(inside, true, (struct size) { 480, 480 }, (struct size) { 480, 320 });
	assert_fit(cover, false, (struct size) { 60, 60 }, (struct size) { 60, 60 });
	assert_fit(cover, false, (struct size) { 200, 400 }, (struct size) { 200, 160 });
	assert_fit(cover, true, (struct size) { 200, 400 }, (struct size) { 200, 400 });
	assert_fit(fill, false, (struct size) { 60, 10 }, (struct size) { 60, 10 });
	assert_fit(fill, false, (struct size) { 60, 500 }, (struct size) { 60, 160 });
	assert_fit(fill, true, (struct size) { 60, 500 }, (struct size) { 60, 500 });
	assert_fit(wide, false, (struct size) { 60, 1 }, (struct size) { 60, 40 });
	assert_fit(wide, true, (struct size) { 480, 1 }, (struct size) { 480, 320 });
	assert_fit(high, false, (struct size) { 1, 80 }, (struct size) { 120, 80 });
}

/* Every other pixel is white: half of the light is 188, half of the numbers 127. */
static void test_linear_light_is_another_mean(void **state)
{
	(void)state;
	for (int linear = 0; linear < 2; linear++) {
		uint8_t *pixels = malloc((size_t)WIDE * WIDE * 3);
		for (int i = 0; i < WIDE * WIDE; i++)
			memset(pixels + 3 * i, (i / WIDE + i) % 2 ? 255 : 0, 3);
		VipsImage *raw = vips_image_new_from_memory_copy(
			pixels, (size_t)WIDE * WIDE * 3, WIDE, WIDE, 3, VIPS_FORMAT_UCHAR);
		VipsImage *image;
		assert_int_equal(
			vips_copy(raw, &image, "interpretation", VIPS_INTERPRETATION_sRGB, NULL),
			0);
		struct work work = work_of(60, 60);
		work.p.linear = linear;
		run_image(&work, image, ".png");
		double expected = linear ? 188 : 127.5;
		assert_pixel(work.image, 30, 30, (double[]) { expected, expected, expected }, 2);
		done(&work);
		g_object_unref(raw);
		free(pixels);
	}
}

static void test_grey_stays_grey(void **state)
{
	(void)state;
	static const char *const suffixes[] = { ".png", ".jpg[Q=95]", ".webp", ".tif" };
	for (int i = 0; i < 4; i++) {
		struct work work = work_of(60, 60);
		run_image(&work, flat(WIDE, HIGH, (double[]) { 77 }, 1, VIPS_INTERPRETATION_B_W),
			suffixes[i]);
		assert_int_equal(work.status, 0);
		if (i != 2) /* WebP has nothing but colours */
			assert_int_equal(work.image->Bands, 1);
		assert_pixel(work.image, 30, 20, (double[]) { 77, 77, 77 }, 3);
		done(&work);
	}
}

static void test_only_copyright_and_creator_are_kept(void **state)
{
	(void)state;
	static const char *const suffixes[] = { ".jpg[Q=90]", ".webp" };
	for (int i = 0; i < 2; i++) {
		for (int none = 0; none < 2; none++) {
			struct work work = work_of(60, 60);
			VipsImage *image = colour(9, 99, 199);
			vips_image_set_string(image, "exif-ifd0-Copyright", "(c) Jane Doe");
			vips_image_set_string(image, "exif-ifd0-Artist", "Jane Doe");
			vips_image_set_string(image, "exif-ifd0-Model", "secret camera");
			vips_image_set_string(image, "exif-ifd3-GPSLatitude", "52/1 30/1 0/1");
			work.p.metadata = none ? SCIAME__SCALE_METADATA__SCALE_METADATA_NONE
					       : SCIAME__SCALE_METADATA__SCALE_METADATA_COPYRIGHT;
			run_image(&work, image, suffixes[i]);
			assert_int_equal(work.status, 0);
			const char *text = NULL;
			(void)vips_image_get_string(work.image, "exif-ifd0-Copyright", &text);
			assert_int_equal(text && strstr(text, "(c) Jane Doe"), !none);
			assert_int_equal(vips_image_get_typeof(work.image, "exif-ifd0-Model"), 0);
			assert_int_equal(
				vips_image_get_typeof(work.image, "exif-ifd3-GPSLatitude"), 0);
			done(&work);
		}
	}
}

static void test_what_is_damaged_is_salvaged_and_told(void **state)
{
	(void)state;
	static const char *const suffixes[] = { ".jpg[Q=95]", ".png", ".jpg[Q=95,interlace]" };
	for (int i = 0; i < 3; i++) {
		for (int strict = 0; strict < 2; strict++) {
			VipsImage *noise, *image;
			void *bytes;
			size_t size;
			assert_int_equal(vips_gaussnoise(&noise, WIDE, HIGH, "mean", 128.0, "sigma",
						 40.0, NULL),
				0);
			assert_int_equal(vips_cast(noise, &image, VIPS_FORMAT_UCHAR, NULL), 0);
			image->Type = VIPS_INTERPRETATION_B_W;
			assert_int_equal(
				vips_image_write_to_buffer(image, suffixes[i], &bytes, &size, NULL),
				0);
			struct work work = work_of(60, 60);
			work.p.strict = strict;
			run(&work, bytes, size * 2 / 3);
			assert_int_equal(work.status, strict ? -1 : 0);
			if (strict)
				assert_string_equal(work.err.message, "it is damaged (--strict)");
			else
				assert_int_equal(
					work.notes, SCIAME__SCALE_NOTE__SCALE_NOTE_SALVAGED);
			done(&work);
			struct work sound = work_of(60, 60);
			run(&sound, bytes, size);
			assert_int_equal(sound.notes, 0);
			done(&sound);
			g_free(bytes);
			g_object_unref(noise);
			g_object_unref(image);
		}
	}
}

static void test_a_name_that_lies_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool lies;
	} names[] = { { "source:a.png", false }, { "source:a.PNG", false },
		{ "source:a.jpg", true }, { "source:a", false }, { "source:x.jpg/a", false },
		{ "source:a.tar", false }, { "source:a.webp", true } };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (uint32_t box = 60; box <= 600; box *= 10) { /* scaled, and copied */
			struct work work = work_of(box, box);
			work.name = names[i].name;
			run_image(&work, colour(1, 2, 3), ".png");
			assert_int_equal(work.notes,
				names[i].lies ? SCIAME__SCALE_NOTE__SCALE_NOTE_SUFFIX_LIES : 0);
			assert_int_equal(work.copied, box == 600);
			done(&work);
		}
	}
}

static void test_svg_needs_leave(void **state)
{
	(void)state;
	static const char svg[] = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"240\" "
				  "height=\"160\"><rect width=\"240\" height=\"160\" "
				  "fill=\"#0a6\"/></svg>";
	struct work refused = work_of(60, 60);
	refused.p.format = SCIAME__SCALE_FORMAT__SCALE_FORMAT_PNG;
	run(&refused, svg, sizeof(svg) - 1);
	assert_int_equal(refused.status, -1);
	assert_string_equal(refused.err.message, "svg pictures are not read; give --allow svg");
	struct work allowed = work_of(60, 60);
	allowed.p.format = SCIAME__SCALE_FORMAT__SCALE_FORMAT_PNG;
	allowed.p.allow_svg = true;
	run(&allowed, svg, sizeof(svg) - 1);
	assert_int_equal(allowed.status, 0);
	assert_pixel(allowed.image, 30, 20, (double[]) { 0, 0xAA, 0x66, 255 }, 1);
	done(&allowed);
}

static int start(void **state)
{
	struct error err;
	(void)state;
	return scale_vips_start(&err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_wide_profile_becomes_srgb),
		cmocka_unit_test(test_a_broken_profile_is_survived_and_told),
		cmocka_unit_test(test_cmyk_becomes_srgb_with_and_without_a_profile),
		cmocka_unit_test(test_the_profile_of_outputs_is_srgb),
		cmocka_unit_test(test_sixteen_bits_stay_where_they_can),
		cmocka_unit_test(test_transparency_goes_onto_the_background_only_where_it_must),
		cmocka_unit_test(test_animations_stay_animated),
		cmocka_unit_test(test_frames_that_are_dropped_are_told),
		cmocka_unit_test(test_every_fit_has_its_size),
		cmocka_unit_test(test_linear_light_is_another_mean),
		cmocka_unit_test(test_grey_stays_grey),
		cmocka_unit_test(test_only_copyright_and_creator_are_kept),
		cmocka_unit_test(test_what_is_damaged_is_salvaged_and_told),
		cmocka_unit_test(test_a_name_that_lies_is_told),
		cmocka_unit_test(test_svg_needs_leave),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
