/* SPDX-License-Identifier: MIT */
/* Where a user's files go, and folders that have to be there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/folder.h"
#include "master/xdg.h"
#include "tests/support/tempdir.h"

static void assert_path(enum xdg_kind kind, const char *expected)
{
	struct error err;
	char *path = xdg_path(kind, "sciame/x", &err);
	assert_non_null(path);
	assert_string_equal(path, expected);
	free(path);
}

static void test_xdg_variable_comes_first(void **state)
{
	(void)state;
	assert_int_equal(setenv("HOME", "/h", 1), 0);
	assert_int_equal(setenv("XDG_CACHE_HOME", "/c", 1), 0);
	assert_int_equal(setenv("XDG_CONFIG_HOME", "/d", 1), 0);
	assert_int_equal(setenv("XDG_STATE_HOME", "/s", 1), 0);
	assert_path(XDG_CACHE, "/c/sciame/x");
	assert_path(XDG_CONFIG, "/d/sciame/x");
	assert_path(XDG_STATE, "/s/sciame/x");
}

static void test_xdg_relative_or_missing_means_home(void **state)
{
	(void)state;
	assert_int_equal(setenv("HOME", "/h", 1), 0);
	assert_int_equal(setenv("XDG_CACHE_HOME", "relative", 1), 0);
	assert_int_equal(setenv("XDG_CONFIG_HOME", "", 1), 0);
	assert_int_equal(unsetenv("XDG_STATE_HOME"), 0);
	assert_path(XDG_CACHE, "/h/.cache/sciame/x");
	assert_path(XDG_CONFIG, "/h/.config/sciame/x");
	assert_path(XDG_STATE, "/h/.local/state/sciame/x");
}

static void test_xdg_without_home_is_an_error(void **state)
{
	struct error err = { 0 };
	(void)state;
	assert_int_equal(unsetenv("HOME"), 0);
	assert_int_equal(unsetenv("XDG_STATE_HOME"), 0);
	assert_null(xdg_path(XDG_STATE, "x", &err));
	assert_non_null(strstr(err.message, "XDG_STATE_HOME"));
}

static void test_folder_make_makes_all_of_the_path(void **state)
{
	struct error err;
	struct stat status;
	const char *path = tempdir_path(*state, "a/b/c");
	assert_int_equal(folder_make(path, 0700, &err), 0);
	assert_int_equal(folder_make(path, 0700, &err), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
}

static void test_folder_make_names_what_is_in_the_way(void **state)
{
	struct error err;
	tempdir_write(*state, "file", "x");
	assert_int_equal(folder_make(tempdir_path(*state, "file/b"), 0700, &err), -1);
	assert_non_null(strstr(err.message, "file/b: Not a directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xdg_variable_comes_first),
		cmocka_unit_test(test_xdg_relative_or_missing_means_home),
		cmocka_unit_test(test_xdg_without_home_is_an_error),
		cmocka_unit_test_setup_teardown(
			test_folder_make_makes_all_of_the_path, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(
			test_folder_make_names_what_is_in_the_way, tempdir_setup, tempdir_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
