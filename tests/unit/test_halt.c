/* SPDX-License-Identifier: MIT */
/* When a run with --halt has seen enough failures, to the job. */
#include "master/halt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct halt parsed(const char *text)
{
	struct halt halt;
	struct error err;
	assert_int_equal(halt_parse(&halt, text, &err), 0);
	return halt;
}

static void test_halt_never_is_never_reached(void **state)
{
	(void)state;
	const struct halt never = parsed("never");
	assert_int_equal(never.when, HALT_NEVER);
	assert_false(halt_reached(&never, UINT64_MAX, UINT64_MAX));
	assert_false(halt_reached(&(struct halt) { 0 }, 100, 100));
}

static void test_halt_counts_failures(void **state)
{
	(void)state;
	const struct halt halt = parsed("soon,fail=2");
	assert_int_equal(halt.when, HALT_SOON);
	assert_false(halt_reached(&halt, 1, 1));
	assert_true(halt_reached(&halt, 2, 1000000));
	assert_int_equal(parsed("now,fail=1").when, HALT_NOW);
}

static void test_halt_shares_need_three_failures_and_round_up(void **state)
{
	(void)state;
	const struct halt tenth = parsed("now,fail=10%"), all = parsed("soon,fail=100%");
	assert_false(halt_reached(&tenth, 2, 2));
	assert_true(halt_reached(&tenth, 3, 3));
	assert_true(halt_reached(&tenth, 3, 30));
	assert_false(halt_reached(&tenth, 3, 31));
	assert_false(halt_reached(&tenth, 99, 1000));
	assert_true(halt_reached(&tenth, 100, 1000));
	assert_false(halt_reached(&all, 9, 10));
	assert_true(halt_reached(&all, 10, 10));
	assert_false(halt_reached(&all, 3, UINT64_MAX)); /* no overflow */
}

static void test_halt_takes_nothing_else(void **state)
{
	static const char *const wrong[] = { "", "soon", "soon,", "soon,fail",
		"soon,fail=", "soon,fail=0", "soon,fail=0%", "soon,fail=101%", "soon,fail=-1",
		"soon,fail= 1", "soon,fail=1x", "soon,fail=1%%", "later,fail=1", "now,done=1",
		"now,fail=99999999999999999999" };
	struct halt halt;
	struct error err;
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(halt_parse(&halt, wrong[i], &err), -1);
		assert_int_equal(err.code, ERROR_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_halt_never_is_never_reached),
		cmocka_unit_test(test_halt_counts_failures),
		cmocka_unit_test(test_halt_shares_need_three_failures_and_round_up),
		cmocka_unit_test(test_halt_takes_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
