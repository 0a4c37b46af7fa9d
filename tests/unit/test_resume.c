/* SPDX-License-Identifier: MIT */
/* What is skipped, what is done again, and why. */
#include "master/resume.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/hash.h"
#include "common/memory.h"
#include "tests/support/ledger_sample.h"
#include "tests/support/resume_bench.h"
#include "tests/support/tempdir.h"

static void add_digest(struct resume_bench *f, const char *text)
{
	f->entry.has_digest = true;
	hash_sha256(text, strlen(text), f->entry.digest);
}

static void test_resume_skips_what_is_done(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, false);
	assert_int_equal(resume_bench_judge(f), RESUME_DONE);
	assert_null(f->why);
	assert_int_equal(f->found.counter, 1);
	assert_int_equal(f->found.output_bytes, 5);
}

static void test_resume_does_all_after_a_run_that_ended(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, true);
	assert_int_equal(resume_bench_judge(f), RESUME_DO);
	assert_null(f->why);
}

static void test_resume_does_what_is_not_known(void **state)
{
	struct resume_bench *f = *state;
	f->entry.source = "source:another.jpg";
	resume_bench_settle(f, false);
	tempdir_write(f->folder, "in/old.jpg", "x");
	f->job.source = "source:gone.jpg";
	assert_int_equal(resume_bench_judge(f), RESUME_DO);
	assert_null(f->why);
}

static void test_resume_tells_that_a_source_is_new(void **state)
{
	struct resume_bench *f = *state;
	f->entry.source = "source:another.jpg";
	resume_bench_settle(f, false);
	tempdir_write(f->folder, "in/new.jpg", "x");
	f->job.source = "source:new.jpg";
	resume_bench_assert_again(f, "new");
}

static void test_resume_does_again_what_has_another_size(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, false);
	resume_bench_rewrite(f, "0123456789ab", true);
	resume_bench_assert_again(f, "changed: 10 bytes, now 12");
}

static void test_resume_does_again_what_has_another_time(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, false);
	resume_bench_rewrite(f, "abcdefghij", false);
	resume_bench_assert_again(f, "changed: its time");
}

static void test_resume_does_again_what_is_gone(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, false);
	assert_int_equal(unlink(tempdir_path(f->folder, "in/a.jpg")), 0);
	resume_bench_assert_again(f, "changed: No such file or directory");
}

static void test_resume_does_again_what_lost_its_output(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, false);
	assert_int_equal(unlink(tempdir_path(f->folder, "out/a.jpg")), 0);
	resume_bench_assert_again(f, "its output is missing");
}

static void test_resume_does_again_what_lost_part_of_its_output(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, false);
	tempdir_write(f->folder, "out/a.jpg", "smal");
	resume_bench_assert_again(f, "its output has 4 bytes instead of 5");
}

static void test_resume_does_again_what_has_no_file_as_output(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, false);
	assert_int_equal(unlink(tempdir_path(f->folder, "out/a.jpg")), 0);
	tempdir_make(f->folder, "out/a.jpg");
	resume_bench_assert_again(f, "its output is no file");
}

static void test_resume_does_again_what_goes_elsewhere(void **state)
{
	struct resume_bench *f = *state;
	resume_bench_settle(f, false);
	f->job.target = "target:b.jpg";
	resume_bench_assert_again(f, "its output has another name");
}

static void test_resume_needs_no_output_where_there_is_none(void **state)
{
	struct resume_bench *f = *state;
	f->job.target = f->entry.target = "";
	resume_bench_settle(f, false);
	assert_int_equal(resume_bench_judge(f), RESUME_DONE);
}

static void test_resume_skips_a_url_that_is_done(void **state)
{
	struct resume_bench *f = *state;
	f->job.source = f->entry.source = "https://example.org/feed";
	f->job.target = f->entry.target = "";
	f->entry.source_size = 0;
	f->entry.source_mtime_ns = 0;
	resume_bench_settle(f, false);
	assert_int_equal(resume_bench_judge(f), RESUME_DONE);
}

static void test_resume_with_digests_ignores_a_new_time(void **state)
{
	struct resume_bench *f = *state;
	add_digest(f, "0123456789");
	resume_bench_settle(f, false);
	resume_bench_rewrite(f, "0123456789", false);
	assert_int_equal(resume_bench_judge_with(f, ledger_sample_command,
				 (struct resume_options) { .digest = true }),
		RESUME_DONE);
}

static void test_resume_with_digests_sees_new_content_behind_an_old_time(void **state)
{
	struct resume_bench *f = *state;
	add_digest(f, "0123456789");
	resume_bench_settle(f, false);
	resume_bench_rewrite(f, "abcdefghij", true);
	assert_int_equal(resume_bench_judge_with(f, ledger_sample_command,
				 (struct resume_options) { .digest = true }),
		RESUME_DO);
	assert_string_equal(f->why, "changed: its content");
}

static void test_resume_skips_what_failed(void **state)
{
	struct resume_bench *f = *state;
	f->entry.outcome = LEDGER_FAILED;
	f->entry.reason = "not an image";
	resume_bench_settle(f, false);
	assert_int_equal(resume_bench_judge(f), RESUME_FAILED);
	assert_string_equal(f->found.reason, "not an image");
}

static void test_resume_does_again_what_failed_when_asked(void **state)
{
	struct resume_bench *f = *state;
	f->entry.outcome = LEDGER_FAILED;
	resume_bench_settle(f, false);
	assert_int_equal(resume_bench_judge_with(f, ledger_sample_command,
				 (struct resume_options) { .retry_failed = true }),
		RESUME_DO);
	assert_string_equal(f->why, "it failed");
}

static void test_resume_does_again_what_failed_and_has_changed(void **state)
{
	struct resume_bench *f = *state;
	f->entry.outcome = LEDGER_FAILED;
	resume_bench_settle(f, false);
	resume_bench_rewrite(f, "0", false);
	resume_bench_assert_again(f, "changed: 10 bytes, now 1");
}

static void test_resume_tries_again_what_could_not_be_opened(void **state)
{
	struct resume_bench *f = *state;
	f->entry.outcome = LEDGER_FAILED;
	f->entry.source_size = 0;
	f->entry.source_mtime_ns = 0;
	resume_bench_settle(f, false);
	resume_bench_assert_again(f, "it could not be opened");
}

static void test_resume_skips_what_can_still_not_be_found(void **state)
{
	struct resume_bench *f = *state;
	f->entry.outcome = LEDGER_FAILED;
	f->entry.source_size = 0;
	f->entry.source_mtime_ns = 0;
	resume_bench_settle(f, false);
	assert_int_equal(unlink(tempdir_path(f->folder, "in/a.jpg")), 0);
	assert_int_equal(resume_bench_judge(f), RESUME_FAILED);
}

static void test_resume_skips_what_is_quarantined_in_every_run(void **state)
{
	struct resume_bench *f = *state;
	f->entry.outcome = LEDGER_QUARANTINED;
	resume_bench_settle(f, true);
	assert_int_equal(resume_bench_judge(f), RESUME_QUARANTINED);
}

static void test_resume_skips_what_is_quarantined_unseen_until_it_is_younger(void **state)
{
	struct resume_bench *f = *state;
	f->entry.outcome = LEDGER_QUARANTINED;
	f->entry.source_size = 0;
	f->entry.source_mtime_ns = 0;
	resume_bench_settle(f, true);
	assert_int_equal(resume_bench_judge(f), RESUME_QUARANTINED);
}

static void test_resume_lets_out_what_was_quarantined(void **state)
{
	static const char *const reasons[] = { "other options", "another version",
		"it was quarantined", "changed: 10 bytes, now 2" };
	struct resume_bench *f = *state;
	f->entry.outcome = LEDGER_QUARANTINED;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		struct error err;
		struct ledger_options command = ledger_sample_command;
		struct resume_options options = { .retry_failed = i == 2 };
		resume_bench_settle(f, true);
		if (i == 0)
			command.parameters = "size=800";
		if (i == 1)
			command.program = "2.0";
		if (i == 3)
			resume_bench_rewrite(f, "ab", false);
		assert_int_equal(resume_bench_judge_with(f, command, options), RESUME_DO);
		assert_string_equal(f->why, reasons[i]);
		resume_close(f->resume);
		f->resume = NULL;
		assert_int_equal(ledger_close(f->ledger, true, &err), 0);
		f->ledger = NULL;
	}
}

static void test_resume_remembers_deaths(void **state)
{
	struct resume_bench *f = *state;
	f->entry.outcome = LEDGER_BLAMED;
	f->entry.blames = 2;
	resume_bench_settle(f, false);
	assert_int_equal(resume_bench_judge(f), RESUME_DO);
	assert_int_equal(f->job.blames, 2);
	assert_null(f->why);
}

static void test_resume_forgets_deaths_of_another_run_and_of_another_file(void **state)
{
	struct resume_bench *f = *state;
	struct error err;
	f->entry.outcome = LEDGER_BLAMED;
	f->entry.blames = 2;
	resume_bench_settle(f, true);
	assert_int_equal(resume_bench_judge(f), RESUME_DO);
	assert_int_equal(f->job.blames, 0);
	resume_close(f->resume);
	f->resume = NULL;
	assert_int_equal(ledger_close(f->ledger, true, &err), 0);
	resume_bench_settle(f, false);
	resume_bench_rewrite(f, "another", false);
	assert_int_equal(resume_bench_judge(f), RESUME_DO);
	assert_int_equal(f->job.blames, 0);
}

static void test_resume_identifies_a_source(void **state)
{
	struct resume_bench *f = *state;
	uint64_t size;
	int64_t mtime_ns;
	assert_int_equal(resume_bench_judge(f), RESUME_DO);
	resume_identify(f->resume, SOURCE, &size, &mtime_ns);
	assert_int_equal(size, f->entry.source_size);
	assert_int_equal(mtime_ns, f->entry.source_mtime_ns);
	resume_identify(f->resume, "source:gone.jpg", &size, &mtime_ns);
	assert_int_equal(size, 0);
	assert_int_equal(mtime_ns, 0);
	resume_identify(f->resume, "", &size, &mtime_ns);
	assert_int_equal(mtime_ns, 0);
}

static void test_resume_needs_its_roots(void **state)
{
	struct resume_bench *f = *state;
	struct error err;
	struct resume *resume;
	char *root = xasprintf("source=%s", tempdir_path(f->folder, "none"));
	char *const roots[] = { root };
	const struct resume_options options = { .roots = roots, .roots_count = 1 };
	assert_int_equal(resume_open(&resume, &options, &err), -1);
	assert_non_null(strstr(err.message, "open folder "));
	assert_null(resume);
	free(root);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, resume_bench_setup, resume_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_resume_skips_what_is_done),
		TEST(test_resume_does_all_after_a_run_that_ended),
		TEST(test_resume_does_what_is_not_known),
		TEST(test_resume_tells_that_a_source_is_new),
		TEST(test_resume_does_again_what_has_another_size),
		TEST(test_resume_does_again_what_has_another_time),
		TEST(test_resume_does_again_what_is_gone),
		TEST(test_resume_does_again_what_lost_its_output),
		TEST(test_resume_does_again_what_lost_part_of_its_output),
		TEST(test_resume_does_again_what_has_no_file_as_output),
		TEST(test_resume_does_again_what_goes_elsewhere),
		TEST(test_resume_needs_no_output_where_there_is_none),
		TEST(test_resume_skips_a_url_that_is_done),
		TEST(test_resume_with_digests_ignores_a_new_time),
		TEST(test_resume_with_digests_sees_new_content_behind_an_old_time),
		TEST(test_resume_skips_what_failed),
		TEST(test_resume_does_again_what_failed_when_asked),
		TEST(test_resume_does_again_what_failed_and_has_changed),
		TEST(test_resume_tries_again_what_could_not_be_opened),
		TEST(test_resume_skips_what_can_still_not_be_found),
		TEST(test_resume_skips_what_is_quarantined_in_every_run),
		TEST(test_resume_skips_what_is_quarantined_unseen_until_it_is_younger),
		TEST(test_resume_lets_out_what_was_quarantined),
		TEST(test_resume_remembers_deaths),
		TEST(test_resume_forgets_deaths_of_another_run_and_of_another_file),
		TEST(test_resume_identifies_a_source),
		TEST(test_resume_needs_its_roots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
