/* SPDX-License-Identifier: MIT */
#include "tests/support/resume_bench.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "tests/support/ledger_sample.h"
#include "tests/support/tempdir.h"

int resume_bench_setup(void **state)
{
	struct resume_bench *f = xcalloc(1, sizeof(*f));
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

int resume_bench_teardown(void **state)
{
	struct resume_bench *f = *state;
	struct error err;
	resume_close(f->resume);
	assert_int_equal(ledger_close(f->ledger, false, &err), 0);
	tempdir_free(f->folder);
	free(f);
	return 0;
}

static const char *path_of(const struct resume_bench *f)
{
	return tempdir_path(f->folder, "run.db");
}

void resume_bench_settle(struct resume_bench *f, bool ended)
{
	struct ledger *ledger = ledger_sample_open(path_of(f));
	ledger_settle(ledger, &f->entry);
	ledger_sample_close(ledger, ended);
}

int resume_bench_judge_with(
	struct resume_bench *f, struct ledger_options command, struct resume_options options)
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

int resume_bench_judge(struct resume_bench *f)
{
	return resume_bench_judge_with(f, ledger_sample_command, (struct resume_options) { 0 });
}

void resume_bench_assert_again(struct resume_bench *f, const char *why)
{
	assert_int_equal(resume_bench_judge(f), RESUME_DO);
	assert_non_null(f->why);
	assert_string_equal(f->why, why);
}

void resume_bench_rewrite(struct resume_bench *f, const char *text, bool same_time)
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
