/* SPDX-License-Identifier: MIT */
/* One picture, its output, and a ledger that may know of them: what the next run makes of it. */
#ifndef SCIAME_TESTS_SUPPORT_RESUME_BENCH_H
#define SCIAME_TESTS_SUPPORT_RESUME_BENCH_H

#include <stdbool.h>

#include "master/resume.h"

#define SOURCE "source:a.jpg"
#define TARGET "target:a.jpg"

/* FOLDER/in/a.jpg was made FOLDER/out/a.jpg; nothing of that stands in the ledger yet. */
struct resume_bench {
	char *folder;
	struct ledger_entry entry; /* what is settled */
	struct ledger *ledger;
	struct resume *resume;
	struct job job;
	const char *why;
	struct ledger_entry found;
};

/* cmocka's. */
int resume_bench_setup(void **state);
int resume_bench_teardown(void **state);

/* The run that settles the entry; ended: what comes then is another run. */
void resume_bench_settle(struct resume_bench *f, bool ended);

/* What is thought of the job by the next run of this command (enum resume_verdict). */
int resume_bench_judge_with(
	struct resume_bench *f, struct ledger_options command, struct resume_options options);
int resume_bench_judge(struct resume_bench *f);

void resume_bench_assert_again(struct resume_bench *f, const char *why);

/* Gives the source new bytes, and its old time if it may not show. */
void resume_bench_rewrite(struct resume_bench *f, const char *text, bool same_time);

#endif
