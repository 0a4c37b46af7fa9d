/* SPDX-License-Identifier: MIT */
#include "tests/support/errands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/deadline.h"

static const char *const kinds[] = { ERRAND_KIND };

struct sciame_executor *errands_open_with(struct sciame_executor_options options)
{
	struct sciame_executor *executor;
	struct sciame_error err;
	options.kinds = kinds;
	options.kinds_count = 1;
	if (options.lanes == 0)
		options.lanes = 2;
	if (sciame_executor_open(&executor, &options, &err) != SCIAME_OK)
		fail_msg("%s", err.message);
	return executor;
}

struct sciame_executor *errands_open(int lanes)
{
	return errands_open_with((struct sciame_executor_options) { .lanes = lanes });
}

struct sciame_future *errands_submit(struct sciame_executor *executor, const char *what)
{
	struct sciame_future *future = NULL;
	struct sciame_error err;
	const struct sciame_job job = {
		.kind = "errand",
		.parameters = what,
		.parameters_size = strlen(what),
	};
	if (sciame_submit(executor, &job, &future, &err) != SCIAME_OK)
		fail_msg("%s: %s", what, err.message);
	return future;
}

void errands_expect(struct sciame_future *future, const char *report)
{
	struct sciame_result result;
	struct sciame_error err;
	if (sciame_future_result(future, ERRANDS_LATE_MS, &result, &err) != SCIAME_OK)
		fail_msg("%s", err.message);
	assert_int_equal(result.report_size, strlen(report));
	assert_memory_equal(result.report, report, strlen(report));
	sciame_future_release(future);
}

void errands_expect_failure(struct sciame_future *future, const char *part)
{
	struct sciame_error err;
	enum sciame_status status = sciame_future_result(future, ERRANDS_LATE_MS, NULL, &err);
	assert_int_equal(status, SCIAME_FAILED);
	if (!strstr(err.message, part))
		fail_msg("'%s' is not in '%s'", part, err.message);
	sciame_future_release(future);
}

void errands_await_running(struct sciame_future *future)
{
	const struct timespec step = { .tv_nsec = DEADLINE_STEP_MS * 100000 };
	int64_t end = deadline_start();
	while (!sciame_future_running(future)) {
		deadline_check(end);
		(void)nanosleep(&step, NULL);
	}
}
