/* SPDX-License-Identifier: MIT */
/* What --update makes again, and what is expected of several outputs of one source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/ledger_outputs.h"
#include "tests/support/ledger_sample.h"
#include "tests/support/resume_bench.h"
#include "tests/support/tempdir.h"

/* The job made out/800 of 3 bytes and out/400 of 2 bytes; the second once more as width 9. */
static void settle_several(struct resume_bench *f, const char *target)
{
	const struct result result = {
		.outputs_count = 2,
		.outputs = { { .bytes = 3, .width = 9 }, { .bytes = 2, .width = 9 } },
	};
	f->job.target = f->entry.target = target;
	f->job.labels_count = 2;
	f->job.labels[0] = "800";
	f->job.labels[1] = "400";
	f->entry.output_bytes = 5;
	uint8_t *packed = ledger_outputs_pack(&f->job, &result, &f->entry.outputs_size);
	f->entry.outputs = packed;
	resume_bench_settle(f, false);
	free(packed);
	tempdir_write(f->folder, "out/800", "abc");
	tempdir_write(f->folder, "out/400", "ab");
}

static void test_resume_skips_what_is_done_with_all_its_outputs(void **state)
{
	struct resume_bench *f = *state;
	settle_several(f, "target:{size}");
	assert_int_equal(resume_bench_judge(f), RESUME_DONE);
	assert_int_equal(f->found.output_bytes, 5);
}

static void test_resume_looks_for_each_output(void **state)
{
	struct resume_bench *f = *state;
	settle_several(f, "target:{size}");
	assert_int_equal(unlink(tempdir_path(f->folder, "out/400")), 0);
	resume_bench_assert_again(f, "its output is missing");
}

static void test_resume_compares_the_size_of_each_output(void **state)
{
	struct resume_bench *f = *state;
	settle_several(f, "target:{size}");
	tempdir_write(f->folder, "out/800", "abcd");
	resume_bench_assert_again(f, "its output has 4 bytes instead of 3");
}

/* Both are out/9: the second was the last to be written. */
static void test_resume_of_outputs_with_one_name_looks_at_the_last(void **state)
{
	struct resume_bench *f = *state;
	settle_several(f, "target:{width}");
	tempdir_write(f->folder, "out/9", "ab");
	assert_int_equal(resume_bench_judge(f), RESUME_DONE);
}

static void test_resume_does_other_or_unknown_outputs_again(void **state)
{
	struct resume_bench *f = *state;
	settle_several(f, "target:{size}");
	f->job.labels_count = 1;
	resume_bench_assert_again(f, "it has other outputs");
}

static void test_resume_does_outputs_that_nobody_wrote_down_again(void **state)
{
	struct resume_bench *f = *state;
	f->entry.target = f->job.target = "target:{size}";
	f->job.labels_count = 1;
	f->job.labels[0] = "800";
	resume_bench_settle(f, false);
	resume_bench_assert_again(f, "its outputs are not known");
}

static int judge_update(struct resume_bench *f)
{
	return resume_bench_judge_with(
		f, ledger_sample_command, (struct resume_options) { .update = true });
}

static void assert_updated(struct resume_bench *f, const char *why)
{
	assert_int_equal(judge_update(f), RESUME_DO);
	assert_non_null(f->why);
	assert_string_equal(f->why, why);
}

static void test_update_skips_what_an_ended_run_has_done(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, true);
	assert_int_equal(judge_update(f), RESUME_UNCHANGED);
}

static void test_update_takes_up_a_run_that_did_not_end(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, false);
	assert_int_equal(judge_update(f), RESUME_DONE); /* it counts as done */
}

static void test_update_does_what_is_not_known(void **state)
{
	struct resume_bench *f = *state;
	f->entry.source = "source:another.jpg";
	resume_bench_settle(f, true);
	assert_updated(f, "new");
}

static void test_update_does_again_what_has_changed(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, true);
	resume_bench_rewrite(f, "x", true);
	assert_updated(f, "source changed: 10 bytes, now 1");
}

static void test_update_does_again_what_has_another_time(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, true);
	resume_bench_rewrite(f, "0123456789", false);
	assert_updated(f, "source changed: its time");
}

static void test_update_does_again_what_lost_its_output(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, true);
	assert_int_equal(unlink(tempdir_path(f->folder, "out/a.jpg")), 0);
	assert_updated(f, "output missing");
}

static void test_update_does_again_what_has_another_output(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, true);
	tempdir_write(f->folder, "out/a.jpg", "x");
	assert_updated(f, "output has 1 bytes instead of 5");
}

static void test_update_does_again_what_failed(void **state)
{
	struct resume_bench *f = *state;
	f->entry.outcome = LEDGER_FAILED;
	resume_bench_settle(f, true);
	assert_updated(f, "failed before");
}

static void test_update_does_again_what_another_command_has_done(void **state)
{
	struct resume_bench *f = *state;
	struct ledger_options command = ledger_sample_command;
	const struct resume_options update = { .update = true };
	resume_bench_settle(f, true);
	command.parameters = "other";
	command.parameters_size = 5;
	assert_int_equal(resume_bench_judge_with(f, command, update), RESUME_DO);
	assert_string_equal(f->why, "parameters changed");
}

static void test_update_does_again_what_another_program_has_done(void **state)
{
	struct resume_bench *f = *state;
	struct ledger_options command = ledger_sample_command;
	const struct resume_options update = { .update = true };
	resume_bench_settle(f, true);
	command.program = "other";
	assert_int_equal(resume_bench_judge_with(f, command, update), RESUME_DO);
	assert_string_equal(f->why, "program changed");
}

static void test_update_does_not_know_another_source_by_its_names(void **state)
{
	struct resume_bench *f = *state;
	struct ledger_options command = ledger_sample_command;
	const struct resume_options update = { .update = true };
	resume_bench_settle(f, true);
	command.source = "/elsewhere";
	assert_int_equal(resume_bench_judge_with(f, command, update), RESUME_DO);
	assert_string_equal(f->why, "new");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, resume_bench_setup, resume_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_resume_skips_what_is_done_with_all_its_outputs),
		TEST(test_resume_looks_for_each_output),
		TEST(test_resume_compares_the_size_of_each_output),
		TEST(test_resume_of_outputs_with_one_name_looks_at_the_last),
		TEST(test_resume_does_other_or_unknown_outputs_again),
		TEST(test_resume_does_outputs_that_nobody_wrote_down_again),
		TEST(test_update_skips_what_an_ended_run_has_done),
		TEST(test_update_takes_up_a_run_that_did_not_end),
		TEST(test_update_does_what_is_not_known),
		TEST(test_update_does_again_what_has_changed),
		TEST(test_update_does_again_what_has_another_time),
		TEST(test_update_does_again_what_lost_its_output),
		TEST(test_update_does_again_what_has_another_output),
		TEST(test_update_does_again_what_failed),
		TEST(test_update_does_again_what_another_command_has_done),
		TEST(test_update_does_again_what_another_program_has_done),
		TEST(test_update_does_not_know_another_source_by_its_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
