/* SPDX-License-Identifier: MIT */
/*
 * The store whose n-th system call fails, for n = 1, 2, 3 ... until a whole course passes: no half
 * output is ever visible, no descriptor stays open, and no temporary is left unless it was its
 * removal that failed. The calls are replaced by the linker (--wrap).
 */
#include "common/store.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "tests/support/tempdir.h"

enum {
	N_MAX = 500, /* calls of one course; more would mean that it never passes */
	CONTENT_BYTES = 9,
};

#define CONTENT "thumbnail"

static unsigned left;      /* calls until one fails; 0: none will */
static int failing_number; /* its errno */
static const char *failed; /* which it was */

static bool fails(const char *name)
{
	if (left == 0 || --left > 0)
		return false;
	failed = name;
	errno = failing_number;
	return true;
}

/* The linker's names: what is called instead, and the real one. */
long __wrap_syscall(long number, long a, const void *b, const void *c, size_t d);
long __real_syscall(long number, long a, const void *b, const void *c, size_t d);
int __wrap_openat(int folder, const char *path, int flags, mode_t mode);
int __real_openat(int folder, const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode);
int __real_open(const char *path, int flags, mode_t mode);
int __wrap_flock(int fd, int operation);
int __real_flock(int fd, int operation);
int __wrap_fstat(int fd, struct stat *status);
int __real_fstat(int fd, struct stat *status);
int __wrap_fstatat(int folder, const char *path, struct stat *status, int flags);
int __real_fstatat(int folder, const char *path, struct stat *status, int flags);
int __wrap_fsync(int fd);
int __real_fsync(int fd);
int __wrap_renameat(int folder, const char *from, int to_folder, const char *to);
int __real_renameat(int folder, const char *from, int to_folder, const char *to);
int __wrap_unlinkat(int folder, const char *path, int flags);
int __real_unlinkat(int folder, const char *path, int flags);
int __wrap_mkdirat(int folder, const char *path, mode_t mode);
int __real_mkdirat(int folder, const char *path, mode_t mode);

long __wrap_syscall(long number, long a, const void *b, const void *c, size_t d)
{
	assert_int_equal(number, SYS_openat2);
	return fails("openat2") ? -1 : __real_syscall(number, a, b, c, d);
}

int __wrap_openat(int folder, const char *path, int flags, mode_t mode)
{
	return fails("openat") ? -1 : __real_openat(folder, path, flags, mode);
}

int __wrap_open(const char *path, int flags, mode_t mode)
{
	return fails("open") ? -1 : __real_open(path, flags, mode);
}

int __wrap_flock(int fd, int operation)
{
	return fails("flock") ? -1 : __real_flock(fd, operation);
}

int __wrap_fstat(int fd, struct stat *status)
{
	return fails("fstat") ? -1 : __real_fstat(fd, status);
}

int __wrap_fstatat(int folder, const char *path, struct stat *status, int flags)
{
	return fails("fstatat") ? -1 : __real_fstatat(folder, path, status, flags);
}

int __wrap_fsync(int fd)
{
	return fails("fsync") ? -1 : __real_fsync(fd);
}

int __wrap_renameat(int folder, const char *from, int to_folder, const char *to)
{
	return fails("renameat") ? -1 : __real_renameat(folder, from, to_folder, to);
}

int __wrap_unlinkat(int folder, const char *path, int flags)
{
	return fails("unlinkat") ? -1 : __real_unlinkat(folder, path, flags);
}

int __wrap_mkdirat(int folder, const char *path, mode_t mode)
{
	return fails("mkdirat") ? -1 : __real_mkdirat(folder, path, mode);
}

static int add_roots(struct store *store, const char *folder, struct error *err)
{
	char *source = xasprintf("source=%s", tempdir_path(folder, "in"));
	char *target = xasprintf("target=%s", tempdir_path(folder, "out"));
	int status =
		store_add_root(store, source, err) || store_add_root(store, target, err) ? -1 : 0;
	free(source);
	free(target);
	return status;
}

/* One output, written and committed, or given up. */
static int put(struct store *store, const struct job *job, bool commit, struct error *err)
{
	struct input input;
	struct output output;
	if (store_open(store, job->source, &input, err))
		return -1;
	int status = store_create(store, &(struct store_request) { job, 0, &input }, &output, err);
	if (status == 0) {
		assert_int_equal(write(output.fd, CONTENT, CONTENT_BYTES), CONTENT_BYTES);
		if (commit)
			status = store_commit(
				store, &output, &(struct produced) { .bytes = CONTENT_BYTES }, err);
		else
			store_discard(&output);
	}
	input_close(&input);
	return status;
}

/*
 * A new output in new folders, one that replaces another, one whose folder is known at the end, one
 * given up. 0: all went well.
 */
static int course(const char *folder, struct error *err)
{
	const struct store_options options = { .sync = true };
	const struct job jobs[] = {
		{ .id = 1, .attempt = 1, .source = "source:a", .target = "target:new/deep/a" },
		{ .id = 2, .attempt = 1, .source = "source:a", .target = "target:old" },
		{ .id = 3,
			.attempt = 1,
			.source = "source:a",
			.target = "target:{width}/a",
			.labels = { "400" },
			.labels_count = 1 },
		{ .id = 4, .attempt = 1, .source = "source:a", .target = "target:never" },
	};
	struct store *store = store_new(&options);
	int status = add_roots(store, folder, err);
	for (size_t i = 0; i < 4 && status == 0; i++)
		status = put(store, &jobs[i], i < 3, err);
	store_free(store);
	return status;
}

static size_t count_if(const char *folder, const char *name)
{
	return tempdir_exists(folder, name) ? tempdir_count(folder, name) : 0;
}

/* All that is in the target but the outputs and their folders. */
static size_t leftovers(const char *folder)
{
	return tempdir_count(folder, "out") - tempdir_exists(folder, "out/new") - 1 +
	       count_if(folder, "out/new") - tempdir_exists(folder, "out/new/deep") +
	       count_if(folder, "out/new/deep") - tempdir_exists(folder, "out/new/deep/a") +
	       count_if(folder, "out/0") - tempdir_exists(folder, "out/0/a") -
	       tempdir_exists(folder, "out/0");
}

/* True when the fault had its turn. */
static bool survives(unsigned n, int number)
{
	struct error err = { 0 };
	char *folder = tempdir_new();
	tempdir_write(folder, "in/a", "picture");
	tempdir_write(folder, "out/old", "before");
	size_t open_before = tempdir_count("/proc/self", "fd");
	failing_number = number;
	failed = NULL;
	left = n;
	int status = course(folder, &err);
	left = 0;
	assert_int_equal(tempdir_count("/proc/self", "fd"), open_before);
	if (tempdir_exists(folder, "out/new/deep/a"))
		assert_true(tempdir_holds(folder, "out/new/deep/a", CONTENT));
	assert_true(tempdir_holds(folder, "out/old", CONTENT) ||
		    tempdir_holds(folder, "out/old", "before"));
	assert_false(tempdir_exists(folder, "out/never"));
	if (status == 0) {
		assert_true(tempdir_holds(folder, "out/new/deep/a", CONTENT));
		assert_true(tempdir_holds(folder, "out/old", CONTENT));
		assert_true(tempdir_holds(folder, "out/0/a", CONTENT));
	} else {
		assert_non_null(failed);
		assert_true(err.message[0] != '\0');
	}
	if (leftovers(folder) > 0)
		assert_string_equal(failed, "unlinkat");
	tempdir_free(folder);
	return failed != NULL;
}

static void torture(int number)
{
	unsigned n = 1;
	while (n < N_MAX && survives(n, number))
		n++;
	print_message("passed after %u faults\n", n - 1);
	assert_true(n > 20); /* else nothing was tortured */
	assert_true(n < N_MAX);
}

static void test_store_survives_each_call_failing_with_eio(void **state)
{
	(void)state;
	torture(EIO);
}

static void test_store_survives_each_call_failing_with_enospc(void **state)
{
	(void)state;
	torture(ENOSPC);
}

static void test_store_survives_each_call_that_is_interrupted(void **state)
{
	(void)state;
	torture(EINTR);
}

static void test_store_survives_each_call_without_a_descriptor(void **state)
{
	(void)state;
	torture(EMFILE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store_survives_each_call_failing_with_eio),
		cmocka_unit_test(test_store_survives_each_call_failing_with_enospc),
		cmocka_unit_test(test_store_survives_each_call_that_is_interrupted),
		cmocka_unit_test(test_store_survives_each_call_without_a_descriptor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
