/* SPDX-License-Identifier: MIT */
#include "master/halt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "3" or "10%" after "fail=". */
static bool parse_limit(struct halt *halt, const char *text)
{
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || value < 1)
		return false;
	if (strcmp(end, "%") == 0 && value <= 100) {
		halt->percent = (uint32_t)value;
		return true;
	}
	halt->failures = value;
	return *end == '\0';
}

int halt_parse(struct halt *halt, const char *text, struct error *err)
{
	static const char soon[] = "soon,fail=", now[] = "now,fail=";
	*halt = (struct halt) { .when = HALT_NEVER };
	if (strcmp(text, "never") == 0)
		return 0;
	const char *limit = NULL;
	if (strncmp(text, soon, strlen(soon)) == 0) {
		halt->when = HALT_SOON;
		limit = text + strlen(soon);
	} else if (strncmp(text, now, strlen(now)) == 0) {
		halt->when = HALT_NOW;
		limit = text + strlen(now);
	}
	if (limit && parse_limit(halt, limit))
		return 0;
	return error_set(err, ERROR_USAGE,
		"--halt takes never, soon,fail=N, soon,fail=N%%, now,fail=N or now,fail=N%%, not "
		"'%s'",
		text);
}

bool halt_reached(const struct halt *halt, uint64_t failed, uint64_t settled)
{
	if (halt->when == HALT_NEVER)
		return false;
	if (halt->failures)
		return failed >= halt->failures;
	/* failed * 100 >= settled * percent, without overflow */
	return failed >= HALT_PERCENT_FAILURES_MIN &&
	       failed >= settled / 100 * halt->percent + settled % 100 * halt->percent / 100 +
				 (settled % 100 * halt->percent % 100 != 0);
}
