/* SPDX-License-Identifier: MIT */
/*
 * Repaired XML -> a feed. Each open element has a place, which says what its children may mean;
 * the text of a field, with the markup in it, is kept until its element ends and then made plain.
 */
#include "worker/kinds/feeds_xml.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "common/memory.h"
#include "worker/kinds/feeds_attributes.h"
#include "worker/kinds/feeds_element.h"
#include "worker/kinds/feeds_read.h"
#include "worker/kinds/feeds_text.h"
#include "worker/kinds/feeds_url.h"

enum {
	RAW_MAX = 64 << 10, /* bytes of a field with its markup; the rest is not looked at */
	LEVELS_MAX = REPAIR_DEPTH_MAX + 1,
	KNOWN = 128, /* elements whose meaning is remembered; a power of two */
	OWN_BONUS = 1,
};

enum rank_of_link {
	LINK_HREF = 23,      /* <link href> of the format itself, an alternate that is a page */
	LINK_ALTERNATE = 21, /* an alternate of another type */
	LINK_TEXT = 20,
	LINK_FOREIGN = 15, /* Atom's link in RSS, RSS's in Atom */
	LINK_GUID = 10,
	LINK_RELATED = 6,
	LINK_ABOUT = 5,
	LINK_ENCLOSURE = 4,
	LINK_EMPTY = 1,
};

enum place { PLACE_OUTSIDE, PLACE_FEED, PLACE_ENTRY, PLACE_SKIPPED, PLACE_FIELD };

struct level {
	enum place place;
	char *base; /* of xml:base, owned; NULL: the parent's */
};

/* The field that is open. */
struct field {
	const struct feeds_element *element;
	enum feeds_space space;
	size_t level; /* of its element; 0: none is open */
	int rank;
	enum feeds_form form;
	bool base64;
	bool markup;  /* characters are text among markup, so they are escaped for the text */
	bool ignored; /* characters don't count: a child of an author that is not the name */
	struct feeds_buffer raw;
};

struct reader {
	struct feeds_draft *draft;
	const struct feeds_texts *texts;
	const char *url;
	size_t depth;
	struct level levels[LEVELS_MAX];
	struct field field;
	const xmlChar *own;         /* a namespace that is the format's, though nobody knows it */
	enum feeds_space own_space; /* of elements without namespace, and of own */
	enum feeds_space entry_space;
	bool begun;
	struct known {
		const xmlChar *local, *uri, *prefix;
		const struct feeds_element *element;
		enum feeds_space space;
	} known[KNOWN];
	struct feeds_buffer value; /* an attribute's */
	struct feeds_buffer decoded;
};

/* ---- values */

static const char *base_of(const struct reader *reader)
{
	for (size_t i = reader->depth; i > 0; i--)
		if (reader->levels[i - 1].base != NULL)
			return reader->levels[i - 1].base;
	return reader->url;
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), part = strlen(end);
	return size >= part && strcasecmp(text + size - part, end) == 0;
}

static void set_link(struct reader *reader, int rank, const char *text)
{
	struct feeds_value value = {
		.text = text, .size = strlen(text), .base = base_of(reader), .rank = rank
	};
	if (!is_blank(text))
		feeds_draft_set(reader->draft, FIELD_LINK, &value);
}

static void set_id(struct reader *reader, int rank, const char *text, size_t size)
{
	struct feeds_value value = { .text = text, .size = size, .rank = rank };
	feeds_draft_set(reader->draft, FIELD_ID, &value);
}

static bool is_web(const char *text)
{
	while (*text != '\0' && (unsigned char)*text <= ' ')
		text++;
	return feeds_url_kind(text, strlen(text)) == FEEDS_URL_WEB;
}

/* What a link is worth, by its relation and type; 0: it is none that counts here. */
static int link_rank(
	struct reader *reader, const struct feeds_attributes *attributes, enum feeds_space space)
{
	const char *type = feeds_attributes_get(attributes, "", "type");
	bool page = *type == '\0' || strcasestr(type, "html") != NULL;
	const char *relation = feeds_attributes_get(attributes, "", "rel");
	bool in_entry = reader->draft->in_entry;
	if (*relation == '\0' || ends_with(relation, "alternate")) {
		if (in_entry && space != reader->entry_space)
			return LINK_FOREIGN;
		return page ? LINK_HREF : LINK_ALTERNATE;
	}
	if (!in_entry)
		return 0;
	if (strcasecmp(relation, "related") == 0 || strcasecmp(relation, "via") == 0)
		return LINK_RELATED;
	return strcasecmp(relation, "enclosure") == 0 ? LINK_ENCLOSURE : 0;
}

/* A guid is the link, too, unless it says that it isn't. field->rank: what isPermaLink says. */
static void end_guid(struct reader *reader)
{
	struct field *field = &reader->field;
	const char *text = feeds_buffer_text(&field->raw);
	set_id(reader, field->element->rank, text, field->raw.size);
	if (field->rank > 0 && is_web(text))
		set_link(reader, field->rank, text);
}

static void end_text(struct reader *reader, enum feeds_field kind)
{
	struct field *field = &reader->field;
	struct feeds_value value = { .text = feeds_buffer_text(&field->raw),
		.size = field->raw.size,
		.form = field->form,
		.rank = field->rank };
	if (field->base64) {
		feeds_buffer_clear(&reader->decoded);
		feeds_text_base64(&reader->decoded, field->raw.bytes, field->raw.size);
		value.text = feeds_buffer_text(&reader->decoded);
		value.size = reader->decoded.size;
	}
	feeds_draft_set(reader->draft, kind, &value);
}

static void end_field(struct reader *reader)
{
	struct field *field = &reader->field;
	const char *text = feeds_buffer_text(&field->raw);
	switch (field->element->meaning) {
	case MEANS_TITLE:
		end_text(reader, FIELD_TITLE);
		break;
	case MEANS_AUTHOR:
		end_text(reader, FIELD_AUTHOR);
		break;
	case MEANS_SUMMARY:
		end_text(reader, FIELD_SUMMARY);
		break;
	case MEANS_LINK:
		set_link(reader, field->rank, text);
		break;
	case MEANS_ID:
		set_id(reader, field->rank, text, field->raw.size);
		break;
	case MEANS_GUID:
		end_guid(reader);
		break;
	case MEANS_DATE:
		feeds_draft_date(reader->draft, field->rank, text, field->raw.size);
		break;
	case MEANS_NOTHING:
	case MEANS_ROOT:
	case MEANS_FEED:
	case MEANS_ENTRY:
	case MEANS_GROUP:
	case MEANS_ENCLOSURE:
		abort(); /* never a field */
	}
	field->level = 0;
}

/* ---- fields */

/* How the content of one of Atom's text constructs is written (RFC 4287, 3.1; Atom 0.3, 3.1). */
static void set_atom_form(struct reader *reader, const struct feeds_attributes *attributes)
{
	struct field *field = &reader->field;
	const char *mode = feeds_attributes_get(attributes, "", "mode");
	bool escaped = strcasecmp(mode, "escaped") == 0;
	bool xml = strcasecmp(mode, "xml") == 0;
	field->base64 = strcasecmp(mode, "base64") == 0;
	const char *type = feeds_attributes_get(attributes, "", "type");
	bool xhtml = strcasecmp(type, "xhtml") == 0 || strcasecmp(type, "xml") == 0 ||
		     ends_with(type, "+xml") || ends_with(type, "/xml");
	bool html = xhtml || strcasecmp(type, "html") == 0 || strcasecmp(type, "text/html") == 0;
	/* Media types that are no text are in base64 (RFC 4287, 4.1.3.3); some write text so. */
	if (strcasecmp(type, "application/octet-stream") == 0)
		field->base64 = true;
	field->form = html                                          ? FORM_HTML
		      : field->base64 || (escaped && *type == '\0') ? FORM_LOOSE
								    : FORM_PLAIN;
	field->markup = html && (xml || (xhtml && !escaped && !field->base64));
}

static void set_form(struct reader *reader, const struct feeds_attributes *attributes)
{
	struct field *field = &reader->field;
	field->base64 = field->markup = field->ignored = false;
	field->form = field->element->meaning == MEANS_SUMMARY ? FORM_HTML : FORM_LOOSE;
	if (field->space == SPACE_ATOM && attributes->count == 0)
		field->form = FORM_PLAIN;
	else if (field->space == SPACE_ATOM)
		set_atom_form(reader, attributes);
	else if (field->space == SPACE_XHTML)
		field->markup = true;
}

/* Opens a field; what can't win any more is passed over. */
static enum place begin_field(struct reader *reader, const struct feeds_element *element,
	enum feeds_space space, const struct feeds_attributes *attributes)
{
	struct field *field = &reader->field;
	static const enum feeds_field kinds[] = { [MEANS_TITLE] = FIELD_TITLE,
		[MEANS_AUTHOR] = FIELD_AUTHOR,
		[MEANS_SUMMARY] = FIELD_SUMMARY };
	field->element = element;
	field->space = space;
	field->rank = element->rank;
	if (reader->draft->in_entry && space == reader->entry_space)
		field->rank += OWN_BONUS;
	if ((element->meaning == MEANS_TITLE || element->meaning == MEANS_AUTHOR ||
		    element->meaning == MEANS_SUMMARY) &&
		!feeds_draft_wants(reader->draft, kinds[element->meaning], field->rank))
		return PLACE_SKIPPED;
	if (element->meaning == MEANS_GUID)
		field->rank = strcasecmp(feeds_attributes_get(attributes, "", "ispermalink"),
				      "false") == 0
				      ? 0
				      : LINK_GUID;
	feeds_buffer_clear(&field->raw);
	set_form(reader, attributes);
	field->level = reader->depth;
	return PLACE_FIELD;
}

/* Reads an href now; a link without one may have its address as text. */
static enum place begin_link(
	struct reader *reader, const struct known *known, const struct feeds_attributes *attributes)
{
	int rank = known->space == SPACE_FEEDBURNER ? known->element->rank
						    : link_rank(reader, attributes, known->space);
	if (rank == 0)
		return PLACE_SKIPPED;
	if (!feeds_attributes_has(attributes, "href")) {
		enum place place = begin_field(reader, known->element, known->space, attributes);
		reader->field.rank = rank > LINK_TEXT ? LINK_TEXT : rank;
		return place;
	}
	const char *href = feeds_attributes_get(attributes, "", "href");
	if (!is_blank(href)) {
		set_link(reader, rank, href);
		return PLACE_SKIPPED;
	}
	/* By RFC 3986 this is the feed itself, which is seldom meant. */
	struct feeds_value value = { .text = "", .base = base_of(reader), .rank = LINK_EMPTY };
	feeds_draft_set(reader->draft, FIELD_LINK, &value);
	return PLACE_SKIPPED;
}

static void add_markup(struct reader *reader, const char *open, const xmlChar *local)
{
	struct feeds_buffer *raw = &reader->field.raw;
	if (raw->full || reader->field.base64 || reader->field.form == FORM_PLAIN)
		return;
	(void)feeds_buffer_add_text(raw, open); /* full ends the field's text */
	(void)feeds_buffer_add_text(raw, (const char *)local);
	(void)feeds_buffer_add_text(raw, ">");
}

/* An element inside a field: markup, or a part of a person. */
static void begin_inside(struct reader *reader, const xmlChar *local)
{
	struct field *field = &reader->field;
	if (field->element->meaning != MEANS_AUTHOR || reader->depth != field->level + 1) {
		add_markup(reader, "<", local);
		return;
	}
	bool name = strcasecmp((const char *)local, "name") == 0;
	if (name)
		feeds_buffer_clear(&field->raw);
	field->ignored = !name;
}

static void end_inside(struct reader *reader, const xmlChar *local)
{
	struct field *field = &reader->field;
	if (field->element->meaning != MEANS_AUTHOR || reader->depth != field->level + 1)
		add_markup(reader, "</", local);
	else
		field->ignored = true;
}

/* ---- elements */

static enum feeds_space space_of(struct reader *reader, const xmlChar *uri, const xmlChar *prefix)
{
	if ((uri == NULL && prefix == NULL) || (uri != NULL && uri == reader->own))
		return reader->own_space;
	return feeds_space_of((const char *)uri, (const char *)prefix);
}

/*
 * The meaning of an element. Names are libxml2's own copies, one for each text, so that the same
 * pointers are the same names.
 */
static const struct known *meaning_of(
	struct reader *reader, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
	uint64_t hash = ((uint64_t)(uintptr_t)local + 3 * (uint64_t)(uintptr_t)uri +
				5 * (uint64_t)(uintptr_t)prefix) *
			UINT64_C(0x9E3779B97F4A7C15); /* Fibonacci hashing */
	struct known *known = &reader->known[(hash >> 32) % KNOWN];
	if (known->local != local || known->uri != uri || known->prefix != prefix) {
		enum feeds_space space = space_of(reader, uri, prefix);
		*known = (struct known) {
			.local = local,
			.uri = uri,
			.prefix = prefix,
			.space = space,
			.element = feeds_element_of(space, (const char *)local),
		};
	}
	return known;
}

/*
 * The root says what elements without a namespace are, and its own namespace is the format's even
 * when nobody has heard of it; in RDF, that of the first channel or item.
 */
static void learn(struct reader *reader, const xmlChar *local, const xmlChar *uri)
{
	static const char *const names[] = { "rss", "feed", "rdf", "channel", "item", "entry" };
	bool names_format = false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		names_format = names_format || strcasecmp((const char *)local, names[i]) == 0;
	if (!names_format || reader->own != NULL)
		return;
	bool foreign = uri != NULL && feeds_space_of((const char *)uri, NULL) == SPACE_OTHER;
	if (reader->begun && !foreign)
		return;
	if (!reader->begun)
		reader->own_space =
			strcasecmp((const char *)local, "feed") == 0 ? SPACE_ATOM : SPACE_RSS;
	reader->begun = true;
	if (foreign)
		reader->own = uri;
	memset(reader->known, 0, sizeof(reader->known));
}

static enum place begin_entry(
	struct reader *reader, const struct feeds_attributes *attributes, enum feeds_space space)
{
	feeds_draft_begin(reader->draft);
	reader->entry_space = space;
	const char *about = feeds_attributes_get(attributes, "rdf", "about");
	if (*about != '\0') {
		set_id(reader, 1, about, strlen(about));
		set_link(reader, LINK_ABOUT, about);
	}
	/* CDF keeps in attributes what others have in elements. */
	set_link(reader, LINK_TEXT, feeds_attributes_get(attributes, "", "href"));
	const char *date = feeds_attributes_get(attributes, "", "lastmod");
	feeds_draft_date(reader->draft, 1, date, strlen(date));
	return PLACE_ENTRY;
}

/* What a child of a feed or an entry is. */
static enum place begin_child(struct reader *reader, const struct known *known,
	const struct feeds_attributes *attributes, enum place parent)
{
	switch (known->element->meaning) {
	case MEANS_NOTHING:
	case MEANS_ROOT:
		return PLACE_SKIPPED;
	case MEANS_FEED:
	case MEANS_ENTRY: /* inside an entry: parents of others were asked before */
		return PLACE_SKIPPED;
	case MEANS_GROUP:
		return parent;
	case MEANS_LINK:
		return begin_link(reader, known, attributes);
	case MEANS_ENCLOSURE:
		if (parent == PLACE_ENTRY)
			set_link(reader, LINK_ENCLOSURE,
				feeds_attributes_get(attributes, "", "url"));
		return PLACE_SKIPPED;
	case MEANS_TITLE:
		break;
	case MEANS_ID:
	case MEANS_GUID:
	case MEANS_AUTHOR:
	case MEANS_SUMMARY:
	case MEANS_DATE:
		if (parent != PLACE_ENTRY)
			return PLACE_SKIPPED;
		break;
	}
	return begin_field(reader, known->element, known->space, attributes);
}

/* The place of the element that was just opened. */
static enum place place_of(
	struct reader *reader, const struct known *known, const struct feeds_attributes *attributes)
{
	enum place parent =
		reader->depth < 2 ? PLACE_OUTSIDE : reader->levels[reader->depth - 2].place;
	/* Entries are found outside the channel (RSS 0.90, 1.0) and inside what we don't know. */
	if (!reader->draft->in_entry) {
		if (known->element->meaning == MEANS_ENTRY)
			return begin_entry(reader, attributes, known->space);
		if (known->element->meaning == MEANS_FEED) {
			set_link(reader, LINK_TEXT, feeds_attributes_get(attributes, "", "href"));
			return PLACE_FEED;
		}
		if (known->element->meaning == MEANS_ROOT)
			return PLACE_OUTSIDE;
	}
	if (parent == PLACE_FEED || parent == PLACE_ENTRY)
		return begin_child(reader, known, attributes, parent);
	return PLACE_SKIPPED;
}

static void push(struct reader *reader, const struct feeds_attributes *attributes)
{
	assert(reader->depth < LEVELS_MAX);
	const char *reference = "";
	char *base = NULL;
	if (attributes->count > 0)
		reference = feeds_attributes_get(attributes, "xml", "base");
	if (*reference != '\0') {
		struct feeds_buffer url;
		feeds_buffer_init(&url, FEED_LINK_MAX);
		if (feeds_url_resolve(&url, base_of(reader), reference, strlen(reference)) &&
			feeds_url_kind(url.bytes, url.size) == FEEDS_URL_WEB)
			base = xstrdup(feeds_buffer_text(&url));
		feeds_buffer_release(&url);
	}
	reader->levels[reader->depth++] = (struct level) { .place = PLACE_SKIPPED, .base = base };
}

/* libxml2's interface has nine parameters; the defaults never come without a DTD. */
static void on_start(void *context, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri,
	int namespaces_count, const xmlChar **namespaces, int count, int defaulted,
	const xmlChar **list)
{
	(void)namespaces_count, (void)namespaces, (void)defaulted;
	struct reader *reader = context;
	struct feeds_attributes attributes = { list, count, &reader->value };
	push(reader, &attributes);
	if (reader->field.level > 0) {
		begin_inside(reader, local);
		return;
	}
	if (reader->depth <= 3 && !reader->draft->in_entry)
		learn(reader, local, uri);
	const struct known *known = meaning_of(reader, local, prefix, uri);
	reader->levels[reader->depth - 1].place = place_of(reader, known, &attributes);
}

static void on_end(void *context, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
	(void)prefix, (void)uri;
	struct reader *reader = context;
	struct level *level = &reader->levels[reader->depth - 1];
	if (reader->field.level == reader->depth)
		end_field(reader);
	else if (reader->field.level > 0)
		end_inside(reader, local);
	else if (level->place == PLACE_ENTRY &&
		 (reader->depth < 2 || reader->levels[reader->depth - 2].place != PLACE_ENTRY))
		feeds_draft_end(reader->draft);
	free(level->base);
	reader->depth--;
}

static void add_text(struct reader *reader, const char *text, size_t size)
{
	struct field *field = &reader->field;
	if (field->level == 0 || field->ignored || field->raw.full)
		return;
	for (size_t i = 0; field->markup && i < size;) {
		size_t plain = 0;
		while (i + plain < size && text[i + plain] != '<' && text[i + plain] != '&')
			plain++;
		feeds_buffer_add_head(&field->raw, text + i, plain);
		i += plain;
		if (i < size)
			(void)feeds_buffer_add_text(
				&field->raw, text[i++] == '<' ? "&lt;" : "&amp;");
	}
	if (!field->markup)
		feeds_buffer_add_head(&field->raw, text, size);
}

static void on_characters(void *context, const xmlChar *characters, int count)
{
	add_text(context, (const char *)characters, (size_t)count);
}

/* The only instructions are those that stand for a text. */
static void on_instruction(void *context, const xmlChar *target, const xmlChar *data)
{
	(void)target;
	struct reader *reader = context;
	size_t size;
	const char *text =
		feeds_texts_get(reader->texts, strtoul((const char *)data, NULL, 10), &size);
	assert(text != NULL);
	add_text(reader, text, size);
}

/* The text was repaired before; what is still wrong is no news. */
static void on_error(void *context, xmlErrorPtr error)
{
	(void)context, (void)error;
}

static void parse(struct reader *reader, struct feeds_buffer *xml)
{
	static xmlSAXHandler handler = {
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_characters,
		.ignorableWhitespace = on_characters,
		.processingInstruction = on_instruction,
		.serror = on_error,
	};
	if (xml->size == 0)
		return;
	assert(xml->size <= INT_MAX);
	xmlParserCtxtPtr parser = xmlCreateMemoryParserCtxt(xml->bytes, (int)xml->size);
	feeds_buffer_release(xml);
	assert(parser != NULL); /* out of memory */
	xmlCtxtUseOptions(parser, XML_PARSE_RECOVER | XML_PARSE_NONET);
	*parser->sax = handler;
	parser->userData = reader;
	(void)xmlParseDocument(parser); /* what was read until an error counts */
	xmlFreeParserCtxt(parser);
}

void feeds_xml_read(struct feeds_draft *draft, struct feeds_repair *repair, const char *url)
{
	struct reader *reader = xcalloc(1, sizeof(*reader));
	reader->draft = draft;
	reader->texts = &repair->texts;
	reader->url = url;
	reader->own_space = SPACE_RSS;
	feeds_buffer_init(&reader->field.raw, RAW_MAX);
	feeds_buffer_init(&reader->value, RAW_MAX);
	feeds_buffer_init(&reader->decoded, RAW_MAX);
	parse(reader, &repair->xml);
	while (reader->depth > 0)
		free(reader->levels[--reader->depth].base);
	feeds_buffer_release(&reader->field.raw);
	feeds_buffer_release(&reader->value);
	feeds_buffer_release(&reader->decoded);
	free(reader);
}
