/* SPDX-License-Identifier: MIT */
/* What patterns match, and which one decides. */
#include "common/globs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"

/* Patterns that begin with '-' exclude, all others include. */
static struct globs globs_of(const char *const *patterns)
{
	struct globs globs = { 0 };
	struct error err;
	for (; *patterns; patterns++) {
		bool takes = **patterns != '-';
		assert_int_equal(globs_add(&globs, *patterns + !takes, takes, &err), 0);
	}
	return globs;
}

static bool takes(const char *const *patterns, const char *path)
{
	struct globs globs = globs_of(patterns);
	return globs_take_file(&globs, path);
}

static bool matches(const char *pattern, const char *path)
{
	return takes((const char *[]) { pattern, NULL }, path);
}

static void test_globs_without_patterns_take_everything(void **state)
{
	(void)state;
	assert_true(takes((const char *[]) { NULL }, "a/b"));
}

static void test_globs_without_a_slash_match_names_in_any_folder(void **state)
{
	(void)state;
	assert_true(matches("*.jpg", "a.jpg"));
	assert_true(matches("*.jpg", "a/b/c.jpg"));
	assert_false(matches("*.jpg", "a.jpg/b.png"));
	assert_false(matches("*.jpg", "a.JPG"));
	assert_true(matches("a?[0-9]", "x/ab7"));
	assert_false(matches("a?[!0-9]", "x/ab7"));
	assert_true(matches("\\*", "*"));
	assert_false(matches("\\*", "a"));
}

static void test_globs_with_a_slash_match_the_path_from_the_top(void **state)
{
	(void)state;
	assert_true(matches("a/*.jpg", "a/b.jpg"));
	assert_false(matches("a/*.jpg", "x/a/b.jpg"));
	assert_false(matches("a/*.jpg", "a/b/c.jpg"));
	assert_true(matches("/a.jpg", "a.jpg"));
	assert_false(matches("/a.jpg", "b/a.jpg"));
}

static void test_globs_two_stars_are_any_number_of_folders(void **state)
{
	(void)state;
	assert_true(matches("**/a.jpg", "a.jpg"));
	assert_true(matches("**/a.jpg", "x/y/a.jpg"));
	assert_true(matches("x/**/a.jpg", "x/a.jpg"));
	assert_true(matches("x/**/a.jpg", "x/1/2/a.jpg"));
	assert_false(matches("x/**/a.jpg", "y/x/a.jpg"));
	assert_true(matches("x/**", "x/a/b"));
	assert_false(matches("x/**", "x"));
	assert_true(matches("**/x/**/y", "a/x/b/x/c/y"));
	assert_false(matches("**/x/**/y", "a/x/b/x/c/z"));
	assert_true(matches("x/**/**/y", "x/y"));
	assert_true(matches("x/a**b", "x/acb"));
	assert_false(matches("x/a**b", "x/a/b"));
}

static void test_globs_many_stars_take_no_long_time(void **state)
{
	char pattern[GLOBS_PATTERN_MAX], path[GLOBS_PATTERN_MAX];
	(void)state;
	pattern[0] = path[0] = '\0';
	for (int i = 0; i < 300; i++) {
		strcat(pattern, "**/a/");
		strcat(path, "a/a/a/");
	}
	strcat(pattern, "b");
	strcat(path, "c");
	assert_false(matches(pattern, path));
}

static void test_globs_the_last_that_matches_decides(void **state)
{
	(void)state;
	const char *const patterns[] = { "-*.png", "keep*", "-/keep.png", NULL };
	assert_true(takes(patterns, "a.jpg"));
	assert_false(takes(patterns, "x/a.png"));
	assert_true(takes(patterns, "x/keep.png"));
	assert_false(takes(patterns, "keep.png"));
}

static void test_globs_what_none_matches_depends_on_the_first(void **state)
{
	(void)state;
	assert_false(takes((const char *[]) { "*.jpg", "-b*", NULL }, "a.png"));
	assert_true(takes((const char *[]) { "-b*", "*.jpg", NULL }, "a.png"));
}

static void test_globs_an_excluded_folder_is_not_entered(void **state)
{
	(void)state;
	const char *const patterns[] = { "-old/", "*.jpg", NULL };
	struct globs globs = globs_of(patterns);
	assert_false(globs_take(&globs, "x/old", true));
	assert_true(globs_take(&globs, "x/old", false)); /* only a file has this name */
	assert_false(globs_take_file(&globs, "x/old/a.jpg"));
	assert_true(globs_take_file(&globs, "x/old"));
	/* a folder that is only not named is */
	assert_true(globs_take(&globs, "x", true));
}

static void test_globs_names_are_bytes(void **state)
{
	(void)state;
	assert_true(matches("a?b", "a\nb"));
	assert_true(matches("a*b", "a\xFF\xFE"
				   "b"));
	assert_true(matches("a?b", "a\xFF"
				   "b"));
	assert_true(matches("x\\[8]", "x[8]"));
}

static void test_globs_refuse_what_is_no_pattern(void **state)
{
	struct globs globs = { 0 };
	struct error err;
	char *longest = xmalloc(GLOBS_PATTERN_MAX + 1);
	(void)state;
	memset(longest, 'a', GLOBS_PATTERN_MAX);
	longest[GLOBS_PATTERN_MAX] = '\0';
	assert_int_equal(globs_add(&globs, "", true, &err), -1);
	assert_int_equal(globs_add(&globs, "//", true, &err), -1);
	assert_int_equal(globs_add(&globs, longest, true, &err), -1);
	assert_int_equal(err.code, ERROR_USAGE);
	assert_int_equal(globs_add(&globs, longest + 1, true, &err), 0);
	free(longest);
	for (int i = 1; i < GLOBS_MAX; i++)
		assert_int_equal(globs_add(&globs, "a", true, &err), 0);
	assert_int_equal(globs_add(&globs, "a", true, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_globs_without_patterns_take_everything),
		cmocka_unit_test(test_globs_without_a_slash_match_names_in_any_folder),
		cmocka_unit_test(test_globs_with_a_slash_match_the_path_from_the_top),
		cmocka_unit_test(test_globs_two_stars_are_any_number_of_folders),
		cmocka_unit_test(test_globs_many_stars_take_no_long_time),
		cmocka_unit_test(test_globs_the_last_that_matches_decides),
		cmocka_unit_test(test_globs_what_none_matches_depends_on_the_first),
		cmocka_unit_test(test_globs_an_excluded_folder_is_not_entered),
		cmocka_unit_test(test_globs_names_are_bytes),
		cmocka_unit_test(test_globs_refuse_what_is_no_pattern),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
