/* SPDX-License-Identifier: MIT */
/* Written with one writev() a line, so that lines of several processes do not mix. */
#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/quote.h"

enum { LINE_MAX_BYTES = QUOTE_NAME_MAX }; /* holds a path of PATH_MAX and the end of a reason */

static const char *log_program = "sciame";
static void (*log_before)(void);
static _Thread_local const struct log_sink *log_sink;

void log_open(const char *program)
{
	log_program = program;
}

void log_set_before(void (*before)(void))
{
	log_before = before;
}

void log_divert(const struct log_sink *sink)
{
	log_sink = sink;
}

const struct log_sink *log_diverted(void)
{
	return log_sink;
}

/* A message may hold names of files: what could steer a terminal is shown in $'...'. */
void log_line(const char *format, ...)
{
	char message[LINE_MAX_BYTES];
	struct quote quote;
	va_list list;
	va_start(list, format);
	(void)vsnprintf(message, sizeof(message), format, list); /* a cut message is fine */
	va_end(list);
	if (log_sink) {
		log_sink->line(log_sink->context, message);
		return;
	}
	const char *shown = quote_name(&quote, message);
	struct iovec parts[] = {
		{ (void *)log_program, strlen(log_program) },
		{ (void *)": ", 2 },
		{ (void *)shown, strlen(shown) },
		{ (void *)"\n", 1 },
	};
	if (log_before)
		log_before();
	/* a closed stderr leaves nobody to tell */
	ssize_t written = writev(STDERR_FILENO, parts, sizeof(parts) / sizeof(parts[0]));
	(void)written;
}
