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
static const enum error_class classes[ERROR_CODES] = {
	[ERROR_NONE] = ERROR_CLASS_DONE,
	[ERROR_USAGE] = ERROR_CLASS_PERMANENT,
	[ERROR_IO] = ERROR_CLASS_PERMANENT, /* unless its number is one of the following */
	[ERROR_INPUT] = ERROR_CLASS_PERMANENT,
	[ERROR_LIMIT] = ERROR_CLASS_PERMANENT,
	[ERROR_NETWORK] = ERROR_CLASS_TRANSIENT,
	[ERROR_PROTOCOL] = ERROR_CLASS_PERMANENT,
	[ERROR_LANE] = ERROR_CLASS_DEATH,
	[ERROR_TIMEOUT] = ERROR_CLASS_HANG,
	[ERROR_CANCELED] = ERROR_CLASS_CANCELED,
	[ERROR_START] = ERROR_CLASS_PERMANENT,
	[ERROR_TARGET] = ERROR_CLASS_TARGET,
	[ERROR_QUARANTINED] = ERROR_CLASS_PERMANENT,
};

/* Of reading and writing files: what disks, network file systems and full tables say in passing. */
static const int transient_numbers[] = { EIO, ESTALE, ETIMEDOUT, EAGAIN, EBUSY, EINTR, ENOMEM,
	EMFILE, ENFILE, ENETDOWN, ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, EREMOTEIO };

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

enum error_class error_class(enum error_code code, int number)
{
	assert(code < ERROR_CODES);
	size_t count = code == ERROR_IO ? sizeof(transient_numbers) / sizeof(int) : 0;
	for (size_t i = 0; i < count; i++) {
		if (transient_numbers[i] == number)
			return ERROR_CLASS_TRANSIENT;
	}
	return classes[code];
}
