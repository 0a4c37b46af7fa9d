/* SPDX-License-Identifier: MIT */
/* The output replaces what was there whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/startup.h"
#include "master/output_file.h"
#include "tests/support/tempdir.h"

static void write_page(struct output_file *target, const char *path)
{
	struct error err;
	assert_int_equal(output_file_open(target, path, &err), 0);
	assert_true(fputs("new", target->out) >= 0);
}

static void test_committed_output_replaces_the_old_one(void **state)
{
	struct output_file target;
	struct error err;
	tempdir_write(*state, "page", "old");
	write_page(&target, tempdir_path(*state, "page"));
	assert_true(tempdir_holds(*state, "page", "old"));
	assert_int_equal(output_file_commit(&target, true, &err), 0);
	output_file_discard(&target);
	assert_true(tempdir_holds(*state, "page", "new"));
	assert_int_equal(tempdir_count(*state, ""), 1);
}

static void test_discarded_output_leaves_the_old_one(void **state)
{
	struct output_file target;
	tempdir_write(*state, "page", "old");
	write_page(&target, tempdir_path(*state, "page"));
	output_file_discard(&target);
	assert_true(tempdir_holds(*state, "page", "old"));
	assert_int_equal(tempdir_count(*state, ""), 1);
}

static void test_link_stays_a_link(void **state)
{
	struct output_file target;
	struct error err;
	struct stat status;
	tempdir_make(*state, "real");
	tempdir_write(*state, "real/page", "old");
	tempdir_link(*state, "link", "real/page");
	write_page(&target, tempdir_path(*state, "link"));
	assert_int_equal(output_file_commit(&target, false, &err), 0);
	output_file_discard(&target);
	assert_true(tempdir_holds(*state, "real/page", "new"));
	assert_int_equal(lstat(tempdir_path(*state, "link"), &status), 0);
	assert_true(S_ISLNK(status.st_mode));
}

static void test_mode_of_the_old_one_is_kept(void **state)
{
	struct output_file target;
	struct error err;
	struct stat status;
	tempdir_write(*state, "page", "old");
	assert_int_equal(chmod(tempdir_path(*state, "page"), 0604), 0);
	write_page(&target, tempdir_path(*state, "page"));
	assert_int_equal(output_file_commit(&target, false, &err), 0);
	output_file_discard(&target);
	assert_int_equal(stat(tempdir_path(*state, "page"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0604);
}

static void test_mode_of_a_new_one_follows_the_mask(void **state)
{
	struct output_file target;
	struct error err;
	struct stat status;
	mode_t mask = umask(027);
	write_page(&target, tempdir_path(*state, "page"));
	assert_int_equal(output_file_commit(&target, false, &err), 0);
	output_file_discard(&target);
	assert_int_equal(umask(mask), 027);
	assert_int_equal(stat(tempdir_path(*state, "page"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0640);
}

static void test_device_is_written_and_not_replaced(void **state)
{
	struct output_file target;
	struct error err;
	struct stat status;
	(void)state;
	write_page(&target, "/dev/null");
	assert_int_equal(output_file_commit(&target, false, &err), 0);
	output_file_discard(&target);
	assert_int_equal(stat("/dev/null", &status), 0);
	assert_true(S_ISCHR(status.st_mode));
}

static void test_folder_is_refused(void **state)
{
	struct output_file target;
	struct error err;
	tempdir_make(*state, "folder");
	assert_int_equal(output_file_open(&target, tempdir_path(*state, "folder"), &err), -1);
	assert_int_equal(err.code, ERROR_USAGE);
	output_file_discard(&target);
}

static void test_missing_folder_is_named(void **state)
{
	struct output_file target;
	struct error err;
	assert_int_equal(output_file_open(&target, tempdir_path(*state, "no/page"), &err), -1);
	assert_non_null(strstr(err.message, "no/page: No such file or directory"));
	output_file_discard(&target);
}

static void test_nothing_has_a_name_before_it_is_whole(void **state)
{
	struct output_file target;
	write_page(&target, tempdir_path(*state, "page"));
	assert_int_equal(tempdir_count(*state, ""), 0);
	output_file_discard(&target);
	assert_int_equal(tempdir_count(*state, ""), 0);
}

/* In a folder that is everybody's: no link or pipe of somebody else is used. */
static void test_shared_folder_is_not_trusted(void **state)
{
	struct output_file target;
	struct error err;
	struct stat status;
	tempdir_write(*state, "victim", "old");
	tempdir_link(*state, "page", "victim");
	assert_int_equal(mkfifo(tempdir_path(*state, "pipe"), 0666), 0);
	const char *names[] = { "page", "pipe" };
	for (size_t i = 0; i < 2; i++) {
		const char *path = tempdir_path(*state, names[i]);
		assert_int_equal(output_file_open_shared(&target, path, &err), -1);
		assert_non_null(strstr(err.message, "is not yours"));
		output_file_discard(&target);
	}
	assert_true(tempdir_holds(*state, "victim", "old"));
	const char *path = tempdir_path(*state, "new");
	assert_int_equal(output_file_open_shared(&target, path, &err), 0);
	assert_int_equal(output_file_commit(&target, false, &err), 0);
	output_file_discard(&target);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void test_disk_that_is_full_leaves_the_old_one(void **state)
{
	struct output_file target;
	struct error err;
	struct rlimit before, small;
	tempdir_write(*state, "page", "old");
	startup_dispositions(); /* too large is an error of write() */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 2;
	write_page(&target, tempdir_path(*state, "page"));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int status = output_file_commit(&target, false, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(status, -1);
	assert_non_null(strstr(err.message, "page: File too large"));
	output_file_discard(&target);
	assert_true(tempdir_holds(*state, "page", "old"));
	assert_int_equal(tempdir_count(*state, ""), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_committed_output_replaces_the_old_one),
		TEST(test_discarded_output_leaves_the_old_one),
		TEST(test_link_stays_a_link),
		TEST(test_mode_of_the_old_one_is_kept),
		TEST(test_mode_of_a_new_one_follows_the_mask),
		TEST(test_device_is_written_and_not_replaced),
		TEST(test_folder_is_refused),
		TEST(test_missing_folder_is_named),
		TEST(test_nothing_has_a_name_before_it_is_whole),
		TEST(test_shared_folder_is_not_trusted),
		TEST(test_disk_that_is_full_leaves_the_old_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
