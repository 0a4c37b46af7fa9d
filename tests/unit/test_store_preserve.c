/* SPDX-License-Identifier: MIT */
/* Outputs with the permissions and the time of their source. */
#include "common/store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "tests/support/tempdir.h"

/* Writes FOLDER/a, for this source; *status: what it became. */
static void make(const char *folder, const struct input *input, bool preserve, struct stat *status)
{
	const struct job job = {
		.id = 1, .attempt = 1, .source = "", .target = "target:a", .preserve = preserve
	};
	struct output output;
	struct error err;
	struct store *store = store_new(&(struct store_options) { .sync = true });
	char *root = xasprintf("target=%s", folder);
	assert_int_equal(store_add_root(store, root, &err), 0);
	free(root);
	assert_int_equal(
		store_create(store, &(struct store_request) { .job = &job, .input = input },
			&output, &err),
		0);
	assert_int_equal(write(output.fd, "abc", 3), 3);
	assert_int_equal(store_commit(store, &output, &(struct produced) { .bytes = 3 }, &err), 0);
	store_free(store);
	assert_int_equal(stat(tempdir_path(folder, "a"), status), 0);
}

static void test_preserve_gives_permissions_and_time_of_the_source(void **state)
{
	struct stat status;
	struct input input;
	struct error err;
	const struct timespec times[2] = { { 1, 2 }, { -3, 999999999 } };
	const char *path = tempdir_path(*state, "source");
	tempdir_write(*state, "source", "x");
	assert_int_equal(chmod(path, 04751), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	struct store *store = store_new(&(struct store_options) { .sync = false });
	char *root = xasprintf("source=%s", (const char *)*state);
	assert_int_equal(store_add_root(store, root, &err), 0);
	free(root);
	assert_int_equal(store_open(store, "source:source", &input, &err), 0);
	make(*state, &input, true, &status);
	assert_int_equal(status.st_mode & 07777, 0751); /* never more than permissions */
	assert_int_equal(status.st_mtim.tv_sec, -3);
	assert_int_equal(status.st_mtim.tv_nsec, 999999999);
	make(*state, &input, false, &status);
	assert_int_not_equal(status.st_mode & 07777, 0751);
	assert_true(status.st_mtim.tv_sec > 0);
	input_close(&input);
	store_free(store);
}

static void test_preserve_gives_only_what_is_known(void **state)
{
	struct stat before, status;
	struct input input = { .fd = -1 };
	make(*state, &input, false, &before);
	make(*state, &input, true, &status);
	assert_int_equal(status.st_mode, before.st_mode);
	assert_true(status.st_mtim.tv_sec >= before.st_mtim.tv_sec);
	input.mtime_ns = 5000000007; /* an object has a time, and no permissions */
	make(*state, &input, true, &status);
	assert_int_equal(status.st_mode, before.st_mode);
	assert_int_equal(status.st_mtim.tv_sec, 5);
	assert_int_equal(status.st_mtim.tv_nsec, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_preserve_gives_permissions_and_time_of_the_source, tempdir_setup,
			tempdir_teardown),
		cmocka_unit_test_setup_teardown(
			test_preserve_gives_only_what_is_known, tempdir_setup, tempdir_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
