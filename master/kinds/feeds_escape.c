/* SPDX-License-Identifier: MIT */
/* Runs of harmless bytes are written whole: a page is mostly made of them. */
#include "master/kinds/feeds_escape.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "common/quote.h"

enum { REPLACEMENT = 0xFFFD };

static const char replacement_utf8[] = "\xEF\xBF\xBD";

/* By the first byte; whether the rest fits is for utf8_valid to say. */
static size_t size_by_lead(uint8_t lead)
{
	if (lead >= 0xF0)
		return 4;
	if (lead >= 0xE0)
		return 3;
	return lead >= 0xC0 ? 2 : 1;
}

size_t escape_decode(const char *bytes, size_t size, unsigned *code)
{
	*code = REPLACEMENT;
	if (size == 0)
		return 0;
	uint8_t lead = (uint8_t)bytes[0];
	if (lead < 0x80) {
		*code = lead;
		return 1;
	}
	size_t wanted = size_by_lead(lead);
	if (wanted == 1 || wanted > size || !utf8_valid(bytes, wanted))
		return 1;
	*code = lead & (0x7FU >> wanted);
	for (size_t i = 1; i < wanted; i++)
		*code = *code << 6 | ((uint8_t)bytes[i] & 0x3F);
	return wanted;
}

/* Bytes of ASCII that mean nothing special in any place but a URL: 0x20 to 0x7E without &<>"'. */
static bool is_ordinary(uint8_t byte)
{
	static const uint64_t ordinary[4] = { 0xAFFFFF3B00000000, 0x7FFFFFFFFFFFFFFF, 0, 0 };
	return ordinary[byte >> 6] >> (byte & 63) & 1;
}

/* RFC 3986: what is neither reserved nor unreserved, of those that is_ordinary lets pass. */
static bool is_outside_urls(uint8_t byte)
{
	switch (byte) {
	case ' ':
	case '\\':
	case '^':
	case '`':
	case '{':
	case '|':
	case '}':
		return true;
	default:
		return false;
	}
}

/* Unicode 15, 23.7: set aside for ever, and no characters of XML in part. */
static bool is_noncharacter(unsigned code)
{
	return (code & 0xFFFE) == 0xFFFE || (code >= 0xFDD0 && code <= 0xFDEF);
}

/* Control characters, and those that turn the order of the text after them. */
static bool is_dropped(unsigned code)
{
	return code < 0x20 || (code >= 0x7F && code <= 0x9F) ||
	       (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

static bool is_line_end(unsigned code)
{
	return code == 0x2028 || code == 0x2029;
}

/* Whether a character of several bytes may stand as it is, in every context. */
static bool is_kept(unsigned code, size_t size)
{
	return size > 1 && !is_dropped(code) && !is_line_end(code) && !is_noncharacter(code);
}

static void put(FILE *out, const char *bytes, size_t size)
{
	if (size > 0)
		(void)fwrite_unlocked(bytes, 1, size, out); /* the caller looks at ferror() */
}

static void put_string(FILE *out, const char *text)
{
	put(out, text, strlen(text));
}

static void put_percent(FILE *out, const char *bytes, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)bytes[i];
		put(out, (char[]) { '%', digits[byte >> 4], digits[byte & 15] }, 3);
	}
}

/* As browsers do: line ends and tabs inside a URL are nothing. */
static void replace_in_url(FILE *out, const char *bytes, size_t size)
{
	switch (bytes[0]) {
	case '&':
		put_string(out, "&amp;");
		return;
	case '\'':
		put_string(out, "&#39;");
		return;
	case '\t':
	case '\n':
	case '\r':
		return;
	default:
		put_percent(out, bytes, size);
	}
}

/* For a character that does not stand for itself everywhere. */
static void replace(FILE *out, enum escape_context context, unsigned code)
{
	const char *entity = code == '&'    ? "&amp;"
			     : code == '<'  ? "&lt;"
			     : code == '>'  ? "&gt;"
			     : code == '"'  ? "&quot;"
			     : code == '\'' ? "&#39;"
					    : NULL;
	if (entity && context == ESCAPE_PLAIN)
		put(out, (char[]) { (char)code }, 1);
	else if (entity)
		put_string(out, entity);
	else if (code == '\n' || code == '\t')
		put(out, context == ESCAPE_TEXT ? (char[]) { (char)code } : " ", 1);
	else if (is_line_end(code))
		put(out, " ", 1);
	else if (!is_dropped(code))
		put_string(out, replacement_utf8);
}

bool escape_is_link(const char *url)
{
	static const char *const hosted[] = { "http://", "https://" };
	for (size_t i = 0; i < 2; i++) {
		size_t size = strlen(hosted[i]);
		if (strncasecmp(url, hosted[i], size) == 0)
			return url[size] != '\0' && !strchr("/?#:@\\", url[size]);
	}
	return strncasecmp(url, "mailto:", 7) == 0 && url[7] != '\0';
}

size_t escape_cut(const char *text, size_t characters_max)
{
	size_t size = strlen(text), end = 0, word = 0;
	if (size <= characters_max)
		return size;
	for (size_t count = 0; count < characters_max && end < size; count++) {
		unsigned code;
		if (text[end] == ' ' || text[end] == '\n')
			word = end;
		bool ascii = (uint8_t)text[end] < 0x80;
		end += ascii ? 1 : escape_decode(text + end, size - end, &code);
	}
	/* A last word of more than half of it all is cut: there may be no spaces at all. */
	return end < size && text[end] != ' ' && word > end / 2 ? word : end;
}

void escape_string(FILE *out, enum escape_context context, const char *text)
{
	escape(out, context, text, strlen(text));
}

/* Whether text has only what json_string may be given. */
static bool is_clean(const char *text, size_t size)
{
	for (size_t i = 0; i < size;) {
		uint8_t byte = (uint8_t)text[i];
		unsigned code;
		size_t step = byte < 0x80 ? 1 : escape_decode(text + i, size - i, &code);
		bool clean = byte < 0x80 ? !is_dropped(byte) || byte == '\n' || byte == '\t'
					 : is_kept(code, step);
		if (!clean)
			return false;
		i += step;
	}
	return true;
}

/* json_string would write control characters as \uXXXX, and its reader would have them again. */
void escape_json(FILE *out, const char *text)
{
	size_t size = strlen(text);
	if (size == 0) {
		put_string(out, "null");
		return;
	}
	if (is_clean(text, size)) {
		json_string(out, text, size);
		return;
	}
	/* U+FFFD for a single byte is what makes it longer. */
	char *cleaned = xmalloc(3 * size), *end = cleaned;
	for (size_t i = 0; i < size;) {
		unsigned code;
		size_t step = escape_decode(text + i, size - i, &code);
		const char *from = text + i;
		i += step;
		if (is_line_end(code))
			*end++ = ' ';
		else if (is_noncharacter(code) || code == REPLACEMENT)
			end = (char *)mempcpy(end, replacement_utf8, 3);
		else if (!is_dropped(code) || code == '\n' || code == '\t')
			end = (char *)mempcpy(end, from, step);
	}
	json_string(out, cleaned, (size_t)(end - cleaned));
	free(cleaned);
}

void escape(FILE *out, enum escape_context context, const char *bytes, size_t size)
{
	bool in_url = context == ESCAPE_URL;
	size_t done = 0;
	for (size_t i = 0; i < size;) {
		uint8_t byte = (uint8_t)bytes[i];
		if (is_ordinary(byte) && !(in_url && is_outside_urls(byte))) {
			i++;
			continue;
		}
		unsigned code;
		size_t step = escape_decode(bytes + i, size - i, &code);
		if (!is_kept(code, step)) {
			put(out, bytes + done, i - done);
			if (in_url)
				replace_in_url(out, bytes + i, step);
			else
				replace(out, context, code);
			done = i + step;
		}
		i += step;
	}
	put(out, bytes + done, size - done);
}
