/* SPDX-License-Identifier: MIT */
/* A lane is replaceable and a run can be repeated, so running out of memory ends the process. */
#include "common/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *check(void *memory)
{
	static const char message[] = "sciame: out of memory\n";
	if (!memory) {
		/* nothing can be done about a failing write here */
		ssize_t written = write(STDERR_FILENO, message, sizeof(message) - 1);
		(void)written;
		_exit(3);
	}
	return memory;
}

void *xmalloc(size_t size)
{
	return check(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return check(calloc(count ? count : 1, size ? size : 1));
}

void *xreallocarray(void *old, size_t count, size_t size)
{
	return check(reallocarray(old, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *text)
{
	return check(strdup(text));
}

char *xasprintf(const char *format, ...)
{
	va_list list;
	char *text = NULL;
	va_start(list, format);
	int length = vasprintf(&text, format, list);
	va_end(list);
	return check(length < 0 ? NULL : text);
}
