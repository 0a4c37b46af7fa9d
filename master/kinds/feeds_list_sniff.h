/* SPDX-License-Identifier: MIT */
/* What a file that should be a list of feeds is, by its first bytes. Pure. */
#ifndef SCIAME_MASTER_KINDS_FEEDS_LIST_SNIFF_H
#define SCIAME_MASTER_KINDS_FEEDS_LIST_SNIFF_H

#include <stdbool.h>
#include <stddef.h>

/* What the bytes look like if they are no text ("a gzip archive"); NULL: they are text. */
const char *feeds_list_sniff_binary(const char *bytes, size_t size);

enum feeds_list_look {
	FEEDS_LIST_LINES,
	FEEDS_LIST_OPML,
	FEEDS_LIST_OTHER, /* no list: *words says what ("an HTML page") */
};

/* text is UTF-8 with a NUL behind it and none inside. */
enum feeds_list_look feeds_list_sniff(const char *text, const char **words);

#endif
