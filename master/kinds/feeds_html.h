/* SPDX-License-Identifier: MIT */
/*
 * The pieces of the page that both of its forms are made of: feed after feed (feeds_html.c) and
 * the river (feeds_river.c). In the order in which they are written.
 */
#ifndef SCIAME_MASTER_KINDS_FEEDS_HTML_H
#define SCIAME_MASTER_KINDS_FEEDS_HTML_H

#include <stddef.h>
#include <stdio.h>

#include "master/kinds/feeds_form.h"

/*
 * Entries that a browser may leave out of its layout together while they are not in view. Some
 * dozen fill a screen; with thousands in one, each key in the filter would lay out them all.
 */
enum { HTML_PART = 50 };

/* Up to where the first section begins. */
void html_begin(struct output *output, const char *class);
/* The class that tells how tall what has so many entries will be, about. */
const char *html_size(size_t entries);
/* A part of a section, of as many entries as are left, at most HTML_PART; ends with </div>. */
void html_part_begin(FILE *out, size_t left);
void html_entry(const struct output *output, FILE *out, const struct output_feed *feed,
	const struct output_entry *entry);
/* Spools what the report will say of a feed. */
int html_report(struct output *output, const struct output_feed *feed, struct error *err);
/* Ends the sections; items of the index follow. */
void html_index_begin(FILE *out, const char *name);
/* The report from note next on, and the end of the page. The notes have been sorted. */
int html_end(
	struct output *output, const struct output_report *report, size_t next, struct error *err);

#endif
