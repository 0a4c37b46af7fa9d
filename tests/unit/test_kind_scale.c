/* SPDX-License-Identifier: MIT */
/* Which pictures "scale" makes jobs of, where their outputs go, and which calls are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "master/kind.h"
#include "proto/scale.pb-c.h"
#include "tests/support/scale_bench.h"
#include "tests/support/tempdir.h"

static void assert_job(
	const struct scale_bench *f, size_t i, const char *source, const char *target)
{
	assert_true(i < f->jobs);
	assert_string_equal(f->job[i].source, source);
	assert_string_equal(f->job[i].target, target);
}

static void assert_roots(const struct scale_bench *f, const char *source, const char *target)
{
	assert_int_equal(f->run.roots_count, 2);
	assert_string_equal(f->run.roots[0], source);
	assert_string_equal(f->run.roots[1], target);
}

static void test_scale_lists_a_folder_into_another(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	tempdir_write(f->folder, "in/b/c.png", "");
	tempdir_write(f->folder, "in/.hidden", "");
	scale_bench_assert_started(f, scale_bench_start(f, "in", "out", NULL));
	scale_bench_list(f);
	assert_int_equal(f->jobs, 2);
	assert_int_equal(f->errors, 0);
	assert_job(f, 0, "source:a.jpg", "target:a.jpg");
	assert_job(f, 1, "source:b/c.png", "target:b/c.png");
	assert_roots(f, "source=in", "target=out");
}

static void test_scale_makes_missing_target_folders(void **state)
{
	struct scale_bench *f = *state;
	struct stat status;
	tempdir_write(f->folder, "in/a.jpg", "");
	scale_bench_assert_started(f, scale_bench_start(f, "in", "x/y/z", NULL));
	assert_int_equal(stat("x/y/z", &status), 0);
	assert_true(S_ISDIR(status.st_mode));
	scale_bench_assert_started(f, scale_bench_start(f, "in", "new/", NULL));
	assert_true(tempdir_exists(f->folder, "new"));
}

static void test_scale_needs_two_operands(void **state)
{
	struct scale_bench *f = *state;
	scale_bench_assert_wrong(f, scale_bench_start(f, NULL, NULL),
		"SOURCE and TARGET are needed, 0 operands are given; see --help");
	scale_bench_assert_wrong(f, scale_bench_start(f, "in", NULL),
		"SOURCE and TARGET are needed, 1 operand is given; see --help");
	scale_bench_assert_wrong(f, scale_bench_start(f, "in", "out", "more", NULL),
		"SOURCE and TARGET are needed, 3 operands are given; see --help");
	scale_bench_assert_wrong(
		f, scale_bench_start(f, "in", "", NULL), "SOURCE and TARGET may not be empty");
	scale_bench_assert_wrong(
		f, scale_bench_start(f, "", "out", NULL), "SOURCE and TARGET may not be empty");
	scale_bench_assert_wrong(f, scale_bench_start(f, "none", "out", NULL),
		"source none: No such file or directory");
	assert_int_equal(tempdir_count(f->folder, "."), 0);
}

static void test_scale_source_and_target_must_differ(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "x/a.jpg", "");
	tempdir_link(f->folder, "link", "x");
	static const char *const spellings[] = { "x", "x/", "./x", "x/../x", "x/.", "link", "link/",
		"x/../link/../x" };
	for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++) {
		scale_bench_assert_wrong(f, scale_bench_start(f, "x", spellings[i], NULL),
			"source and target must be different");
		scale_bench_assert_wrong(f, scale_bench_start(f, spellings[i], "x", NULL),
			"source and target must be different");
	}
	/* a folder that is made first must not hide it */
	scale_bench_assert_wrong(f, scale_bench_start(f, "x", "new/../x", NULL),
		"source and target must be different");
	assert_int_equal(tempdir_count(f->folder, "x"), 1);
}

static void test_scale_single_source_and_target_must_differ(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "x/a.jpg", "");
	tempdir_link(f->folder, "link.jpg", "x/a.jpg");
	tempdir_link(f->folder, "folder", "x");
	assert_int_equal(link("x/a.jpg", "hard.jpg"), 0);
	static const char *const targets[] = { "x/a.jpg", "x", "x/", "folder/a.jpg", "folder",
		"./x/../x/a.jpg", "link.jpg", "hard.jpg" };
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		scale_bench_assert_wrong(f, scale_bench_start(f, "x/a.jpg", targets[i], NULL),
			"source and target must be different");
}

static void test_scale_target_in_source_is_left_out(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	tempdir_write(f->folder, "in/out/old.jpg", "");
	tempdir_link(f->folder, "in/alias", "out");
	scale_bench_assert_started(f, scale_bench_start(f, "in", "in/out", NULL));
	scale_bench_list(f);
	assert_int_equal(f->jobs, 1);
	assert_int_equal(f->errors, 0);
	assert_job(f, 0, "source:a.jpg", "target:a.jpg");
}

static void test_scale_outputs_never_go_into_the_source(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "t/in/a.jpg", "");
	tempdir_write(f->folder, "t/in/in/b.jpg", ""); /* its output would be t/in/b.jpg */
	tempdir_write(f->folder, "t/in/c/in/d.jpg", "");
	scale_bench_assert_started(f, scale_bench_start(f, "t/in", "t", NULL));
	scale_bench_list(f);
	assert_int_equal(f->jobs, 2);
	assert_job(f, 0, "source:a.jpg", "target:a.jpg");
	assert_job(f, 1, "source:c/in/d.jpg", "target:c/in/d.jpg");
	assert_int_equal(f->errors, 1);
	assert_string_equal(f->error[0].message, "in: its outputs would lie in the source folder");
	assert_int_equal(f->error[0].code, ERROR_INPUT);
}

static void test_scale_outputs_never_go_into_the_source_by_a_link(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "in/a/b.jpg", "");
	tempdir_make(f->folder, "t");
	tempdir_link(f->folder, "t/a", "../in");
	scale_bench_assert_started(f, scale_bench_start(f, "in", "t", NULL));
	scale_bench_list(f);
	assert_int_equal(f->jobs, 0);
	assert_int_equal(f->errors, 1);
	assert_string_equal(f->error[0].message, "a: its outputs would lie in the source folder");
}

static void test_scale_target_of_a_folder_is_a_folder(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	tempdir_write(f->folder, "file", "keep");
	scale_bench_assert_wrong(
		f, scale_bench_start(f, "in", "file", NULL), "target file is not a folder");
	assert_int_equal(scale_bench_start(f, "in", "file/below", NULL), -1);
	assert_true(tempdir_holds(f->folder, "file", "keep"));
}

static void test_scale_single_file_to_file(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	scale_bench_assert_started(f, scale_bench_start(f, "in/a.jpg", "out/b.png", NULL));
	scale_bench_list(f);
	assert_int_equal(f->jobs, 1);
	assert_job(f, 0, "source:a.jpg", "target:b.png");
	assert_roots(f, "source=in", "target=out");
	scale_bench_assert_started(f, scale_bench_start(f, "in/a.jpg", "b.png", NULL));
	scale_bench_list(f);
	assert_job(f, 0, "source:a.jpg", "target:b.png");
	assert_roots(f, "source=in", "target=.");
}

static void test_scale_single_file_to_folder(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "a.jpg", "");
	tempdir_make(f->folder, "out");
	scale_bench_assert_started(f, scale_bench_start(f, "a.jpg", "out", NULL));
	scale_bench_list(f);
	assert_int_equal(f->jobs, 1);
	assert_job(f, 0, "source:a.jpg", "target:a.jpg");
	assert_roots(f, "source=.", "target=out");
	scale_bench_assert_started(f, scale_bench_start(f, "a.jpg", "new/", NULL));
	scale_bench_list(f);
	assert_job(f, 0, "source:a.jpg", "target:a.jpg");
	assert_roots(f, "source=.", "target=new/");
	assert_true(tempdir_exists(f->folder, "new"));
}

static void test_scale_format_changes_the_suffix_in_folders_only(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "in.d/a.tar.jpg", "");
	tempdir_write(f->folder, "in.d/b.c/none", "");
	scale_bench_assert_started(
		f, scale_bench_start(f, "in.d", "out", "--format", "webp", NULL));
	scale_bench_list(f);
	assert_job(f, 0, "source:a.tar.jpg", "target:a.tar.webp");
	assert_job(f, 1, "source:b.c/none", "target:b.c/none.webp");
	assert_int_equal(f->parameters.format, SCIAME__SCALE_FORMAT__SCALE_FORMAT_WEBP);
	scale_bench_assert_started(
		f, scale_bench_start(f, "in.d/a.tar.jpg", "out/", "--format", "jpeg", NULL));
	scale_bench_list(f);
	assert_job(f, 0, "source:a.tar.jpg", "target:a.tar.jpg");
	scale_bench_assert_started(
		f, scale_bench_start(f, "in.d/a.tar.jpg", "out/", "--format", "png", NULL));
	scale_bench_list(f);
	assert_job(f, 0, "source:a.tar.jpg", "target:a.tar.png");
	scale_bench_assert_started(
		f, scale_bench_start(f, "in.d/a.tar.jpg", "out/b.gif", "--format", "png", NULL));
	scale_bench_list(f);
	assert_job(f, 0, "source:a.tar.jpg", "target:b.gif");
	assert_int_equal(f->parameters.format, SCIAME__SCALE_FORMAT__SCALE_FORMAT_PNG);
}

static void test_scale_several_sizes_are_one_job(void **state)
{
	struct scale_bench *f = *state;
	struct job job = { 0 };
	tempdir_write(f->folder, "in/d/a.jpg", "");
	scale_bench_assert_started(
		f, scale_bench_start(f, "in", "out", "--size", "400", "-s", "30x20", NULL));
	assert_int_equal(f->kind->next(f->run.state, &job, &f->err), 1);
	assert_string_equal(job.source, "source:d/a.jpg");
	assert_string_equal(job.target, "target:d/a-{size}.jpg");
	assert_int_equal(job.labels_count, 2);
	assert_string_equal(job.labels[0], "400");
	assert_string_equal(job.labels[1], "30x20");
	Sciame__ScaleParameters *p =
		sciame__scale_parameters__unpack(NULL, job.parameters_size, job.parameters);
	assert_int_equal(p->n_sizes, 2);
	assert_int_equal(p->sizes[0]->height, 400);
	assert_int_equal(p->sizes[1]->width, 30);
	assert_int_equal(p->sizes[1]->height, 20);
	sciame__scale_parameters__free_unpacked(p, NULL);
	assert_int_equal(f->kind->next(f->run.state, &job, &f->err), 0);
}

static void test_scale_one_size_has_a_plain_target_without_pattern(void **state)
{
	struct scale_bench *f = *state;
	struct job job = { 0 };
	tempdir_write(f->folder, "in/{a}.jpg", "");
	scale_bench_assert_started(f, scale_bench_start(f, "in", "out", "--size", "400", NULL));
	assert_int_equal(f->kind->next(f->run.state, &job, &f->err), 1);
	assert_string_equal(job.target, "target:{a}.jpg");
	assert_int_equal(job.labels_count, 0);
	scale_bench_assert_started(
		f, scale_bench_start(f, "in", "out", "--output", "{stem}.{width}", NULL));
	assert_int_equal(f->kind->next(f->run.state, &job, &f->err), 1);
	assert_string_equal(job.target, "target:{{a}}.{width}");
	assert_int_equal(job.labels_count, 1);
	assert_string_equal(job.labels[0], "400");
}

static void test_scale_names_are_part_of_the_command(void **state)
{
	struct scale_bench *f = *state;
	static const char *const patterns[] = { "{stem}", "{stem}{ext}", "{dir}{stem}" };
	size_t first = 0;
	tempdir_make(f->folder, "in");
	scale_bench_assert_started(f, scale_bench_start(f, "in", "out", NULL));
	first = f->run.ledger_parameters_size;
	for (size_t i = 0; i < 3; i++) {
		scale_bench_assert_started(
			f, scale_bench_start(f, "in", "out", "--output", patterns[i], NULL));
		assert_int_equal(f->run.ledger_parameters_size, first + strlen(patterns[i]));
		assert_memory_equal((const char *)f->run.ledger_parameters + first, patterns[i],
			strlen(patterns[i]));
	}
}

static void test_scale_no_two_pictures_have_one_output(void **state)
{
	struct scale_bench *f = *state;
	static const char *const names[] = { "a.png", "a.webp", "x/a.png", "x/a.jpg", "x/y/a.png",
		"x/b.png", "z/a.gif" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[64];
		(void)snprintf(path, sizeof(path), "in/%s", names[i]);
		tempdir_write(f->folder, path, "");
	}
	scale_bench_assert_wrong(f, scale_bench_start(f, "in", "out", "--format", "jpeg", NULL),
		"2 pictures would replace another's output; nothing was written; --on-collision "
		"suffix gives each its own name");
	assert_false(tempdir_exists(f->folder, "out"));
	scale_bench_assert_started(f, scale_bench_start(f, "in", "out", "--format", "jpeg",
					      "--on-collision", "suffix", NULL));
	scale_bench_list(f);
	assert_int_equal(f->jobs, 7);
	assert_job(f, 0, "source:a.png", "target:a.jpg");
	assert_job(f, 1, "source:a.webp", "target:a-1.jpg");
	assert_job(f, 2, "source:x/a.jpg", "target:x/a.jpg");
	assert_job(f, 3, "source:x/a.png", "target:x/a-1.jpg");
	scale_bench_assert_started(f, scale_bench_start(f, "in", "out", NULL));
	scale_bench_list(f);
	assert_int_equal(f->jobs, 7);
}

static void test_scale_a_picture_that_comes_later_replaces_no_other(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "in/a.png", "");
	scale_bench_assert_started(f, scale_bench_start(f, "in", "out", "--format", "jpeg", NULL));
	tempdir_write(f->folder, "in/a.webp", ""); /* after the names were looked at */
	scale_bench_list(f);
	assert_int_equal(f->jobs, 1);
	assert_int_equal(f->errors, 1);
	assert_non_null(strstr(f->error[0].message, "a.jpg, too"));
}

static void test_scale_takes_what_is_asked_for(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	tempdir_write(f->folder, "in/b/c.png", "");
	tempdir_write(f->folder, "in/b/d.jpg", "");
	tempdir_link(f->folder, "in/e.png", "a.jpg");
	tempdir_write(f->folder, "list", "b/c.png\ne.png\n./b/c.png\n");
	scale_bench_assert_started(
		f, scale_bench_start(f, "in", "out", "--exclude", "*.jpg", NULL));
	scale_bench_list(f);
	assert_int_equal(f->jobs, 2);
	assert_job(f, 0, "source:b/c.png", "target:b/c.png");
	assert_job(f, 1, "source:e.png", "target:e.png");
	scale_bench_assert_started(f, scale_bench_start(f, "in", "out", "--exclude", "*.jpg",
					      "--symlinks", "skip", NULL));
	scale_bench_list(f);
	assert_int_equal(f->jobs, 1);
	scale_bench_assert_started(
		f, scale_bench_start(f, "in", "out", "--files-from", "list", NULL));
	scale_bench_list(f);
	assert_int_equal(f->jobs, 2);
	assert_int_equal(f->errors, 0);
	assert_job(f, 0, "source:b/c.png", "target:b/c.png");
}

static void test_scale_a_dry_run_makes_no_folder(void **state)
{
	struct scale_bench *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	scale_bench_assert_started(f, scale_bench_start(f, "in", "out/new", "--dry-run", NULL));
	scale_bench_list(f);
	assert_int_equal(f->jobs, 1);
	assert_job(f, 0, "source:a.jpg", "target:a.jpg");
	assert_null(f->run.ledger_target);
	scale_bench_assert_started(
		f, scale_bench_start(f, "in/a.jpg", "out/new/", "--dry-run", NULL));
	scale_bench_list(f);
	assert_int_equal(f->jobs, 1);
	assert_false(tempdir_exists(f->folder, "out"));
}

static void test_scale_results_count_by_what_was_done(void **state)
{
	struct scale_bench *f = *state;
	static const int counters[] = { -1, 0, 1, -1 };
	tempdir_write(f->folder, "in/a.jpg", "");
	scale_bench_assert_started(f, scale_bench_start(f, "in", "out", NULL));
	assert_string_equal(f->kind->counters[0], "copied");
	assert_string_equal(f->kind->counters[1], "scaled");
	for (int action = 0; action < 4; action++) {
		struct result result = { .job = 1 };
		Sciame__ScaleReport report = SCIAME__SCALE_REPORT__INIT;
		report.action = (Sciame__ScaleAction)action;
		result.report_size = (uint32_t)sciame__scale_report__pack(&report, result.report);
		assert_int_equal(f->kind->fold(f->run.state, &(struct job) { 0 }, &result, &f->err),
			counters[action]);
	}
	struct result nonsense = { .job = 1, .report_size = 2, .report = { 0xFF, 0xFF } };
	assert_int_equal(f->kind->fold(f->run.state, &(struct job) { 0 }, &nonsense, &f->err), -1);
	assert_int_equal(f->err.code, ERROR_PROTOCOL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scale_bench_setup, scale_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_scale_lists_a_folder_into_another),
		CASE(test_scale_makes_missing_target_folders),
		CASE(test_scale_needs_two_operands),
		CASE(test_scale_source_and_target_must_differ),
		CASE(test_scale_single_source_and_target_must_differ),
		CASE(test_scale_target_in_source_is_left_out),
		CASE(test_scale_outputs_never_go_into_the_source),
		CASE(test_scale_outputs_never_go_into_the_source_by_a_link),
		CASE(test_scale_target_of_a_folder_is_a_folder),
		CASE(test_scale_single_file_to_file),
		CASE(test_scale_single_file_to_folder),
		CASE(test_scale_format_changes_the_suffix_in_folders_only),
		CASE(test_scale_several_sizes_are_one_job),
		CASE(test_scale_one_size_has_a_plain_target_without_pattern),
		CASE(test_scale_names_are_part_of_the_command),
		CASE(test_scale_no_two_pictures_have_one_output),
		CASE(test_scale_a_picture_that_comes_later_replaces_no_other),
		CASE(test_scale_takes_what_is_asked_for),
		CASE(test_scale_a_dry_run_makes_no_folder),
		CASE(test_scale_results_count_by_what_was_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
