/* SPDX-License-Identifier: MIT */
/*
 * A ledger whose n-th call to the disk, or n-th allocation of SQLite's, fails, for n = 1, 2, 3 ...
 * until a whole run passes. Whatever fails: it is told, the file is sound, it holds the first so
 * many outcomes, all of them where nothing was told, and the next run goes on from there.
 */
#include "master/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/faulty_sqlite.h"
#include "tests/support/ledger_sample.h"
#include "tests/support/tempdir.h"

enum {
	JOBS = 300,    /* more than one batch */
	JOBS_FEW = 10, /* where thousands of runs are needed */
	N_MAX = 20000, /* calls of one run; more would mean that it never passes */
};

static size_t descriptors(void)
{
	return tempdir_count("/proc/self", "fd");
}

/* How far a run came. */
struct course {
	bool opened, closed; /* without an error */
	unsigned settled;
};

/* Settles the jobs from `first` on and looks some up; ends at the first error. */
static struct course run(const char *path, unsigned first, unsigned count)
{
	struct course course = { 0 };
	struct error err = { 0 };
	struct ledger_options options = ledger_sample_command;
	struct ledger_entry entry;
	struct ledger *ledger;
	options.path = path;
	if (ledger_open(&ledger, &options, &err)) {
		assert_int_equal(err.code, ERROR_START);
		assert_non_null(strstr(err.message, path));
		return course;
	}
	course.opened = true;
	course.settled = first;
	while (course.settled < first + count && ledger_check(ledger, &err) == 0) {
		ledger_sample_settle(ledger, course.settled++);
		if (course.settled % 10 == 0 && ledger_find(ledger, "source:x", &entry, &err))
			break;
	}
	bool failed = ledger_check(ledger, &err) != 0;
	course.closed = ledger_close(ledger, false, &err) == 0;
	assert_false(failed && course.closed);
	return course;
}

static void remove_all(const char *folder)
{
	static const char *const names[] = { "run.db", "run.db-wal", "run.db-shm",
		"run.db-journal" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(tempdir_path(folder, names[i])); /* most are not there */
}

/* One fault in a run, of a new file or of one with JOBS jobs; true when it had its turn. */
static bool survives(const char *folder, enum faulty_mode mode, unsigned n, bool resumed)
{
	const char *path = tempdir_path(folder, "run.db");
	unsigned before = 0, jobs = mode == FAULTY_MEMORY ? JOBS_FEW : JOBS;
	remove_all(folder);
	if (resumed)
		before = run(path, 0, jobs).settled;
	size_t open_before = descriptors();
	faulty_sqlite_arm(mode, n);
	struct course course = run(path, before, jobs);
	bool fired = faulty_sqlite_disarm();
	assert_int_equal(descriptors(), open_before);
	unsigned held = ledger_sample_check(path);
	assert_true(held >= before);
	assert_true(held <= before + jobs);
	if (course.closed)
		assert_int_equal(held, course.settled);
	if (course.opened) /* else writer and reader wait for each other */
		assert_int_equal(ledger_sample_ask(path, "SELECT journal_mode = 'wal'"
							 " FROM pragma_journal_mode"),
			1);
	assert_true(fired || (course.closed && held == before + jobs));
	struct course after = run(path, held, 1);
	assert_true(after.opened && after.closed);
	assert_int_equal(ledger_sample_check(path), held + 1);
	return fired;
}

static void torture(void **state, enum faulty_mode mode, bool resumed)
{
	unsigned n = 1;
	while (n < N_MAX && survives(*state, mode, n, resumed))
		n++;
	print_message("passed after %u faults\n", n - 1);
	assert_true(n > 20); /* else nothing was tortured */
	assert_true(n < N_MAX);
}

static void test_ledger_survives_each_failing_call_to_the_disk(void **state)
{
	torture(state, FAULTY_ONCE, false);
}

static void test_ledger_survives_each_moment_at_which_the_disk_dies(void **state)
{
	torture(state, FAULTY_AFTER, false);
}

static void test_ledger_survives_the_same_when_resumed(void **state)
{
	torture(state, FAULTY_ONCE, true);
}

static void test_ledger_survives_each_failing_allocation(void **state)
{
	torture(state, FAULTY_MEMORY, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ledger_survives_each_failing_call_to_the_disk),
		TEST(test_ledger_survives_each_moment_at_which_the_disk_dies),
		TEST(test_ledger_survives_the_same_when_resumed),
		TEST(test_ledger_survives_each_failing_allocation),
	};
	/* thousands of runs wait for the disk otherwise */
	if (access("/dev/shm", W_OK) == 0)
		assert_int_equal(setenv("TMPDIR", "/dev/shm", 1), 0);
	faulty_sqlite_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
