/* SPDX-License-Identifier: MIT */
#include "tests/support/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/clock.h"

int64_t deadline_start(void)
{
	return clock_ms() + DEADLINE_MS;
}

void deadline_check(int64_t end)
{
	if (clock_ms() >= end)
		fail_msg("nothing came within %d ms", DEADLINE_MS);
}
