/* SPDX-License-Identifier: MIT */
/*
 * A feed while it is read: values come in any order and from several elements that mean the same;
 * of each field the value with the highest rank is kept, and of equal ranks the first.
 *
 *     feeds_draft_init; feeds_draft_set ...;
 *     { feeds_draft_begin; feeds_draft_set, feeds_draft_date ...; feeds_draft_end; } ...
 *     feeds_draft_finish; feeds_draft_release
 */
#ifndef SCIAME_WORKER_KINDS_FEEDS_DRAFT_H
#define SCIAME_WORKER_KINDS_FEEDS_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/feeds.pb-c.h"
#include "worker/kinds/feeds_buffer.h"

enum feeds_field { FIELD_ID, FIELD_TITLE, FIELD_LINK, FIELD_AUTHOR, FIELD_SUMMARY, FEEDS_FIELDS };

enum feeds_form {
	FORM_PLAIN, /* text */
	FORM_LOOSE, /* text that may have HTML in it */
	FORM_HTML,
};

struct feeds_value {
	const char *text;
	size_t size;
	enum feeds_form form; /* not of links */
	const char *base;     /* of links: what relative ones are resolved against */
	int rank;             /* over 0 */
};

struct feeds_draft {
	Sciame__Feed *feed;
	size_t room;  /* of feed->entries */
	size_t bytes; /* of all text so far */
	bool in_entry;
	struct feeds_slot {
		struct feeds_buffer text;
		int rank;
	} feed_slots[FEEDS_FIELDS], entry_slots[FEEDS_FIELDS];
	struct feeds_buffer scratch;
	int64_t published_s;
	int date_rank;
};

void feeds_draft_init(struct feeds_draft *draft);
void feeds_draft_release(struct feeds_draft *draft);

/* Starts and ends an entry; one that is open is ended first. */
void feeds_draft_begin(struct feeds_draft *draft);
void feeds_draft_end(struct feeds_draft *draft);

/* Whether further entries are only counted. */
bool feeds_draft_is_full(const struct feeds_draft *draft);

/* Whether a value of this rank would be kept: of the open entry, or else of the feed. */
bool feeds_draft_wants(const struct feeds_draft *draft, enum feeds_field field, int rank);

/* Sets a field if the value's rank wins and something is left of it as text or as a link. */
void feeds_draft_set(
	struct feeds_draft *draft, enum feeds_field field, const struct feeds_value *value);

/* Sets the date of the open entry in the same way. */
void feeds_draft_date(struct feeds_draft *draft, int rank, const char *text, size_t size);

/* Ends the feed; the caller owns the message. */
Sciame__Feed *feeds_draft_finish(struct feeds_draft *draft);

#endif
