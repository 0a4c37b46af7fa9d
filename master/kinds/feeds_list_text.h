/* SPDX-License-Identifier: MIT */
/* The text of a list: from its bytes, whatever their encoding, to clean UTF-8. Pure. */
#ifndef SCIAME_MASTER_KINDS_FEEDS_LIST_TEXT_H
#define SCIAME_MASTER_KINDS_FEEDS_LIST_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum { FEEDS_LIST_NAME_MAX = 500 }; /* bytes of a title or a category */

/*
 * The bytes as UTF-8 with a NUL behind them; the caller frees it. The encoding is told by a BOM or
 * an XML declaration: UTF-8, UTF-16, ISO 8859-1 or windows-1252, which stands for 8859-1 too, as
 * in browsers. A byte that is part of no UTF-8 is taken for windows-1252, so text of it without a
 * declaration is right as well. *known: false if another encoding is declared.
 */
char *feeds_list_decode(const char *bytes, size_t size, size_t *text_size, bool *known);

/*
 * size bytes of an attribute with their references replaced: numbers, the five names of XML and
 * those of HTML that feeds use. What is none stays, as the & of "a=1&b=2". The caller frees it.
 */
char *feeds_list_unescape(const char *text, size_t size);

/*
 * Makes a name fit to be kept: no control characters, white space as single blanks and none
 * around it, at most FEEDS_LIST_NAME_MAX bytes of whole characters. In place; returns text.
 */
char *feeds_list_clean(char *text);

#endif
