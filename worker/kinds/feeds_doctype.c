/* SPDX-License-Identifier: MIT */
/*
 * The document type declaration of a feed. A value is read when it is declared and can only refer
 * to entities declared before it, so no entity can contain itself, and none grows over its limit.
 */
#include "worker/kinds/feeds_doctype.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "worker/kinds/feeds_buffer.h"
#include "worker/kinds/feeds_entity.h"

static const struct feeds_doctype_entity *find(
	const struct feeds_doctype *doctype, const char *name, size_t size)
{
	for (size_t i = 0; i < doctype->count; i++)
		if (doctype->entities[i].name_size == size &&
			memcmp(doctype->entities[i].name, name, size) == 0)
			return &doctype->entities[i];
	return NULL;
}

/* Adds what the reference at text stands for and returns its bytes; 0 when it is text. */
static size_t add_reference(struct feeds_buffer *out, const struct feeds_doctype *doctype,
	const char *text, size_t size)
{
	uint32_t character = 0;
	size_t length = 0;
	if (size > 2 && text[1] == '#') {
		length = feeds_entity_numeric(text, size, &character);
	} else {
		size_t name = feeds_entity_name(text + 1, size - 1);
		if (name == 0 || name + 1 >= size || text[name + 1] != ';')
			return 0;
		const struct feeds_doctype_entity *entity = find(doctype, text + 1, name);
		if (entity != NULL) {
			(void)feeds_buffer_add(out, entity->value, entity->value_size);
			return name + 2;
		}
		character = feeds_entity_named(text + 1, name);
		length = character == 0 ? 0 : name + 2;
	}
	if (length > 0)
		(void)feeds_buffer_add_character(out, character);
	return length;
}

static void declare(struct feeds_doctype *doctype, const char *name, size_t name_size,
	const char *value, size_t size)
{
	if (doctype->count == DOCTYPE_ENTITIES_MAX || find(doctype, name, name_size) != NULL)
		return;
	struct feeds_buffer text;
	feeds_buffer_init(&text, DOCTYPE_VALUE_MAX);
	for (size_t at = 0; at < size && !text.full;) {
		size_t length =
			value[at] != '&' ? 0 : add_reference(&text, doctype, value + at, size - at);
		if (length == 0)
			(void)feeds_buffer_add(&text, value + at, 1); /* full ends the loop */
		at += length == 0 ? 1 : length;
	}
	if (text.full)
		feeds_buffer_clear(&text);
	if (doctype->entities == NULL)
		doctype->entities = xcalloc(DOCTYPE_ENTITIES_MAX, sizeof(*doctype->entities));
	doctype->entities[doctype->count++] = (struct feeds_doctype_entity) {
		.name = name,
		.name_size = name_size,
		.value = text.bytes,
		.value_size = text.size,
	};
}

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && isspace((unsigned char)*at))
		at++;
	return at;
}

/* <!ENTITY name "value" ... Anything else that it declares is left to be skipped. */
static const char *read_entity(struct feeds_doctype *doctype, const char *at, const char *end)
{
	at = skip_space(at, end);
	const char *name = at;
	while (at < end && !isspace((unsigned char)*at) && strchr("\"'<>[]&;%", *at) == NULL)
		at++;
	size_t name_size = (size_t)(at - name);
	at = skip_space(at, end);
	if (name_size == 0 || at >= end)
		return at;
	if (*at != '"' && *at != '\'') {
		declare(doctype, name, name_size, "", 0);
		return at;
	}
	const char *close = memchr(at + 1, *at, (size_t)(end - at - 1));
	if (close == NULL)
		return end;
	declare(doctype, name, name_size, at + 1, (size_t)(close - at - 1));
	return close + 1;
}

/* The quoted text or comment at at is stepped over, or else one byte. */
static const char *step(const char *at, const char *end)
{
	const char *found = NULL;
	if (*at == '"' || *at == '\'')
		found = memchr(at + 1, *at, (size_t)(end - at - 1));
	else if (end - at > 4 && memcmp(at, "<!--", 4) == 0)
		found = memmem(at + 4, (size_t)(end - at - 4), "-->", 3);
	return found == NULL ? at + 1 : found + 1;
}

const char *feeds_doctype_read(struct feeds_doctype *doctype, const char *text, const char *end)
{
	static const char entity[] = "<!ENTITY";
	enum { ENTITY_SIZE = sizeof(entity) - 1, WINDOW = 64 << 10 };
	/* A declaration that doesn't end in the window is broken and ends at its first bracket. */
	const char *stop = end - text > WINDOW ? text + WINDOW : end;
	bool subset = false;
	for (const char *at = text + 2; at < stop;) {
		if (subset && stop - at > ENTITY_SIZE && memcmp(at, entity, ENTITY_SIZE) == 0) {
			at = read_entity(doctype, at + ENTITY_SIZE, stop);
			continue;
		}
		if (!subset && *at == '>')
			return at + 1;
		if (*at == '[')
			subset = true;
		else if (*at == ']')
			subset = false;
		at = step(at, stop);
	}
	const char *close = memchr(text, '>', (size_t)(end - text));
	return close == NULL ? end : close + 1;
}

void feeds_doctype_release(struct feeds_doctype *doctype)
{
	for (size_t i = 0; i < doctype->count; i++)
		free(doctype->entities[i].value);
	free(doctype->entities);
	*doctype = (struct feeds_doctype) { 0 };
}

const char *feeds_doctype_expand(
	struct feeds_doctype *doctype, const char *name, size_t size, size_t *value_size)
{
	const struct feeds_doctype_entity *entity = find(doctype, name, size);
	if (entity == NULL)
		return NULL;
	*value_size = 0;
	if (entity->value == NULL || doctype->expanded > DOCTYPE_EXPANDED_MAX)
		return "";
	doctype->expanded += entity->value_size;
	*value_size = entity->value_size;
	return entity->value;
}
