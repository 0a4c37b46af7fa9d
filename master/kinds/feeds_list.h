/* SPDX-License-Identifier: MIT */
/*
 * The list of feeds to read: which form it has is found out, never guessed wrongly in silence.
 *   classic   a title line, then a URL line; blank lines and # comments anywhere
 *   urls      one URL a line
 *   tabs      title<TAB>URL a line
 *   OPML      outlines with xmlUrl, nested; well-formed or not (bare &, < in attributes, no quotes)
 * The bytes are UTF-8, with or without BOM (OPML also by its XML declaration), LF, CRLF or CR.
 */
#ifndef SCIAME_MASTER_KINDS_FEEDS_LIST_H
#define SCIAME_MASTER_KINDS_FEEDS_LIST_H

#include <stddef.h>

#include "common/error.h"

enum {
	FEEDS_LIST_MAX = 100000,         /* feeds of all lists together */
	FEEDS_LIST_BYTES_MAX = 64 << 20, /* of one list */
	FEEDS_URL_MAX = 4000,            /* bytes of one URL */
};

struct feeds_item {
	char *url;      /* http or https, as the user wrote it (white space around it removed) */
	char *title;    /* or "" : the list names none */
	char *category; /* names of the enclosing OPML outlines joined with "/", or "" */
};

struct feeds_list {
	struct feeds_item *items; /* in the order of the lists, each URL once */
	size_t count;
	char **problems; /* lines that are no feed: "news.dat:7: 'ftp://x/' is not http or https" */
	size_t problems_count;
};

/*
 * Adds the feeds of a file; "-" is standard input. A URL that is in the list already is left out
 * (scheme and host without regard to case). -1: the file can't be read, has no form that is known,
 * or names no feed at all; *err names it. What a line lacks becomes a problem of the list instead.
 */
int feeds_list_add(struct feeds_list *list, const char *path, struct error *err);

/* The same for bytes that are at hand; name: for messages. */
int feeds_list_parse(struct feeds_list *list, const char *name, const char *bytes, size_t size,
	struct error *err);

void feeds_list_release(struct feeds_list *list);

/* The host of a URL with its port, lower case, for counting; "": none. The caller frees it. */
char *feeds_list_host(const char *url);

#endif
