/* SPDX-License-Identifier: MIT */
/* Several outputs of one job, under names that follow from what was made (common/store.h). */
#include "common/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "tests/support/tempdir.h"

/* FOLDER/out is the root "target". */
struct fixture {
	char *folder;
	struct store *store;
	struct job job;
	struct output outputs[JOB_OUTPUTS_MAX];
	struct error err;
};

static const struct input none = { .fd = -1 };

static int setup_with(void **state, bool sync)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	const struct store_options options = { .sync = sync };
	f->folder = tempdir_new();
	tempdir_make(f->folder, "out");
	f->store = store_new(&options);
	char *root = xasprintf("target=%s", tempdir_path(f->folder, "out"));
	assert_int_equal(store_add_root(f->store, root, &f->err), 0);
	free(root);
	f->job = (struct job) { .id = 7, .attempt = 1, .source = "" };
	for (int i = 0; i < JOB_OUTPUTS_MAX; i++) {
		static const char *const labels[] = { "800", "400" };
		f->job.labels[i] = labels[i % 2];
		f->outputs[i].fd = -1;
	}
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, false);
}

static int setup_sync(void **state)
{
	return setup_with(state, true);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < JOB_OUTPUTS_MAX; i++)
		store_discard(&f->outputs[i]);
	store_free(f->store);
	tempdir_free(f->folder);
	free(f);
	return 0;
}

/* Creates so many outputs of a job; output i holds i bytes. */
static int create(struct fixture *f, const char *target, uint32_t count)
{
	f->job.target = target;
	f->job.labels_count = count;
	for (uint32_t i = 0; i < count; i++) {
		const struct store_request request = { &f->job, i, &none };
		if (store_create(f->store, &request, &f->outputs[i], &f->err))
			return -1;
		assert_int_equal(write(f->outputs[i].fd, "aaaaaaaaaaaaaaaa", i), i);
	}
	return 0;
}

static void assert_created(struct fixture *f, const char *target, uint32_t count)
{
	if (create(f, target, count))
		fail_msg("%s: %s", target, f->err.message);
}

static int commit(struct fixture *f, uint32_t number, uint32_t width)
{
	const struct produced produced = { .bytes = number, .width = width, .height = 3 };
	return store_commit(f->store, &f->outputs[number], &produced, &f->err);
}

static void assert_committed(struct fixture *f, uint32_t number, uint32_t width)
{
	if (commit(f, number, width))
		fail_msg("%u: %s", number, f->err.message);
}

static void test_store_outputs_of_one_job_do_not_meet(void **state)
{
	struct fixture *f = *state;
	assert_created(f, "target:a/x-{size}", 2);
	assert_int_equal(tempdir_count(f->folder, "out/a"), 2);
	assert_committed(f, 0, 0);
	assert_true(tempdir_holds(f->folder, "out/a/x-800", ""));
	assert_false(tempdir_exists(f->folder, "out/a/x-400"));
	assert_committed(f, 1, 0);
	assert_true(tempdir_holds(f->folder, "out/a/x-400", "a"));
	assert_int_equal(tempdir_count(f->folder, "out/a"), 2);
}

static void test_store_most_outputs_are_open_at_once(void **state)
{
	struct fixture *f = *state;
	assert_created(f, "target:{width}", JOB_OUTPUTS_MAX);
	assert_int_equal(tempdir_count(f->folder, "out"), JOB_OUTPUTS_MAX);
	for (uint32_t i = 0; i < JOB_OUTPUTS_MAX; i++)
		assert_committed(f, i, i + 1);
	assert_int_equal(tempdir_count(f->folder, "out"), JOB_OUTPUTS_MAX);
	assert_true(tempdir_holds(f->folder, "out/16", "aaaaaaaaaaaaaaa"));
}

static void test_store_temporary_lies_where_the_folder_is_known(void **state)
{
	struct fixture *f = *state;
	assert_created(f, "target:{size}/{width}x{height}/deep/a", 2);
	assert_int_equal(tempdir_count(f->folder, "out/800"), 1);
	assert_int_equal(tempdir_count(f->folder, "out/400"), 1);
	assert_committed(f, 0, 70);
	assert_true(tempdir_exists(f->folder, "out/800/70x3/deep/a"));
	assert_int_equal(tempdir_count(f->folder, "out/800"), 1);
	store_discard(&f->outputs[1]);
	assert_int_equal(tempdir_count(f->folder, "out/400"), 0);
}

static void test_store_later_of_two_with_one_name_wins(void **state)
{
	struct fixture *f = *state;
	assert_created(f, "target:a-{width}", 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_committed(f, i, 5);
	assert_true(tempdir_holds(f->folder, "out/a-5", "aa"));
	assert_int_equal(tempdir_count(f->folder, "out"), 1);
}

static void test_store_template_that_leads_out_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const wrong[] = { "target:../{size}", "target:/{size}",
		"target:a//{size}", "elsewhere:{size}", "{size}", "target:../{width}", "{width}:a",
		"target:{size", "target:{name}" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(create(f, wrong[i], 1), -1);
		assert_int_equal(tempdir_count(f->folder, "out"), 0);
	}
	/* what is known is fine, what follows is not */
	static const char *const late[] = { "target:{width}/..", "target:{width}/../../a",
		"target:{width}/", "target:{width}{", "target:{size}{width}//a" };
	for (size_t i = 0; i < sizeof(late) / sizeof(late[0]); i++) {
		assert_created(f, late[i], 1);
		assert_int_equal(commit(f, 0, 5), -1);
		assert_int_equal(tempdir_count(f->folder, "out"), 0);
		assert_int_equal(tempdir_count(f->folder, ""), 1);
	}
}

static void test_store_label_that_leads_out_is_refused(void **state)
{
	struct fixture *f = *state;
	f->job.labels[0] = "..";
	assert_int_equal(create(f, "target:{size}/a", 1), -1);
	f->job.labels[0] = "../..";
	assert_int_equal(create(f, "target:a/{size}/a", 1), -1);
	assert_int_equal(tempdir_count(f->folder, "out"), 0);
}

static void test_store_name_taken_by_a_folder_is_an_error(void **state)
{
	struct fixture *f = *state;
	tempdir_make(f->folder, "out/5");
	tempdir_make(f->folder, "out/5/a");
	assert_created(f, "target:{width}", 1);
	assert_int_equal(commit(f, 0, 5), -1);
	assert_int_equal(f->err.code, ERROR_IO);
	assert_int_equal(tempdir_count(f->folder, "out"), 1);
	assert_created(f, "target:{width}/a", 1);
	assert_int_equal(commit(f, 0, 5), -1);
	assert_int_equal(tempdir_count(f->folder, "out"), 1);
	tempdir_write(f->folder, "out/6", "a file");
	assert_created(f, "target:{width}/a", 1);
	assert_int_equal(commit(f, 0, 6), -1);
	assert_int_equal(tempdir_count(f->folder, "out"), 2);
	assert_committed(f, 0, 6); /* it was given up: nothing happens */
}

static void test_store_named_output_does_not_replace_its_source(void **state)
{
	struct fixture *f = *state;
	struct input source;
	tempdir_write(f->folder, "out/5", "picture");
	assert_int_equal(store_open(f->store, "target:5", &source, &f->err), 0);
	f->job.target = "target:{width}";
	f->job.labels_count = 1;
	const struct store_request request = { &f->job, 0, &source };
	assert_int_equal(store_create(f->store, &request, &f->outputs[0], &f->err), 0);
	assert_int_equal(commit(f, 0, 5), -1);
	assert_string_equal(f->err.message, "the output would replace its source");
	assert_true(tempdir_holds(f->folder, "out/5", "picture"));
	input_close(&source);
}

/* The folder of the name is gone while it is kept open: the next attempt makes a new one. */
static void test_store_removed_folders_are_made_again(void **state)
{
	struct fixture *f = *state;
	assert_created(f, "target:a/{width}/b", 1);
	assert_committed(f, 0, 5);
	assert_int_equal(unlink(tempdir_path(f->folder, "out/a/5/b")), 0);
	assert_int_equal(rmdir(tempdir_path(f->folder, "out/a/5")), 0);
	assert_created(f, "target:a/{width}/b", 1);
	assert_int_equal(commit(f, 0, 5), -1);
	assert_int_equal(f->err.number, ESTALE);
	assert_created(f, "target:a/{width}/b", 1);
	assert_committed(f, 0, 5);
	assert_true(tempdir_exists(f->folder, "out/a/5/b"));
	assert_int_equal(tempdir_count(f->folder, "out/a"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_store_outputs_of_one_job_do_not_meet),
		TEST(test_store_most_outputs_are_open_at_once),
		TEST(test_store_temporary_lies_where_the_folder_is_known),
		cmocka_unit_test_setup_teardown(
			test_store_temporary_lies_where_the_folder_is_known, setup_sync, teardown),
		TEST(test_store_later_of_two_with_one_name_wins),
		TEST(test_store_template_that_leads_out_is_refused),
		TEST(test_store_label_that_leads_out_is_refused),
		TEST(test_store_name_taken_by_a_folder_is_an_error),
		TEST(test_store_named_output_does_not_replace_its_source),
		TEST(test_store_removed_folders_are_made_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
