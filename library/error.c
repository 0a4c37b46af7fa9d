/* SPDX-License-Identifier: MIT */
#include "library/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum sciame_status fill(struct sciame_error *err, enum sciame_status status, int number,
	const char *format, va_list list)
{
	if (!err)
		return status;
	*err = (struct sciame_error) { .status = status, .number = number };
	(void)vsnprintf(err->message, sizeof(err->message), format, list); /* cut is fine */
	size_t used = strlen(err->message);
	if (number)
		(void)snprintf(err->message + used, sizeof(err->message) - used, ": %s",
			strerrordesc_np(number));
	return status;
}

enum sciame_status library_error(
	struct sciame_error *err, enum sciame_status status, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	(void)fill(err, status, 0, format, list);
	va_end(list);
	return status;
}

enum sciame_status library_errno(struct sciame_error *err, const char *format, ...)
{
	int number = errno;
	va_list list;
	va_start(list, format);
	(void)fill(err, SCIAME_SYSTEM, number, format, list);
	va_end(list);
	return SCIAME_SYSTEM;
}

static enum sciame_status status_of(enum error_code code)
{
	switch (code) {
	case ERROR_USAGE:
		return SCIAME_MISUSED;
	case ERROR_LIMIT:
		return SCIAME_LIMIT;
	case ERROR_PROTOCOL:
		return SCIAME_PROTOCOL;
	case ERROR_CANCELED:
		return SCIAME_CANCELLED;
	default:
		return SCIAME_SYSTEM;
	}
}

enum sciame_status library_error_from(struct sciame_error *err, const struct error *inside)
{
	enum sciame_status status = status_of(inside->code);
	if (err) {
		*err = (struct sciame_error) { .status = status, .number = inside->number };
		_Static_assert(sizeof(err->message) >= sizeof(inside->message), "it fits");
		memcpy(err->message, inside->message, sizeof(inside->message));
	}
	return status;
}
