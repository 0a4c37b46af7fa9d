/* SPDX-License-Identifier: MIT */
/*
 * The outlines of an OPML list, well-formed or not: a scanner of tags that knows how such files
 * are broken. It is no XML parser: nothing is declared, loaded or expanded. Pure and linear.
 *
 *     struct feeds_list_opml opml;
 *     feeds_list_opml_init(&opml, text, size);
 *     while (feeds_list_opml_next(&opml, &outline)) ...
 *     feeds_list_opml_release(&opml);
 */
#ifndef SCIAME_MASTER_KINDS_FEEDS_LIST_OPML_H
#define SCIAME_MASTER_KINDS_FEEDS_LIST_OPML_H

#include <stdbool.h>
#include <stddef.h>

enum { FEEDS_LIST_DEPTH_MAX = 64 }; /* outlines in outlines whose names make a category */

/* An outline that is a feed, or that has something wrong with it. Valid until the next call. */
struct feeds_list_outline {
	const char *url;      /* its xmlUrl without references; NULL: it has none */
	const char *title;    /* title, else text; clean; or "" */
	const char *category; /* names of the enclosing outlines joined with "/", or "" */
	const char *problem;  /* in words, or NULL */
	size_t line;          /* where its tag begins, from 1 */
};

struct feeds_list_opml {
	const char *at, *end;
	const char *line_at; /* line is that of this place */
	size_t line;
	char *names[FEEDS_LIST_DEPTH_MAX]; /* of the open outlines; NULL: a feed's or no name */
	size_t depth;                      /* may be more than FEEDS_LIST_DEPTH_MAX */
	char *url, *title, *category;      /* of the outline that was given last */
};

/* text is UTF-8 with a NUL behind it, borrowed until the release. */
void feeds_list_opml_init(struct feeds_list_opml *opml, const char *text, size_t size);

/* false: there are no more. */
bool feeds_list_opml_next(struct feeds_list_opml *opml, struct feeds_list_outline *outline);

void feeds_list_opml_release(struct feeds_list_opml *opml);

#endif
