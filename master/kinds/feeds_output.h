/* SPDX-License-Identifier: MIT */
/*
 * What was read, written as a page or another form, feed after feed: memory follows one feed, not
 * all. Every string from outside is escaped for where it stands.
 *
 *     output_new(out, options);  output_feed() for each, in the order of the list;
 *     output_end(output, report);  output_free(output)
 */
#ifndef SCIAME_MASTER_KINDS_FEEDS_OUTPUT_H
#define SCIAME_MASTER_KINDS_FEEDS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"

enum output_format {
	OUTPUT_HTML,
	OUTPUT_JSON,
	OUTPUT_ATOM,
	OUTPUT_OPML,
	OUTPUT_TEXT,
	OUTPUT_FORMATS
};

struct output_entry {
	const char *id, *title, *link, *author, *summary; /* never NULL; "" is none. UTF-8 */
	bool dated;
	int64_t published_s;  /* since 1970, as the feed says; may lie in the future */
	int64_t first_seen_s; /* when a run first saw it */
};

struct output_feed {
	const char *url;          /* as in the list */
	const char *list_title;   /* of the list, or "" */
	const char *category;     /* of the list, or "" */
	const char *title, *link; /* of the feed itself, or "" */
	bool ok;                  /* read in this run, or unchanged since the copy that is shown */
	bool kept; /* entries are of an earlier run: with ok unchanged (304), without it stale */
	const char *error;    /* why it is not ok, or "" */
	const char *moved_to; /* the address it has for good, or "" */
	const char *salvaged; /* what was wrong with its form, or "" */
	uint32_t http_status; /* 0: none */
	int64_t checked_s;    /* when what is shown was last known to be right; 0: never */
	uint32_t duration_ms;
	size_t entries_count;
	const struct output_entry *entries; /* those to show, in the feed's order */
};

struct output_options {
	enum output_format format;
	bool by_date;      /* one river, newest first; HTML, Atom and text. Else feed after feed */
	int64_t now_s;     /* a later date never sorts above this */
	const char *title; /* of the page */
};

struct output_report {
	size_t feeds, ok;
	int64_t transfers;
	int64_t elapsed_ms;
	char *const *problems; /* lines of the list that are no feed, in words */
	size_t problems_count;
};

struct output;

/* out: borrowed, written to sequentially (it may be a pipe). */
struct output *output_new(FILE *out, const struct output_options *options);
/* 0, or -1 and *err when out or a temporary file can't be written. feed: borrowed. */
int output_feed(struct output *output, const struct output_feed *feed, struct error *err);
/* What stands at the end. out is flushed, not closed. */
int output_end(struct output *output, const struct output_report *report, struct error *err);
void output_free(struct output *output);

#endif
