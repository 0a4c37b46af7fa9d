/* SPDX-License-Identifier: MIT */
/* Sending, credits and the ends of a run: rules of master/scheduler.h on small cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/scheduler_bench.h"

/* Jobs 1 and 2 at worker 7, which has one slot and so two credits. */
static struct bench *two_jobs_at_worker_7(void **state)
{
	struct bench *bench = *state;
	assert_string_equal(hello(bench, 7, 1), "enumerate 2");
	assert_string_equal(found(bench, 1), "send 1>7.1");
	assert_string_equal(found(bench, 2), "send 2>7.1");
	return bench;
}

static void test_nothing_to_find_finishes_at_once(void **state)
{
	assert_string_equal(exhausted(*state), "finish");
}

static void test_free_accepts_nothing(void **state)
{
	(void)state;
	struct actions actions = { 0 };
	scheduler_free(NULL);
	actions_release(&actions);
}

static void test_without_worker_nothing_is_asked_for(void **state)
{
	assert_string_equal(bench_step(*state, (struct event) { .type = EVENT_TICK }), "");
}

static void test_worker_number_0_is_a_worker(void **state)
{
	struct bench *bench = *state;
	assert_string_equal(hello(bench, 0, 1), "enumerate 2");
	assert_string_equal(found(bench, 1), "send 1>0.1");
	assert_string_equal(left(bench, 0), "forget 0");
}

static void test_jobs_are_asked_for_as_credits_come_free(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	assert_string_equal(
		bench_step(bench, result(7, 1, 1, ERROR_NONE)), "settle 1.1=0, enumerate 1");
	assert_string_equal(found(bench, 3), "send 3>7.1");
	assert_string_equal(exhausted(bench), "");
	assert_string_equal(bench_step(bench, result(7, 3, 1, ERROR_NONE)), "settle 3.1=0");
	assert_string_equal(bench_step(bench, result(7, 2, 1, ERROR_NONE)), "settle 2.1=0, finish");
}

static void test_jobs_go_round_the_workers_one_by_one(void **state)
{
	struct bench *bench = *state;
	hello(bench, 1, 2);
	hello(bench, 2, 1);
	assert_string_equal(found(bench, 1), "send 1>1.1");
	assert_string_equal(found(bench, 2), "send 2>2.1");
	assert_string_equal(found(bench, 3), "send 3>1.1");
	assert_string_equal(found(bench, 4), "send 4>2.1");
	assert_string_equal(found(bench, 5), "send 5>1.1");
}

/* What asked for two and has found none yet asks for the rest after one result. */
static uint32_t credits_after(struct bench *bench, uint32_t slots, uint32_t duration_us)
{
	hello(bench, 1, slots);
	found(bench, 1);
	struct event event = result(1, 1, 1, ERROR_NONE);
	event.duration_us = duration_us;
	bench_step(bench, event);
	assert_int_equal(bench->actions.count, 2);
	assert_int_equal(bench->actions.items[1].type, ACTION_ENUMERATE);
	return slots + bench->actions.items[1].count; /* of slots + 1, one was found */
}

static void test_credits_are_250_ms_of_work_ahead(void **state)
{
	assert_int_equal(credits_after(*state, 4, 10000), 4 * (1 + 25));
}

static void test_credits_round_the_work_ahead_up(void **state)
{
	assert_int_equal(credits_after(*state, 4, 33000), 4 * (1 + 8));
}

static void test_credits_of_long_jobs_are_one_ahead_of_each_slot(void **state)
{
	assert_int_equal(credits_after(*state, 4, 3600u * 1000 * 1000), 4 * 2);
}

static void test_credits_have_a_maximum(void **state)
{
	assert_int_equal(credits_after(*state, 1, 1), SCHEDULER_CREDITS_MAX);
}

static void test_a_duration_of_0_counts_as_1_us(void **state)
{
	assert_int_equal(credits_after(*state, 1, 0), SCHEDULER_CREDITS_MAX);
}

static void test_more_slots_than_the_maximum_have_one_credit_more(void **state)
{
	hello(*state, 1, 5000);
	struct bench *bench = *state;
	found(bench, 1);
	/* Nothing comes free beyond the slots + 1 that were there at the start. */
	assert_string_equal(
		bench_step(bench, result(1, 1, 1, ERROR_NONE)), "settle 1.1=0, enumerate 1");
}

static void test_the_mean_follows_the_results_slowly(void **state)
{
	struct bench *bench = *state;
	assert_int_equal(credits_after(bench, 1, 250000), 2);
	found(bench, 2);
	struct event event = result(1, 2, 1, ERROR_NONE);
	event.duration_us = 20000; /* mean 236 ms: two ahead instead of one */
	assert_string_equal(bench_step(bench, event), "settle 2.1=0, enumerate 2");
}

static void test_shrunken_credits_send_nothing_until_they_are_free(void **state)
{
	struct bench *bench = *state;
	assert_int_equal(credits_after(bench, 1, 50000), 6);
	for (uint64_t job = 2; job <= 7; job++)
		found(bench, job);
	/* 10 s: the mean is far over 250 ms, two credits are left, and five jobs are held. */
	struct event event = result(1, 2, 1, ERROR_NONE);
	event.duration_us = 10000000;
	assert_string_equal(bench_step(bench, event), "settle 2.1=0");
	assert_string_equal(bench_step(bench, result(1, 3, 1, ERROR_NONE)), "settle 3.1=0");
	assert_string_equal(bench_step(bench, result(1, 4, 1, ERROR_NONE)), "settle 4.1=0");
	assert_string_equal(bench_step(bench, returned(1, 5, 1)), "");
	assert_string_equal(
		bench_step(bench, result(1, 6, 1, ERROR_NONE)), "settle 6.1=0, send 5>1.2");
}

static void test_canceled_jobs_do_not_count_for_the_mean(void **state)
{
	struct bench *bench = *state;
	hello(bench, 1, 1);
	found(bench, 1);
	struct event event = result(1, 1, 1, ERROR_CANCELED);
	event.duration_us = 1;
	assert_string_equal(bench_step(bench, event), "send 1>1.2"); /* this run goes on */
	assert_string_equal(
		bench_step(bench, result(1, 1, 2, ERROR_NONE)), "settle 1.2=0, enumerate 1");
}

static void test_a_failure_of_another_worker_is_dropped(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	hello(bench, 8, 1);
	assert_string_equal(bench_step(bench, result(8, 1, 1, ERROR_INPUT)), "");
	assert_string_equal(bench_step(bench, result(99, 1, 1, ERROR_LANE)), "");
}

static void test_a_failure_of_another_attempt_is_dropped(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	assert_string_equal(bench_step(bench, returned(7, 1, 1)), "send 1>7.2");
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_INPUT)), "");
	assert_string_equal(bench_step(bench, result(7, 1, 3, ERROR_NONE)), "");
	assert_string_equal(bench_step(bench, returned(7, 1, 1)), "");
	assert_string_equal(
		bench_step(bench, result(7, 1, 2, ERROR_NONE)), "settle 1.2=0, enumerate 1");
}

static void test_duplicate_result_is_dropped(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	bench_step(bench, result(7, 1, 1, ERROR_NONE));
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_NONE)), "");
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_LANE)), "");
}

static void test_result_of_a_job_never_found_is_dropped(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	assert_string_equal(bench_step(bench, result(7, 1000, 1, ERROR_NONE)), "");
	assert_string_equal(bench_step(bench, result(7, 0, 0, ERROR_NONE)), "");
}

static void test_bad_input_settles_at_the_first_attempt(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	assert_string_equal(
		bench_step(bench, result(7, 1, 1, ERROR_INPUT)), "settle 1.1=3, enumerate 1");
}

static void test_a_hang_is_tried_once_more_on_a_fresh_lane(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_TIMEOUT)), "send 1>7.2!");
	assert_string_equal(
		bench_step(bench, result(7, 1, 2, ERROR_TIMEOUT)), "settle 1.2=12, enumerate 1");
}

static void test_a_second_attempt_can_succeed(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_TIMEOUT)), "send 1>7.2!");
	assert_string_equal(
		bench_step(bench, result(7, 1, 2, ERROR_NONE)), "settle 1.2=0, enumerate 1");
}

static void test_returned_jobs_keep_their_retry(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	assert_string_equal(bench_step(bench, returned(7, 1, 1)), "send 1>7.2");
	assert_string_equal(bench_step(bench, returned(7, 1, 2)), "send 1>7.3");
	assert_string_equal(bench_step(bench, result(7, 1, 3, ERROR_TIMEOUT)), "send 1>7.4!");
	assert_string_equal(
		bench_step(bench, result(7, 1, 4, ERROR_TIMEOUT)), "settle 1.4=12, enumerate 1");
}

static void test_a_lost_workers_jobs_go_first_and_in_their_order(void **state)
{
	struct bench *bench = *state;
	hello(bench, 1, 1);
	hello(bench, 2, 1);
	for (uint64_t job = 1; job <= 4; job++)
		found(bench, job);
	/* Worker 1 holds 1 and 3, worker 2 holds 2 and 4. */
	assert_string_equal(left(bench, 1), "forget 1");
	assert_string_equal(
		bench_step(bench, result(2, 2, 1, ERROR_NONE)), "settle 2.1=0, send 1>2.2");
	assert_string_equal(
		bench_step(bench, result(2, 4, 1, ERROR_NONE)), "settle 4.1=0, send 3>2.2");
}

static void test_a_worker_that_left_blames_nobody(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	exhausted(bench);
	assert_string_equal(left(bench, 7), "forget 7");
	assert_string_equal(hello(bench, 8, 1), "send 1>8.2, send 2>8.2");
	assert_int_equal(scheduler_counts(bench->scheduler).blames, 0);
}

static void test_late_failure_of_a_lost_worker_is_dropped(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	left(bench, 7);
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_INPUT)), "");
	assert_string_equal(left(bench, 7), "");
	assert_string_equal(drain(bench, 7), "");
}

static void test_a_draining_worker_gets_nothing_more(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	assert_string_equal(drain(bench, 7), "");
	assert_string_equal(bench_step(bench, returned(7, 2, 1)), "");
	assert_string_equal(
		bench_step(bench, result(7, 1, 1, ERROR_NONE)), "settle 1.1=0, forget 7");
	assert_string_equal(hello(bench, 8, 1), "send 2>8.2, enumerate 1");
}

static void test_an_idle_worker_drains_at_once(void **state)
{
	struct bench *bench = *state;
	hello(bench, 7, 1);
	assert_string_equal(drain(bench, 7), "forget 7");
}

static void test_free_credit_is_not_asked_for_twice(void **state)
{
	struct bench *bench = *state;
	assert_string_equal(hello(bench, 1, 1), "enumerate 2");
	assert_string_equal(hello(bench, 2, 1), "enumerate 2");
	assert_string_equal(left(bench, 1), "forget 1");
	assert_string_equal(hello(bench, 3, 1), ""); /* four were asked for already */
}

static void test_cancel_settles_what_waits(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	left(bench, 7);
	assert_string_equal(cancel(bench), "cancel, settle 1.1=9, settle 2.1=9, finish");
}

static void test_cancel_waits_for_what_runs(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	assert_string_equal(cancel(bench), "cancel");
	assert_string_equal(cancel(bench), "");
	assert_string_equal(hello(bench, 8, 1), "");
	assert_string_equal(
		bench_step(bench, result(7, 1, 1, ERROR_LANE)), "blame 1.1@7#1, settle 1.1=9");
	assert_string_equal(bench_step(bench, returned(7, 2, 1)), "settle 2.1=9, finish");
}

static void test_cancel_settles_what_a_lost_worker_held(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	cancel(bench);
	assert_string_equal(left(bench, 7), "settle 2.1=9, settle 1.1=9, forget 7, finish");
}

static void test_a_job_found_after_cancel_is_settled_unsent(void **state)
{
	struct bench *bench = *state;
	hello(bench, 7, 2);
	found(bench, 1);
	cancel(bench);
	assert_string_equal(found(bench, 2), "settle 2.0=9");
	assert_string_equal(exhausted(bench), "");
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_NONE)), "settle 1.1=0, finish");
}

static void test_after_finish_nothing_happens(void **state)
{
	struct bench *bench = *state;
	hello(bench, 7, 1);
	assert_string_equal(exhausted(bench), "finish");
	assert_string_equal(exhausted(bench), "");
	assert_string_equal(cancel(bench), "");
	assert_string_equal(hello(bench, 8, 1), "");
	assert_string_equal(left(bench, 7), "");
}

static void test_counts_add_up(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	bench_step(bench, result(7, 1, 1, ERROR_NONE));
	found(bench, 3);
	drain(bench, 7);
	bench_step(bench, returned(7, 3, 1));
	struct scheduler_counts counts = scheduler_counts(bench->scheduler);
	assert_int_equal(counts.found, 3);
	assert_int_equal(counts.settled, 1);
	assert_int_equal(counts.pending, 1);
	assert_int_equal(counts.outstanding, 1);
	assert_int_equal(counts.workers, 1);
}

/* In a child: an assertion ends the process. */
static void assert_event_aborts(struct bench *bench, struct event event)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		(void)signal(SIGABRT, SIG_DFL); /* cmocka's own handler would go on */
		if (null < 0 || dup2(null, STDERR_FILENO) < 0)
			_exit(2);
		scheduler_step(bench->scheduler, &event, &bench->actions);
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void test_events_that_break_the_rules_are_assertions(void **state)
{
	struct bench *bench = *state;
	hello(bench, 7, 2);
	found(bench, 5);
	assert_event_aborts(bench, (struct event) { .type = EVENT_FOUND, .job = 5 });
	assert_event_aborts(bench, (struct event) { .type = EVENT_FOUND, .job = 4 });
	assert_event_aborts(bench, (struct event) { .type = EVENT_HELLO, .worker = 7, .slots = 1 });
	assert_event_aborts(bench, (struct event) { .type = EVENT_HELLO, .worker = 8 });
	exhausted(bench);
	assert_event_aborts(bench, (struct event) { .type = EVENT_FOUND, .job = 6 });
}

static size_t memory_in_use(void)
{
	return mallinfo2().uordblks;
}

/* A sanitizer's allocator reports 0 bytes always: there this test proves nothing. */
static void test_memory_follows_the_jobs_in_flight(void **state)
{
	struct bench *bench = *state;
	size_t after_warming_up = 0;
	uint64_t job = 0;
	hello(bench, 1, 1);
	for (uint64_t round = 0; round < 300000; round++) {
		found(bench, ++job);
		found(bench, ++job);
		bench_step(bench, result(1, job - 1, 1, ERROR_NONE));
		bench_step(bench, result(1, job, 1, ERROR_NONE));
		if (round == 1000)
			after_warming_up = memory_in_use();
	}
	assert_int_equal(memory_in_use(), after_warming_up);
}

static void test_memory_is_given_back_after_a_rush(void **state)
{
	enum { RUSH = 100000 };
	struct bench *bench = *state;
	size_t before = memory_in_use();
	hello(bench, 1, RUSH);
	for (uint64_t job = 1; job <= RUSH; job++)
		found(bench, job);
	for (uint64_t job = 1; job <= RUSH; job++)
		bench_step(bench, result(1, job, 1, ERROR_NONE));
	assert_true(memory_in_use() < before + 256 * 1024);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_free_accepts_nothing),
		TEST(test_nothing_to_find_finishes_at_once),
		TEST(test_without_worker_nothing_is_asked_for),
		TEST(test_worker_number_0_is_a_worker),
		TEST(test_jobs_are_asked_for_as_credits_come_free),
		TEST(test_jobs_go_round_the_workers_one_by_one),
		TEST(test_credits_are_250_ms_of_work_ahead),
		TEST(test_credits_round_the_work_ahead_up),
		TEST(test_credits_of_long_jobs_are_one_ahead_of_each_slot),
		TEST(test_credits_have_a_maximum),
		TEST(test_a_duration_of_0_counts_as_1_us),
		TEST(test_more_slots_than_the_maximum_have_one_credit_more),
		TEST(test_the_mean_follows_the_results_slowly),
		TEST(test_shrunken_credits_send_nothing_until_they_are_free),
		TEST(test_canceled_jobs_do_not_count_for_the_mean),
		TEST(test_a_failure_of_another_worker_is_dropped),
		TEST(test_a_failure_of_another_attempt_is_dropped),
		TEST(test_duplicate_result_is_dropped),
		TEST(test_result_of_a_job_never_found_is_dropped),
		TEST(test_bad_input_settles_at_the_first_attempt),
		TEST(test_a_hang_is_tried_once_more_on_a_fresh_lane),
		TEST(test_a_second_attempt_can_succeed),
		TEST(test_returned_jobs_keep_their_retry),
		TEST(test_a_lost_workers_jobs_go_first_and_in_their_order),
		TEST(test_a_worker_that_left_blames_nobody),
		TEST(test_late_failure_of_a_lost_worker_is_dropped),
		TEST(test_a_draining_worker_gets_nothing_more),
		TEST(test_an_idle_worker_drains_at_once),
		TEST(test_free_credit_is_not_asked_for_twice),
		TEST(test_cancel_settles_what_waits),
		TEST(test_cancel_waits_for_what_runs),
		TEST(test_cancel_settles_what_a_lost_worker_held),
		TEST(test_a_job_found_after_cancel_is_settled_unsent),
		TEST(test_after_finish_nothing_happens),
		TEST(test_counts_add_up),
		TEST(test_events_that_break_the_rules_are_assertions),
		TEST(test_memory_follows_the_jobs_in_flight),
		TEST(test_memory_is_given_back_after_a_rush),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
