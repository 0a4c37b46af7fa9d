/* SPDX-License-Identifier: MIT */
/* Executors, as Python's are: rows B28 to B33, B53 and B54 of what peers do, and more. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/sanitizer.h"
#include "tests/support/errands.h"
#include "tests/support/ports.h"
#include "tests/support/tempdir.h"

enum { MANY = 50, EXECUTORS = 10, PORTS = 8 };

static void test_b28_submit_after_shutdown(void **state)
{
	struct sciame_error err;
	const struct sciame_job job = { .kind = "noop" };
	(void)state;
	struct sciame_executor *executor = errands_open(1);
	assert_int_equal(sciame_executor_shutdown(executor, true, false, &err), SCIAME_OK);
	assert_int_equal(sciame_submit(executor, &job, NULL, &err), SCIAME_SHUT_DOWN);
	assert_string_equal(err.message, "cannot schedule new futures after shutdown");
	sciame_executor_close(executor);
}

static void test_b29_shutdown_lets_all_finish(void **state)
{
	struct sciame_future *futures[MANY];
	(void)state;
	struct sciame_executor *executor = errands_open(2);
	for (size_t i = 0; i < MANY; i++)
		futures[i] = errands_submit(executor, "sleep 5");
	assert_int_equal(sciame_executor_shutdown(executor, false, false, NULL), SCIAME_OK);
	assert_int_equal(sciame_executor_shutdown(executor, true, false, NULL), SCIAME_OK);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(sciame_future_result(futures[i], 0, NULL, NULL), SCIAME_OK);
		sciame_future_release(futures[i]);
	}
	sciame_executor_close(executor);
}

static void test_b30_shutdown_may_cancel_the_rest(void **state)
{
	struct sciame_future *futures[MANY];
	size_t cancelled = 0, finished = 0;
	(void)state;
	struct sciame_executor *executor = errands_open(5);
	for (size_t i = 0; i < MANY; i++)
		futures[i] = errands_submit(executor, "sleep 100");
	assert_int_equal(sciame_future_result(futures[0], ERRANDS_LATE_MS, NULL, NULL), SCIAME_OK);
	assert_int_equal(sciame_executor_shutdown(executor, true, true, NULL), SCIAME_OK);
	for (size_t i = 0; i < MANY; i++) {
		assert_true(sciame_future_done(futures[i]));
		cancelled += sciame_future_cancelled(futures[i]);
		finished += sciame_future_result(futures[i], 0, NULL, NULL) == SCIAME_OK;
		sciame_future_release(futures[i]);
	}
	assert_int_equal(cancelled + finished, MANY);
	assert_true(cancelled > 20);
	assert_true(finished >= 1);
	sciame_executor_close(executor);
}

static void test_b31_cancel_then_shutdown_at_once(void **state)
{
	(void)state;
	int64_t start_ms = clock_ms();
	for (int i = 0; i < 3; i++) {
		struct sciame_executor *executor = errands_open(1);
		struct sciame_future *future = errands_submit(executor, "sleep 1");
		(void)sciame_future_cancel(future);
		sciame_executor_close(executor);
		assert_true(sciame_future_done(future));
		sciame_future_release(future);
	}
	/* not a measurement: it hung for ever where this was found */
	assert_true(clock_ms() - start_ms < 3 * 5000);
}

static void test_an_executor_that_was_never_used(void **state)
{
	(void)state;
	sciame_executor_close(errands_open(1));
}

/* For us the jobs of a process that was killed are done by another. */
static void test_b32_a_killed_lane_costs_no_job(void **state)
{
	struct sciame_result result;
	char text[32] = "";
	(void)state;
	struct sciame_executor *executor = errands_open(1);
	struct sciame_future *pid = errands_submit(executor, "pid");
	assert_int_equal(sciame_future_result(pid, ERRANDS_LATE_MS, &result, NULL), SCIAME_OK);
	memcpy(text, result.report, result.report_size);
	struct sciame_future *slow = errands_submit(executor, "sleep 500");
	struct sciame_future *next = errands_submit(executor, "echo next");
	errands_await_running(slow);
	assert_int_equal(kill((pid_t)atoi(text), SIGKILL), 0);
	assert_int_equal(sciame_future_result(slow, ERRANDS_LATE_MS, &result, NULL), SCIAME_OK);
	errands_expect(next, "next");
	sciame_future_release(slow);
	sciame_future_release(pid);
	sciame_executor_close(executor);
}

static size_t count_lanes(struct sciame_executor_options options, size_t jobs)
{
	struct sciame_future *futures[16];
	struct sciame_result result;
	char pids[16][16] = { "" };
	size_t different = 0;
	struct sciame_executor *executor = errands_open_with(options);
	for (size_t i = 0; i < jobs; i++)
		futures[i] = errands_submit(executor, "pid");
	for (size_t i = 0; i < jobs; i++) {
		bool known = false;
		assert_int_equal(sciame_future_result(futures[i], ERRANDS_LATE_MS, &result, NULL),
			SCIAME_OK);
		assert_int_equal(result.attempts, 1);
		memcpy(pids[i], result.report, result.report_size);
		for (size_t j = 0; j < i; j++)
			known = known || strcmp(pids[i], pids[j]) == 0;
		different += !known;
		sciame_future_release(futures[i]);
	}
	sciame_executor_close(executor);
	return different;
}

static void test_b33_a_lane_is_replaced_after_its_jobs(void **state)
{
	const struct sciame_executor_options options = { .lanes = 1, .jobs_per_lane = 3 };
	(void)state;
	assert_int_equal(count_lanes(options, 9), 3);
	assert_int_equal(count_lanes(options, 10), 4);
}

static void test_b53_six_jobs_on_lanes_that_do_two(void **state)
{
	const struct sciame_executor_options options = { .lanes = 1, .jobs_per_lane = 2 };
	(void)state;
	assert_int_equal(count_lanes(options, 6), 3);
}

static void test_b54_how_the_process_ended_is_said(void **state)
{
	(void)state;
	struct sciame_executor *executor = errands_open(1);
	struct sciame_future *left = errands_submit(executor, "exit 99");
	struct sciame_future *killed = errands_submit(executor, "kill 9");
	struct sciame_future *other = errands_submit(executor, "echo other");
	errands_expect_failure(left, "lane ended with status 99");
	errands_expect_failure(killed, "SIGKILL");
	errands_expect(other, "other");
	sciame_executor_close(executor);
}

static void *use_executor(void *argument)
{
	struct sciame_future *futures[20];
	struct sciame_executor *executor = errands_open(1);
	(void)argument;
	for (size_t i = 0; i < 20; i++)
		futures[i] = errands_submit(executor, "echo here");
	for (size_t i = 0; i < 20; i++)
		errands_expect(futures[i], "here");
	sciame_executor_close(executor);
	return NULL;
}

static void test_ten_executors_at_once(void **state)
{
	pthread_t threads[EXECUTORS];
	(void)state;
	for (size_t i = 0; i < EXECUTORS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_executor, NULL), 0);
	for (size_t i = 0; i < EXECUTORS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static int collect(void *context, size_t index, struct sciame_future *future)
{
	size_t *next = context;
	char text[16];
	struct sciame_result result;
	assert_int_equal(index, (*next)++);
	assert_int_equal(sciame_future_result(future, 0, &result, NULL), SCIAME_OK);
	int length = snprintf(text, sizeof(text), "%zu", index);
	assert_int_equal(result.report_size, length);
	assert_memory_equal(result.report, text, (size_t)length);
	return index == 29;
}

static void test_map_keeps_the_order(void **state)
{
	struct sciame_job jobs[MANY];
	char texts[MANY][16];
	size_t next = 0;
	struct sciame_error err;
	(void)state;
	struct sciame_executor *executor = errands_open(2);
	for (size_t i = 0; i < MANY; i++) {
		int length = snprintf(texts[i], sizeof(texts[i]), "echo %zu", i);
		jobs[i] = (struct sciame_job) {
			.kind = "errand", .parameters = texts[i], .parameters_size = (size_t)length
		};
	}
	struct sciame_map map = { jobs, 20, ERRANDS_LATE_MS, collect, &next };
	assert_int_equal(sciame_map(executor, &map, &err), SCIAME_OK);
	assert_int_equal(next, 20);
	next = 0;
	map.count = MANY;
	assert_int_equal(sciame_map(executor, &map, &err), SCIAME_CANCELLED);
	assert_int_equal(next, 30);
	sciame_executor_close(executor);
}

static void test_map_ends_with_its_time(void **state)
{
	const struct sciame_job job = {
		.kind = "errand", .parameters = "sleep 1000", .parameters_size = 10
	};
	struct sciame_error err;
	size_t next = 0;
	(void)state;
	struct sciame_executor *executor = errands_open(1);
	const struct sciame_job jobs[] = { job, job };
	const struct sciame_map map = { jobs, 2, 1, collect, &next };
	assert_int_equal(sciame_map(executor, &map, &err), SCIAME_TIMED_OUT);
	assert_string_equal(err.message, "2 (of 2) futures unfinished");
	assert_int_equal(next, 0);
	sciame_executor_close(executor);
}

static void test_a_job_has_a_time(void **state)
{
	struct sciame_future *future;
	struct sciame_error err;
	const struct sciame_job job = { .kind = "errand",
		.parameters = "sleep 60000",
		.parameters_size = 11,
		.timeout_ms = 200 };
	(void)state;
	struct sciame_executor *executor = errands_open(1);
	assert_int_equal(sciame_submit(executor, &job, &future, &err), SCIAME_OK);
	errands_expect_failure(future, "no result after 0.2 s");
	sciame_executor_close(executor);
}

static void test_files_and_the_cage(void **state)
{
	char *folder = tempdir_new(), root[512], path[512];
	(void)state;
	(void)snprintf(root, sizeof(root), "data=%s", folder);
	tempdir_write(folder, "in.txt", "what there is");
	const char *const roots[] = { root };
	struct sciame_executor *executor = errands_open_with(
		(struct sciame_executor_options) { .roots = roots, .roots_count = 1 });
	struct sciame_future *future;
	struct sciame_error err;
	struct sciame_job job = { .kind = "errand",
		.parameters = "copy",
		.parameters_size = 4,
		.source = "data:in.txt",
		.target = "data:out.txt" };
	assert_int_equal(sciame_submit(executor, &job, &future, &err), SCIAME_OK);
	struct sciame_result result;
	assert_int_equal(sciame_future_result(future, ERRANDS_LATE_MS, &result, &err), SCIAME_OK);
	assert_int_equal(result.input_bytes, 13);
	assert_int_equal(result.output_bytes, 13);
	sciame_future_release(future);
	assert_true(tempdir_holds(folder, "out.txt", "what there is"));
	(void)snprintf(path, sizeof(path), "open %s/in.txt", folder);
	if (!SANITIZED) /* sanitizers read files of their own */
		errands_expect_failure(errands_submit(executor, path), "denied");
	job.source = "data:nowhere.txt";
	assert_int_equal(sciame_submit(executor, &job, &future, &err), SCIAME_OK);
	errands_expect_failure(future, "No such file");
	errands_expect_failure(errands_submit(executor, "long"), "a report may have 1024 bytes");
	sciame_executor_close(executor);
	tempdir_free(folder);
}

static void expect_misuse(const struct sciame_executor_options *options, const char *part)
{
	struct sciame_executor *executor;
	struct sciame_error err;
	assert_int_not_equal(sciame_executor_open(&executor, options, &err), SCIAME_OK);
	if (!strstr(err.message, part))
		fail_msg("'%s' is not in '%s'", part, err.message);
}

static void test_what_can_not_be_opened_is_said(void **state)
{
	const char *const roots[] = { "folder" }, *const gone[] = { "a=/nowhere/at/all" };
	const char *const kinds[] = { "/nowhere/kind.so" };
	(void)state;
	expect_misuse(&(struct sciame_executor_options) { .lanes = -2 }, "-2 lanes");
	expect_misuse(&(struct sciame_executor_options) { .lanes = -1 }, "address");
	expect_misuse(&(struct sciame_executor_options) { .reserved = { 0, 1 } }, "reserved");
	expect_misuse(&(struct sciame_executor_options) { .insecure = true }, "listen");
	expect_misuse(&(struct sciame_executor_options) { .transfers = 5000 }, "not 5000");
	expect_misuse(&(struct sciame_executor_options) { .roots = roots, .roots_count = 1 },
		"'folder' is not NAME=FOLDER");
	expect_misuse(&(struct sciame_executor_options) { .roots = gone, .roots_count = 1 },
		"/nowhere/at/all");
	expect_misuse(&(struct sciame_executor_options) { .kinds = kinds, .kinds_count = 1 },
		"/nowhere/kind.so");
	expect_misuse(&(struct sciame_executor_options) { .worker = "/nowhere/worker" },
		"/nowhere/worker");
	expect_misuse(&(struct sciame_executor_options) { .listen = "nonsense" }, "nonsense");
	expect_misuse(&(struct sciame_executor_options) { .listen = "0.0.0.0:0" }, "keys");
}

static void expect_refusal(
	struct sciame_executor *executor, const struct sciame_job *job, const char *part)
{
	struct sciame_error err;
	assert_int_not_equal(sciame_submit(executor, job, NULL, &err), SCIAME_OK);
	if (!strstr(err.message, part))
		fail_msg("'%s' is not in '%s'", part, err.message);
}

static void test_jobs_that_make_no_sense(void **state)
{
	static const char large[20000];
	const char *const unknown[] = { "--nonsense", NULL }, *const half[] = { "--size", NULL };
	(void)state;
	struct sciame_executor *executor = errands_open(1);
	expect_refusal(executor, &(struct sciame_job) { .kind = NULL }, "no name of a kind");
	expect_refusal(executor, &(struct sciame_job) { .kind = "No Kind" }, "No Kind");
	expect_refusal(executor, &(struct sciame_job) { .kind = "noop", .options = unknown },
		"--nonsense");
	expect_refusal(executor, &(struct sciame_job) { .kind = "scale", .options = half },
		"--size needs a value");
	expect_refusal(
		executor, &(struct sciame_job) { .kind = "errand", .options = half }, "parameters");
	expect_refusal(executor,
		&(struct sciame_job) {
			.kind = "errand", .parameters = large, .parameters_size = sizeof(large) },
		"16384");
	expect_refusal(
		executor, &(struct sciame_job) { .kind = "noop", .source = "a.jpg" }, "a.jpg");
	/* of a kind that no worker has the job itself says so */
	struct sciame_future *future;
	const struct sciame_job stranger = { .kind = "stranger" };
	assert_int_equal(sciame_submit(executor, &stranger, &future, NULL), SCIAME_OK);
	errands_expect_failure(future, "does not have this kind");
	sciame_executor_close(executor);
}

static void expect_broken_kind(const char *kind, const char *part)
{
	const char *const kinds[] = { kind };
	const struct sciame_executor_options options = {
		.lanes = 1, .kinds = kinds, .kinds_count = 1
	};
	struct sciame_executor *executor;
	struct sciame_future *future;
	const struct sciame_job job = { .kind = "errand" };
	assert_int_equal(sciame_executor_open(&executor, &options, NULL), SCIAME_OK);
	assert_int_equal(sciame_submit(executor, &job, &future, NULL), SCIAME_OK);
	errands_expect_failure(future, part);
	sciame_executor_close(executor);
}

static void test_kinds_that_can_not_be_used(void **state)
{
	(void)state;
	expect_broken_kind(ERRAND_KIND_NEWER, "version 99 of the interface of kinds");
	expect_broken_kind(ERRAND_KIND_NAMED_SCALE, "is that of another kind");
	expect_broken_kind("/bin/sh", "kind /");
	expect_broken_kind(ERRAND_KIND_THAT_CRASHES, "loading it ended by SIGABRT");
}

static void append_line(void *context, const char *line)
{
	char *log = context;
	size_t used = strlen(log);
	(void)snprintf(log + used, 4096 - used, "%s\n", line);
}

static void test_what_happens_is_told_to_the_log(void **state)
{
	char log[4096] = "";
	(void)state;
	struct sciame_executor *executor = errands_open_with((struct sciame_executor_options) {
		.lanes = 1, .log = append_line, .log_context = log });
	errands_expect_failure(errands_submit(executor, "exit 99"), "99");
	sciame_executor_close(executor);
	assert_non_null(strstr(log, "it is tried again, alone"));
}

/* One that listens and has no lanes; another may have taken the port just now. */
static struct sciame_executor *open_listening(void)
{
	char address[32];
	struct sciame_error err;
	struct sciame_executor *executor = NULL;
	const struct sciame_executor_options options = {
		.lanes = SCIAME_NO_LANES, .listen = address, .workers = 1
	};
	for (int i = 0; i < 20 && !executor; i++) {
		(void)snprintf(address, sizeof(address), "127.0.0.1:%u", ports_find(PORTS));
		if (sciame_executor_open(&executor, &options, &err) != SCIAME_OK)
			executor = NULL;
	}
	if (!executor)
		fail_msg("%s", err.message);
	return executor;
}

/* It waits for workers with the jobs that it has, not without any. */
static void test_one_that_listens_ends_without_workers(void **state)
{
	(void)state;
	sciame_executor_close(open_listening());
	struct sciame_executor *executor = open_listening();
	struct sciame_future *future = errands_submit(executor, "echo never");
	assert_int_equal(sciame_future_result(future, 100, NULL, NULL), SCIAME_TIMED_OUT);
	assert_int_equal(sciame_executor_shutdown(executor, true, true, NULL), SCIAME_OK);
	assert_true(sciame_future_cancelled(future));
	sciame_future_release(future);
	sciame_executor_close(executor);
}

/* What is open here must not live on in the worker, or others would wait for its end. */
static void test_the_worker_keeps_nothing_open(void **state)
{
	int ends[2];
	char byte;
	(void)state;
	assert_int_equal(pipe(ends), 0); /* as most programs do it */
	struct sciame_executor *executor = errands_open(1);
	errands_expect(errands_submit(executor, "echo here"), "here");
	assert_int_equal(close(ends[1]), 0);
	struct pollfd wait = { .fd = ends[0], .events = POLLIN };
	assert_int_equal(poll(&wait, 1, ERRANDS_LATE_MS), 1);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	assert_int_equal(close(ends[0]), 0);
	sciame_executor_close(executor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b28_submit_after_shutdown),
		cmocka_unit_test(test_b29_shutdown_lets_all_finish),
		cmocka_unit_test(test_b30_shutdown_may_cancel_the_rest),
		cmocka_unit_test(test_b31_cancel_then_shutdown_at_once),
		cmocka_unit_test(test_an_executor_that_was_never_used),
		cmocka_unit_test(test_b32_a_killed_lane_costs_no_job),
		cmocka_unit_test(test_b33_a_lane_is_replaced_after_its_jobs),
		cmocka_unit_test(test_b53_six_jobs_on_lanes_that_do_two),
		cmocka_unit_test(test_b54_how_the_process_ended_is_said),
		cmocka_unit_test(test_ten_executors_at_once),
		cmocka_unit_test(test_map_keeps_the_order),
		cmocka_unit_test(test_map_ends_with_its_time),
		cmocka_unit_test(test_a_job_has_a_time),
		cmocka_unit_test(test_files_and_the_cage),
		cmocka_unit_test(test_what_can_not_be_opened_is_said),
		cmocka_unit_test(test_jobs_that_make_no_sense),
		cmocka_unit_test(test_kinds_that_can_not_be_used),
		cmocka_unit_test(test_what_happens_is_told_to_the_log),
		cmocka_unit_test(test_one_that_listens_ends_without_workers),
		cmocka_unit_test(test_the_worker_keeps_nothing_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
