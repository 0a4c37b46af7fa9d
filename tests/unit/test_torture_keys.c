/* SPDX-License-Identifier: MIT */
/*
 * keys_make whose n-th system call fails, for n = 1, 2, 3 ... until it passes: each file is whole
 * or absent, what was there stays as it was, no descriptor and no temporary is left (unless it was
 * its removal that failed), and the next call goes on. The linker replaces the calls (--wrap).
 */
#include "common/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/tempdir.h"

enum { N_MAX = 500 }; /* calls of one course; more would mean that it never passes */

static unsigned left;      /* calls until one fails; 0: none will */
static int failing_number; /* its errno */
static const char *failed; /* which it was */
static bool short_writes;  /* each write takes one byte */

static bool fails(const char *name)
{
	if (left == 0 || --left > 0)
		return false;
	failed = name;
	errno = failing_number;
	return true;
}

/* The linker's names: what is called instead, and the real one. */
int __wrap_open(const char *path, int flags, mode_t mode);
int __real_open(const char *path, int flags, mode_t mode);
int __wrap_openat(int folder, const char *path, int flags, mode_t mode);
int __real_openat(int folder, const char *path, int flags, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_flock(int fd, int operation);
int __real_flock(int fd, int operation);
int __wrap_fstat(int fd, struct stat *status);
int __real_fstat(int fd, struct stat *status);
int __wrap_fstatat(int folder, const char *path, struct stat *status, int flags);
int __real_fstatat(int folder, const char *path, struct stat *status, int flags);
ssize_t __wrap_read(int fd, void *bytes, size_t size);
ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __real_write(int fd, const void *bytes, size_t size);
int __wrap_fchmod(int fd, mode_t mode);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fsync(int fd);
int __wrap_linkat(int folder, const char *from, int to_folder, const char *to, int flags);
int __real_linkat(int folder, const char *from, int to_folder, const char *to, int flags);
int __wrap_renameat(int folder, const char *from, int to_folder, const char *to);
int __real_renameat(int folder, const char *from, int to_folder, const char *to);
int __wrap_unlinkat(int folder, const char *path, int flags);
int __real_unlinkat(int folder, const char *path, int flags);

int __wrap_open(const char *path, int flags, mode_t mode)
{
	return fails("open") ? -1 : __real_open(path, flags, mode);
}

int __wrap_openat(int folder, const char *path, int flags, mode_t mode)
{
	return fails("openat") ? -1 : __real_openat(folder, path, flags, mode);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
	return fails("mkdir") ? -1 : __real_mkdir(path, mode);
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

ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
	return fails("read") ? -1 : __real_read(fd, bytes, size);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
	return fails("write") ? -1 : __real_write(fd, bytes, short_writes && size > 1 ? 1 : size);
}

int __wrap_fchmod(int fd, mode_t mode)
{
	return fails("fchmod") ? -1 : __real_fchmod(fd, mode);
}

/* No power is cut here: really syncing would be most of the test's time. */
int __wrap_fsync(int fd)
{
	(void)fd;
	return fails("fsync") ? -1 : 0;
}

int __wrap_linkat(int folder, const char *from, int to_folder, const char *to, int flags)
{
	return fails("linkat") ? -1 : __real_linkat(folder, from, to_folder, to, flags);
}

int __wrap_renameat(int folder, const char *from, int to_folder, const char *to)
{
	return fails("renameat") ? -1 : __real_renameat(folder, from, to_folder, to);
}

int __wrap_unlinkat(int folder, const char *path, int flags)
{
	return fails("unlinkat") ? -1 : __real_unlinkat(folder, path, flags);
}

static int course(const char *folder, size_t *made, struct error *err)
{
	static char *const names[] = { (char *)"one", (char *)"two" };
	return keys_make(tempdir_path(folder, "keys"), names, 2, made, err);
}

/* Each file that is there is whole: it can be read. */
static void assert_whole(const char *folder)
{
	static const char *const pairs[] = { "keys/master.key", "keys/one.key", "keys/two.key" };
	struct error err = { 0 };
	struct key_pair pair;
	struct stat status;
	char key[KEYS_TEXT_SIZE];
	for (size_t i = 0; i < 3; i++) {
		const char *path = tempdir_path(folder, pairs[i]);
		if (!tempdir_exists(folder, pairs[i]))
			continue;
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 07777, 0600);
		assert_int_equal(keys_read(&pair, path, &err), 0);
	}
	if (tempdir_exists(folder, "keys/master.pub"))
		assert_int_equal(
			keys_read_public(key, tempdir_path(folder, "keys/master.pub"), &err), 0);
	if (!tempdir_exists(folder, "keys/allowed"))
		return;
	struct allowed_keys *allowed =
		allowed_keys_read(tempdir_path(folder, "keys/allowed"), &err);
	assert_non_null(allowed);
	allowed_keys_free(allowed);
}

static size_t leftovers(const char *folder)
{
	static const char *const names[] = { "keys/master.key", "keys/one.key", "keys/two.key",
		"keys/master.pub", "keys/allowed" };
	size_t known = 0;
	if (!tempdir_exists(folder, "keys"))
		return 0;
	for (size_t i = 0; i < 5; i++)
		known += tempdir_exists(folder, names[i]);
	return tempdir_count(folder, "keys") - known;
}

/* Without faults it goes on; then all is there, and fits together. */
static void assert_completed(const char *folder, size_t made_before)
{
	struct error err = { 0 };
	size_t made;
	if (course(folder, &made, &err))
		fail_msg("after %s: %s", failed ? failed : "nothing", err.message);
	/* a key whose folder could not be synced is there all the same, but was not counted */
	assert_true(made + made_before <= 3);
	assert_int_equal(tempdir_count(folder, "keys"), 5);
	assert_int_equal(course(folder, &made, &err), 0);
	assert_int_equal(made, 0);
}

/* True when the fault had its turn. */
static bool survives(unsigned n, int number, bool there)
{
	struct error err = { 0 };
	char *folder = tempdir_new();
	struct key_pair before = { 0 }, after = { 0 };
	size_t made;
	if (there) {
		char *one = (char *)"one";
		assert_int_equal(keys_make(tempdir_path(folder, "keys"), &one, 1, &made, &err), 0);
		assert_int_equal(keys_read(&before, tempdir_path(folder, "keys/one.key"), &err), 0);
	}
	size_t open_before = tempdir_count("/proc/self", "fd");
	failing_number = number;
	failed = NULL;
	left = n;
	int status = course(folder, &made, &err);
	left = 0;
	assert_int_equal(tempdir_count("/proc/self", "fd"), open_before);
	assert_whole(folder);
	if (status == 0)
		assert_int_equal(made, there ? 1 : 3);
	else
		assert_true(failed && err.message[0] != '\0');
	if (leftovers(folder) > 0)
		assert_string_equal(failed, "unlinkat");
	assert_completed(folder, made);
	if (there) {
		assert_int_equal(keys_read(&after, tempdir_path(folder, "keys/one.key"), &err), 0);
		assert_memory_equal(&before, &after, sizeof(before));
	}
	tempdir_free(folder);
	return failed != NULL;
}

static void torture(int number)
{
	for (int there = 0; there < 2; there++) {
		unsigned n = 1;
		while (n < N_MAX && survives(n, number, there))
			n++;
		print_message("passed after %u faults\n", n - 1);
		assert_true(n > 20); /* else nothing was tortured */
		assert_true(n < N_MAX);
	}
}

static void test_keys_survive_each_call_failing_with_eio(void **state)
{
	(void)state;
	torture(EIO);
}

static void test_keys_survive_each_call_failing_with_enospc(void **state)
{
	(void)state;
	torture(ENOSPC);
}

static void test_keys_survive_each_call_that_is_interrupted(void **state)
{
	(void)state;
	torture(EINTR);
}

static void test_keys_survive_each_call_that_is_forbidden(void **state)
{
	(void)state;
	torture(EACCES);
}

static void test_keys_survive_writes_of_single_bytes(void **state)
{
	struct error err = { 0 };
	size_t made;
	char *folder = tempdir_new();
	(void)state;
	short_writes = true;
	assert_int_equal(course(folder, &made, &err), 0);
	short_writes = false;
	assert_int_equal(made, 3);
	assert_whole(folder);
	tempdir_free(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_survive_each_call_failing_with_eio),
		cmocka_unit_test(test_keys_survive_each_call_failing_with_enospc),
		cmocka_unit_test(test_keys_survive_each_call_that_is_interrupted),
		cmocka_unit_test(test_keys_survive_each_call_that_is_forbidden),
		cmocka_unit_test(test_keys_survive_writes_of_single_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
