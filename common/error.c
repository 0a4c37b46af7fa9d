/* SPDX-License-Identifier: MIT */
/* Errors as values: filled where they happen, shown once where they are handled. */
#include "common/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
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

static void fill(
	struct error *err, enum error_code code, int number, const char *format, va_list list)
{
	err->code = code;
	err->number = number;
	(void)vsnprintf(
		err->message, sizeof(err->message), format, list); /* a cut message is fine */
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
	size_t length = strlen(err->message);
	(void)snprintf(err->message + length, sizeof(err->message) - length, ": %s",
		strerrordesc_np(number) ? strerrordesc_np(number) : "unknown error");
	return -1;
}

int error_wrap(struct error *err, const char *where)
{
	char inner[ERROR_MESSAGE_MAX];
	memcpy(inner, err->message, sizeof(inner));
	size_t length = strnlen(where, sizeof(err->message) - 1);
	memcpy(err->message, where, length);
	(void)snprintf(err->message + length, sizeof(err->message) - length, ": %s", inner);
	return -1;
}

uint32_t error_attempts_max(enum error_code code)
{
	assert(code < ERROR_CODES);
	return attempts_max[code];
}
