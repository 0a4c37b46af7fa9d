/* SPDX-License-Identifier: MIT */
/*
 * Character data of markup -> the characters that it stands for. Nearly all text is plain, so that
 * is found out first, in blocks that compilers make vectors of.
 */
#include "worker/kinds/feeds_characters.h"

#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "worker/kinds/feeds_entity.h"
#include "worker/kinds/feeds_repair.h"
#include "worker/kinds/feeds_tag.h"

enum { BLOCK_BYTES = 64 };

/* Whether XML may not have a byte, given the next: controls, the start of U+FFFE and U+FFFF. */
static inline bool is_odd(unsigned char byte, unsigned char next)
{
	return ((byte < ' ') & (byte != '\t') & (byte != '\n') & (byte != '\r')) |
	       ((byte == 0xEF) & (next == 0xBF));
}

enum { ODD = 1, MARKUP = 2 };

/* What a byte may be, as far as it tells alone. */
static const uint8_t kinds[256] = { [0] = ODD,
	[1] = ODD,
	[2] = ODD,
	[3] = ODD,
	[4] = ODD,
	[5] = ODD,
	[6] = ODD,
	[7] = ODD,
	[8] = ODD,
	[11] = ODD,
	[12] = ODD,
	[14] = ODD,
	[15] = ODD,
	[16] = ODD,
	[17] = ODD,
	[18] = ODD,
	[19] = ODD,
	[20] = ODD,
	[21] = ODD,
	[22] = ODD,
	[23] = ODD,
	[24] = ODD,
	[25] = ODD,
	[26] = ODD,
	[27] = ODD,
	[28] = ODD,
	[29] = ODD,
	[30] = ODD,
	[31] = ODD,
	[0xEF] = ODD,
	['&'] = MARKUP,
	['<'] = MARKUP,
	['>'] = MARKUP };

static const char *find_odd(const char *at, const char *end)
{
	const unsigned char *bytes = (const unsigned char *)at;
	size_t size = (size_t)(end - at);
	size_t i = 0;
	for (; size - i > BLOCK_BYTES; i += BLOCK_BYTES) {
		unsigned char odd = 0;
		for (size_t j = i; j < i + BLOCK_BYTES; j++)
			odd |= is_odd(bytes[j], bytes[j + 1]);
		if (odd)
			break;
	}
	for (; i < size; i++)
		if (kinds[bytes[i]] == ODD && is_odd(bytes[i], i + 1 < size ? bytes[i + 1] : 0))
			break;
	return at + i;
}

size_t feeds_characters_span(const char *text, const char *end)
{
	const char *at = text;
	while (at < end && kinds[(unsigned char)*at] == 0)
		at++;
	return (size_t)(at - text);
}

bool feeds_characters_are_plain_data(const char *text, const char *end)
{
	return find_odd(text, end) == end;
}

bool feeds_characters_are_plain(const char *text, const char *end)
{
	return memchr(text, '&', (size_t)(end - text)) == NULL &&
	       feeds_characters_are_plain_data(text, end);
}

/* Adds the character of a reference: white space is a blank, as a value has no other. */
static void add_character(struct feeds_buffer *out, uint32_t character)
{
	if (character == '\n' || character == '\r' || character == '\t')
		character = ' ';
	(void)feeds_buffer_add_character(out, character); /* full ends the caller's loop */
}

/* The bytes of one of XML's own references at the &, and its character; 0 when it is none. */
static size_t predefined(const char *at, size_t size, char *character)
{
	static const struct {
		const char *text;
		char character;
	} references[] = { { "&lt;", '<' }, { "&gt;", '>' }, { "&amp;", '&' }, { "&quot;", '"' },
		{ "&apos;", '\'' } };
	for (size_t i = 0; i < sizeof(references) / sizeof(*references); i++) {
		const char *text = references[i].text;
		size_t length = strlen(text);
		if (size < length || at[1] != text[1] || memcmp(at, text, length) != 0)
			continue;
		*character = references[i].character;
		return length;
	}
	return 0;
}

/* Bytes of the name behind the & with a ; behind it; 0 when there is none. */
static size_t name_size(const char *at, size_t size)
{
	size_t name = 0;
	while (name + 1 < size && name <= TAG_NAME_BYTES_MAX &&
		(isalnum((unsigned char)at[name + 1]) || at[name + 1] == '_' ||
			at[name + 1] == '-' || at[name + 1] == '.'))
		name++;
	return name + 1 < size && at[name + 1] == ';' ? name : 0;
}

/* Adds what the named reference at the & means and returns its bytes; 0 when it is a bare &. */
static size_t add_named(
	struct feeds_characters *characters, struct feeds_buffer *out, const char *at, size_t size)
{
	char own;
	size_t length = predefined(at, size, &own);
	if (length > 0) {
		(void)feeds_buffer_add(out, &own, 1);
		return length;
	}
	size_t name = name_size(at, size);
	if (name == 0)
		return 0;
	size_t value_size;
	const char *value = feeds_doctype_expand(&characters->doctype, at + 1, name, &value_size);
	if (value != NULL) {
		(void)feeds_buffer_add(out, value, value_size);
		return name + 2;
	}
	uint32_t character = feeds_entity_named(at + 1, name);
	if (character == 0)
		return 0;
	add_character(out, character);
	if (!characters->has_doctype)
		characters->faults |= FAULT_REFERENCE;
	return name + 2;
}

static size_t add_numeric(
	struct feeds_characters *characters, struct feeds_buffer *out, const char *at, size_t size)
{
	uint32_t character;
	size_t length = feeds_entity_numeric(at, size, &character);
	if (length == 0)
		return 0;
	if (character != 0)
		add_character(out, character);
	if (character == 0 || at[length - 1] != ';')
		characters->faults |= FAULT_REFERENCE;
	return length;
}

/* Adds what stands at the & and returns how many bytes were read. */
static size_t add_reference(struct feeds_characters *characters, struct feeds_buffer *out,
	const char *at, const char *end)
{
	size_t size = (size_t)(end - at);
	size_t length = 0;
	if (size > 1)
		length = at[1] == '#' ? add_numeric(characters, out, at, size)
				      : add_named(characters, out, at, size);
	if (length > 0)
		return length;
	characters->faults |= FAULT_REFERENCE;
	(void)feeds_buffer_add(out, "&", 1);
	return 1;
}

void feeds_characters_read_data(struct feeds_characters *characters, struct feeds_buffer *out,
	const char *text, const char *end)
{
	for (const char *at = text; at < end && !out->full;) {
		const char *odd = find_odd(at, end);
		(void)feeds_buffer_add(out, at, (size_t)(odd - at));
		if (odd == end)
			return;
		if (*odd != '\xEF') {
			characters->faults |= FAULT_CONTROL;
			at = odd + 1;
			continue;
		}
		assert(end - odd > 2); /* it is UTF-8 */
		at = odd + 3;
		if ((unsigned char)odd[2] >= 0xBE)
			characters->faults |= FAULT_CONTROL;
		else
			(void)feeds_buffer_add(out, odd, 3);
	}
}

void feeds_characters_read(struct feeds_characters *characters, struct feeds_buffer *out,
	const char *text, const char *end)
{
	bool plain = feeds_characters_are_plain_data(text, end);
	for (const char *at = text; at < end && !out->full;) {
		const char *reference = memchr(at, '&', (size_t)(end - at));
		const char *stop = reference == NULL ? end : reference;
		if (plain)
			(void)feeds_buffer_add(out, at, (size_t)(stop - at));
		else
			feeds_characters_read_data(characters, out, at, stop);
		at = reference == NULL ? end : stop + add_reference(characters, out, stop, end);
	}
}
