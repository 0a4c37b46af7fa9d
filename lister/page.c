/* SPDX-License-Identifier: MIT */
#include "lister/page.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "common/memory.h"

enum {
	DEPTH_MAX = 16, /* of elements; three are in use */
	OBJECTS_AT_ONCE = 1000,
	CONTENTS_DEPTH = 2, /* of <Contents> in <ListBucketResult> */
};

/* What is inside <ListBucketResult> directly, and inside <Contents>. */
enum field {
	FIELD_NONE,
	FIELD_TRUNCATED,
	FIELD_TOKEN,
	FIELD_ENCODING,
	FIELD_KEY,
	FIELD_SIZE,
	FIELD_TIME,
};

static const struct {
	const char *name;
	int depth;
	enum field field;
} fields[] = {
	{ "IsTruncated", CONTENTS_DEPTH, FIELD_TRUNCATED },
	{ "NextContinuationToken", CONTENTS_DEPTH, FIELD_TOKEN },
	{ "EncodingType", CONTENTS_DEPTH, FIELD_ENCODING },
	{ "Key", CONTENTS_DEPTH + 1, FIELD_KEY },
	{ "Size", CONTENTS_DEPTH + 1, FIELD_SIZE },
	{ "LastModified", CONTENTS_DEPTH + 1, FIELD_TIME },
};

struct reader {
	xmlParserCtxtPtr parser;
	struct page *page;
	size_t room; /* for objects */
	int depth;
	bool root, contents; /* inside of them */
	bool truncated, encoded, seen_root;
	enum field field;
	size_t length;
	char text[PAGE_TEXT_MAX];
	struct page_object object; /* being read */
	int object_fields;         /* how many of the three it has */
	const char *wrong;         /* or NULL */
};

static void refuse(struct reader *reader, const char *wrong)
{
	if (reader->wrong)
		return;
	reader->wrong = wrong;
	xmlStopParser(reader->parser);
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *found = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
	return found ? (int)(found - digits) : -1;
}

/* What encoding-type=url made of a key: %XX, and "+" for a blank. False: there is a NUL in it. */
static bool decode(char *text)
{
	char *end = text;
	for (const char *from = text; *from; from++) {
		int high = *from == '%' ? hex_digit(from[1]) : -1;
		int low = high >= 0 ? hex_digit(from[2]) : -1;
		char byte = *from == '+' ? ' ' : *from;
		if (low >= 0) {
			byte = (char)(high * 16 + low);
			from += 2;
		}
		if (byte == '\0')
			return false;
		*end++ = byte;
	}
	*end = '\0';
	return true;
}

/* "2009-10-12T17:50:30.000Z" */
static int read_time(const char *text, int64_t *mtime_ns)
{
	struct tm utc = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
	if (!rest)
		return -1;
	int64_t part = 0, unit = 1000000000;
	if (*rest == '.') {
		for (rest++; isdigit((unsigned char)*rest); rest++) {
			unit /= 10;
			part += unit * (*rest - '0');
		}
	}
	if (strcmp(rest, "Z") != 0)
		return -1;
	*mtime_ns = (int64_t)timegm(&utc) * 1000000000 + part;
	return 0;
}

static int read_size(const char *text, uint64_t *size)
{
	char *end;
	errno = 0;
	*size = strtoull(text, &end, 10);
	return errno || !isdigit((unsigned char)*text) || *end ? -1 : 0;
}

static void take_text(struct reader *reader)
{
	struct page_object *object = &reader->object;
	switch (reader->field) {
	case FIELD_NONE:
		return;
	case FIELD_TRUNCATED:
		reader->truncated = strcmp(reader->text, "true") == 0;
		return;
	case FIELD_TOKEN:
		free(reader->page->token);
		reader->page->token = xstrdup(reader->text);
		return;
	case FIELD_ENCODING:
		reader->encoded = strcmp(reader->text, "url") == 0;
		return;
	case FIELD_KEY:
		free(object->key);
		object->key = xstrdup(reader->text);
		break;
	case FIELD_SIZE:
		if (read_size(reader->text, &object->size))
			refuse(reader, "an object's size is no number");
		break;
	case FIELD_TIME:
		if (read_time(reader->text, &object->mtime_ns))
			refuse(reader, "an object's time is none");
		break;
	}
	reader->object_fields++;
}

/* libxml2's interface has nine parameters; nothing of namespaces and attributes is needed. */
static void on_start(void *context, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri,
	int namespaces_count, const xmlChar **namespaces, int count, int defaulted,
	const xmlChar **list)
{
	struct reader *reader = context;
	const char *name = (const char *)local;
	(void)prefix, (void)uri, (void)namespaces_count, (void)namespaces;
	(void)count, (void)defaulted, (void)list;
	if (++reader->depth > DEPTH_MAX) {
		refuse(reader, "its elements lie too deep");
		return;
	}
	if (reader->depth == 1)
		reader->root = reader->seen_root = strcmp(name, "ListBucketResult") == 0;
	if (reader->depth == CONTENTS_DEPTH)
		reader->contents = reader->root && strcmp(name, "Contents") == 0;
	reader->field = FIELD_NONE;
	reader->length = 0;
	bool known = reader->root && (reader->contents || reader->depth == CONTENTS_DEPTH);
	for (size_t i = 0; known && i < sizeof(fields) / sizeof(*fields); i++) {
		if (fields[i].depth == reader->depth && strcmp(fields[i].name, name) == 0)
			reader->field = fields[i].field;
	}
}

static void on_characters(void *context, const xmlChar *characters, int count)
{
	struct reader *reader = context;
	if (reader->field == FIELD_NONE)
		return;
	if ((size_t)count >= PAGE_TEXT_MAX - reader->length) {
		refuse(reader, "one of its texts is too long");
		return;
	}
	memcpy(reader->text + reader->length, characters, (size_t)count);
	reader->length += (size_t)count;
}

static void add_object(struct reader *reader)
{
	struct page *page = reader->page;
	if (page->count == PAGE_OBJECTS_MAX || reader->object_fields < 3) {
		refuse(reader, "an object lacks key, size or time, or there are too many");
		return;
	}
	if (page->count == reader->room) {
		reader->room += OBJECTS_AT_ONCE;
		page->objects = xreallocarray(page->objects, reader->room, sizeof(*page->objects));
	}
	page->objects[page->count++] = reader->object;
	reader->object = (struct page_object) { 0 };
	reader->object_fields = 0;
}

static void on_end(void *context, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
	struct reader *reader = context;
	(void)local, (void)prefix, (void)uri;
	reader->text[reader->length] = '\0';
	take_text(reader);
	if (reader->depth == CONTENTS_DEPTH && reader->contents && !reader->wrong)
		add_object(reader);
	reader->field = FIELD_NONE;
	reader->length = 0;
	reader->depth--;
}

/* Callback: <!DOCTYPE. S3 has none; without it there are no entities. */
static void on_doctype(
	void *context, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	(void)name, (void)external, (void)system;
	refuse(context, "it has a DOCTYPE");
}

static void on_error(void *context, xmlErrorPtr error)
{
	if (error->level >= XML_ERR_ERROR)
		refuse(context, "it is no XML");
}

/* The encoding of keys is known at the end only. */
static void decode_keys(struct reader *reader)
{
	for (size_t i = 0; i < reader->page->count && reader->encoded; i++) {
		struct page_object *object = &reader->page->objects[i];
		char *written = xstrdup(object->key);
		object->refused = !decode(object->key);
		char *kept = object->refused ? written : object->key;
		free(object->refused ? object->key : written);
		object->key = kept;
	}
}

static const char *parse(struct reader *reader, const char *bytes, size_t size)
{
	static xmlSAXHandler handler = {
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_characters,
		.ignorableWhitespace = on_characters,
		.internalSubset = on_doctype,
		.serror = on_error,
	};
	reader->parser = xmlCreateMemoryParserCtxt(bytes, (int)size);
	assert(reader->parser);                                   /* out of memory */
	(void)xmlCtxtUseOptions(reader->parser, XML_PARSE_NONET); /* it is known */
	*reader->parser->sax = handler;
	reader->parser->userData = reader;
	int status = xmlParseDocument(reader->parser);
	xmlFreeParserCtxt(reader->parser);
	if (reader->wrong)
		return reader->wrong;
	if (status || !reader->seen_root)
		return "it is no list of objects";
	return reader->truncated && (!reader->page->token || !*reader->page->token)
		       ? "it is cut off, but does not say where"
		       : NULL;
}

void page_release(struct page *page)
{
	for (size_t i = 0; i < page->count; i++)
		free(page->objects[i].key);
	free(page->objects);
	free(page->token);
	*page = (struct page) { 0 };
}

int page_read(struct page *page, const char *bytes, size_t size, struct error *err)
{
	struct reader *reader = xcalloc(1, sizeof(*reader));
	*page = (struct page) { 0 };
	reader->page = page;
	const char *wrong = size == 0 || size > PAGE_BYTES_MAX ? "it is empty or too large"
							       : parse(reader, bytes, size);
	decode_keys(reader);
	free(reader->object.key);
	if (!reader->truncated) {
		free(page->token);
		page->token = NULL;
	}
	free(reader);
	if (!wrong)
		return 0;
	page_release(page);
	return error_set(err, ERROR_PROTOCOL, "the server's answer makes no sense: %s", wrong);
}
