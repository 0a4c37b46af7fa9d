/* SPDX-License-Identifier: MIT */
/*
 * JSON Feed. jansson makes a tree, and the tree of 15 MiB of "[[[],[],..." takes more memory than
 * a lane has. So only the outline is read here, by looking for the ends of values; jansson gets
 * the feed's own texts and one item after the other, and none that has too many parts. By the way,
 * of a feed that was cut off the items before the cut are read.
 */
#include "worker/kinds/feeds_json.h"

#include <ctype.h>
#include <string.h>

#include <jansson.h>

#include "worker/kinds/feeds_buffer.h"

enum {
	PARTS_MAX =
		20000, /* brackets and commas of an item; jansson takes 100-300 bytes for each */
	VALUE_MAX = 4 << 20, /* bytes of an item that jansson gets */
	NAME_MAX_BYTES = 32, /* bytes of a name that matters, with the NUL */
};

struct outline {
	const char *at;
	const char *end;
};

struct piece {
	const char *text;
	size_t size;
	size_t parts;
};

struct feed {
	struct feeds_draft *draft;
	const char *url;
	bool versioned; /* "version" says JSON Feed */
	bool listed;    /* has items */
	bool cut;
};

static void skip_space(struct outline *outline)
{
	while (outline->at < outline->end && isspace((unsigned char)*outline->at))
		outline->at++;
}

static bool take(struct outline *outline, char byte)
{
	skip_space(outline);
	if (outline->at >= outline->end || *outline->at != byte)
		return false;
	outline->at++;
	return true;
}

/* Steps over the string at at; false when it doesn't end. */
static bool skip_string(struct outline *outline)
{
	outline->at++;
	while (outline->at < outline->end && *outline->at != '"')
		outline->at += *outline->at == '\\' ? 2 : 1;
	if (outline->at >= outline->end) {
		outline->at = outline->end;
		return false;
	}
	outline->at++;
	return true;
}

/* Steps over a value of any kind; false when it doesn't end. */
static bool skip_value(struct outline *outline, struct piece *piece)
{
	skip_space(outline);
	*piece = (struct piece) { .text = outline->at };
	size_t depth = 0;
	while (outline->at < outline->end) {
		char byte = *outline->at;
		if (byte == '"') {
			if (!skip_string(outline))
				return false;
		} else if (depth == 0 && (byte == ',' || byte == '}' || byte == ']')) {
			break;
		} else {
			depth += byte == '{' || byte == '[';
			depth -= byte == '}' || byte == ']';
			piece->parts += byte == '{' || byte == '[' || byte == ',';
			outline->at++;
		}
	}
	piece->size = (size_t)(outline->at - piece->text);
	return depth == 0 && outline->at < outline->end;
}

/* What jansson makes of a piece, with the control characters in it as spaces; may be NULL. */
static json_t *load(const struct piece *piece)
{
	if (piece->parts > PARTS_MAX || piece->size == 0 || piece->size > VALUE_MAX)
		return NULL;
	struct feeds_buffer clean;
	feeds_buffer_init(&clean, VALUE_MAX);
	(void)feeds_buffer_add(&clean, piece->text, piece->size); /* it fits */
	for (size_t i = 0; i < clean.size; i++)
		if ((unsigned char)clean.bytes[i] < ' ')
			clean.bytes[i] = ' ';
	json_t *value = json_loadb(clean.bytes, clean.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	feeds_buffer_release(&clean);
	return value;
}

static void set(struct feed *feed, enum feeds_field field, enum feeds_form form, const json_t *text,
	int rank)
{
	if (!json_is_string(text))
		return;
	struct feeds_value value = {
		.text = json_string_value(text),
		.size = json_string_length(text),
		.form = form,
		.base = feed->url,
		.rank = rank,
	};
	feeds_draft_set(feed->draft, field, &value);
}

/* An id should be a text, but numbers are met. */
static void set_id(struct feed *feed, const json_t *id)
{
	set(feed, FIELD_ID, FORM_PLAIN, id, 1);
	if (!json_is_number(id))
		return;
	json_t *text = json_is_integer(id)
			       ? json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(id))
			       : json_sprintf("%.17g", json_real_value(id));
	set(feed, FIELD_ID, FORM_PLAIN, text, 1);
	json_decref(text);
}

static void set_date(struct feed *feed, const json_t *date, int rank)
{
	if (json_is_string(date))
		feeds_draft_date(
			feed->draft, rank, json_string_value(date), json_string_length(date));
}

static void read_item(struct feed *feed, const struct piece *piece)
{
	if (feeds_draft_is_full(feed->draft) && *piece->text == '{') {
		feeds_draft_begin(feed->draft); /* only counted */
		return;
	}
	json_t *item = load(piece);
	if (json_is_object(item)) {
		feeds_draft_begin(feed->draft);
		set_id(feed, json_object_get(item, "id"));
		set(feed, FIELD_TITLE, FORM_PLAIN, json_object_get(item, "title"), 1);
		set(feed, FIELD_LINK, FORM_PLAIN, json_object_get(item, "url"), 9);
		set(feed, FIELD_LINK, FORM_PLAIN, json_object_get(item, "external_url"), 8);
		set(feed, FIELD_SUMMARY, FORM_PLAIN, json_object_get(item, "summary"), 9);
		set(feed, FIELD_SUMMARY, FORM_PLAIN, json_object_get(item, "content_text"), 8);
		set(feed, FIELD_SUMMARY, FORM_HTML, json_object_get(item, "content_html"), 7);
		const json_t *author = json_array_get(json_object_get(item, "authors"), 0);
		set(feed, FIELD_AUTHOR, FORM_PLAIN, json_object_get(author, "name"), 2);
		author = json_object_get(item, "author");
		set(feed, FIELD_AUTHOR, FORM_PLAIN, json_object_get(author, "name"), 1);
		set(feed, FIELD_AUTHOR, FORM_PLAIN, author, 1);
		set_date(feed, json_object_get(item, "date_published"), 2);
		set_date(feed, json_object_get(item, "date_modified"), 1);
		feeds_draft_end(feed->draft);
	}
	json_decref(item);
}

static void read_items(struct feed *feed, struct outline *outline)
{
	struct piece piece;
	feed->listed = true;
	while (!feed->cut && !take(outline, ']')) {
		const char *start = outline->at;
		bool whole = skip_value(outline, &piece);
		if (whole)
			read_item(feed, &piece);
		/* A bracket that closes nothing is where the outline is lost. */
		feed->cut = !whole || (!take(outline, ',') && outline->at == start);
	}
}

static void read_member(struct feed *feed, const char *name, const struct piece *piece)
{
	json_t *value = load(piece);
	if (strcmp(name, "version") == 0 && json_is_string(value))
		feed->versioned = strstr(json_string_value(value), "jsonfeed.org") != NULL;
	else if (strcmp(name, "title") == 0)
		set(feed, FIELD_TITLE, FORM_PLAIN, value, 1);
	else if (strcmp(name, "home_page_url") == 0)
		set(feed, FIELD_LINK, FORM_PLAIN, value, 1);
	json_decref(value);
}

/* Copies the name at at, "" when it is none that matters; false when there is no name. */
static bool read_name(struct outline *outline, char name[NAME_MAX_BYTES])
{
	skip_space(outline);
	if (outline->at >= outline->end || *outline->at != '"')
		return false;
	const char *start = outline->at + 1;
	if (!skip_string(outline))
		return false;
	size_t size = (size_t)(outline->at - 1 - start);
	size = size < NAME_MAX_BYTES ? size : 0;
	memcpy(name, start, size);
	name[size] = '\0';
	return take(outline, ':');
}

bool feeds_json_sniff(const char *text, size_t size)
{
	struct outline outline = { text, text + size };
	return take(&outline, '{');
}

bool feeds_json_read(
	struct feeds_draft *draft, const char *text, size_t size, const char *url, bool *cut)
{
	struct outline outline = { text, text + size };
	struct feed feed = { .draft = draft, .url = url };
	if (!take(&outline, '{'))
		return false;
	while (!feed.cut && !take(&outline, '}')) {
		char name[NAME_MAX_BYTES];
		struct piece piece;
		if (!read_name(&outline, name)) {
			feed.cut = true;
		} else if (strcmp(name, "items") == 0 && take(&outline, '[')) {
			read_items(&feed, &outline);
			(void)take(&outline, ','); /* or the end */
		} else {
			feed.cut = !skip_value(&outline, &piece);
			if (!feed.cut)
				read_member(&feed, name, &piece);
			(void)take(&outline, ',');
		}
	}
	*cut = feed.cut;
	return feed.listed || feed.versioned;
}
