/* SPDX-License-Identifier: MIT */
/* One tag of markup that may be malformed. */
#include "worker/kinds/feeds_tag.h"

#include <string.h>

enum next { NEXT_DOUBLE, NEXT_SINGLE, NEXT_LESS };

static bool is_space(char byte)
{
	return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r' || byte == '\f';
}

static bool is_name_start(char byte)
{
	unsigned char letter = (unsigned char)byte | 0x20;
	return (letter >= 'a' && letter <= 'z') || byte == '_' || (unsigned char)byte >= 0x80;
}

static bool is_name(char byte)
{
	return is_name_start(byte) || (byte >= '0' && byte <= ':') || byte == '-' || byte == '.';
}

/* The next byte of a kind at or after at, or the end. */
static const char *next(struct feeds_tags *tags, enum next which, const char *at)
{
	static const char bytes[] = {
		[NEXT_DOUBLE] = '"', [NEXT_SINGLE] = '\'', [NEXT_LESS] = '<'
	};
	if (tags->next[which] == NULL || tags->next[which] < at) {
		const char *found = memchr(at, bytes[which], (size_t)(tags->end - at));
		tags->next[which] = found == NULL ? tags->end : found;
	}
	return tags->next[which];
}

static const char *skip_space(const struct feeds_tags *tags, const char *at)
{
	while (at < tags->end && is_space(*at))
		at++;
	return at;
}

/* A value without quotes. A / before the > belongs to the tag. */
static const char *read_bare(const struct feeds_tags *tags, const char *at)
{
	while (at < tags->end && !is_space(*at) && *at != '>' && *at != '<' &&
		!(*at == '/' && at + 1 < tags->end && at[1] == '>'))
		at++;
	return at;
}

/*
 * Reads the value at at. Quotes that don't close on their line before other markup starts were
 * forgotten: such a value ends as one without quotes does.
 */
static const char *read_value(struct feeds_tags *tags, struct feeds_tag *tag,
	struct feeds_tag_attribute *attribute, const char *at)
{
	bool quoted = at < tags->end && (*at == '"' || *at == '\'');
	if (quoted) {
		const char *start = at + 1;
		const char *close = next(tags, *at == '"' ? NEXT_DOUBLE : NEXT_SINGLE, start);
		const char *less = next(tags, NEXT_LESS, start);
		bool crosses = less < close && memchr(start, '\n', (size_t)(less - start)) != NULL;
		attribute->value = start;
		attribute->value_size = (size_t)(close - start);
		if (close < tags->end && !crosses)
			return close + 1;
		at = start;
	}
	tag->faulty = true;
	const char *close = read_bare(tags, at);
	attribute->value = at;
	attribute->value_size = (size_t)(close - at);
	return close;
}

static bool is_known(const struct feeds_tag *tag, const struct feeds_tag_attribute *attribute)
{
	for (size_t i = 0; i < tag->count; i++)
		if (tag->attributes[i].name_size == attribute->name_size &&
			memcmp(tag->attributes[i].name, attribute->name, attribute->name_size) == 0)
			return true;
	return false;
}

static bool is_wanted(const struct feeds_tag *tag, const struct feeds_tag_attribute *attribute)
{
	return tag->count < TAG_ATTRIBUTES_MAX && attribute->name_size <= TAG_NAME_BYTES_MAX &&
	       attribute->value_size <= TAG_VALUE_MAX && is_name_start(attribute->name[0]) &&
	       !is_known(tag, attribute);
}

/* Reads name, name=value or a stray byte. */
static const char *read_attribute(struct feeds_tags *tags, struct feeds_tag *tag, const char *at)
{
	struct feeds_tag_attribute attribute = { .name = at };
	while (at < tags->end && is_name(*at))
		at++;
	attribute.name_size = (size_t)(at - attribute.name);
	if (attribute.name_size == 0) {
		tag->faulty = true;
		return at + 1;
	}
	const char *equals = skip_space(tags, at);
	if (equals < tags->end && *equals == '=') {
		at = read_value(tags, tag, &attribute, skip_space(tags, equals + 1));
	} else {
		tag->faulty = true;
		attribute.value = attribute.name;
		attribute.value_size = attribute.name_size;
	}
	if (is_wanted(tag, &attribute))
		tag->attributes[tag->count++] = attribute;
	else
		tag->faulty = true;
	return at;
}

const char *feeds_tag_read(struct feeds_tags *tags, struct feeds_tag *tag, const char *at)
{
	tag->closing = tag->empty = tag->faulty = false;
	tag->count = 0;
	at++;
	if (at < tags->end && *at == '/') {
		tag->closing = true;
		at++;
	}
	if (at >= tags->end || !is_name_start(*at))
		return NULL;
	tag->name = at;
	while (at < tags->end && is_name(*at) && at - tag->name <= TAG_NAME_BYTES_MAX)
		at++;
	tag->name_size = (size_t)(at - tag->name);
	if (tag->name_size > TAG_NAME_BYTES_MAX ||
		(at < tags->end && !is_space(*at) && *at != '/' && *at != '>'))
		return NULL;
	for (at = skip_space(tags, at); at < tags->end; at = skip_space(tags, at)) {
		if (*at == '>')
			return at + 1;
		if (*at == '<') /* the > was forgotten */
			break;
		if (*at == '/' && at + 1 < tags->end && at[1] == '>') {
			tag->empty = true;
			return at + 2;
		}
		at = read_attribute(tags, tag, at);
	}
	tag->faulty = true;
	return at;
}

const char *feeds_tag_local(const char *name, size_t *size)
{
	const char *colon = memchr(name, ':', *size);
	if (colon == NULL)
		return name;
	*size -= (size_t)(colon + 1 - name);
	return colon + 1;
}
