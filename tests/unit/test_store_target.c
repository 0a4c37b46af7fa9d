/* SPDX-License-Identifier: MIT */
/* A target that takes no file at all: full, read-only, not writable, gone. And sources by name. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "tests/support/tempdir.h"
#include "worker/digest.h"
#include "common/store.h"

enum { NOBODY = 65534 };

/* FOLDER/out is the root "target". */
struct fixture {
	char *folder;
	struct store *store;
	struct output output;
	struct job job; /* that output borrows */
	struct error err;
	bool mounted;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->folder = tempdir_new();
	tempdir_make(f->folder, "out");
	f->store = store_new(&(struct store_options) { .sync = false });
	char *root = xasprintf("target=%s", tempdir_path(f->folder, "out"));
	assert_int_equal(store_add_root(f->store, root, &f->err), 0);
	free(root);
	f->output.fd = -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	store_discard(&f->output);
	store_free(f->store);
	if (f->mounted)
		assert_int_equal(umount(tempdir_path(f->folder, "out")), 0);
	tempdir_free(f->folder);
	free(f);
	return 0;
}

static int create(struct fixture *f, const char *target)
{
	static const struct input none = { .fd = -1 };
	f->job = (struct job) { .id = 7, .attempt = 1, .source = "", .target = target };
	return store_create(
		f->store, &(struct store_request) { &f->job, 0, &none }, &f->output, &f->err);
}

static int commit(struct fixture *f)
{
	return store_commit(f->store, &f->output, &(struct produced) { 0 }, &f->err);
}

static void assert_target(const struct fixture *f, int number, const char *message)
{
	assert_string_equal(f->err.message, message);
	assert_int_equal(f->err.code, ERROR_TARGET);
	assert_int_equal(f->err.number, number);
}

static void remove_folder(const struct fixture *f, const char *name)
{
	assert_int_equal(rmdir(tempdir_path(f->folder, name)), 0);
}

/* A file system of a few pages in place of the target; only root may do that. */
static void mount_tiny(struct fixture *f)
{
	const char *path = tempdir_path(f->folder, "out");
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("none", path, "tmpfs", 0, "size=16k,nr_inodes=4")) {
		print_message("not allowed to mount a file system: %s\n", strerror(errno));
		skip();
	}
	f->mounted = true;
	store_free(f->store);
	f->store = store_new(&(struct store_options) { .sync = false });
	char *root = xasprintf("target=%s", path);
	assert_int_equal(store_add_root(f->store, root, &f->err), 0);
	free(root);
}

static void test_target_numbers_of_a_write_are_known(void **state)
{
	struct fixture *f = *state;
	assert_true(store_blames_target("target:a/b", ENOSPC, &f->err));
	assert_target(f, ENOSPC, "the target is full: No space left on device");
	assert_true(store_blames_target("cache:a", EDQUOT, &f->err));
	assert_target(f, EDQUOT, "the cache is full: Disk quota exceeded");
	assert_true(store_blames_target("target:a", EROFS, &f->err));
	assert_target(f, EROFS, "the target is read-only: Read-only file system");
	static const int others[] = { 0, EIO, EACCES, EPERM, ENOENT, EFBIG, EMFILE };
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(store_blames_target("target:a", others[i], &f->err));
}

static void test_target_without_space_takes_no_file(void **state)
{
	struct fixture *f = *state;
	char name[32];
	int made = 0;
	mount_tiny(f);
	do {
		(void)snprintf(name, sizeof(name), "target:%d", made);
		assert_in_range(made++, 0, 8);
	} while (create(f, name) == 0 && commit(f) == 0);
	assert_target(f, ENOSPC, "the target is full: No space left on device");
	assert_int_equal(create(f, "target:folder/a"), -1);
	assert_target(f, ENOSPC, "the target is full: No space left on device");
}

static void test_target_that_is_read_only_takes_no_file(void **state)
{
	struct fixture *f = *state;
	mount_tiny(f);
	const char *path = tempdir_path(f->folder, "out");
	assert_int_equal(mount("none", path, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(create(f, "target:a"), -1);
	assert_target(f, EROFS, "the target is read-only: Read-only file system");
}

/* As somebody whom the permissions of files concern. */
static int as_nobody(struct fixture *f, const char *target)
{
	bool root = geteuid() == 0;
	assert_int_equal(chmod(f->folder, 0755), 0);
	assert_int_equal(root ? seteuid(NOBODY) : 0, 0);
	int status = create(f, target);
	assert_int_equal(root ? seteuid(0) : 0, 0);
	return status;
}

static void test_target_that_may_not_be_written_is_one(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(chmod(tempdir_path(f->folder, "out"), 0555), 0);
	assert_int_equal(as_nobody(f, "target:a"), -1);
	assert_target(f, EACCES, "the target is not writable: Permission denied");
	assert_int_equal(as_nobody(f, "target:a/b"), -1);
	assert_target(f, EACCES, "the target is not writable: Permission denied");
}

static void test_target_with_one_folder_that_may_not_be_written_is_none(void **state)
{
	struct fixture *f = *state;
	tempdir_make(f->folder, "out/a");
	assert_int_equal(chmod(tempdir_path(f->folder, "out"), 0777), 0);
	assert_int_equal(chmod(tempdir_path(f->folder, "out/a"), 0555), 0);
	assert_int_equal(as_nobody(f, "target:a/b"), -1);
	assert_string_equal(f->err.message, "create: Permission denied");
	assert_int_equal(f->err.code, ERROR_IO);
}

static void test_target_that_is_gone_is_said(void **state)
{
	struct fixture *f = *state;
	remove_folder(f, "out");
	assert_int_equal(create(f, "target:a"), -1);
	assert_target(f, ENOENT, "the target folder is gone: No such file or directory");
	assert_int_equal(create(f, "target:a/b/c"), -1);
	assert_target(f, ENOENT, "the target folder is gone: No such file or directory");
}

static void test_target_that_is_made_again_is_used(void **state)
{
	struct fixture *f = *state;
	/* its folders are known from before, and one is in use */
	assert_int_equal(create(f, "target:a/b"), 0);
	struct output before = f->output;
	char *temporary = xasprintf("out/a/%s", before.temporary);
	assert_int_equal(unlink(tempdir_path(f->folder, temporary)), 0);
	free(temporary);
	remove_folder(f, "out/a");
	remove_folder(f, "out");
	tempdir_make(f->folder, "out");
	assert_int_equal(create(f, "target:a/c"), 0);
	assert_int_equal(commit(f), 0);
	assert_true(tempdir_exists(f->folder, "out/a/c"));
	assert_int_equal(create(f, "target:d"), 0);
	assert_int_equal(commit(f), 0);
	assert_true(tempdir_exists(f->folder, "out/d"));
	f->output = before;
	assert_int_equal(commit(f), -1);
	assert_int_equal(error_class(f->err.code, f->err.number), ERROR_CLASS_TRANSIENT);
}

static void test_target_with_a_folder_that_was_removed_makes_it_again(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(create(f, "target:a/b"), 0);
	store_discard(&f->output);
	remove_folder(f, "out/a");
	assert_int_equal(create(f, "target:a/b"), 0);
	assert_int_equal(commit(f), 0);
	assert_true(tempdir_exists(f->folder, "out/a/b"));
}

static void test_target_gone_before_the_commit_is_said(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(create(f, "target:b"), 0);
	char *temporary = xasprintf("out/%s", f->output.temporary);
	assert_int_equal(unlink(tempdir_path(f->folder, temporary)), 0);
	free(temporary);
	remove_folder(f, "out");
	assert_int_equal(commit(f), -1);
	assert_target(f, ENOENT, "the target folder is gone: No such file or directory");
	assert_int_equal(f->output.fd, -1);
}

static void test_source_is_described_as_it_was_opened(void **state)
{
	struct fixture *f = *state;
	struct input input;
	struct result result = { .job = 1 };
	const struct timespec times[] = { { 1, 2 }, { -3, 456789012 } };
	tempdir_write(f->folder, "out/a", "abc");
	const char *path = tempdir_path(f->folder, "out/a");
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_int_equal(store_open(f->store, "target:a", &input, &f->err), 0);
	tempdir_write(f->folder, "out/a", "longer");
	input_close(&input);
	input_describe(&input, &result);
	assert_int_equal(result.source_size, 3);
	assert_true(result.source_mtime_ns == -3LL * 1000000000 + 456789012);
	assert_int_equal(store_open(f->store, "target:none", &input, &f->err), -1);
	input_describe(&input, &result);
	assert_int_equal(result.source_size, 0);
	assert_int_equal(result.source_mtime_ns, 0);
}

static void test_source_digest_is_of_the_whole_file(void **state)
{
	enum { PIECE = 1 << 16 };
	struct fixture *f = *state;
	static const uint8_t of_abc[4] = { 0xba, 0x78, 0x16, 0xbf };
	/* sha256sum of 65537 letters a, which are one more than are read at once */
	static const uint8_t of_many[4] = { 0x00, 0x8f, 0xfc, 0x88 };
	struct result result = { .job = 1 };
	struct input input;
	tempdir_write(f->folder, "out/a", "abc");
	assert_int_equal(store_open(f->store, "target:a", &input, &f->err), 0);
	assert_int_equal(lseek(input.fd, 2, SEEK_SET), 2);
	assert_int_equal(digest_source(input.fd, &result, &f->err), 0);
	assert_true(result.has_digest);
	assert_memory_equal(result.digest, of_abc, sizeof(of_abc));
	assert_int_equal(lseek(input.fd, 0, SEEK_CUR), 2);
	input_close(&input);
	char *many = xcalloc(1, PIECE + 2);
	memset(many, 'a', PIECE + 1);
	tempdir_write(f->folder, "out/b", many);
	free(many);
	assert_int_equal(store_open(f->store, "target:b", &input, &f->err), 0);
	assert_int_equal(digest_source(input.fd, &result, &f->err), 0);
	assert_memory_equal(result.digest, of_many, sizeof(of_many));
	input_close(&input);
	assert_int_equal(digest_source(-1, &result, &f->err), -1);
	assert_false(result.has_digest);
	assert_int_equal(f->err.number, EBADF);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_target_numbers_of_a_write_are_known),
		CASE(test_target_without_space_takes_no_file),
		CASE(test_target_that_is_read_only_takes_no_file),
		CASE(test_target_that_may_not_be_written_is_one),
		CASE(test_target_with_one_folder_that_may_not_be_written_is_none),
		CASE(test_target_that_is_gone_is_said),
		CASE(test_target_that_is_made_again_is_used),
		CASE(test_target_with_a_folder_that_was_removed_makes_it_again),
		CASE(test_target_gone_before_the_commit_is_said),
		CASE(test_source_is_described_as_it_was_opened),
		CASE(test_source_digest_is_of_the_whole_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
