/* SPDX-License-Identifier: MIT */
/*
 * Who made a picture and whose it is, as UTF-8 whatever the file had. What comes in is from files:
 * texts are cut, cleaned of control characters and brought to UTF-8. Pure.
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_RIGHTS_H
#define SCIAME_WORKER_KINDS_SCALE_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum right {
	RIGHT_CREATOR,   /* several are separated by RIGHT_SEPARATOR */
	RIGHT_COPYRIGHT, /* the notice */
	RIGHT_CREDIT,    /* who is to be named */
	RIGHT_MARKED,    /* "True": in copyright, "False": in the public domain */
	RIGHT_STATEMENT, /* a URL with more about it */
	RIGHT_TERMS,     /* how it may be used */
	RIGHTS,
};

enum { RIGHT_BYTES_MAX = 2048 }; /* of one text with its NUL; what is longer is cut */
#define RIGHT_SEPARATOR "; "

struct rights {
	char text[RIGHTS][RIGHT_BYTES_MAX]; /* empty: not said */
};

/*
 * Adds a text: up to its first NUL, without blanks around it; what is no UTF-8 is taken for
 * Latin-1. A second one goes behind the first with RIGHT_SEPARATOR, unless it says the same.
 */
void rights_add(struct rights *rights, enum right right, const uint8_t *bytes, size_t size);

/* Takes from *from what *rights does not say. */
void rights_fill(struct rights *rights, const struct rights *from);

/* Whether anything is said. */
bool rights_any(const struct rights *rights);

#endif
