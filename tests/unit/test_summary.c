/* SPDX-License-Identifier: MIT */
/* The last line of a run, word for word. */
#include "common/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *const scale_counters[SUMMARY_COUNTERS_MAX] = { "copied", "scaled" };
static const char *const all_counters[SUMMARY_COUNTERS_MAX] = { "a", "b", "c", "d" };

static void assert_line(const struct summary *summary, const char *expected)
{
	char line[SUMMARY_LINE_MAX];
	summary_line(summary, line, sizeof(line));
	assert_string_equal(line, expected);
}

static void test_summary_of_all_done(void **state)
{
	(void)state;
	struct summary s = {
		.counters = scale_counters, .counts = { 12, 340 }, .todo = 352, .processes = 16
	};
	assert_int_equal(summary_skipped(&s), 0);
	assert_line(&s, "copied 12 scaled 340 using 16 processes");
}

static void test_summary_of_nothing_still_counts(void **state)
{
	(void)state;
	struct summary s = { .counters = scale_counters, .processes = 4 };
	assert_line(&s, "copied 0 scaled 0 using 4 processes");
}

static void test_summary_names_what_was_skipped(void **state)
{
	(void)state;
	struct summary s = { .counters = scale_counters,
		.counts = { 1, 2 },
		.todo = 10,
		.failed = 3,
		.processes = 2 };
	assert_int_equal(summary_skipped(&s), 7);
	assert_line(&s, "copied 1 scaled 2 skipped 7 using 2 processes");
	s.todo = 2; /* a count that is behind never makes it negative */
	assert_int_equal(summary_skipped(&s), 0);
	assert_line(&s, "copied 1 scaled 2 using 2 processes");
}

static void test_summary_names_what_is_unchanged_after_what_was_skipped(void **state)
{
	(void)state;
	struct summary s = { .counters = scale_counters,
		.counts = { 1, 2 },
		.todo = 10,
		.unchanged = 6,
		.processes = 2 };
	assert_int_equal(summary_skipped(&s), 1);
	assert_line(&s, "copied 1 scaled 2 skipped 1 unchanged 6 using 2 processes");
	s.unchanged = 7;
	assert_line(&s, "copied 1 scaled 2 unchanged 7 using 2 processes");
}

static void test_summary_says_canceled_at_the_end(void **state)
{
	(void)state;
	struct summary s = { .counters = scale_counters,
		.counts = { 1, 2 },
		.todo = 4,
		.processes = 2,
		.canceled = true };
	assert_line(&s, "copied 1 scaled 2 skipped 1 using 2 processes [canceled]");
	s.todo = 3;
	assert_line(&s, "copied 1 scaled 2 using 2 processes [canceled]");
}

static void test_summary_without_processes_is_single_threaded(void **state)
{
	(void)state;
	struct summary s = { .counters = scale_counters, .counts = { 1, 2 }, .todo = 4 };
	assert_line(&s, "copied 1 scaled 2 skipped 1 single-threaded");
	s.canceled = true;
	assert_line(&s, "copied 1 scaled 2 skipped 1 single-threaded [canceled]");
}

static void test_summary_has_as_many_counters_as_there_are(void **state)
{
	(void)state;
	struct summary s = {
		.counters = all_counters, .counts = { 1, 2, 3, 4 }, .todo = 11, .processes = 1
	};
	assert_int_equal(summary_skipped(&s), 1);
	assert_line(&s, "a 1 b 2 c 3 d 4 skipped 1 using 1 processes");
	s.counters = (const char *const[SUMMARY_COUNTERS_MAX]) { "done" };
	assert_int_equal(summary_skipped(&s), 10);
	assert_line(&s, "done 1 skipped 10 using 1 processes");
}

static void test_summary_largest_numbers_fit(void **state)
{
	(void)state;
	struct summary s = { .counters = scale_counters,
		.counts = { 0, 1 },
		.todo = UINT64_MAX,
		.processes = UINT32_MAX,
		.canceled = true };
	assert_line(&s, "copied 0 scaled 1 skipped 18446744073709551614 "
			"using 4294967295 processes [canceled]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_summary_of_all_done),
		cmocka_unit_test(test_summary_of_nothing_still_counts),
		cmocka_unit_test(test_summary_names_what_was_skipped),
		cmocka_unit_test(test_summary_names_what_is_unchanged_after_what_was_skipped),
		cmocka_unit_test(test_summary_says_canceled_at_the_end),
		cmocka_unit_test(test_summary_without_processes_is_single_threaded),
		cmocka_unit_test(test_summary_has_as_many_counters_as_there_are),
		cmocka_unit_test(test_summary_largest_numbers_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
