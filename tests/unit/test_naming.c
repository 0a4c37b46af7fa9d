/* SPDX-License-Identifier: MIT */
/* Names of outputs from templates (common/naming.h). */
#include "common/naming.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char location[JOB_LOCATION_MAX];
static struct error err;

static struct job job_with(const char *target, uint32_t labels)
{
	struct job job = { .id = 1, .attempt = 1, .source = "", .target = target };
	job.labels_count = labels;
	job.labels[0] = "800x600";
	job.labels[1] = "400";
	return job;
}

static const struct produced made = { .bytes = 1, .width = 800, .height = 533 };

static void assert_named(const char *target, const char *name)
{
	const struct job job = job_with(target, 2);
	memset(location, 'x', sizeof(location));
	if (naming_location(&job, 0, &made, location, &err))
		fail_msg("%s: %s", target, err.message);
	assert_string_equal(location, name);
}

static void assert_refused(const char *target, enum error_code code, const char *why)
{
	const struct job job = job_with(target, 2);
	assert_int_equal(naming_location(&job, 0, &made, location, &err), -1);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, why))
		fail_msg("'%s' does not say '%s'", err.message, why);
}

static void test_naming_without_labels_the_target_is_the_name(void **state)
{
	(void)state;
	const struct job job = job_with("target:a/{size}}{", 0);
	assert_int_equal(naming_location(&job, 0, &made, location, &err), 0);
	assert_string_equal(location, "target:a/{size}}{");
	assert_int_equal(naming_known(&job), strlen(job.target));
	assert_int_equal(naming_start(&job, 0, location, &err), 0);
	assert_string_equal(location, "target:a/{size}}{");
}

static void test_naming_fills_every_field(void **state)
{
	(void)state;
	assert_named("target:a.jpg", "target:a.jpg");
	assert_named("target:{size}", "target:800x600");
	assert_named("{size}{width}{height}", "800x600800533");
	assert_named("s3://b/{width}/a-{height}.jpg", "s3://b/800/a-533.jpg");
	const struct job job = job_with("target:{size}", 2);
	assert_int_equal(naming_location(&job, 1, &made, location, &err), 0);
	assert_string_equal(location, "target:400");
	const struct produced largest = { .width = UINT32_MAX, .height = UINT32_MAX };
	const struct job both = job_with("{width}x{height}", 1);
	assert_int_equal(naming_location(&both, 0, &largest, location, &err), 0);
	assert_string_equal(location, "4294967295x4294967295");
}

static void test_naming_doubled_braces_are_the_names_own(void **state)
{
	(void)state;
	assert_named("target:{{", "target:{");
	assert_named("target:}}", "target:}");
	assert_named("target:{{size}}", "target:{size}");
	assert_named("target:{{{size}}}", "target:{800x600}");
	assert_named("target:{{}}{{{{", "target:{}{{");
	assert_named("target:\n\xff{size}\n", "target:\n\xff"
					      "800x600\n");
}

static void test_naming_other_braces_are_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = { "target:{", "target:}", "target:{}", "target:{siz}",
		"target:{size", "target:{size }", "target:{Size}", "target:a}b", "target:{{{",
		"target:{stem}", "target:{width}}" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_refused(wrong[i], ERROR_PROTOCOL, "a brace that means nothing");
}

/* "{size}" is one byte shorter than what stands for it. */
static void test_naming_knows_its_limit(void **state)
{
	(void)state;
	char target[JOB_LOCATION_MAX];
	memset(target, 'a', sizeof(target));
	memcpy(target, "{size}", strlen("{size}"));
	target[JOB_LOCATION_MAX - 2] = '\0';
	const struct job job = job_with(target, 2);
	assert_int_equal(naming_location(&job, 0, &made, location, &err), 0);
	assert_int_equal(strlen(location), JOB_LOCATION_MAX - 1);
	assert_int_equal(strncmp(location, "800x600aaa", 10), 0);
	target[JOB_LOCATION_MAX - 2] = 'a';
	target[JOB_LOCATION_MAX - 1] = '\0';
	assert_refused(target, ERROR_LIMIT, "too long");
	memset(target, 'a', JOB_LOCATION_MAX - 1);
	memcpy(target + JOB_LOCATION_MAX - 1 - strlen("{size}"), "{size}", strlen("{size}"));
	assert_refused(target, ERROR_LIMIT, "too long");
}

static void assert_known(const char *target, const char *start)
{
	const struct job job = job_with(target, 2);
	size_t known = naming_known(&job);
	assert_true(known <= strlen(target));
	assert_int_equal(naming_start(&job, 0, location, &err), 0);
	assert_string_equal(location, start);
}

static void test_naming_start_ends_before_what_is_made(void **state)
{
	(void)state;
	assert_known("target:a/b.jpg", "target:a/b.jpg");
	assert_known("target:{size}/b-{size}.jpg", "target:800x600/b-800x600.jpg");
	assert_known("target:{size}/b-{width}.jpg", "target:800x600/");
	assert_known("target:a/b{height}/c/d.jpg", "target:a/");
	assert_known("target:{width}.jpg", "target:");
	assert_known("target:a:b{width}.jpg", "target:");
	assert_known("target:{{width}}/{{{height}}}", "target:{width}/");
	assert_known("s3://b/{width}.jpg", "s3://b/");
	const struct job job = job_with("target:{size}/{width}/{size}", 2);
	assert_int_equal(naming_known(&job), strlen("target:{size}/"));
}

static void test_naming_append_keeps_any_text_as_it_is(void **state)
{
	(void)state;
	char template[JOB_LOCATION_MAX] = "target:";
	assert_true(naming_append(template, "a{b}c{size}{{"));
	assert_string_equal(template, "target:a{{b}}c{{size}}{{{{");
	assert_named(template, "target:a{b}c{size}{{");
	memset(template, 'a', JOB_LOCATION_MAX - 3);
	template[JOB_LOCATION_MAX - 3] = '\0';
	assert_true(naming_append(template, "{"));
	assert_false(naming_append(template, "a"));
	template[JOB_LOCATION_MAX - 2] = '\0';
	assert_false(naming_append(template, "{"));
}

static int check(const char *target, struct produced first, struct produced second)
{
	const struct job job = job_with(target, 2);
	const struct result result = { .outputs_count = 2, .outputs = { first, second } };
	return naming_check(&job, &result, &err);
}

static void test_naming_different_outputs_need_different_names(void **state)
{
	(void)state;
	const struct produced wide = { .width = 8, .height = 3 };
	const struct produced high = { .width = 8, .height = 6 };
	assert_int_equal(check("target:{size}", wide, high), 0);
	assert_int_equal(check("target:{height}", wide, high), 0);
	assert_int_equal(check("target:{width}", wide, wide), 0);
	assert_int_equal(check("target:{width}", wide, high), -1);
	assert_int_equal(err.code, ERROR_INPUT);
	assert_string_equal(
		err.message, "the sizes 800x600 and 400 would both be written to target:8");
	assert_int_equal(check("target:{x}", wide, wide), -1);
	assert_int_equal(err.code, ERROR_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_naming_without_labels_the_target_is_the_name),
		cmocka_unit_test(test_naming_fills_every_field),
		cmocka_unit_test(test_naming_doubled_braces_are_the_names_own),
		cmocka_unit_test(test_naming_other_braces_are_refused),
		cmocka_unit_test(test_naming_knows_its_limit),
		cmocka_unit_test(test_naming_start_ends_before_what_is_made),
		cmocka_unit_test(test_naming_append_keeps_any_text_as_it_is),
		cmocka_unit_test(test_naming_different_outputs_need_different_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
