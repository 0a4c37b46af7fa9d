/* SPDX-License-Identifier: MIT */
/* A job in the worker with several outputs (worker/loop_work.h). */
#include "worker/loop_work.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "tests/support/tempdir.h"

struct fixture {
	char *folder;
	struct store *store;
	struct work *work;
	struct result result;
	struct error err;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	const struct store_options options = { .sync = false };
	f->folder = tempdir_new();
	tempdir_write(f->folder, "in/a", "picture");
	tempdir_make(f->folder, "out");
	f->store = store_new(&options);
	static const char *const names[][2] = { { "source", "in" }, { "target", "out" } };
	for (size_t i = 0; i < 2; i++) {
		char *root = xasprintf("%s=%s", names[i][0], tempdir_path(f->folder, names[i][1]));
		assert_int_equal(store_add_root(f->store, root, &f->err), 0);
		free(root);
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	if (f->work)
		work_free(f->work);
	store_free(f->store);
	tempdir_free(f->folder);
	free(f);
	return 0;
}

static void make(struct fixture *f, const char *target, uint32_t labels)
{
	struct job job = { .id = 3, .attempt = 2, .source = "source:a", .target = target };
	job.labels_count = labels;
	for (uint32_t i = 0; i < labels; i++)
		job.labels[i] = i == 0 ? "0" : i == 1 ? "1" : "2";
	f->work = work_new(job_copy(&job), NULL);
}

static void open_work(struct fixture *f)
{
	if (work_open(f->work, f->store, &f->err))
		fail_msg("%s", f->err.message);
}

/* What a lane does: output i gets i + 1 bytes, and is i + 1 pixels wide. */
static void execute(struct fixture *f)
{
	f->result = (struct result) { .job = 999 };
	for (uint32_t i = 0; i < f->work->outputs_count; i++) {
		assert_int_equal(write(f->work->out_fds[i], "aaaa", i + 1), i + 1);
		result_produced(&f->result,
			&(struct produced) { .bytes = i + 1, .width = i + 1, .height = 1 });
	}
}

static void test_work_of_one_output_is_as_ever(void **state)
{
	struct fixture *f = *state;
	make(f, "target:b/{x}", 0);
	open_work(f);
	assert_int_equal(f->work->outputs_count, 1);
	execute(f);
	work_finish(f->work, f->store, &f->result);
	assert_int_equal(f->result.code, ERROR_NONE);
	assert_int_equal(f->result.job, 3);
	assert_int_equal(f->result.attempt, 2);
	assert_int_equal(f->result.source_size, 7);
	assert_int_equal(f->result.output_bytes, 1);
	assert_true(tempdir_holds(f->folder, "out/b/{x}", "a"));
}

static void test_work_without_output_opens_none(void **state)
{
	struct fixture *f = *state;
	make(f, "", 0);
	open_work(f);
	assert_int_equal(f->work->outputs_count, 0);
	f->result = (struct result) { .job = 3 };
	work_finish(f->work, f->store, &f->result);
	assert_int_equal(f->result.code, ERROR_NONE);
}

static void test_work_commits_all_outputs(void **state)
{
	struct fixture *f = *state;
	make(f, "target:{size}/{width}", 3);
	open_work(f);
	execute(f);
	f->result.output_bytes = 1000; /* a lane may say what it likes */
	work_finish(f->work, f->store, &f->result);
	assert_int_equal(f->result.code, ERROR_NONE);
	assert_int_equal(f->result.output_bytes, 6);
	assert_true(tempdir_holds(f->folder, "out/0/1", "a"));
	assert_true(tempdir_holds(f->folder, "out/1/2", "aa"));
	assert_true(tempdir_holds(f->folder, "out/2/3", "aaa"));
}

static void test_work_that_fails_in_the_middle_keeps_no_temporary(void **state)
{
	struct fixture *f = *state;
	make(f, "target:a-{size}", 3);
	open_work(f);
	execute(f);
	tempdir_make(f->folder, "out/a-1");
	work_finish(f->work, f->store, &f->result);
	assert_int_equal(f->result.code, ERROR_IO);
	assert_int_equal(f->result.error_number, EISDIR);
	assert_int_equal(f->result.outputs_count, 0);
	assert_int_equal(f->result.output_bytes, 0);
	assert_true(tempdir_holds(f->folder, "out/a-0", "a")); /* was there before the failure */
	assert_false(tempdir_exists(f->folder, "out/a-2"));
	assert_int_equal(tempdir_count(f->folder, "out"), 2);
}

static void assert_refused(struct fixture *f, enum error_code code, const char *why)
{
	work_finish(f->work, f->store, &f->result);
	assert_int_equal(f->result.code, code);
	if (!strstr(f->result.detail, why))
		fail_msg("'%s' does not say '%s'", f->result.detail, why);
	assert_int_equal(tempdir_count(f->folder, "out"), 0);
}

static void test_work_of_a_lane_that_lies_is_refused(void **state)
{
	struct fixture *f = *state;
	for (int more = -1; more <= 1; more += 2) {
		make(f, "target:a-{size}", 2);
		open_work(f);
		execute(f);
		f->result.outputs_count = (uint32_t)(2 + more);
		assert_refused(f, ERROR_PROTOCOL, "outputs instead of 2");
		work_free(f->work);
	}
	make(f, "target:a-{size}", 1);
	open_work(f);
	execute(f);
	f->result.outputs[0].bytes++;
	assert_refused(f, ERROR_IO, "the output has 1 bytes instead of 2");
}

static void test_work_whose_outputs_would_meet_is_refused(void **state)
{
	struct fixture *f = *state;
	make(f, "target:a-{height}", 2);
	open_work(f);
	execute(f);
	assert_refused(f, ERROR_INPUT, "the sizes 0 and 1 would both be written to target:a-1");
}

static void test_work_that_can_not_open_all_opens_none(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "out/1", "a file");
	make(f, "target:{size}/a", 3);
	assert_int_equal(work_open(f->work, f->store, &f->err), -1);
	assert_int_equal(f->err.number, ENOTDIR);
	assert_int_equal(tempdir_count(f->folder, "out/0"), 0);
	assert_int_equal(f->work->input.fd, -1);
}

static void test_work_can_be_opened_again(void **state)
{
	struct fixture *f = *state;
	make(f, "target:{size}", 2);
	open_work(f);
	work_discard(f->work);
	assert_int_equal(tempdir_count(f->folder, "out"), 0);
	open_work(f);
	assert_int_equal(tempdir_count(f->folder, "out"), 2);
	work_free(f->work);
	f->work = NULL;
	assert_int_equal(tempdir_count(f->folder, "out"), 0);
}

static void test_work_whose_outputs_travel_stays_in_memory(void **state)
{
	struct fixture *f = *state;
	make(f, "s3://bucket/{size}", 2);
	f->work->outgoing = true;
	open_work(f);
	execute(f);
	work_finish(f->work, f->store, &f->result);
	assert_int_equal(f->result.code, ERROR_NONE);
	assert_int_equal(f->result.outputs_count, 2);
	assert_int_equal(lseek(f->work->out_fds[1], 0, SEEK_END), 2);
	assert_int_equal(tempdir_count(f->folder, "out"), 0);
	work_taken(f->work, 0);
	assert_int_equal(f->work->outputs[0].fd, -1);
	assert_true(f->work->outputs[1].fd >= 0);
	work_discard(f->work);
	open_work(f);
	execute(f);
	f->result.outputs[1].bytes++;
	work_finish(f->work, f->store, &f->result);
	assert_int_equal(f->result.code, ERROR_IO);
	assert_int_equal(f->work->outputs[0].fd, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_work_of_one_output_is_as_ever),
		TEST(test_work_without_output_opens_none),
		TEST(test_work_commits_all_outputs),
		TEST(test_work_that_fails_in_the_middle_keeps_no_temporary),
		TEST(test_work_of_a_lane_that_lies_is_refused),
		TEST(test_work_whose_outputs_would_meet_is_refused),
		TEST(test_work_that_can_not_open_all_opens_none),
		TEST(test_work_can_be_opened_again),
		TEST(test_work_whose_outputs_travel_stays_in_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
