/* SPDX-License-Identifier: MIT */
/*
 * Markup as feeds have it -> XML. One pass; where a search fails (for the end of a comment ...)
 * that is remembered, so that 15 MiB of "<!--" cost no more than 15 MiB of anything else.
 */
#include "worker/kinds/feeds_repair.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/kinds/feeds_doctype.h"
#include "worker/kinds/feeds_entity.h"
#include "worker/kinds/feeds_names.h"
#include "worker/kinds/feeds_tag.h"

enum {
	CLOSING_MAX = REPAIR_DEPTH_MAX * (TAG_NAME_BYTES_MAX + 4), /* bytes of the last end tags */
	CDATA_MAX = 1 << 20, /* bytes of a section: libxml2 ends at 10 MB of one */
};

/* An element that was opened and is not closed yet. */
struct open {
	const char *name;
	size_t name_size;
	uint32_t hash; /* of the name in lower case */
	bool admitted; /* libxml2 sees the name */
};

struct state {
	struct feeds_repair *repair;
	struct feeds_buffer *out;
	const char *at;
	const char *end;
	struct feeds_tags tags;
	struct feeds_tag tag;
	struct feeds_doctype doctype;
	struct feeds_names names;
	bool has_doctype;
	bool no_comment_end; /* the rest has no --> */
	bool seen_tag;       /* an element was passed over before the root */
	bool done;           /* the root was closed */
	size_t dropped;      /* elements too deep that are open */
	size_t depth;
	struct open open[REPAIR_DEPTH_MAX];
};

/* Bytes that need a look in text and in values: all others are copied as they are. */
static const bool special[256] = { [0] = true,
	[1] = true,
	[2] = true,
	[3] = true,
	[4] = true,
	[5] = true,
	[6] = true,
	[7] = true,
	[8] = true,
	[11] = true,
	[12] = true,
	[14] = true,
	[15] = true,
	[16] = true,
	[17] = true,
	[18] = true,
	[19] = true,
	[20] = true,
	[21] = true,
	[22] = true,
	[23] = true,
	[24] = true,
	[25] = true,
	[26] = true,
	[27] = true,
	[28] = true,
	[29] = true,
	[30] = true,
	[31] = true,
	['<'] = true,
	['&'] = true,
	['"'] = true,
	[']'] = true,
	[0xEF] = true };

static void fault(struct state *state, enum feeds_fault fault)
{
	state->repair->faults |= fault;
}

/* Full is seen by the main loop, which then takes back what was written of the last piece. */
static void add(struct state *state, const char *text, size_t size)
{
	(void)feeds_buffer_add(state->out, text, size);
}

static void add_text(struct state *state, const char *text)
{
	add(state, text, strlen(text));
}

static void add_character(struct state *state, uint32_t character)
{
	switch (character) {
	case '&':
		add_text(state, "&amp;");
		break;
	case '<':
		add_text(state, "&lt;");
		break;
	case '>':
		add_text(state, "&gt;");
		break;
	case '"':
		add_text(state, "&quot;");
		break;
	case '\n':
	case '\r':
	case '\t':
		add_text(state, "&#32;"); /* as itself, a value would lose it */
		break;
	default:
		(void)feeds_buffer_add_character(state->out, character);
	}
}

static bool is_predefined(const char *name, size_t size)
{
	switch (size) {
	case 2:
		return name[1] == 't' && (name[0] == 'l' || name[0] == 'g');
	case 3:
		return memcmp(name, "amp", 3) == 0;
	case 4:
		return memcmp(name, "quot", 4) == 0 || memcmp(name, "apos", 4) == 0;
	default:
		return false;
	}
}

/* Writes the named reference at the & and returns its bytes; 0 when it is a bare &. */
static size_t add_named(struct state *state, const char *at, size_t size)
{
	size_t name = 0;
	while (name + 1 < size && name <= TAG_NAME_BYTES_MAX && at[name + 1] != ';' &&
		(isalnum((unsigned char)at[name + 1]) || strchr("_-.", at[name + 1]) != NULL) &&
		at[name + 1] != '\0')
		name++;
	if (name == 0 || name + 1 >= size || at[name + 1] != ';')
		return 0;
	if (is_predefined(at + 1, name)) {
		add(state, at, name + 2);
		return name + 2;
	}
	size_t value_size;
	const char *value = feeds_doctype_expand(&state->doctype, at + 1, name, &value_size);
	if (value != NULL) {
		for (size_t i = 0; i < value_size; i++)
			if (value[i] == '<' || value[i] == '&' || value[i] == '"')
				add_character(state, (unsigned char)value[i]);
			else
				add(state, value + i, 1);
		return name + 2;
	}
	uint32_t character = feeds_entity_named(at + 1, name);
	if (character == 0)
		return 0;
	add_character(state, character);
	if (!state->has_doctype)
		fault(state, FAULT_REFERENCE);
	return name + 2;
}

static size_t add_numeric(struct state *state, const char *at, size_t size)
{
	uint32_t character;
	size_t length = feeds_entity_numeric(at, size, &character);
	if (length == 0)
		return 0;
	if (character != 0)
		add_character(state, character);
	if (character == 0 || at[length - 1] != ';')
		fault(state, FAULT_REFERENCE);
	return length;
}

/* Writes the special byte at at, or what stands for it, and returns how many were read. */
static size_t add_special(struct state *state, const char *at, const char *end)
{
	size_t size = (size_t)(end - at);
	size_t length = 0;
	switch (*at) {
	case '&':
		if (size > 1)
			length = at[1] == '#' ? add_numeric(state, at, size)
					      : add_named(state, at, size);
		if (length > 0)
			return length;
		fault(state, FAULT_REFERENCE);
		add_text(state, "&amp;");
		return 1;
	case '<':
		fault(state, FAULT_TAG);
		add_text(state, "&lt;");
		return 1;
	case '"':
		add_text(state, "&quot;");
		return 1;
	case ']':
		add_text(state, size > 2 && memcmp(at, "]]>", 3) == 0 ? "&#93;" : "]");
		return 1;
	case '\xEF': /* U+FFFE and U+FFFF are no characters of XML; bytes of valid UTF-8 follow */
		if (size > 2 && at[1] == '\xBF' && (unsigned char)at[2] >= 0xBE) {
			fault(state, FAULT_CONTROL);
			return 3;
		}
		add(state, at, 1);
		return 1;
	default:
		fault(state, FAULT_CONTROL);
		/* "]]" must not come to stand before a ">" and end a section. */
		if (state->out->size > 0 && state->out->bytes[state->out->size - 1] == ']')
			add_text(state, " ");
		return 1;
	}
}

/* Writes text or a value up to end. */
static void add_escaped(struct state *state, const char *at, const char *end)
{
	while (at < end && !state->out->full) {
		const char *start = at;
		while (at < end && !special[(unsigned char)*at])
			at++;
		add(state, start, (size_t)(at - start));
		if (at < end)
			at += add_special(state, at, end);
	}
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
		hash = (hash ^ (uint32_t)tolower((unsigned char)name[i])) * 16777619u;
	return hash;
}

/* Closes the nearest open element of the tag's name, and with it all inside it. */
static void close_tag(struct state *state)
{
	const struct feeds_tag *tag = &state->tag;
	if (state->dropped > 0) {
		state->dropped--;
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
	if (last->name_size != tag->name_size ||
		memcmp(last->name, tag->name, tag->name_size) != 0 ||
		!(is_local(tag->name, tag->name_size, "item") ||
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
	add_escaped(state, attribute->value, attribute->value + attribute->value_size);
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

/* Writes a section as sections of at most CDATA_MAX, cut between characters. */
static void add_section(struct state *state, const char *at, const char *end)
{
	while (at < end && !state->out->full) {
		const char *stop = end - at > CDATA_MAX ? at + CDATA_MAX : end;
		while (stop < end && ((unsigned char)*stop & 0xC0) == 0x80)
			stop--;
		add_text(state, "<![CDATA[");
		while (at < stop) {
			const char *start = at;
			while (at < stop &&
				((unsigned char)*at >= ' ' || isspace((unsigned char)*at)) &&
				*at != '\xEF' && *at != '\f' && *at != '\v')
				at++;
			add(state, start, (size_t)(at - start));
			if (at < stop) /* it can be no & and no < */
				at += add_special(state, at, stop);
		}
		add_text(state, "]]>");
	}
}

static void read_section(struct state *state)
{
	const char *start = state->at + strlen("<![CDATA[");
	const char *end = memmem(start, (size_t)(state->end - start), "]]>", 3);
	if (end == NULL)
		fault(state, FAULT_TRUNCATED);
	if (state->depth > 0)
		add_section(state, start, end == NULL ? state->end : end);
	state->at = end == NULL ? state->end : end + 3;
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
	if (left >= 9 && !state->has_doctype && strncasecmp(at, "<!DOCTYPE", 9) == 0) {
		state->has_doctype = true;
		state->at = feeds_doctype_read(&state->doctype, at, state->end);
		return true;
	}
	if (left < 3 || (at[1] != '?' && at[1] != '!') || isspace((unsigned char)at[2]))
		return false;
	/* Not "?>": a <?xml:namespace ... /> out of a word processor has none. */
	skip_past(state, memchr(at, '>', left), 1);
	return true;
}

static void read_text(struct state *state)
{
	const char *start = state->at;
	const char *end = memchr(start, '<', (size_t)(state->end - start));
	if (end == NULL)
		end = state->end;
	state->at = end;
	if (state->depth > 0) {
		add_escaped(state, start, end);
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
	if (state->depth > 0)
		(void)add_special(state, state->at, state->end); /* always the one < */
	state->at++;
}

void feeds_repair(struct feeds_repair *repair, const char *text, size_t size)
{
	struct state *state = calloc(1, sizeof(*state));
	assert(state != NULL);
	*repair = (struct feeds_repair) { 0 };
	feeds_buffer_init(&repair->xml, REPAIR_BYTES_MAX);
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
		if (!state->out->full)
			continue;
		/* Text is whole wherever it ends; half a tag is taken back. */
		if (!was_text) {
			state->out->size = written;
			state->depth = depth;
		}
		fault(state, FAULT_SIZE);
		break;
	}
	if (state->depth > 0)
		fault(state, FAULT_TRUNCATED);
	state->out->max += CLOSING_MAX;
	state->out->full = false;
	while (state->depth > 0)
		close_last(state);
	feeds_doctype_release(&state->doctype);
	free(state);
}
