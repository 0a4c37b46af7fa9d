/* SPDX-License-Identifier: MIT */
/* Futures, as Python's have them: rows B18 to B27 of what peers do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "library/core.h"
#include "tests/support/errands.h"

enum {
	SOON_MS = 50,
	LONG_LINE = 1500, /* more than a worker with one lane is ever given */
};

/* One future in each state there is. */
struct states {
	struct sciame_executor *executor;
	struct sciame_future *pending, *running, *cancelled, *failed, *finished;
	struct sciame_future *line[LONG_LINE]; /* so many stand before the pending one */
};

static void open_states(struct states *s)
{
	s->executor = errands_open(1);
	s->failed = errands_submit(s->executor, "fail on purpose");
	assert_int_equal(
		sciame_future_result(s->failed, ERRANDS_LATE_MS, NULL, NULL), SCIAME_FAILED);
	s->finished = errands_submit(s->executor, "echo 42");
	assert_int_equal(sciame_future_result(s->finished, ERRANDS_LATE_MS, NULL, NULL), SCIAME_OK);
	s->running = errands_submit(s->executor, "sleep 1000");
	errands_await_running(s->running);
	for (size_t i = 0; i < LONG_LINE; i++)
		s->line[i] = errands_submit(s->executor, "sleep 0");
	s->pending = errands_submit(s->executor, "echo late");
	s->cancelled = errands_submit(s->executor, "echo never");
	assert_true(sciame_future_cancel(s->cancelled));
}

static void close_states(struct states *s)
{
	for (size_t i = 0; i < LONG_LINE; i++)
		sciame_future_release(s->line[i]);
	sciame_future_release(s->pending);
	sciame_future_release(s->running);
	sciame_future_release(s->cancelled);
	sciame_future_release(s->failed);
	sciame_future_release(s->finished);
	sciame_executor_close(s->executor);
}

static void test_b18_cancel(void **state)
{
	struct states s;
	(void)state;
	open_states(&s);
	assert_true(sciame_future_cancel(s.pending));
	assert_true(sciame_future_cancelled(s.pending));
	assert_false(sciame_future_cancel(s.running));
	assert_false(sciame_future_cancel(s.finished));
	assert_false(sciame_future_cancel(s.failed));
	assert_true(sciame_future_cancel(s.cancelled));
	close_states(&s);
}

static void test_b19_done(void **state)
{
	struct states s;
	(void)state;
	open_states(&s);
	assert_false(sciame_future_done(s.pending));
	assert_false(sciame_future_running(s.pending));
	assert_false(sciame_future_done(s.running));
	assert_true(sciame_future_running(s.running));
	assert_true(sciame_future_done(s.cancelled));
	assert_true(sciame_future_done(s.failed));
	assert_true(sciame_future_done(s.finished));
	assert_false(sciame_future_running(s.finished));
	assert_false(sciame_future_cancelled(s.finished));
	close_states(&s);
}

static void test_b20_result_with_timeout_0(void **state)
{
	struct states s;
	struct sciame_result result;
	struct sciame_error err;
	(void)state;
	open_states(&s);
	assert_int_equal(sciame_future_result(s.pending, 0, &result, &err), SCIAME_TIMED_OUT);
	assert_int_equal(sciame_future_result(s.running, 0, &result, &err), SCIAME_TIMED_OUT);
	assert_int_equal(sciame_future_result(s.cancelled, 0, &result, &err), SCIAME_CANCELLED);
	assert_int_equal(sciame_future_result(s.failed, 0, &result, &err), SCIAME_FAILED);
	assert_string_equal(err.message, "on purpose");
	assert_int_equal(sciame_future_result(s.finished, 0, &result, &err), SCIAME_OK);
	assert_int_equal(result.report_size, 2);
	assert_memory_equal(result.report, "42", 2);
	assert_string_equal(result.outcome, "done");
	assert_int_equal(result.attempts, 1);
	close_states(&s);
}

static struct ending *make_ending(const char *text)
{
	struct result result = { .code = ERROR_NONE };
	result.report_size = (uint32_t)strlen(text);
	memcpy(result.report, text, strlen(text));
	return ending_new(&result, "", "done");
}

static struct sciame_future *add(struct core *core)
{
	const struct job job = { .source = "", .target = "" };
	assert_int_equal(pthread_mutex_lock(&core->lock), 0);
	struct sciame_future *f = core_add(core, job_copy(&job));
	(void)core_begin(core);
	assert_int_equal(pthread_mutex_unlock(&core->lock), 0);
	return f;
}

/* A late duplicate of a job, after a retry, does not replace its first result. */
static void test_b21_a_result_is_set_twice(void **state)
{
	struct core *core = core_new();
	struct sciame_result result;
	(void)state;
	struct sciame_future *f = add(core);
	assert_true(core_finish(f, make_ending("first")));
	assert_false(core_finish(f, make_ending("second")));
	assert_false(core_finish(f, NULL));
	assert_int_equal(sciame_future_result(f, 0, &result, NULL), SCIAME_OK);
	assert_memory_equal(result.report, "first", 5);
	sciame_future_release(f);
	core_release(core);
}

static void test_b22_as_completed_without_timeout(void **state)
{
	struct states s;
	struct sciame_completed *completed;
	struct sciame_future *future, *seen[4];
	size_t n = 0;
	(void)state;
	open_states(&s);
	struct sciame_future *all[] = { s.running, s.cancelled, s.failed, s.finished };
	assert_int_equal(sciame_as_completed(&completed, all, 4, SCIAME_FOREVER, NULL), SCIAME_OK);
	while (sciame_completed_next(completed, &future, NULL) == SCIAME_OK) {
		assert_in_range(n, 0, 3);
		seen[n++] = future;
	}
	assert_int_equal(n, 4);
	assert_ptr_equal(seen[0], s.cancelled);
	assert_ptr_equal(seen[1], s.failed);
	assert_ptr_equal(seen[2], s.finished);
	assert_ptr_equal(seen[3], s.running);
	assert_int_equal(sciame_completed_next(completed, &future, NULL), SCIAME_EMPTY);
	sciame_completed_close(completed);
	close_states(&s);
}

static void test_b23_one_that_is_named_thrice_comes_once(void **state)
{
	struct states s;
	struct sciame_completed *completed;
	struct sciame_future *future;
	(void)state;
	open_states(&s);
	struct sciame_future *all[] = { s.running, s.running, s.running };
	assert_int_equal(sciame_as_completed(&completed, all, 3, SCIAME_FOREVER, NULL), SCIAME_OK);
	assert_int_equal(sciame_completed_next(completed, &future, NULL), SCIAME_OK);
	assert_ptr_equal(future, s.running);
	assert_int_equal(sciame_completed_next(completed, &future, NULL), SCIAME_EMPTY);
	sciame_completed_close(completed);
	close_states(&s);
}

static void test_b24_the_timeout_says_how_many(void **state)
{
	struct states s;
	struct sciame_completed *completed;
	struct sciame_future *future;
	struct sciame_error err;
	(void)state;
	open_states(&s);
	struct sciame_future *all[] = { s.pending, s.finished, s.running, s.failed };
	assert_int_equal(sciame_as_completed(&completed, all, 4, 0, NULL), SCIAME_OK);
	assert_int_equal(sciame_completed_next(completed, &future, &err), SCIAME_OK);
	assert_ptr_equal(future, s.finished);
	assert_int_equal(sciame_completed_next(completed, &future, &err), SCIAME_OK);
	assert_ptr_equal(future, s.failed);
	assert_int_equal(sciame_completed_next(completed, &future, &err), SCIAME_TIMED_OUT);
	assert_string_equal(err.message, "2 (of 4) futures unfinished");
	sciame_completed_close(completed);
	close_states(&s);
}

static void test_b25_wait_for_the_first_that_fails(void **state)
{
	struct sciame_counts counts;
	(void)state;
	struct sciame_executor *executor = errands_open(1);
	struct sciame_future *all[] = {
		errands_submit(executor, "echo 1"),
		errands_submit(executor, "fail 2"),
		errands_submit(executor, "sleep 1000"),
	};
	assert_int_equal(
		sciame_wait(all, 3, SCIAME_FIRST_FAILED, ERRANDS_LATE_MS, &counts), SCIAME_OK);
	assert_true(sciame_future_done(all[0]));
	assert_true(sciame_future_done(all[1]));
	assert_false(sciame_future_done(all[2]));
	assert_int_equal(counts.done, 2);
	assert_int_equal(counts.not_done, 1);
	for (size_t i = 0; i < 3; i++)
		sciame_future_release(all[i]);
	sciame_executor_close(executor);
}

static void test_b26_wait_ends_with_its_time(void **state)
{
	struct states s;
	struct sciame_counts counts;
	(void)state;
	open_states(&s);
	struct sciame_future *all[] = { s.pending, s.finished, s.running, s.failed };
	assert_int_equal(sciame_wait(all, 4, SCIAME_ALL, SOON_MS, &counts), SCIAME_OK);
	assert_int_equal(counts.done, 2);
	assert_int_equal(counts.not_done, 2);
	assert_int_equal(sciame_wait(all, 4, SCIAME_FIRST_COMPLETED, 0, &counts), SCIAME_OK);
	assert_int_equal(counts.done, 2);
	close_states(&s);
}

static void test_b27_wait_counts_one_once(void **state)
{
	struct sciame_counts counts;
	(void)state;
	struct sciame_executor *executor = errands_open(1);
	struct sciame_future *future = errands_submit(executor, "sleep 1");
	struct sciame_future *all[] = { future, future };
	assert_int_equal(sciame_wait(all, 2, SCIAME_ALL, ERRANDS_LATE_MS, &counts), SCIAME_OK);
	assert_int_equal(counts.done, 1);
	assert_int_equal(counts.not_done, 0);
	assert_int_equal(sciame_wait(NULL, 0, SCIAME_ALL, SCIAME_FOREVER, &counts), SCIAME_OK);
	assert_int_equal(counts.done, 0);
	sciame_future_release(future);
	sciame_executor_close(executor);
}

static void count_call(void *context, struct sciame_future *future)
{
	struct sciame_future **called = context;
	assert_true(sciame_future_done(future));
	assert_null(*called);
	*called = future;
}

static void test_callbacks_are_called_once(void **state)
{
	struct states s;
	struct sciame_future *by_finished = NULL, *by_running = NULL, *by_cancelled = NULL;
	(void)state;
	open_states(&s);
	sciame_future_on_done(s.finished, count_call, &by_finished);
	assert_ptr_equal(by_finished, s.finished);
	sciame_future_on_done(s.pending, count_call, &by_cancelled);
	assert_true(sciame_future_cancel(s.pending));
	assert_ptr_equal(by_cancelled, s.pending);
	sciame_future_on_done(s.running, count_call, &by_running);
	assert_null(by_running);
	assert_int_equal(sciame_executor_shutdown(s.executor, true, false, NULL), SCIAME_OK);
	assert_ptr_equal(by_running, s.running);
	close_states(&s);
}

static void test_futures_of_several_executors(void **state)
{
	struct sciame_completed *completed;
	struct sciame_future *future;
	size_t n = 0;
	(void)state;
	struct sciame_executor *one = errands_open(1), *other = errands_open(1);
	struct sciame_future *all[] = { errands_submit(one, "sleep 300"),
		errands_submit(other, "echo quick") };
	assert_int_equal(sciame_as_completed(&completed, all, 2, ERRANDS_LATE_MS, NULL), SCIAME_OK);
	while (sciame_completed_next(completed, &future, NULL) == SCIAME_OK)
		n++;
	assert_int_equal(n, 2);
	assert_ptr_equal(future, all[0]);
	sciame_completed_close(completed);
	/* futures outlive their executors */
	sciame_executor_close(one);
	sciame_executor_close(other);
	assert_int_equal(sciame_future_result(all[0], 0, NULL, NULL), SCIAME_OK);
	errands_expect(all[1], "quick");
	sciame_future_release(all[0]);
}

/* In a fork: 0 when everything is refused in words. */
static int try_in_fork(struct sciame_executor *executor, struct sciame_future *future)
{
	struct sciame_error err;
	const struct sciame_job job = { .kind = "noop" };
	if (sciame_submit(executor, &job, &future, &err) != SCIAME_MISUSED)
		return 1;
	if (!strstr(err.message, "not to its forks"))
		return 2;
	if (sciame_future_result(future, SCIAME_FOREVER, NULL, &err) != SCIAME_MISUSED)
		return 3;
	if (sciame_executor_shutdown(executor, true, true, &err) != SCIAME_MISUSED)
		return 4;
	sciame_executor_close(executor);
	return 0;
}

static void test_a_fork_is_refused(void **state)
{
	int status;
	(void)state;
	struct sciame_executor *executor = errands_open(1);
	struct sciame_future *future = errands_submit(executor, "sleep 200");
	pid_t child = fork();
	if (child == 0)
		_exit(try_in_fork(executor, future));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(sciame_future_result(future, ERRANDS_LATE_MS, NULL, NULL), SCIAME_OK);
	sciame_future_release(future);
	sciame_executor_close(executor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b18_cancel),
		cmocka_unit_test(test_b19_done),
		cmocka_unit_test(test_b20_result_with_timeout_0),
		cmocka_unit_test(test_b21_a_result_is_set_twice),
		cmocka_unit_test(test_b22_as_completed_without_timeout),
		cmocka_unit_test(test_b23_one_that_is_named_thrice_comes_once),
		cmocka_unit_test(test_b24_the_timeout_says_how_many),
		cmocka_unit_test(test_b25_wait_for_the_first_that_fails),
		cmocka_unit_test(test_b26_wait_ends_with_its_time),
		cmocka_unit_test(test_b27_wait_counts_one_once),
		cmocka_unit_test(test_callbacks_are_called_once),
		cmocka_unit_test(test_futures_of_several_executors),
		cmocka_unit_test(test_a_fork_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
