/* SPDX-License-Identifier: MIT */
/*
 * The one writer of strings from outside: whoever writes one says where it will stand. Whatever
 * the context, no control character (C0, DEL, C1), no U+202A-202E, U+2066-2069, no noncharacter
 * and no broken UTF-8 is written.
 *
 * Nothing here reports errors: the caller looks at ferror().
 */
#ifndef SCIAME_MASTER_KINDS_FEEDS_ESCAPE_H
#define SCIAME_MASTER_KINDS_FEEDS_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum escape_context {
	ESCAPE_TEXT,      /* between the tags of HTML or XML; line feeds and tabs are kept */
	ESCAPE_ATTRIBUTE, /* between the double quotes of an attribute of HTML or XML */
	ESCAPE_URL,       /* the same for href: what can't stand in a URL becomes %XX */
	ESCAPE_PLAIN,     /* in a line of a terminal */
};

void escape(FILE *out, enum escape_context context, const char *bytes, size_t size);
void escape_string(FILE *out, enum escape_context context, const char *text);

/* A JSON string, or null for "". */
void escape_json(FILE *out, const char *text);

/* Whether it may be linked to: http, https (with a host) or mailto. Only these get into a href. */
bool escape_is_link(const char *url);

/*
 * How many bytes of the text to show where at most characters_max (at least 1) characters fit:
 * all of them, or up to the end of a word, so that an ellipsis can follow.
 */
size_t escape_cut(const char *text, size_t characters_max);

/*
 * The first character: its bytes (1 for a byte that is no UTF-8, 0 at the end of the text) and its
 * code (U+FFFD for such a byte).
 */
size_t escape_decode(const char *bytes, size_t size, unsigned *code);

#endif
