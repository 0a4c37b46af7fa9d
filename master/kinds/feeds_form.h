/* SPDX-License-Identifier: MIT */
/*
 * What one form of output is to feeds_output.c, and what the forms share. A form writes without
 * looking at errors: feeds_output.c asks out and the spools after each step.
 */
#ifndef SCIAME_MASTER_KINDS_FEEDS_FORM_H
#define SCIAME_MASTER_KINDS_FEEDS_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/hash.h"
#include "master/kinds/feeds_output.h"
#include "master/kinds/feeds_spool.h"

/* Why a feed is named in the report at the end, in the order of the report. */
enum form_group { FORM_FAILED, FORM_STALE, FORM_GONE, FORM_MOVED, FORM_SALVAGED, FORM_GROUPS };

/* What output_feed and output_end hand to a form. */
struct output {
	FILE *out; /* borrowed */
	struct output_options options;
	char *title; /* options.title, owned */
	const struct output_form *form;
	struct spool entries;               /* of the river */
	struct spool notes;                 /* what the report and the index say, until the end */
	size_t feeds;                       /* handed over so far, with the present one */
	char *category;                     /* of the feed before, owned; "" at first */
	uint8_t identity[HASH_SHA256_SIZE]; /* of all addresses so far; Atom */
	int broken;                         /* errno of the first failure; 0: none */
};

struct output_form {
	bool spools_entries, spools_notes; /* which spools are to be opened */
	void (*begin)(struct output *output);
	/* -1: a spool failed. */
	int (*feed)(struct output *output, const struct output_feed *feed, struct error *err);
	int (*end)(struct output *output, const struct output_report *report, struct error *err);
};

extern const struct output_form form_html, form_river, form_json, form_atom, form_opml, form_text,
	form_text_river;

/* The list's title, else the feed's own, else its address. */
const char *form_name(const struct output_feed *feed);
/* The feed's own title, else the list's; "" is none. */
const char *form_title(const struct output_feed *feed);

/* Where an entry stands in a river: its date, or when first seen. Writable, not after now. */
int64_t form_river_s(const struct output *output, const struct output_entry *entry);
/* Whether its own date can be shown. */
bool form_is_dated(const struct output_entry *entry);

/* Whether the feed belongs to the group, and the words for it, which the caller frees. */
bool form_in_group(const struct output_feed *feed, enum form_group group);
char *form_words(
	const struct output *output, const struct output_feed *feed, enum form_group group);
/* "Failed", "Stale", ...: the name of a group. */
const char *form_group_name(enum form_group group);

/* "read 38/40 feeds using 16 transfers in 2.1 s, 2026-11-22 21:30 UTC"; the caller frees it. */
char *form_run(const struct output *output, const struct output_report *report);

/* 8 bytes of the digest of a text, to tell equal ones. */
uint64_t form_identity(const char *text);

#endif
