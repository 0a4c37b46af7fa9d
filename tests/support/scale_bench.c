/* SPDX-License-Identifier: MIT */
#include "tests/support/scale_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "tests/support/tempdir.h"

int scale_bench_setup(void **state)
{
	struct scale_bench *f = xcalloc(1, sizeof(*f));
	f->folder = tempdir_new();
	f->kind = master_kind_find(KIND_scale);
	assert_int_equal(chdir(f->folder), 0);
	*state = f;
	return 0;
}

static void end(struct scale_bench *f)
{
	master_kind_close(f->kind, &f->run);
	settings_release(&f->settings);
	assert_int_equal(f->run.roots_count, 0);
}

int scale_bench_teardown(void **state)
{
	struct scale_bench *f = *state;
	end(f);
	assert_int_equal(chdir("/"), 0);
	tempdir_free(f->folder);
	free(f);
	return 0;
}

__attribute__((sentinel)) int scale_bench_start(struct scale_bench *f, const char *word, ...)
{
	va_list list;
	int count = 0;
	end(f);
	f->words[count++] = (char *)"sciame"; /* words are moved, never written to */
	f->words[count++] = (char *)"scale";
	va_start(list, word);
	for (; word; word = va_arg(list, const char *)) {
		assert_true(count < SCALE_BENCH_WORDS_MAX - 1);
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

void scale_bench_assert_wrong(const struct scale_bench *f, int status, const char *message)
{
	assert_int_equal(status, -1);
	assert_string_equal(f->err.message, message);
	assert_int_equal(f->err.code, ERROR_USAGE);
}

static void take_parameters(struct scale_bench *f, const struct job *job)
{
	Sciame__ScaleParameters *p =
		sciame__scale_parameters__unpack(NULL, job->parameters_size, job->parameters);
	assert_non_null(p);
	f->parameters = *p;
	f->width = p->sizes[0]->width;
	f->height = p->sizes[0]->height;
	sciame__scale_parameters__free_unpacked(p, NULL);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct scale_bench_job *)a)->source,
		((const struct scale_bench_job *)b)->source);
}

void scale_bench_list(struct scale_bench *f)
{
	for (;;) {
		struct job job = { .id = 1 };
		int status = f->kind->next(f->run.state, &job, &f->error[f->errors]);
		if (status == 0)
			break;
		assert_true(
			f->jobs < SCALE_BENCH_JOBS_MAX - 1 && f->errors < SCALE_BENCH_JOBS_MAX - 1);
		if (status < 0) {
			f->errors++;
			continue;
		}
		struct scale_bench_job *pair = &f->job[f->jobs++];
		(void)snprintf(pair->source, sizeof(pair->source), "%s", job.source);
		(void)snprintf(pair->target, sizeof(pair->target), "%s", job.target);
		take_parameters(f, &job);
	}
	qsort(f->job, f->jobs, sizeof(*f->job), compare);
}

void scale_bench_assert_started(const struct scale_bench *f, int status)
{
	if (status)
		fail_msg("%s", f->err.message);
}
