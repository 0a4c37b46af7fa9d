/* SPDX-License-Identifier: MIT */
/* What "scale" makes of its options: the parameters of its jobs, and which calls are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/scale_bench.h"
#include "tests/support/tempdir.h"

static void assert_size(struct scale_bench *f, const char *size, unsigned width, unsigned height)
{
	scale_bench_assert_started(f, scale_bench_start(f, "in", "out", "-s", size, NULL));
	scale_bench_list(f);
	assert_int_equal(f->width, width);
	assert_int_equal(f->height, height);
}

static void test_scale_sizes(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	scale_bench_assert_started(f, scale_bench_start(f, "in", "out", NULL));
	scale_bench_list(f);
	assert_int_equal(f->width, 400);
	assert_int_equal(f->height, 400);
	assert_int_equal(f->parameters.quality, 0);
	assert_false(f->parameters.subsample);
	assert_size(f, "1", 1, 1);
	assert_size(f, "640x480", 640, 480);
	assert_size(f, "640X480", 640, 480);
	assert_size(f, "65535x1", 65535, 1);
	static const char *const wrong[] = { "", "0", "65536", "-1", "+5", " 5", "5 ", "x5", "5x",
		"5x0", "5x5x5", "5x-5", "0x10", "5.5", "99999999999999999999", "5px" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char message[128];
		(void)snprintf(message, sizeof(message),
			"--size takes pixels as N or WxH, from 1 to 65535, not '%s'", wrong[i]);
		scale_bench_assert_wrong(
			f, scale_bench_start(f, "in", "out", "-s", wrong[i], NULL), message);
	}
}

static void test_scale_options_reach_the_parameters(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	scale_bench_assert_started(
		f, scale_bench_start(f, "in", "out", "--no-smooth", "--quality", "90", NULL));
	scale_bench_list(f);
	assert_true(f->parameters.subsample);
	assert_int_equal(f->parameters.quality, 90);
	scale_bench_assert_started(f, scale_bench_start(f, "in", "out", "--no-smooth", "-S", NULL));
	scale_bench_list(f);
	assert_false(f->parameters.subsample);
}

static void test_scale_looks_reach_the_parameters(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	scale_bench_assert_started(f, scale_bench_start(f, "in", "out", NULL));
	scale_bench_list(f);
	assert_int_equal(f->parameters.background, 0xFFFFFF);
	assert_int_equal(f->parameters.metadata, SCIAME__SCALE_METADATA__SCALE_METADATA_COPYRIGHT);
	scale_bench_assert_started(
		f, scale_bench_start(f, "in", "out", "--fit", "cover", "--crop", "entropy",
			   "--enlarge", "--linear", "--format", "avif", NULL));
	scale_bench_list(f);
	assert_int_equal(f->parameters.fit, SCIAME__SCALE_FIT__SCALE_FIT_COVER);
	assert_int_equal(f->parameters.crop, SCIAME__SCALE_CROP__SCALE_CROP_ENTROPY);
	assert_true(f->parameters.enlarge && f->parameters.linear);
	assert_int_equal(f->parameters.format, SCIAME__SCALE_FORMAT__SCALE_FORMAT_AVIF);
	scale_bench_assert_started(
		f, scale_bench_start(f, "in", "out", "--lossless", "--effort", "9", "--progressive",
			   "--depth", "8", "--background", "#10203f", NULL));
	scale_bench_list(f);
	assert_true(f->parameters.lossless && f->parameters.progressive);
	assert_int_equal(f->parameters.effort, 9);
	assert_int_equal(f->parameters.depth, 8);
	assert_int_equal(f->parameters.background, 0x10203F);
	scale_bench_assert_started(f,
		scale_bench_start(f, "in", "out", "--first-frame", "--keep-profile", "--metadata",
			"none", "--allow", "svg", "--allow", "pdf", "--strict", NULL));
	scale_bench_list(f);
	assert_true(f->parameters.first_frame && f->parameters.keep_profile);
	assert_int_equal(f->parameters.metadata, SCIAME__SCALE_METADATA__SCALE_METADATA_NONE);
	assert_true(f->parameters.allow_svg && f->parameters.allow_pdf && f->parameters.strict);
}

static void test_scale_looks_that_contradict_each_other(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	scale_bench_assert_wrong(f, scale_bench_start(f, "in", "out", "--crop", "centre", NULL),
		"--crop is for --fit cover");
	scale_bench_assert_wrong(f,
		scale_bench_start(f, "in", "out", "--no-smooth", "--fit", "fill", NULL),
		"--no-smooth goes with --fit inside only, and without --linear and --enlarge");
	scale_bench_assert_wrong(f,
		scale_bench_start(f, "in", "out", "--lossless", "--quality", "5", NULL),
		"--lossless and --quality exclude each other");
	scale_bench_assert_wrong(f,
		scale_bench_start(f, "in", "out", "--lossless", "--format", "jpeg", NULL),
		"jpeg is never lossless");
	static const char *const wrong[] = { "", "ffff", "#12345", "12345g", "#1234567", "red" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char message[128];
		(void)snprintf(message, sizeof(message),
			"--background takes a colour as RRGGBB, white or black, not '%s'",
			wrong[i]);
		scale_bench_assert_wrong(f,
			scale_bench_start(f, "in", "out", "--background", wrong[i], NULL), message);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scale_bench_setup, scale_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_scale_sizes),
		CASE(test_scale_options_reach_the_parameters),
		CASE(test_scale_looks_reach_the_parameters),
		CASE(test_scale_looks_that_contradict_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
