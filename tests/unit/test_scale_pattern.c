/* SPDX-License-Identifier: MIT */
/* --size and --output of `sciame scale`. */
#include "master/kinds/scale_pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "master/kinds/scale_sizes.h"

static struct error err;

static void assert_refused(const char *pattern, size_t sizes, const char *why)
{
	assert_int_equal(scale_pattern_check(pattern, sizes, &err), -1);
	assert_int_equal(err.code, ERROR_USAGE);
	assert_int_equal(strncmp(err.message, "--output", 8), 0);
	if (!strstr(err.message, why))
		fail_msg("'%s' does not say '%s'", err.message, why);
}

static void assert_becomes(
	const char *pattern, const char *path, const char *suffix, const char *name)
{
	char template[JOB_LOCATION_MAX] = "target:";
	assert_int_equal(scale_pattern_check(pattern, 1, &err), 0);
	assert_true(scale_pattern_apply(pattern, path, suffix, template));
	assert_string_equal(template + strlen("target:"), name);
}

static void test_pattern_of_every_field_is_taken(void **state)
{
	(void)state;
	assert_int_equal(scale_pattern_check(SCALE_PATTERN_DEFAULT, 16, &err), 0);
	assert_int_equal(scale_pattern_check("{dir}{stem}{ext}{size}{width}{height}", 2, &err), 0);
	assert_int_equal(scale_pattern_check("{{x}}/a.b/.c", 1, &err), 0);
	assert_int_equal(scale_pattern_check("{width}", 2, &err), 0);
	assert_int_equal(scale_pattern_check("{height}", 2, &err), 0);
}

static void test_pattern_with_other_braces_is_refused(void **state)
{
	(void)state;
	assert_refused("{name}.jpg", 1, "not '{name}'");
	assert_refused("{Size}", 1, "not '{Size}'");
	assert_refused("a{size", 1, "not '{size'");
	assert_refused("a}b", 1, "not '}'");
	assert_refused("{}", 1, "not '{}'");
	assert_refused("{{{", 1, "not '{'");
}

static void test_pattern_that_leads_out_is_refused(void **state)
{
	(void)state;
	assert_refused("/tmp/{stem}", 1, "below the target");
	static const char *const wrong[] = { "", "..", ".", "../{stem}", "{dir}/../{stem}", "a/./b",
		"a//b", "{stem}/", "{dir}/.." };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_refused(wrong[i], 1, "without empty components, '.' and '..'");
}

static void test_pattern_of_several_sizes_tells_them_apart(void **state)
{
	(void)state;
	assert_refused("{dir}/{stem}{ext}", 2, "is one name for 2 sizes");
	assert_refused("{{size}}", 2, "is one name for 2 sizes");
	assert_int_equal(scale_pattern_check("{dir}/{stem}{ext}", 1, &err), 0);
}

static void test_pattern_makes_names(void **state)
{
	(void)state;
	static const char all[] = "{dir}/{stem}-{size}{ext}";
	assert_becomes(all, "a/b/c.jpg", NULL, "a/b/c-{size}.jpg");
	assert_becomes(all, "a/b/c.jpg", ".webp", "a/b/c-{size}.webp");
	assert_becomes(all, "c.tar.gz", NULL, "c.tar-{size}.gz");
	assert_becomes(all, "a.b/c", NULL, "a.b/c-{size}");
	assert_becomes(all, "a/.hidden", ".png", "a/.hidden-{size}.png");
	assert_becomes("{width}/{height}x{stem}", "a/b.png", NULL, "{width}/{height}xb");
	assert_becomes("{stem}/{dir}/x{ext}", "a/b.png", NULL, "b/a/x.png");
}

/* There is no folder at the top: neither an absolute path nor a double slash comes of it. */
static void test_pattern_without_folder_has_no_stray_slash(void **state)
{
	(void)state;
	assert_becomes("{dir}/{stem}{ext}", "c.jpg", NULL, "c.jpg");
	assert_becomes("x/{dir}/{stem}{ext}", "c.jpg", NULL, "x/c.jpg");
	assert_becomes("{dir}{stem}{ext}", "c.jpg", NULL, "c.jpg");
	assert_becomes("{dir}-{stem}{ext}", "c.jpg", NULL, "-c.jpg");
}

static void test_pattern_braces_of_names_stay_braces(void **state)
{
	(void)state;
	assert_becomes("{dir}/{stem}{ext}", "{a}/{size}.{b}", NULL, "{{a}}/{{size}}.{{b}}");
	assert_becomes("{{{stem}}}", "a.jpg", NULL, "{{a}}");
}

static void test_pattern_too_long_for_a_path_is_told(void **state)
{
	(void)state;
	char path[JOB_LOCATION_MAX], template[JOB_LOCATION_MAX] = "";
	memset(path, 'a', sizeof(path));
	path[JOB_LOCATION_MAX - 1] = '\0';
	assert_true(scale_pattern_apply("{stem}", path, NULL, template));
	assert_false(scale_pattern_apply("x", path, NULL, template));
	template[0] = '\0';
	assert_false(scale_pattern_apply("{stem}{size}", path, NULL, template));
	template[0] = '\0';
	path[9] = '/';
	assert_true(scale_pattern_apply("{dir}/{stem}", path, NULL, template));
}

static void test_sizes_are_kept_in_their_order(void **state)
{
	(void)state;
	struct scale_sizes sizes = { 0 };
	assert_int_equal(scale_sizes_add(&sizes, "800x600", &err), 0);
	assert_int_equal(scale_sizes_add(&sizes, "400", &err), 0);
	assert_int_equal(scale_sizes_add(&sizes, "65535X65534", &err), 0);
	assert_int_equal(sizes.count, 3);
	assert_int_equal(sizes.list[0].width, 800);
	assert_int_equal(sizes.list[0].height, 600);
	assert_string_equal(sizes.list[0].label, "800x600");
	assert_string_equal(sizes.list[1].label, "400");
	assert_string_equal(sizes.list[2].label, "65535x65534");
}

static void test_sizes_twice_or_too_many_or_none_are_refused(void **state)
{
	(void)state;
	struct scale_sizes sizes = { 0 };
	char text[16];
	assert_int_equal(scale_sizes_add(&sizes, "100", &err), 0);
	assert_int_equal(scale_sizes_add(&sizes, "100x100", &err), -1);
	assert_string_equal(err.message, "--size 100x100 is given twice");
	for (int i = 1; i < JOB_OUTPUTS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(scale_sizes_add(&sizes, text, &err), 0);
	}
	assert_int_equal(scale_sizes_add(&sizes, "99", &err), -1);
	assert_string_equal(err.message, "--size may be given 16 times at most");
	static const char *const wrong[] = { "", "0", "-1", "65536", "1x", "x1", "1x0", "1 ",
		"1x2x3", "ten" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(scale_sizes_add(&sizes, wrong[i], &err), -1);
		assert_int_equal(err.code, ERROR_USAGE);
		assert_non_null(strstr(err.message, "--size takes pixels as N or WxH"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pattern_of_every_field_is_taken),
		cmocka_unit_test(test_pattern_with_other_braces_is_refused),
		cmocka_unit_test(test_pattern_that_leads_out_is_refused),
		cmocka_unit_test(test_pattern_of_several_sizes_tells_them_apart),
		cmocka_unit_test(test_pattern_makes_names),
		cmocka_unit_test(test_pattern_without_folder_has_no_stray_slash),
		cmocka_unit_test(test_pattern_braces_of_names_stay_braces),
		cmocka_unit_test(test_pattern_too_long_for_a_path_is_told),
		cmocka_unit_test(test_sizes_are_kept_in_their_order),
		cmocka_unit_test(test_sizes_twice_or_too_many_or_none_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
