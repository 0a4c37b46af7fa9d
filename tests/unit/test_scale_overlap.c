/* SPDX-License-Identifier: MIT */
/* Outputs that would lie among the sources, by whatever way; and whether a folder ignores case. */
#include "master/kinds/scale_overlap.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/kinds/scale_case.h"
#include "tests/support/tempdir.h"

static int open_folder(const char *folder, const char *name)
{
	tempdir_make(folder, name);
	int fd = open(tempdir_path(folder, name), O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Whether outputs for this folder of `source` may go to `target`. */
static bool may(const char *folder, const char *source, const char *target, const char *path)
{
	struct error err;
	int one = open_folder(folder, source), other = open_folder(folder, target);
	struct scale_overlap *overlap = scale_overlap_new(one, other);
	int status = scale_overlap_check(overlap, path, &err);
	scale_overlap_free(overlap);
	assert_int_equal(close(one), 0);
	assert_int_equal(close(other), 0);
	if (status)
		assert_non_null(strstr(err.message, "its outputs would lie in the source folder"));
	return status == 0;
}

static void test_overlap_of_folders_apart_is_none(void **state)
{
	tempdir_make(*state, "in/a");
	tempdir_make(*state, "out/a");
	assert_true(may(*state, "in", "out", "a"));
	assert_true(may(*state, "in", "out", "none"));
	assert_true(may(*state, "in", "input", "a")); /* the name only begins alike */
}

static void test_overlap_by_a_link_is_found(void **state)
{
	tempdir_make(*state, "in/b");
	tempdir_make(*state, "out");
	tempdir_link(*state, "out/a", "../in/b");
	tempdir_link(*state, "out/top", "../in");
	assert_false(may(*state, "in", "out", "a"));
	assert_false(may(*state, "in", "out", "a/not/there"));
	assert_false(may(*state, "in", "out", "top"));
	assert_true(may(*state, "in", "out", "b"));
}

static void test_overlap_of_a_target_in_the_source_is_fine(void **state)
{
	tempdir_make(*state, "in/out/a");
	tempdir_make(*state, "in/b");
	tempdir_link(*state, "in/out/c", "../b");
	assert_true(may(*state, "in", "in/out", "a"));
	assert_false(may(*state, "in", "in/out", "c"));
}

static void test_overlap_of_a_source_in_the_target_is_found(void **state)
{
	tempdir_make(*state, "out/in/a");
	assert_false(may(*state, "out/in", "out", "in"));
	assert_false(may(*state, "out/in", "out", "in/a"));
	assert_true(may(*state, "out/in", "out", "a"));
}

static void test_overlap_by_a_bind_mount_is_found(void **state)
{
	tempdir_make(*state, "in/b/c");
	tempdir_make(*state, "out/a");
	if (mount(tempdir_path(*state, "in/b"), tempdir_path(*state, "out/a"), NULL, MS_BIND, NULL))
		skip(); /* it takes a privilege */
	bool at = may(*state, "in", "out", "a"), below = may(*state, "in", "out", "a/c");
	bool beside = may(*state, "in", "out", "b");
	assert_int_equal(umount(tempdir_path(*state, "out/a")), 0);
	assert_false(at);
	assert_false(below);
	assert_true(beside);
}

static void test_overlap_of_files_is_that_of_their_folder(void **state)
{
	struct error err;
	tempdir_make(*state, "in/out/a");
	tempdir_make(*state, "in/b");
	tempdir_link(*state, "in/out/c", "../b");
	int source = open_folder(*state, "in"), target = open_folder(*state, "in/out");
	struct scale_overlap *overlap = scale_overlap_new(source, target);
	assert_int_equal(scale_overlap_check_file(overlap, "x.jpg", &err), 0);
	assert_int_equal(scale_overlap_check_file(overlap, "b/x.jpg", &err), 0);
	assert_int_equal(scale_overlap_check_file(overlap, "b/y.jpg", &err), 0);
	assert_int_equal(scale_overlap_check_file(overlap, "out/x.jpg", &err), -1);
	assert_string_equal(err.message, "out/x.jpg: out: it lies in the target");
	assert_int_equal(scale_overlap_check_file(overlap, "c/x.jpg", &err), -1);
	assert_non_null(strstr(err.message, "would lie in the source folder"));
	scale_overlap_free(overlap);
	assert_int_equal(close(source), 0);
	assert_int_equal(close(target), 0);
}

static void test_case_is_asked_without_leaving_anything(void **state)
{
	assert_false(scale_case_folds(*state));
	assert_false(scale_case_folds(tempdir_path(*state, "not/there")));
	/* what a run left that was killed while it asked is removed by the next */
	tempdir_write(*state, ".sciame-0123456789abcdef-0-0-0.tmp", "");
	assert_false(scale_case_folds(*state));
	assert_false(tempdir_exists(*state, ".sciame-0123456789abcdef-0-0-0.tmp"));
	assert_false(scale_case_seems_to_fold(*state));
	assert_false(scale_case_seems_to_fold(tempdir_path(*state, "not/there")));
	assert_int_equal(tempdir_count(*state, "."), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_overlap_of_folders_apart_is_none),
		TEST(test_overlap_by_a_link_is_found),
		TEST(test_overlap_of_a_target_in_the_source_is_fine),
		TEST(test_overlap_of_a_source_in_the_target_is_found),
		TEST(test_overlap_by_a_bind_mount_is_found),
		TEST(test_overlap_of_files_is_that_of_their_folder),
		TEST(test_case_is_asked_without_leaving_anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
