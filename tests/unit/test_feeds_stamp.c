/* SPDX-License-Identifier: MIT */
/* Moments as text, and the ends of what can be written. */
#include "master/kinds/feeds_stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HOUR_S = 3600, DAY_S = 86400 };

static void test_moments_are_written_in_utc_and_english(void **state)
{
	(void)state;
	struct stamp stamp;
	const int64_t s = INT64_C(1767323045);
	assert_string_equal(stamp_iso(&stamp, s), "2026-01-02T03:04:05Z");
	assert_string_equal(stamp_minute(&stamp, s), "2026-01-02 03:04");
	assert_string_equal(stamp_short(&stamp, s), "2 Jan 2026");
	assert_string_equal(stamp_long(&stamp, s), "Friday, 2 January 2026");
	assert_string_equal(stamp_mail(&stamp, s), "Fri, 02 Jan 2026 03:04:05 GMT");
	assert_string_equal(stamp_iso(&stamp, -1), "1969-12-31T23:59:59Z");
	assert_string_equal(stamp_span(&stamp, 59), "less than a minute");
	assert_string_equal(stamp_span(&stamp, 60), "1 minute");
	assert_string_equal(stamp_span(&stamp, 2 * DAY_S - 1), "1 day");
	assert_string_equal(stamp_span(&stamp, 49 * HOUR_S), "2 days");
	assert_int_equal(stamp_day(-1), -1);
	assert_int_equal(stamp_day(DAY_S), 1);
	assert_false(stamp_is_writable(INT64_MIN));
	assert_string_equal(stamp_iso(&stamp, INT64_C(253402300799)), "9999-12-31T23:59:59Z");
	assert_false(stamp_is_writable(INT64_C(253402300800)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moments_are_written_in_utc_and_english),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
