/* SPDX-License-Identifier: MIT */
/*
 * Markup as feeds have it -> XML. One pass; where a search fails (for the end of a comment ...)
 * that is remembered, so that 15 MiB of "<!--" cost no more than 15 MiB of anything else.
 */
#include "worker/kinds/feeds_repair.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/kinds/feeds_characters.h"
#include "worker/kinds/feeds_doctype.h"
#include "worker/kinds/feeds_names.h"
#include "worker/kinds/feeds_tag.h"

enum {
	CLOSING_MAX = REPAIR_DEPTH_MAX * (TAG_NAME_BYTES_MAX + 4), /* bytes of the last end tags */
	INLINE_MAX = 64, /* bytes of text that libxml2 sees: a marker costs as much */
};

/* An element that was opened and is not closed yet. */
struct open {
	const char *name;
	size_t name_size;
	uint32_t hash; /* of the name, whatever its case */
	bool admitted; /* libxml2 sees the name */
};

struct state {
	struct feeds_repair *repair;
	struct feeds_buffer *out;
	const char *at;
	const char *end;
	struct feeds_tags tags;
	struct feeds_tag tag;
	struct feeds_characters characters;
	struct feeds_names names;
	bool no_comment_end; /* the rest has no --> */
	bool seen_tag;       /* an element was passed over before the root */
	bool done;           /* the root was closed */
	size_t dropped;      /* elements too deep that are open */
	size_t depth;
	struct open open[REPAIR_DEPTH_MAX];
};

/* Bytes that are written as references: > only because it may follow ]]. */
static const char *const references[256] = {
	['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;"
};

static void fault(struct state *state, unsigned faults)
{
	state->repair->faults |= faults;
}

/* Full is seen by the main loop, which then takes back what was written of the last piece. */
static void add(struct state *state, const char *text, size_t size)
{
	(void)feeds_buffer_add(state->out, text, size);
}

static void add_string(struct state *state, const char *text)
{
	add(state, text, strlen(text));
}

/* Writes text as text or as a value. */
static void add_escaped(struct state *state, const char *at, size_t size)
{
	for (const char *end = at + size; at < end && !state->out->full;) {
		const char *start = at;
		while (at < end && references[(unsigned char)*at] == NULL)
			at++;
		add(state, start, (size_t)(at - start));
		if (at < end)
			add_string(state, references[(unsigned char)*at++]);
	}
}

static void add_value(struct state *state, const char *at, const char *end)
{
	struct feeds_buffer *bytes = &state->repair->texts.bytes;
	if (memchr(at, '<', (size_t)(end - at)) != NULL)
		fault(state, FAULT_TAG);
	if (feeds_characters_are_plain(at, end)) {
		add_escaped(state, at, (size_t)(end - at));
		return;
	}
	size_t start = bytes->size;
	feeds_characters_read(&state->characters, bytes, at, end);
	if (bytes->size > start)
		add_escaped(state, bytes->bytes + start, bytes->size - start);
	bytes->size = start;
}

/* Writes the processing instruction that stands for a text; those of the feed were dropped. */
static void add_marker(struct state *state, size_t number)
{
	char marker[sizeof("<?t 18446744073709551615?>")];
	int size = snprintf(marker, sizeof(marker), "<?t %zu?>", number);
	add(state, marker, (size_t)size);
}

/* Writes text that stands for itself. */
static void add_plain(struct state *state, const char *at, const char *end)
{
	size_t size = (size_t)(end - at);
	if (size <= INLINE_MAX)
		add_escaped(state, at, size);
	else
		add_marker(state, feeds_texts_add(&state->repair->texts, at, size));
}

/* Writes the text that was put into texts from start on. */
static void add_written(struct state *state, size_t start)
{
	struct feeds_texts *texts = &state->repair->texts;
	size_t size = texts->bytes.size - start;
	if (size > INLINE_MAX) {
		add_marker(state, feeds_texts_add_written(texts, start));
		return;
	}
	if (size > 0)
		add_escaped(state, texts->bytes.bytes + start, size);
	texts->bytes.size = start;
}

/* Whether a name is one of XML: libxml2's rules for what is not ASCII are not worth knowing. */
static bool is_sound(const char *name, size_t size)
{
	size_t colons = 0;
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)name[i] >= 0x80)
			return false;
		if (name[i] != ':')
			continue;
		if (i == 0 || i + 1 == size || ++colons > 1 ||
			!(isalpha((unsigned char)name[i + 1]) || name[i + 1] == '_'))
			return false;
	}
	return true;
}

/* Whether libxml2 may see a name: it is sound, and there are not too many others. */
static bool admit(struct state *state, const char *name, size_t size)
{
	return is_sound(name, size) && feeds_names_admit(&state->names, name, size);
}

static void add_name(struct state *state, const struct open *element)
{
	if (element->admitted)
		add(state, element->name, element->name_size);
	else
		add(state, "_", 1);
}

static void close_last(struct state *state)
{
	const struct open *open = &state->open[--state->depth];
	add(state, "</", 2);
	add_name(state, open);
	add(state, ">", 1);
	state->done = state->depth == 0;
}

static uint32_t name_hash(const char *name, size_t size)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((unsigned char)name[i] | 0x20u)) * 16777619u;
	return hash;
}

static bool is_same(const struct open *open, const struct feeds_tag *tag)
{
	return open->name_size == tag->name_size &&
	       memcmp(open->name, tag->name, tag->name_size) == 0;
}

/* Closes the nearest open element of the tag's name, and with it all inside it. */
static void close_tag(struct state *state)
{
	const struct feeds_tag *tag = &state->tag;
	if (state->dropped > 0) {
		state->dropped--;
		return;
	}
	if (state->depth > 0 && is_same(&state->open[state->depth - 1], tag)) {
		close_last(state);
		return;
	}
	uint32_t hash = name_hash(tag->name, tag->name_size);
	size_t depth = state->depth;
	while (depth > 0) {
		const struct open *open = &state->open[depth - 1];
		if (open->hash == hash && open->name_size == tag->name_size &&
			strncasecmp(open->name, tag->name, tag->name_size) == 0)
			break;
		depth--;
	}
	if (depth != state->depth)
		fault(state, FAULT_NESTING);
	while (depth > 0 && state->depth >= depth)
		close_last(state);
}

static bool is_local(const char *name, size_t size, const char *local)
{
	name = feeds_tag_local(name, &size);
	return strlen(local) == size && strncasecmp(name, local, size) == 0;
}

/* An item inside an item: the first one's end tag was forgotten. */
static void close_item(struct state *state)
{
	const struct open *last = &state->open[state->depth - 1];
	const struct feeds_tag *tag = &state->tag;
	if (!is_same(last, tag) || !(is_local(tag->name, tag->name_size, "item") ||
					   is_local(tag->name, tag->name_size, "entry")))
		return;
	fault(state, FAULT_NESTING);
	close_last(state);
}

static void add_attribute(struct state *state, const struct feeds_tag_attribute *attribute)
{
	const char *name = attribute->name;
	if (!admit(state, name, attribute->name_size))
		return;
	bool declares = attribute->name_size >= 5 && memcmp(name, "xmlns", 5) == 0;
	if (declares && !feeds_names_admit(&state->names, attribute->value, attribute->value_size))
		return;
	add(state, " ", 1);
	add(state, name, attribute->name_size);
	add(state, "=\"", 2);
	add_value(state, attribute->value, attribute->value + attribute->value_size);
	add(state, "\"", 1);
}

static void open_tag(struct state *state)
{
	const struct feeds_tag *tag = &state->tag;
	if (state->depth > 1)
		close_item(state);
	if (state->depth == REPAIR_DEPTH_MAX) {
		fault(state, FAULT_NESTING);
		state->dropped += !tag->empty;
		return;
	}
	struct open element = {
		.name = tag->name,
		.name_size = tag->name_size,
		.hash = name_hash(tag->name, tag->name_size),
		.admitted = admit(state, tag->name, tag->name_size),
	};
	add(state, "<", 1);
	add_name(state, &element);
	for (size_t i = 0; i < tag->count; i++)
		add_attribute(state, &tag->attributes[i]);
	if (tag->empty) {
		add(state, "/>", 2);
		state->done = state->depth == 0;
		return;
	}
	add(state, ">", 1);
	state->open[state->depth++] = element;
}

/* Whether the first tag that counts starts a feed or a page; any other is passed over. */
static bool is_root(struct state *state)
{
	static const char *const feeds[] = { "rss", "feed", "rdf", "channel", "entry" };
	enum { UNMISTAKABLE = 3 };
	const struct feeds_tag *tag = &state->tag;
	if (tag->closing)
		return false;
	for (size_t i = 0; i < sizeof(feeds) / sizeof(*feeds); i++)
		/* The others are too common names to be looked for inside anything else. */
		if ((i < UNMISTAKABLE || !state->seen_tag) &&
			is_local(tag->name, tag->name_size, feeds[i])) {
			state->repair->document = DOCUMENT_FEED;
			return true;
		}
	bool page = is_local(tag->name, tag->name_size, "html") ||
		    (!state->seen_tag && (is_local(tag->name, tag->name_size, "head") ||
						 is_local(tag->name, tag->name_size, "body")));
	if (page) {
		state->repair->document = DOCUMENT_PAGE;
		state->done = true;
	}
	for (size_t i = 0; !state->seen_tag && i < tag->name_size && i < REPAIR_ROOT_MAX - 1; i++)
		state->repair->root[i] =
			(char)((unsigned char)tag->name[i] < 0x80 ? tag->name[i] : '?');
	state->seen_tag = true;
	fault(state, FAULT_JUNK);
	return false;
}

/* Reads the tag at the <; false when it is none. */
static bool read_tag(struct state *state)
{
	const char *after = feeds_tag_read(&state->tags, &state->tag, state->at);
	if (after == NULL)
		return false;
	if (state->tag.faulty)
		fault(state, FAULT_TAG);
	bool cut = after == state->end && after[-1] != '>';
	state->at = after;
	if (state->depth == 0 && !is_root(state))
		return true;
	if (state->tag.closing)
		close_tag(state);
	else if (cut)
		fault(state, FAULT_TRUNCATED);
	else
		open_tag(state);
	return true;
}

/* Brackets are rarer in text than anything that memmem() would look for first. */
static const char *section_end(const char *at, const char *end)
{
	while ((at = memchr(at, ']', (size_t)(end - at))) != NULL) {
		if (end - at > 2 && at[1] == ']' && at[2] == '>')
			return at;
		at++;
	}
	return NULL;
}

static void read_section(struct state *state)
{
	const char *start = state->at + strlen("<![CDATA[");
	const char *found = section_end(start, state->end);
	const char *end = found == NULL ? state->end : found;
	if (found == NULL)
		fault(state, FAULT_TRUNCATED);
	state->at = found == NULL ? end : end + 3;
	if (state->depth == 0)
		return;
	if (feeds_characters_are_plain_data(start, end)) {
		add_plain(state, start, end);
		return;
	}
	struct feeds_buffer *bytes = &state->repair->texts.bytes;
	size_t written = bytes->size;
	feeds_characters_read_data(&state->characters, bytes, start, end);
	add_written(state, written);
}

static void skip_past(struct state *state, const char *found, size_t size)
{
	state->at = found == NULL ? state->end : found + size;
}

/* Skips or reads what starts with <! or <?; false when it is text. */
static bool read_declaration(struct state *state)
{
	const char *at = state->at;
	size_t left = (size_t)(state->end - at);
	if (left >= 4 && memcmp(at, "<!--", 4) == 0 && !state->no_comment_end) {
		const char *found = memmem(at + 4, left - 4, "-->", 3);
		state->no_comment_end = found == NULL;
		if (found != NULL) {
			skip_past(state, found, 3);
			return true;
		}
	}
	if (left >= 9 && memcmp(at, "<![CDATA[", 9) == 0) {
		read_section(state);
		return true;
	}
	if (left >= 9 && !state->characters.has_doctype && strncasecmp(at, "<!DOCTYPE", 9) == 0) {
		state->characters.has_doctype = true;
		state->at = feeds_doctype_read(&state->characters.doctype, at, state->end);
		return true;
	}
	if (left < 3 || (at[1] != '?' && at[1] != '!') || isspace((unsigned char)at[2]))
		return false;
	/* Not "?>": a <?xml:namespace ... /> out of a word processor has none. */
	skip_past(state, memchr(at, '>', left), 1);
	return true;
}

/* Most pieces of text are a few bytes that stand for themselves; false: this one is not so. */
static bool read_short(struct state *state)
{
	const char *start = state->at;
	const char *stop = state->end - start > INLINE_MAX ? start + INLINE_MAX : state->end;
	const char *at = start + feeds_characters_span(start, stop);
	if (at < state->end && *at != '<')
		return false;
	add(state, start, (size_t)(at - start));
	state->at = at;
	return true;
}

static void read_text(struct state *state)
{
	if (state->depth > 0 && read_short(state))
		return;
	const char *start = state->at;
	const char *end = memchr(start, '<', (size_t)(state->end - start));
	if (end == NULL)
		end = state->end;
	state->at = end;
	if (state->depth > 0) {
		if (feeds_characters_are_plain(start, end)) {
			add_plain(state, start, end);
			return;
		}
		struct feeds_buffer *bytes = &state->repair->texts.bytes;
		size_t written = bytes->size;
		feeds_characters_read(&state->characters, bytes, start, end);
		add_written(state, written);
		return;
	}
	while (start < end && isspace((unsigned char)*start))
		start++;
	if (start < end)
		fault(state, FAULT_JUNK);
}

/* Reads one piece of markup or text. */
static void read_piece(struct state *state)
{
	if (*state->at != '<') {
		read_text(state);
		return;
	}
	if (read_tag(state) || read_declaration(state))
		return;
	if (state->depth > 0) {
		fault(state, FAULT_TAG);
		add_escaped(state, state->at, 1);
	}
	state->at++;
}

void feeds_repair_release(struct feeds_repair *repair)
{
	feeds_buffer_release(&repair->xml);
	feeds_texts_release(&repair->texts);
}

void feeds_repair(struct feeds_repair *repair, const char *text, size_t size)
{
	struct state *state = calloc(1, sizeof(*state));
	assert(state != NULL);
	*repair = (struct feeds_repair) { 0 };
	feeds_buffer_init(&repair->xml, REPAIR_BYTES_MAX);
	feeds_texts_init(&repair->texts, REPAIR_BYTES_MAX);
	state->repair = repair;
	state->out = &repair->xml;
	state->at = text;
	state->end = text + size;
	state->tags.end = state->end;
	while (state->at < state->end && !state->done) {
		size_t written = state->out->size;
		size_t depth = state->depth;
		bool was_text = *state->at != '<';
		read_piece(state);
		if (!state->out->full && !repair->texts.bytes.full)
			continue;
		/* Text is whole wherever it ends; half a tag is taken back. */
		if (!was_text) {
			state->out->size = written;
			state->depth = depth;
		}
		fault(state, FAULT_SIZE);
		break;
	}
	fault(state, state->characters.faults);
	if (state->depth > 0)
		fault(state, FAULT_TRUNCATED);
	state->out->max += CLOSING_MAX;
	state->out->full = false;
	while (state->depth > 0)
		close_last(state);
	feeds_doctype_release(&state->characters.doctype);
	free(state);
}
