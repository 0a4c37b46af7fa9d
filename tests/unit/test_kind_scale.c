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
#include "tests/support/tempdir.h"

enum { JOBS_MAX = 16, WORDS_MAX = 12 };

struct pair {
	char source[JOB_LOCATION_MAX], target[JOB_LOCATION_MAX];
};

/* The test works in the folder, so that operands are short and relative. */
struct fixture {
	char *folder;
	const struct master_kind *kind;
	struct settings settings;
	struct kind_run run;
	struct error err;
	char *words[WORDS_MAX];
	size_t jobs, errors;
	struct pair job[JOBS_MAX];
	struct error error[JOBS_MAX];
	Sciame__ScaleParameters parameters; /* of the last job */
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->folder = tempdir_new();
	f->kind = master_kind_find(KIND_scale);
	assert_int_equal(chdir(f->folder), 0);
	*state = f;
	return 0;
}

static void end(struct fixture *f)
{
	master_kind_close(f->kind, &f->run);
	settings_release(&f->settings);
	assert_int_equal(f->run.roots_count, 0);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	end(f);
	assert_int_equal(chdir("/"), 0);
	tempdir_free(f->folder);
	free(f);
	return 0;
}

/* What stands on the command line behind "sciame scale"; the last word is NULL. */
__attribute__((sentinel)) static int start(struct fixture *f, const char *word, ...)
{
	va_list list;
	int count = 0;
	end(f);
	f->words[count++] = (char *)"sciame"; /* words are moved, never written to */
	f->words[count++] = (char *)"scale";
	va_start(list, word);
	for (; word; word = va_arg(list, const char *)) {
		assert_true(count < WORDS_MAX - 1);
		f->words[count++] = (char *)word;
	}
	va_end(list);
	f->words[count] = NULL;
	f->err = (struct error) { 0 };
	f->jobs = f->errors = 0;
	if (settings_parse(&f->settings, count, f->words, &f->err))
		return -1;
	return f->kind->open(&f->run, &f->settings, &f->err);
}

static void assert_wrong(const struct fixture *f, int status, const char *message)
{
	assert_int_equal(status, -1);
	assert_string_equal(f->err.message, message);
	assert_int_equal(f->err.code, ERROR_USAGE);
}

static void take_parameters(struct fixture *f, const struct job *job)
{
	Sciame__ScaleParameters *p =
		sciame__scale_parameters__unpack(NULL, job->parameters_size, job->parameters);
	assert_non_null(p);
	f->parameters = *p;
	sciame__scale_parameters__free_unpacked(p, NULL);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->source, ((const struct pair *)b)->source);
}

/* All jobs, in the order of their sources. */
static void list(struct fixture *f)
{
	for (;;) {
		struct job job = { .id = 1 };
		int status = f->kind->next(f->run.state, &job, &f->error[f->errors]);
		if (status == 0)
			break;
		assert_true(f->jobs < JOBS_MAX - 1 && f->errors < JOBS_MAX - 1);
		if (status < 0) {
			f->errors++;
			continue;
		}
		struct pair *pair = &f->job[f->jobs++];
		(void)snprintf(pair->source, sizeof(pair->source), "%s", job.source);
		(void)snprintf(pair->target, sizeof(pair->target), "%s", job.target);
		take_parameters(f, &job);
	}
	qsort(f->job, f->jobs, sizeof(*f->job), compare);
}

static void assert_started(const struct fixture *f, int status)
{
	if (status)
		fail_msg("%s", f->err.message);
}

static void assert_job(const struct fixture *f, size_t i, const char *source, const char *target)
{
	assert_true(i < f->jobs);
	assert_string_equal(f->job[i].source, source);
	assert_string_equal(f->job[i].target, target);
}

static void assert_roots(const struct fixture *f, const char *source, const char *target)
{
	assert_int_equal(f->run.roots_count, 2);
	assert_string_equal(f->run.roots[0], source);
	assert_string_equal(f->run.roots[1], target);
}

static void test_scale_lists_a_folder_into_another(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	tempdir_write(f->folder, "in/b/c.png", "");
	tempdir_write(f->folder, "in/.hidden", "");
	assert_started(f, start(f, "in", "out", NULL));
	list(f);
	assert_int_equal(f->jobs, 2);
	assert_int_equal(f->errors, 0);
	assert_job(f, 0, "source:a.jpg", "target:a.jpg");
	assert_job(f, 1, "source:b/c.png", "target:b/c.png");
	assert_roots(f, "source=in", "target=out");
}

static void test_scale_makes_missing_target_folders(void **state)
{
	struct fixture *f = *state;
	struct stat status;
	tempdir_write(f->folder, "in/a.jpg", "");
	assert_started(f, start(f, "in", "x/y/z", NULL));
	assert_int_equal(stat("x/y/z", &status), 0);
	assert_true(S_ISDIR(status.st_mode));
	assert_started(f, start(f, "in", "new/", NULL));
	assert_true(tempdir_exists(f->folder, "new"));
}

static void test_scale_needs_two_operands(void **state)
{
	struct fixture *f = *state;
	assert_wrong(f, start(f, NULL, NULL),
		"SOURCE and TARGET are needed, 0 operands are given; see --help");
	assert_wrong(f, start(f, "in", NULL),
		"SOURCE and TARGET are needed, 1 operand is given; see --help");
	assert_wrong(f, start(f, "in", "out", "more", NULL),
		"SOURCE and TARGET are needed, 3 operands are given; see --help");
	assert_wrong(f, start(f, "in", "", NULL), "SOURCE and TARGET may not be empty");
	assert_wrong(f, start(f, "", "out", NULL), "SOURCE and TARGET may not be empty");
	assert_wrong(f, start(f, "none", "out", NULL), "source none: No such file or directory");
	assert_int_equal(tempdir_count(f->folder, "."), 0);
}

static void test_scale_source_and_target_must_differ(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "x/a.jpg", "");
	tempdir_link(f->folder, "link", "x");
	static const char *const spellings[] = { "x", "x/", "./x", "x/../x", "x/.", "link", "link/",
		"x/../link/../x" };
	for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++) {
		assert_wrong(f, start(f, "x", spellings[i], NULL),
			"source and target must be different");
		assert_wrong(f, start(f, spellings[i], "x", NULL),
			"source and target must be different");
	}
	/* a folder that is made first must not hide it */
	assert_wrong(f, start(f, "x", "new/../x", NULL), "source and target must be different");
	assert_int_equal(tempdir_count(f->folder, "x"), 1);
}

static void test_scale_single_source_and_target_must_differ(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "x/a.jpg", "");
	tempdir_link(f->folder, "link.jpg", "x/a.jpg");
	tempdir_link(f->folder, "folder", "x");
	assert_int_equal(link("x/a.jpg", "hard.jpg"), 0);
	static const char *const targets[] = { "x/a.jpg", "x", "x/", "folder/a.jpg", "folder",
		"./x/../x/a.jpg", "link.jpg", "hard.jpg" };
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		assert_wrong(f, start(f, "x/a.jpg", targets[i], NULL),
			"source and target must be different");
}

static void test_scale_target_in_source_is_left_out(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	tempdir_write(f->folder, "in/out/old.jpg", "");
	tempdir_link(f->folder, "in/alias", "out");
	assert_started(f, start(f, "in", "in/out", NULL));
	list(f);
	assert_int_equal(f->jobs, 1);
	assert_int_equal(f->errors, 0);
	assert_job(f, 0, "source:a.jpg", "target:a.jpg");
}

static void test_scale_outputs_never_go_into_the_source(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "t/in/a.jpg", "");
	tempdir_write(f->folder, "t/in/in/b.jpg", ""); /* its output would be t/in/b.jpg */
	tempdir_write(f->folder, "t/in/c/in/d.jpg", "");
	assert_started(f, start(f, "t/in", "t", NULL));
	list(f);
	assert_int_equal(f->jobs, 2);
	assert_job(f, 0, "source:a.jpg", "target:a.jpg");
	assert_job(f, 1, "source:c/in/d.jpg", "target:c/in/d.jpg");
	assert_int_equal(f->errors, 1);
	assert_string_equal(f->error[0].message, "in: its outputs would lie in the source folder");
	assert_int_equal(f->error[0].code, ERROR_INPUT);
}

static void test_scale_outputs_never_go_into_the_source_by_a_link(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "in/a/b.jpg", "");
	tempdir_make(f->folder, "t");
	tempdir_link(f->folder, "t/a", "../in");
	assert_started(f, start(f, "in", "t", NULL));
	list(f);
	assert_int_equal(f->jobs, 0);
	assert_int_equal(f->errors, 1);
	assert_string_equal(f->error[0].message, "a: its outputs would lie in the source folder");
}

static void test_scale_target_of_a_folder_is_a_folder(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	tempdir_write(f->folder, "file", "keep");
	assert_wrong(f, start(f, "in", "file", NULL), "target file is not a folder");
	assert_int_equal(start(f, "in", "file/below", NULL), -1);
	assert_true(tempdir_holds(f->folder, "file", "keep"));
}

static void test_scale_single_file_to_file(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	assert_started(f, start(f, "in/a.jpg", "out/b.png", NULL));
	list(f);
	assert_int_equal(f->jobs, 1);
	assert_job(f, 0, "source:a.jpg", "target:b.png");
	assert_roots(f, "source=in", "target=out");
	assert_started(f, start(f, "in/a.jpg", "b.png", NULL));
	list(f);
	assert_job(f, 0, "source:a.jpg", "target:b.png");
	assert_roots(f, "source=in", "target=.");
}

static void test_scale_single_file_to_folder(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "a.jpg", "");
	tempdir_make(f->folder, "out");
	assert_started(f, start(f, "a.jpg", "out", NULL));
	list(f);
	assert_int_equal(f->jobs, 1);
	assert_job(f, 0, "source:a.jpg", "target:a.jpg");
	assert_roots(f, "source=.", "target=out");
	assert_started(f, start(f, "a.jpg", "new/", NULL));
	list(f);
	assert_job(f, 0, "source:a.jpg", "target:a.jpg");
	assert_roots(f, "source=.", "target=new/");
	assert_true(tempdir_exists(f->folder, "new"));
}

static void test_scale_format_changes_the_suffix_in_folders_only(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "in.d/a.tar.jpg", "");
	tempdir_write(f->folder, "in.d/b.c/none", "");
	assert_started(f, start(f, "in.d", "out", "--format", "webp", NULL));
	list(f);
	assert_job(f, 0, "source:a.tar.jpg", "target:a.tar.webp");
	assert_job(f, 1, "source:b.c/none", "target:b.c/none.webp");
	assert_int_equal(f->parameters.format, SCIAME__SCALE_FORMAT__SCALE_FORMAT_WEBP);
	assert_started(f, start(f, "in.d/a.tar.jpg", "out/", "--format", "jpeg", NULL));
	list(f);
	assert_job(f, 0, "source:a.tar.jpg", "target:a.tar.jpg");
	assert_started(f, start(f, "in.d/a.tar.jpg", "out/", "--format", "png", NULL));
	list(f);
	assert_job(f, 0, "source:a.tar.jpg", "target:a.tar.png");
	assert_started(f, start(f, "in.d/a.tar.jpg", "out/b.gif", "--format", "png", NULL));
	list(f);
	assert_job(f, 0, "source:a.tar.jpg", "target:b.gif");
	assert_int_equal(f->parameters.format, SCIAME__SCALE_FORMAT__SCALE_FORMAT_PNG);
}

static void test_scale_no_two_pictures_have_one_output(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = { "a.png", "a.webp", "x/a.png", "x/a.jpg", "x/y/a.png",
		"x/b.png", "z/a.gif" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[64];
		(void)snprintf(path, sizeof(path), "in/%s", names[i]);
		tempdir_write(f->folder, path, "");
	}
	assert_started(f, start(f, "in", "out", "--format", "jpeg", NULL));
	list(f);
	assert_int_equal(f->jobs, 5);
	assert_int_equal(f->errors, 2);
	assert_non_null(strstr(f->error[0].message, "a.jpg, too"));
	assert_started(f, start(f, "in", "out", NULL));
	list(f);
	assert_int_equal(f->jobs, 7);
}

static void assert_size(struct fixture *f, const char *size, unsigned width, unsigned height)
{
	assert_started(f, start(f, "in", "out", "-s", size, NULL));
	list(f);
	assert_int_equal(f->parameters.width, width);
	assert_int_equal(f->parameters.height, height);
}

static void test_scale_sizes(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	assert_started(f, start(f, "in", "out", NULL));
	list(f);
	assert_int_equal(f->parameters.width, 400);
	assert_int_equal(f->parameters.height, 400);
	assert_int_equal(f->parameters.quality, 0);
	assert_false(f->parameters.subsample);
	assert_size(f, "1", 1, 1);
	assert_size(f, "640x480", 640, 480);
	assert_size(f, "640X480", 640, 480);
	assert_size(f, "65535x1", 65535, 1);
	static const char *const wrong[] = { "", "0", "65536", "-1", "+5", " 5", "5 ", "x5", "5x",
		"5x0", "5x5x5", "5x-5", "0x10", "5.5", "99999999999999999999", "5px" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char message[128];
		(void)snprintf(message, sizeof(message),
			"--size takes pixels as N or WxH, from 1 to 65535, not '%s'", wrong[i]);
		assert_wrong(f, start(f, "in", "out", "-s", wrong[i], NULL), message);
	}
}

static void test_scale_options_reach_the_parameters(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "in/a.jpg", "");
	assert_started(f, start(f, "in", "out", "--no-smooth", "--quality", "90", NULL));
	list(f);
	assert_true(f->parameters.subsample);
	assert_int_equal(f->parameters.quality, 90);
	assert_started(f, start(f, "in", "out", "--no-smooth", "-S", NULL));
	list(f);
	assert_false(f->parameters.subsample);
}

static void test_scale_results_count_by_what_was_done(void **state)
{
	struct fixture *f = *state;
	static const int counters[] = { -1, 0, 1, -1 };
	tempdir_write(f->folder, "in/a.jpg", "");
	assert_started(f, start(f, "in", "out", NULL));
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
		CASE(test_scale_no_two_pictures_have_one_output),
		CASE(test_scale_sizes),
		CASE(test_scale_options_reach_the_parameters),
		CASE(test_scale_results_count_by_what_was_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
