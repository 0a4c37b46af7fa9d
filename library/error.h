/* SPDX-License-Identifier: MIT */
/* From the errors that the project knows inside to those that its library shows. */
#ifndef SCIAME_LIBRARY_ERROR_H
#define SCIAME_LIBRARY_ERROR_H

#include "common/error.h"
#include "sciame/error.h"

/* Fills *err, which may be NULL, and returns status. */
enum sciame_status library_error(struct sciame_error *err, enum sciame_status status,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same from errno, as SCIAME_SYSTEM. */
enum sciame_status library_errno(struct sciame_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same from an error of the inside. */
enum sciame_status library_error_from(struct sciame_error *err, const struct error *inside);

#endif
