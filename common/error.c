/* SPDX-License-Identifier: MIT */
/* Errors as values: filled where they happen, shown once where they are handled. */
#include "common/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The one table that decides what may be retried. */
static const uint32_t attempts_max[ERROR_CODES] = {
	[ERROR_NONE] = 1,
	[ERROR_USAGE] = 1,
	[ERROR_IO] = 1,
	[ERROR_INPUT] = 1,
	[ERROR_LIMIT] = 1,
	[ERROR_NETWORK] = 1,
	[ERROR_PROTOCOL] = 1,
	[ERROR_LANE] = 2,
	[ERROR_TIMEOUT] = 2,
	[ERROR_CANCELED] = 1,
	[ERROR_START] = 1,
};

/* Bytes of a message before it is cut: two of the longest paths and what is said about them. */
enum { WHOLE_MAX = 2 * 4096 + ERROR_MESSAGE_MAX };

static bool continues_character(char byte)
{
	return ((unsigned char)byte & 0xC0) == 0x80;
}

/* A message that is too long loses its middle: its end says what went wrong with a long name. */
static void keep_ends(struct error *err, const char *whole)
{
	size_t length = strlen(whole);
	if (length < sizeof(err->message)) {
		memcpy(err->message, whole, length + 1);
		return;
	}
	size_t room = sizeof(err->message) - sizeof("...");
	size_t head = room / 2, tail = length - room / 2;
	while (head > 0 && continues_character(whole[head]))
		head--;
	while (continues_character(whole[tail]))
		tail++;
	(void)snprintf(err->message, sizeof(err->message), "%.*s...%s", (int)head, whole,
		whole + tail); /* fits: head and tail are at most room */
}

/* number: errno, whose text is added, or 0. */
static void fill(
	struct error *err, enum error_code code, int number, const char *format, va_list list)
{
	char whole[WHOLE_MAX];
	(void)vsnprintf(whole, sizeof(whole), format, list); /* a cut message is fine */
	size_t length = strlen(whole);
	const char *why = number ? strerrordesc_np(number) : NULL;
	if (number)
		(void)snprintf(whole + length, sizeof(whole) - length, ": %s",
			why ? why : "unknown error");
	err->code = code;
	err->number = number;
	keep_ends(err, whole);
}

int error_set(struct error *err, enum error_code code, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	fill(err, code, 0, format, list);
	va_end(list);
	return -1;
}

int error_errno(struct error *err, enum error_code code, const char *format, ...)
{
	int number = errno;
	va_list list;
	va_start(list, format);
	fill(err, code, number, format, list);
	va_end(list);
	return -1;
}

int error_wrap(struct error *err, const char *where)
{
	char whole[WHOLE_MAX];
	(void)snprintf(whole, sizeof(whole), "%.*s: %s", WHOLE_MAX - ERROR_MESSAGE_MAX - 2, where,
		err->message);
	keep_ends(err, whole);
	return -1;
}

uint32_t error_attempts_max(enum error_code code)
{
	assert(code < ERROR_CODES);
	return attempts_max[code];
}
