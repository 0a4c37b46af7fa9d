/* SPDX-License-Identifier: MIT */
/* What a run came to, and its last line. */
#ifndef SCIAME_COMMON_SUMMARY_H
#define SCIAME_COMMON_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SUMMARY_COUNTERS_MAX = 4,
	SUMMARY_LINE_MAX = 256, /* bytes of the line with its NUL */
};

struct summary {
	const char *const *counters; /* their names, SUMMARY_COUNTERS_MAX, NULL after the last */
	uint64_t counts[SUMMARY_COUNTERS_MAX];
	uint64_t todo;      /* jobs and folders that were to be done */
	uint64_t failed;    /* of them, with a reason */
	uint64_t unchanged; /* of them: made by an earlier run, and still as they should be */
	uint64_t input_bytes, output_bytes;
	uint32_t processes; /* lanes; 0: single-threaded */
	uint32_t workers;   /* that the lanes belonged to */
	bool open;          /* to workers of other machines: how many there were is told */
	int64_t elapsed_ms;
	bool canceled;
	bool halted;  /* by --halt */
	bool aborted; /* the target took no more files */
};

/* Of todo, those that no counter counts, and that are not unchanged: failed, or not run. */
uint64_t summary_skipped(const struct summary *summary);

/*
 * "copied 12 scaled 340 using 16 processes on 4 workers", with "skipped N ", "unchanged N "
 * and " [canceled]", " [halted]" or " [aborted]" as they apply.
 */
void summary_line(const struct summary *summary, char *line, size_t size);

#endif
