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
#include "tests/support/tempdir.h"

#define SOURCE "source:a.jpg"
#define TARGET "target:a.jpg"

/* FOLDER/in/a.jpg was made FOLDER/out/a.jpg; nothing of that stands in the ledger yet. */
struct fixture {
	char *folder;
	struct ledger_entry entry; /* what is settled */
	struct ledger *ledger;
	struct resume *resume;
	struct job job;
	const char *why;
	struct ledger_entry found;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct stat status;
	f->folder = tempdir_new();
	tempdir_write(f->folder, "in/a.jpg", "0123456789");
	tempdir_write(f->folder, "out/a.jpg", "small");
	assert_int_equal(stat(tempdir_path(f->folder, "in/a.jpg"), &status), 0);
	f->entry = ledger_sample_entry(SOURCE);
	f->entry.target = TARGET;
	f->entry.source_size = (uint64_t)status.st_size;
	f->entry.source_mtime_ns =
		(int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
	f->entry.output_bytes = 5;
	f->job = (struct job) { .id = 1, .source = SOURCE, .target = TARGET };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct error err;
	resume_close(f->resume);
	assert_int_equal(ledger_close(f->ledger, false, &err), 0);
	tempdir_free(f->folder);
	free(f);
	return 0;
}

static const char *path_of(const struct fixture *f)
{
	return tempdir_path(f->folder, "run.db");
}

/* The run that settles the entry; ended: what comes then is another run. */
static void settle(struct fixture *f, bool ended)
{
	struct ledger *ledger = ledger_sample_open(path_of(f));
	ledger_settle(ledger, &f->entry);
	ledger_sample_close(ledger, ended);
}

/* What is thought of the job by the next run of this command. */
static int judge_with(
	struct fixture *f, struct ledger_options command, struct resume_options options)
{
	struct error err = { 0 };
	char *source = xasprintf("source=%s", tempdir_path(f->folder, "in"));
	char *target = xasprintf("target=%s", tempdir_path(f->folder, "out"));
	char *const roots[] = { source, target };
	command.path = path_of(f);
	if (ledger_open(&f->ledger, &command, &err))
		fail_msg("%s", err.message);
	options.ledger = f->ledger;
	options.roots = roots;
	options.roots_count = 2;
	if (resume_open(&f->resume, &options, &err))
		fail_msg("%s", err.message);
	int verdict = resume_judge(f->resume, &f->job, &f->found, &f->why, &err);
	if (verdict < 0)
		fail_msg("%s", err.message);
	free(source);
	free(target);
	return verdict;
}

static int judge(struct fixture *f)
{
	return judge_with(f, ledger_sample_command, (struct resume_options) { 0 });
}

static void assert_done_again(struct fixture *f, const char *why)
{
	assert_int_equal(judge(f), RESUME_DO);
	assert_non_null(f->why);
	assert_string_equal(f->why, why);
}

/* Gives the source new bytes, and its old time if it may not show. */
static void rewrite(struct fixture *f, const char *text, bool same_time)
{
	struct stat status;
	const char *path = tempdir_path(f->folder, "in/a.jpg");
	assert_int_equal(stat(path, &status), 0);
	tempdir_write(f->folder, "in/a.jpg", text);
	struct timespec times[2] = { status.st_atim, status.st_mtim };
	if (!same_time)
		times[1].tv_nsec = (times[1].tv_nsec + 1) % 1000000000;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void add_digest(struct fixture *f, const char *text)
{
	f->entry.has_digest = true;
	hash_sha256(text, strlen(text), f->entry.digest);
}

static void test_resume_skips_what_is_done(void **state)
{
	struct fixture *f = *state;
	settle(f, false);
	assert_int_equal(judge(f), RESUME_DONE);
	assert_null(f->why);
	assert_int_equal(f->found.counter, 1);
	assert_int_equal(f->found.output_bytes, 5);
}

static void test_resume_does_all_after_a_run_that_ended(void **state)
{
	struct fixture *f = *state;
	settle(f, true);
	assert_int_equal(judge(f), RESUME_DO);
	assert_null(f->why);
}

static void test_resume_does_what_is_not_known(void **state)
{
	struct fixture *f = *state;
	f->entry.source = "source:another.jpg";
	settle(f, false);
	tempdir_write(f->folder, "in/old.jpg", "x");
	f->job.source = "source:gone.jpg";
	assert_int_equal(judge(f), RESUME_DO);
	assert_null(f->why);
}

static void test_resume_tells_that_a_source_is_new(void **state)
{
	struct fixture *f = *state;
	f->entry.source = "source:another.jpg";
	settle(f, false);
	tempdir_write(f->folder, "in/new.jpg", "x");
	f->job.source = "source:new.jpg";
	assert_done_again(f, "new");
}

static void test_resume_does_again_what_has_another_size(void **state)
{
	struct fixture *f = *state;
	settle(f, false);
	rewrite(f, "0123456789ab", true);
	assert_done_again(f, "changed: 10 bytes, now 12");
}

static void test_resume_does_again_what_has_another_time(void **state)
{
	struct fixture *f = *state;
	settle(f, false);
	rewrite(f, "abcdefghij", false);
	assert_done_again(f, "changed: its time");
}

static void test_resume_does_again_what_is_gone(void **state)
{
	struct fixture *f = *state;
	settle(f, false);
	assert_int_equal(unlink(tempdir_path(f->folder, "in/a.jpg")), 0);
	assert_done_again(f, "changed: No such file or directory");
}

static void test_resume_does_again_what_lost_its_output(void **state)
{
	struct fixture *f = *state;
	settle(f, false);
	assert_int_equal(unlink(tempdir_path(f->folder, "out/a.jpg")), 0);
	assert_done_again(f, "its output is missing");
}

static void test_resume_does_again_what_lost_part_of_its_output(void **state)
{
	struct fixture *f = *state;
	settle(f, false);
	tempdir_write(f->folder, "out/a.jpg", "smal");
	assert_done_again(f, "its output has 4 bytes instead of 5");
}

static void test_resume_does_again_what_has_no_file_as_output(void **state)
{
	struct fixture *f = *state;
	settle(f, false);
	assert_int_equal(unlink(tempdir_path(f->folder, "out/a.jpg")), 0);
	tempdir_make(f->folder, "out/a.jpg");
	assert_done_again(f, "its output is no file");
}

static void test_resume_does_again_what_goes_elsewhere(void **state)
{
	struct fixture *f = *state;
	settle(f, false);
	f->job.target = "target:b.jpg";
	assert_done_again(f, "its output has another name");
}

static void test_resume_needs_no_output_where_there_is_none(void **state)
{
	struct fixture *f = *state;
	f->job.target = f->entry.target = "";
	settle(f, false);
	assert_int_equal(judge(f), RESUME_DONE);
}

static void test_resume_skips_a_url_that_is_done(void **state)
{
	struct fixture *f = *state;
	f->job.source = f->entry.source = "https://example.org/feed";
	f->job.target = f->entry.target = "";
	f->entry.source_size = 0;
	f->entry.source_mtime_ns = 0;
	settle(f, false);
	assert_int_equal(judge(f), RESUME_DONE);
}

static void test_resume_with_digests_ignores_a_new_time(void **state)
{
	struct fixture *f = *state;
	add_digest(f, "0123456789");
	settle(f, false);
	rewrite(f, "0123456789", false);
	assert_int_equal(
		judge_with(f, ledger_sample_command, (struct resume_options) { .digest = true }),
		RESUME_DONE);
}

static void test_resume_with_digests_sees_new_content_behind_an_old_time(void **state)
{
	struct fixture *f = *state;
	add_digest(f, "0123456789");
	settle(f, false);
	rewrite(f, "abcdefghij", true);
	assert_int_equal(
		judge_with(f, ledger_sample_command, (struct resume_options) { .digest = true }),
		RESUME_DO);
	assert_string_equal(f->why, "changed: its content");
}

static void test_resume_skips_what_failed(void **state)
{
	struct fixture *f = *state;
	f->entry.outcome = LEDGER_FAILED;
	f->entry.reason = "not an image";
	settle(f, false);
	assert_int_equal(judge(f), RESUME_FAILED);
	assert_string_equal(f->found.reason, "not an image");
}

static void test_resume_does_again_what_failed_when_asked(void **state)
{
	struct fixture *f = *state;
	f->entry.outcome = LEDGER_FAILED;
	settle(f, false);
	assert_int_equal(judge_with(f, ledger_sample_command,
				 (struct resume_options) { .retry_failed = true }),
		RESUME_DO);
	assert_string_equal(f->why, "it failed");
}

static void test_resume_does_again_what_failed_and_has_changed(void **state)
{
	struct fixture *f = *state;
	f->entry.outcome = LEDGER_FAILED;
	settle(f, false);
	rewrite(f, "0", false);
	assert_done_again(f, "changed: 10 bytes, now 1");
}

static void test_resume_tries_again_what_could_not_be_opened(void **state)
{
	struct fixture *f = *state;
	f->entry.outcome = LEDGER_FAILED;
	f->entry.source_size = 0;
	f->entry.source_mtime_ns = 0;
	settle(f, false);
	assert_done_again(f, "it could not be opened");
}

static void test_resume_skips_what_can_still_not_be_found(void **state)
{
	struct fixture *f = *state;
	f->entry.outcome = LEDGER_FAILED;
	f->entry.source_size = 0;
	f->entry.source_mtime_ns = 0;
	settle(f, false);
	assert_int_equal(unlink(tempdir_path(f->folder, "in/a.jpg")), 0);
	assert_int_equal(judge(f), RESUME_FAILED);
}

static void test_resume_skips_what_is_quarantined_in_every_run(void **state)
{
	struct fixture *f = *state;
	f->entry.outcome = LEDGER_QUARANTINED;
	settle(f, true);
	assert_int_equal(judge(f), RESUME_QUARANTINED);
}

static void test_resume_skips_what_is_quarantined_unseen_until_it_is_younger(void **state)
{
	struct fixture *f = *state;
	f->entry.outcome = LEDGER_QUARANTINED;
	f->entry.source_size = 0;
	f->entry.source_mtime_ns = 0;
	settle(f, true);
	assert_int_equal(judge(f), RESUME_QUARANTINED);
}

static void test_resume_lets_out_what_was_quarantined(void **state)
{
	static const char *const reasons[] = { "other options", "another version",
		"it was quarantined", "changed: 10 bytes, now 2" };
	struct fixture *f = *state;
	f->entry.outcome = LEDGER_QUARANTINED;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		struct error err;
		struct ledger_options command = ledger_sample_command;
		struct resume_options options = { .retry_failed = i == 2 };
		settle(f, true);
		if (i == 0)
			command.parameters = "size=800";
		if (i == 1)
			command.program = "2.0";
		if (i == 3)
			rewrite(f, "ab", false);
		assert_int_equal(judge_with(f, command, options), RESUME_DO);
		assert_string_equal(f->why, reasons[i]);
		resume_close(f->resume);
		f->resume = NULL;
		assert_int_equal(ledger_close(f->ledger, true, &err), 0);
		f->ledger = NULL;
	}
}

static void test_resume_remembers_deaths(void **state)
{
	struct fixture *f = *state;
	f->entry.outcome = LEDGER_BLAMED;
	f->entry.blames = 2;
	settle(f, false);
	assert_int_equal(judge(f), RESUME_DO);
	assert_int_equal(f->job.blames, 2);
	assert_null(f->why);
}

static void test_resume_forgets_deaths_of_another_run_and_of_another_file(void **state)
{
	struct fixture *f = *state;
	struct error err;
	f->entry.outcome = LEDGER_BLAMED;
	f->entry.blames = 2;
	settle(f, true);
	assert_int_equal(judge(f), RESUME_DO);
	assert_int_equal(f->job.blames, 0);
	resume_close(f->resume);
	f->resume = NULL;
	assert_int_equal(ledger_close(f->ledger, true, &err), 0);
	settle(f, false);
	rewrite(f, "another", false);
	assert_int_equal(judge(f), RESUME_DO);
	assert_int_equal(f->job.blames, 0);
}

static void test_resume_identifies_a_source(void **state)
{
	struct fixture *f = *state;
	uint64_t size;
	int64_t mtime_ns;
	assert_int_equal(judge(f), RESUME_DO);
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
	struct fixture *f = *state;
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
