/* SPDX-License-Identifier: MIT */
/* Silence, blame, trust, retries, targets and twins: rules of master/scheduler.h on small cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/support/scheduler_bench.h"

/* Jobs 1 and 2 at worker 7, which has one slot and so two credits. */
static struct bench *two_jobs_at_worker_7(void **state)
{
	struct bench *bench = *state;
	assert_string_equal(hello(bench, 7, 1), "enumerate 2");
	assert_string_equal(found(bench, 1), "send 1>7.1");
	assert_string_equal(found(bench, 2), "send 2>7.1");
	assert_string_equal(exhausted(bench), "");
	return bench;
}

static struct bench *with_retries(void **state, uint32_t retries)
{
	bench_options(
		*state, (struct scheduler_options) { .retries = retries, .target_wait_ms = 30000 });
	return *state;
}

static void test_silence_is_noticed_after_3_s_and_ends_a_session_after_5_s(void **state)
{
	struct bench *bench = *state;
	hello(bench, 7, 1);
	assert_string_equal(tick(bench, 2999), "");
	assert_string_equal(tick(bench, 3000), "");
	assert_string_equal(found(bench, 1), ""); /* not to a suspect */
	assert_string_equal(tick(bench, 4999), "");
	assert_int_equal(scheduler_deadline_ms(bench->scheduler), 5000);
	assert_string_equal(tick(bench, 5000), "evict 7 silent, forget 7");
}

static void test_a_suspect_that_is_heard_gets_jobs_again(void **state)
{
	struct bench *bench = *state;
	hello(bench, 7, 1);
	tick(bench, 4000);
	assert_string_equal(found(bench, 1), "");
	assert_string_equal(heard(bench, 7), "send 1>7.1");
}

static void test_silence_before_the_master_woke_says_nothing(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	bench->now_ms = 60000;
	assert_string_equal(bench_step(bench, (struct event) { .type = EVENT_AWOKE }), "");
	assert_string_equal(tick(bench, 64999), "");
	assert_string_equal(tick(bench, 65000), "evict 7 silent, blame 1.1@7#1, forget 7");
}

static void test_a_deaf_worker_is_evicted_and_blames_nobody(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	for (int64_t second = 1; second < 20; second++) {
		bench->now_ms = second * 1000;
		const char *line = beat(bench, 7, 1);
		if (line[0] == '\0')
			continue;
		assert_string_equal(line, "evict 7 deaf, forget 7");
		assert_true(second >= 2);
		return;
	}
	fail();
}

static void test_a_worker_that_has_received_all_is_not_deaf(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	for (int64_t second = 1; second < 20; second++) {
		bench->now_ms = second * 1000;
		assert_string_equal(beat(bench, 7, 2), "");
	}
}

static void test_beats_that_an_interruption_held_up_are_not_deafness(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	bench->now_ms = 1000;
	assert_string_equal(beat(bench, 7, 0), "");
	bench->now_ms = 3000;
	assert_string_equal(beat(bench, 7, 0), "");
	assert_string_equal(beat(bench, 7, 0), "");
	bench->now_ms = 3900;
	assert_string_equal(beat(bench, 7, 2), "");
	bench->now_ms = 4900;
	assert_string_equal(beat(bench, 7, 2), "");
}

static void test_death_blames_what_the_last_beat_listed(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	beat(bench, 7, 2);
	started(bench, 7, 2, 1);
	assert_string_equal(died(bench, 7), "blame 2.1@7#1, forget 7");
}

static void test_what_an_earlier_beat_listed_is_not_to_blame(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	beat(bench, 7, 2);
	started(bench, 7, 2, 1);
	beat(bench, 7, 2);
	started(bench, 7, 1, 1);
	assert_string_equal(died(bench, 7), "blame 1.1@7#1, forget 7");
}

static void test_death_without_a_list_blames_as_many_as_there_are_lanes(void **state)
{
	struct bench *bench = *state;
	hello(bench, 7, 2);
	for (uint64_t job = 1; job <= 3; job++)
		found(bench, job);
	assert_string_equal(died(bench, 7), "blame 1.1@7#1, blame 2.1@7#1, forget 7");
}

static void test_the_third_blame_quarantines(void **state)
{
	struct bench *bench = *state;
	hello(bench, 7, 1);
	bench_step(bench, (struct event) { .type = EVENT_FOUND, .job = 1, .blames = 1 });
	exhausted(bench);
	assert_string_equal(
		bench_step(bench, result(7, 1, 1, ERROR_LANE)), "blame 1.1@7#2, send 1>7.2!");
	assert_string_equal(bench_step(bench, result(7, 1, 2, ERROR_LANE)),
		"blame 1.2@7#3, settle 1.2=12, finish");
}

static void test_a_blamed_job_runs_alone(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_LANE)), "blame 1.1@7#1");
	assert_string_equal(
		bench_step(bench, result(7, 2, 1, ERROR_NONE)), "settle 2.1=0, send 1>7.2!");
	assert_string_equal(bench_step(bench, result(7, 1, 2, ERROR_NONE)), "settle 1.2=0, finish");
}

static void test_who_has_a_job_alone_gets_nothing_else(void **state)
{
	struct bench *bench = *state;
	hello(bench, 7, 1);
	bench_step(bench, (struct event) { .type = EVENT_FOUND, .job = 1, .blames = 1 });
	assert_string_equal(found(bench, 2), "");
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_NONE)),
		"settle 1.1=0, send 2>7.1, enumerate 1");
}

static void test_jobs_that_run_alone_do_not_wait_for_each_other(void **state)
{
	struct bench *bench = *state;
	hello(bench, 7, 1);
	hello(bench, 8, 1);
	struct event blamed = { .type = EVENT_FOUND, .job = 1, .blames = 1 };
	assert_string_equal(bench_step(bench, blamed), "send 1>7.1!");
	blamed.job = 2;
	assert_string_equal(bench_step(bench, blamed), "send 2>8.1!");
}

static void test_a_failure_that_may_pass_is_tried_again_later(void **state)
{
	struct bench *bench = with_retries(state, 1);
	two_jobs_at_worker_7(state);
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_NETWORK)), "delay 1.1");
	uint32_t delay_ms = bench->actions.items[0].count;
	assert_in_range(delay_ms, SCHEDULER_BACKOFF_MS / 2, SCHEDULER_BACKOFF_MS * 3 / 2);
	assert_string_equal(tick(bench, delay_ms - 1), "");
	assert_string_equal(tick(bench, delay_ms), "send 1>7.2");
	assert_string_equal(bench_step(bench, result(7, 1, 2, ERROR_NETWORK)), "settle 1.2=5");
}

static void test_the_second_delay_is_four_times_as_long(void **state)
{
	struct bench *bench = with_retries(state, 2);
	two_jobs_at_worker_7(state);
	bench_step(bench, result(7, 1, 1, ERROR_NETWORK));
	tick(bench, 1000);
	assert_string_equal(bench_step(bench, result(7, 1, 2, ERROR_NETWORK)), "delay 1.2");
	assert_in_range(bench->actions.items[0].count, 1000, 3000);
}

static void test_an_untrusted_node_asks_another_one(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	hello(bench, 8, 1);
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_INPUT)), "send 1>8.2");
	assert_string_equal(bench_step(bench, result(8, 1, 2, ERROR_INPUT)), "settle 1.2=3");
}

static void test_what_the_other_node_hands_back_goes_to_it_again(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	hello(bench, 8, 1);
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_INPUT)), "send 1>8.2");
	assert_string_equal(bench_step(bench, returned(8, 1, 2)), "send 1>8.3");
}

static void test_a_trusted_node_is_believed(void **state)
{
	struct bench *bench = *state;
	hello(bench, 7, 2);
	for (uint64_t job = 1; job <= 3; job++)
		found(bench, job);
	hello(bench, 8, 1);
	bench_step(bench, result(7, 1, 1, ERROR_NONE));
	bench_step(bench, result(7, 2, 1, ERROR_NONE));
	bench_step(bench, result(7, 3, 1, ERROR_INPUT));
	assert_int_equal(bench->actions.items[0].type, ACTION_SETTLE);
	assert_int_equal(bench->actions.items[0].code, ERROR_INPUT);
}

static void test_a_sick_node_rests_and_fails_nothing_for_good(void **state)
{
	struct bench *bench = *state;
	hello(bench, 7, 1); /* fails everything */
	hello(bench, 8, 1);
	uint32_t rests = 0;
	for (uint64_t job = 1; job <= 40 && rests == 0; job++) {
		found(bench, job);
		uint32_t worker = bench->actions.items[0].worker;
		if (worker == 7) {
			bench_step(bench, result(7, job, 1, ERROR_INPUT));
			assert_int_equal(bench->actions.items[0].worker, 8);
		}
		bench_step(bench, result(8, job, worker == 7 ? 2 : 1, ERROR_NONE));
		for (size_t i = 0; i < bench->actions.count; i++)
			rests += bench->actions.items[i].type == ACTION_REST;
	}
	assert_int_equal(rests, 1);
	assert_string_equal(found(bench, 100), "send 100>8.1");
}

static void test_a_full_target_pauses_and_then_aborts_the_run(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_TARGET)), "pause");
	assert_string_equal(bench_step(bench, result(7, 2, 1, ERROR_TARGET)), "");
	for (int64_t second = 1; second < 30; second++) {
		tick(bench, second * 1000);
		for (size_t i = 0; i < bench->actions.count; i++) {
			struct action action = bench->actions.items[i];
			assert_int_equal(action.type, ACTION_SEND);
			assert_int_equal(second % 2, 0);
			bench_step(bench, result(7, action.job, action.attempt, ERROR_TARGET));
		}
		heard(bench, 7);
	}
	const char *line = tick(bench, 30000);
	assert_memory_equal(line, "abort, cancel, settle", sizeof("abort, cancel, settle") - 1);
}

static void test_a_target_that_can_be_written_again_resumes_the_run(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_TARGET)), "pause");
	bench_step(bench, result(7, 2, 1, ERROR_TARGET));
	tick(bench, 2000);
	assert_int_equal(bench->actions.count, 1);
	struct action probe = bench->actions.items[0];
	const char *line = bench_step(bench, result(7, probe.job, probe.attempt, ERROR_NONE));
	char wanted[64];
	(void)snprintf(wanted, sizeof(wanted), "settle %d.2=0, resume, send %d>7.2", (int)probe.job,
		probe.job == 1 ? 2 : 1);
	assert_string_equal(line, wanted);
}

static struct bench *twin_of_job_1(void **state)
{
	struct bench *bench = *state;
	bench_options(bench, (struct scheduler_options) { .twins = true });
	hello(bench, 7, 1);
	found(bench, 1);
	exhausted(bench);
	assert_string_equal(hello(bench, 8, 1), "");
	assert_int_equal(scheduler_deadline_ms(bench->scheduler), 1000);
	assert_string_equal(tick(bench, 999), "");
	assert_string_equal(tick(bench, 1000), "send 1>8.2=");
	return bench;
}

static void test_an_idle_worker_gets_a_twin_of_an_old_job(void **state)
{
	struct bench *bench = twin_of_job_1(state);
	assert_string_equal(bench_step(bench, result(8, 1, 2, ERROR_NONE)), "settle 1.2=0, finish");
}

static void test_a_twin_that_fails_in_passing_leaves_the_other_one(void **state)
{
	struct bench *bench = twin_of_job_1(state);
	assert_string_equal(bench_step(bench, result(8, 1, 2, ERROR_NETWORK)), "");
	assert_string_equal(bench_step(bench, result(7, 1, 1, ERROR_NONE)), "settle 1.1=0, finish");
}

static void test_a_late_success_settles_an_open_job(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	left(bench, 7);
	assert_string_equal(late(bench, 1, 2), ""); /* never sent */
	assert_string_equal(late(bench, 1, 0), "");
	assert_string_equal(late(bench, 1, 1), "settle 1.1=0");
	assert_string_equal(late(bench, 1, 1), "");
}

static void test_halt_finishes_what_runs_and_settles_the_rest(void **state)
{
	struct bench *bench = two_jobs_at_worker_7(state);
	assert_string_equal(halt(bench), "halt");
	assert_string_equal(halt(bench), "");
	assert_string_equal(bench_step(bench, returned(7, 2, 1)), "settle 2.1=9");
	assert_string_equal(
		bench_step(bench, result(7, 1, 1, ERROR_INPUT)), "settle 1.1=3, finish");
}

static void test_a_copy_that_came_second_keeps_its_worker_busy(void **state)
{
	struct bench *bench = *state;
	hello(bench, 7, 1);
	found(bench, 1);
	found(bench, 2);
	left(bench, 7);
	assert_string_equal(hello(bench, 8, 1), "send 1>8.2, send 2>8.2");
	/* Worker 8 works on: it has no room for more before it reports. */
	assert_string_equal(late(bench, 1, 1), "settle 1.1=0");
	assert_string_equal(bench_step(bench, result(8, 1, 2, ERROR_NONE)), "enumerate 1");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_silence_is_noticed_after_3_s_and_ends_a_session_after_5_s),
		TEST(test_a_suspect_that_is_heard_gets_jobs_again),
		TEST(test_silence_before_the_master_woke_says_nothing),
		TEST(test_a_deaf_worker_is_evicted_and_blames_nobody),
		TEST(test_a_worker_that_has_received_all_is_not_deaf),
		TEST(test_beats_that_an_interruption_held_up_are_not_deafness),
		TEST(test_death_blames_what_the_last_beat_listed),
		TEST(test_what_an_earlier_beat_listed_is_not_to_blame),
		TEST(test_death_without_a_list_blames_as_many_as_there_are_lanes),
		TEST(test_the_third_blame_quarantines),
		TEST(test_a_blamed_job_runs_alone),
		TEST(test_who_has_a_job_alone_gets_nothing_else),
		TEST(test_jobs_that_run_alone_do_not_wait_for_each_other),
		TEST(test_a_failure_that_may_pass_is_tried_again_later),
		TEST(test_the_second_delay_is_four_times_as_long),
		TEST(test_an_untrusted_node_asks_another_one),
		TEST(test_what_the_other_node_hands_back_goes_to_it_again),
		TEST(test_a_trusted_node_is_believed),
		TEST(test_a_sick_node_rests_and_fails_nothing_for_good),
		TEST(test_a_full_target_pauses_and_then_aborts_the_run),
		TEST(test_a_target_that_can_be_written_again_resumes_the_run),
		TEST(test_an_idle_worker_gets_a_twin_of_an_old_job),
		TEST(test_a_twin_that_fails_in_passing_leaves_the_other_one),
		TEST(test_a_late_success_settles_an_open_job),
		TEST(test_halt_finishes_what_runs_and_settles_the_rest),
		TEST(test_a_copy_that_came_second_keeps_its_worker_busy),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
