/* SPDX-License-Identifier: MIT */
/* The line that says how far a run is, for any state and any width. */
#include "master/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/quote.h"

static char line[PROGRESS_LINE_MAX];

static const struct progress_state half = {
	.unit = "images",
	.name = "a.jpg",
	.done = 50,
	.total = 100,
	.bytes = 30000000,
	.total_is_final = true,
	.elapsed_ms = 10000,
};

static void assert_line(const struct progress_state *state, size_t columns, const char *expected)
{
	progress_format(state, columns, line, sizeof(line));
	assert_string_equal(line, expected);
}

static size_t columns_of(const char *text)
{
	size_t count = 0;
	for (; *text; text++)
		count += ((unsigned char)*text & 0xC0) != 0x80;
	return count;
}

static void test_progress_says_all_there_is(void **state)
{
	(void)state;
	assert_line(&half, 200,
		"[##########----------] 50/100  5.0 images/s  3.0 MB/s  ETA 0:10  a.jpg");
}

static void test_progress_bar_is_empty_half_and_full(void **state)
{
	(void)state;
	struct progress_state s = half;
	s.name = "";
	s.done = 0;
	assert_line(&s, 200, "[--------------------] 0/100  0.0 images/s  3.0 MB/s  ETA --:--");
	s.done = 99;
	assert_line(&s, 200, "[###################-] 99/100  9.9 images/s  3.0 MB/s  ETA 0:00");
	s.done = 100;
	assert_line(&s, 200, "[####################] 100/100  10.0 images/s  3.0 MB/s  ETA 0:00");
	s.done = 101; /* a count that runs ahead of the total breaks nothing */
	assert_line(&s, 200, "[####################] 101/100  10.1 images/s  3.0 MB/s  ETA 0:00");
}

static void test_progress_of_unknown_total(void **state)
{
	(void)state;
	struct progress_state s = half;
	s.total_is_final = false;
	assert_line(&s, 200,
		"[##########----------] 50/100+  5.0 images/s  3.0 MB/s  ETA --:--  a.jpg");
	s = (struct progress_state) { .unit = "jobs", .name = "" };
	assert_line(&s, 200, "[--------------------] 0/0+  0.0 jobs/s  0.0 MB/s  ETA --:--");
	s.total_is_final = true;
	assert_line(&s, 200, "[--------------------] 0/0  0.0 jobs/s  0.0 MB/s  ETA --:--");
}

static void assert_eta(int64_t elapsed_ms, uint64_t done, uint64_t total, const char *eta)
{
	struct progress_state s = half;
	s.name = "";
	s.elapsed_ms = elapsed_ms;
	s.done = done;
	s.total = total;
	progress_format(&s, 200, line, sizeof(line));
	assert_string_equal(strstr(line, "ETA"), eta);
}

static void test_progress_time_left(void **state)
{
	(void)state;
	assert_eta(1000, 1, 10, "ETA 0:09");
	assert_eta(1400, 1, 2, "ETA 0:01");
	assert_eta(1600, 1, 2, "ETA 0:02");
	assert_eta(1000, 1, 60, "ETA 0:59");
	assert_eta(1000, 1, 61, "ETA 1:00");
	assert_eta(1000, 1, 3600, "ETA 59:59");
	assert_eta(1000, 1, 3601, "ETA 1:00:00");
	assert_eta(1000, 1, 36000 + 62, "ETA 10:01:01");
	assert_eta(0, 5, 10, "ETA 0:00");
}

static void test_progress_name_is_cut_to_the_width(void **state)
{
	(void)state;
	struct progress_state s = half;
	static const char name[] = "0123456789";
	s.name = "";
	progress_format(&s, 200, line, sizeof(line));
	size_t numbers = strlen(line);
	s.name = name;
	for (size_t shown = 1; shown < sizeof(name); shown++) {
		progress_format(&s, numbers + 2 + shown, line, sizeof(line));
		assert_int_equal(strlen(line), numbers + 2 + shown);
		assert_memory_equal(line + numbers + 2, name, shown);
	}
	progress_format(&s, numbers + 2, line, sizeof(line)); /* no room for a name */
	assert_int_equal(strlen(line), numbers);
}

static void test_progress_name_is_cut_by_whole_characters(void **state)
{
	(void)state;
	struct progress_state s = half;
	static const char *const names[] = { "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9",
		"\xF0\x9F\x90\x9Dx\xE6\x97\xA5y" };
	for (size_t i = 0; i < 2; i++) {
		s.name = names[i];
		for (size_t columns = 0; columns < 120; columns++) {
			progress_format(&s, columns, line, sizeof(line));
			assert_true(utf8_valid(line, strlen(line)));
			assert_true(columns_of(line) <= columns);
		}
		assert_non_null(strstr(line, names[i]));
	}
}

/* Whatever the width: never more, and what does not fit is left out from the right. */
static void test_progress_fits_narrow_terminals(void **state)
{
	(void)state;
	char whole[PROGRESS_LINE_MAX];
	progress_format(&half, 200, whole, sizeof(whole));
	for (size_t columns = 0; columns <= strlen(whole); columns++) {
		progress_format(&half, columns, line, sizeof(line));
		assert_true(strlen(line) <= columns);
		assert_memory_equal(line, whole, strlen(line));
	}
	assert_string_equal(line, whole);
	assert_line(&half, 10, "[#########");
	assert_line(&half, 0, "");
}

static void test_progress_largest_numbers_fit(void **state)
{
	(void)state;
	static char name[PROGRESS_LINE_MAX * 4];
	const uint64_t huge = UINT64_MAX / 32; /* more than anybody will ever have */
	struct progress_state s = { "images", name, huge, huge, huge, true, 1 };
	memset(name, 'n', sizeof(name) - 1);
	progress_format(&s, 10000, line, sizeof(line));
	assert_true(strlen(line) < sizeof(line));
	assert_non_null(strstr(line, "576460752303423487/576460752303423487"));
	progress_format(&s, 10000, line, 20);
	assert_int_equal(strlen(line), 19);
}

static void test_progress_off_a_terminal_does_nothing(void **state)
{
	(void)state;
	progress_open(false);
	assert_false(progress_is_on());
	assert_int_equal(progress_deadline_ms(), -1);
	progress_update(&half, 1000);
	assert_int_equal(progress_deadline_ms(), -1);
	progress_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_progress_says_all_there_is),
		cmocka_unit_test(test_progress_bar_is_empty_half_and_full),
		cmocka_unit_test(test_progress_of_unknown_total),
		cmocka_unit_test(test_progress_time_left),
		cmocka_unit_test(test_progress_name_is_cut_to_the_width),
		cmocka_unit_test(test_progress_name_is_cut_by_whole_characters),
		cmocka_unit_test(test_progress_fits_narrow_terminals),
		cmocka_unit_test(test_progress_largest_numbers_fit),
		cmocka_unit_test(test_progress_off_a_terminal_does_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
