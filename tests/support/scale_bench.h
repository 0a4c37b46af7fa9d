/* SPDX-License-Identifier: MIT */
/* The master's half of "scale", started by a command line; what it lists is kept. */
#ifndef SCIAME_TESTS_SUPPORT_SCALE_BENCH_H
#define SCIAME_TESTS_SUPPORT_SCALE_BENCH_H

#include <stddef.h>

#include "master/kind.h"
#include "proto/scale.pb-c.h"

enum { SCALE_BENCH_JOBS_MAX = 16, SCALE_BENCH_WORDS_MAX = 16 };

struct scale_bench_job {
	char source[JOB_LOCATION_MAX], target[JOB_LOCATION_MAX];
};

/* The test works in the folder, so that operands are short and relative. */
struct scale_bench {
	char *folder;
	const struct master_kind *kind;
	struct settings settings;
	struct kind_run run;
	struct error err;
	char *words[SCALE_BENCH_WORDS_MAX];
	size_t jobs, errors;
	struct scale_bench_job job[SCALE_BENCH_JOBS_MAX];
	struct error error[SCALE_BENCH_JOBS_MAX];
	Sciame__ScaleParameters parameters; /* of the last job, without its sizes */
	uint32_t width, height;             /* the first of these */
};

/* cmocka's. */
int scale_bench_setup(void **state);
int scale_bench_teardown(void **state);

/* What stands on the command line behind "sciame scale"; the last word is NULL. */
__attribute__((sentinel)) int scale_bench_start(struct scale_bench *f, const char *word, ...);

/* All jobs, in the order of their sources. */
void scale_bench_list(struct scale_bench *f);

void scale_bench_assert_wrong(const struct scale_bench *f, int status, const char *message);
void scale_bench_assert_started(const struct scale_bench *f, int status);

#endif
