/* SPDX-License-Identifier: MIT */
#include "common/summary.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

uint64_t summary_skipped(const struct summary *s)
{
	uint64_t done = s->unchanged;
	for (size_t i = 0; i < SUMMARY_COUNTERS_MAX && s->counters[i]; i++)
		done += s->counts[i];
	return s->todo > done ? s->todo - done : 0;
}

__attribute__((format(printf, 4, 5))) static void append(
	char *line, size_t size, size_t *used, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	int length = vsnprintf(line + *used, size - *used, format, list);
	va_end(list);
	assert(length >= 0 && (size_t)length < size - *used);
	*used += (size_t)length;
}

void summary_line(const struct summary *s, char *line, size_t size)
{
	size_t used = 0;
	uint64_t skipped = summary_skipped(s);
	for (size_t i = 0; i < SUMMARY_COUNTERS_MAX && s->counters[i]; i++)
		append(line, size, &used, "%s %" PRIu64 " ", s->counters[i], s->counts[i]);
	if (skipped)
		append(line, size, &used, "skipped %" PRIu64 " ", skipped);
	if (s->unchanged)
		append(line, size, &used, "unchanged %" PRIu64 " ", s->unchanged);
	if (s->processes || s->open)
		append(line, size, &used, "using %" PRIu32 " processes", s->processes);
	else
		append(line, size, &used, "single-threaded");
	if (s->open)
		append(line, size, &used, " on %" PRIu32 " worker%s", s->workers,
			s->workers == 1 ? "" : "s");
	if (s->canceled)
		append(line, size, &used, " [canceled]");
	else if (s->aborted)
		append(line, size, &used, " [aborted]");
	else if (s->halted)
		append(line, size, &used, " [halted]");
}
