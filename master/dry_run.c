/* SPDX-License-Identifier: MIT */
#include "master/dry_run.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/quote.h"

static void say(const struct run *run, const struct listed *listed)
{
	char buffer[64];
	struct quote quote;
	const char *name = job_name(&listed->job, buffer, sizeof(buffer));
	/* a failing stdout is noticed at the end */
	(void)fprintf(run->settings->json ? stderr : stdout, "would make %s%s%s\n",
		quote_name(&quote, name), listed->why ? ": " : "", listed->why ? listed->why : "");
}

void dry_run(struct run *run)
{
	struct listed listed;
	struct error why;
	for (;;) {
		int status = listing_next(&run->listing, &listed, &why);
		if (status == 0)
			break;
		run->summary.todo++;
		if (status < 0)
			run_add_failure(run, "", &why);
		else if (listed.type == LISTED_JOB)
			say(run, &listed);
		else
			(void)run_list(run, &listed); /* nothing is done */
	}
	run->ended = true;
}

/* What is neither done already nor can't be. */
static uint64_t to_be_made(const struct run *run)
{
	const struct summary *summary = &run->summary;
	return summary->todo - summary->unchanged - summary->failed -
	       (run->past - run->past_failed);
}

void dry_run_print(const struct run *run)
{
	const struct summary *summary = &run->summary;
	uint64_t made = to_be_made(run);
	if (run->settings->json) {
		(void)printf("{\n  \"dry_run\": true,\n  \"todo\": %" PRIu64
			     ",\n  \"would_make\": %" PRIu64 ",\n  \"would_delete\": %" PRIu64
			     ",\n  \"unchanged\": %" PRIu64 ",\n  \"failed\": %" PRIu64 "\n}\n",
			summary->todo, made, run->deleted, summary->unchanged, summary->failed);
		return;
	}
	(void)printf("would make %" PRIu64, made);
	if (run->settings->deletes)
		(void)printf(" delete %" PRIu64, run->deleted);
	if (summary->unchanged)
		(void)printf(" unchanged %" PRIu64, summary->unchanged);
	(void)printf(" [dry run]\n");
}
