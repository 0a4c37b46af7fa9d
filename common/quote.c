/* SPDX-License-Identifier: MIT */
/* One decoder of UTF-8 decides for all: what it does not understand is shown as bytes. */
#include "common/quote.h"

#include <stdint.h>
#include <string.h>

enum { INVALID = UINT32_MAX >> 1 };

struct character {
	uint32_t code; /* INVALID: one byte that begins no character */
	size_t size;   /* bytes, at least 1 */
};

/* The first character of size bytes, at least one. */
static struct character decode(const char *bytes, size_t size)
{
	/* By the number of bytes: the first one's fixed bits, and the smallest code for them. */
	static const struct {
		uint8_t mask, lead;
		uint32_t smallest;
	} forms[] = { { 0x80, 0x00, 0 }, { 0xE0, 0xC0, 0x80 }, { 0xF0, 0xE0, 0x800 },
		{ 0xF8, 0xF0, 0x10000 } };
	const struct character invalid = { INVALID, 1 };
	uint8_t first = (uint8_t)bytes[0];
	size_t form = 0;
	while (form < 4 && (first & forms[form].mask) != forms[form].lead)
		form++;
	if (form == 4 || form >= size)
		return invalid;
	uint32_t code = first & (uint8_t)~forms[form].mask;
	for (size_t i = 1; i <= form; i++) {
		uint8_t byte = (uint8_t)bytes[i];
		if ((byte & 0xC0) != 0x80)
			return invalid;
		code = code << 6 | (byte & 0x3F);
	}
	bool surrogate = code >= 0xD800 && code <= 0xDFFF;
	if (code < forms[form].smallest || code > 0x10FFFF || surrogate)
		return invalid;
	return (struct character) { code, form + 1 };
}

const char *quote_number(char *text, uint64_t number)
{
	char digits[QUOTE_NUMBER_MAX];
	int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
	char *at = text;
	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			*at++ = ',';
		*at++ = digits[i];
	}
	*at = '\0';
	return text;
}

bool utf8_valid(const char *bytes, size_t size)
{
	for (size_t i = 0; i < size;) {
		struct character c = decode(bytes + i, size - i);
		if (c.code == INVALID)
			return false;
		i += c.size;
	}
	return true;
}

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7F && code <= 0x9F);
}

static bool is_line_end(uint32_t code)
{
	return code == 0x2028 || code == 0x2029;
}

/* Unicode Standard Annex 9: embeddings, overrides and isolates. */
static bool is_bidi(uint32_t code)
{
	return (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

static bool is_harmless(uint32_t code)
{
	return code != INVALID && !is_control(code) && !is_line_end(code) && !is_bidi(code);
}

static bool is_all_harmless(const char *name, size_t size)
{
	for (size_t i = 0; i < size;) {
		struct character c = decode(name + i, size - i);
		if (!is_harmless(c.code))
			return false;
		i += c.size;
	}
	return true;
}

static char *append(char *end, const char *bytes, size_t size)
{
	memcpy(end, bytes, size);
	return end + size;
}

static char *append_hex(char *end, const char *bytes, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)bytes[i];
		end = append(end, (char[]) { '\\', 'x', digits[byte >> 4], digits[byte & 15] }, 4);
	}
	return end;
}

static char *append_quoted(char *end, const char *bytes, struct character c)
{
	switch (c.code) {
	case '\n':
		return append(end, "\\n", 2);
	case '\t':
		return append(end, "\\t", 2);
	case '\\':
		return append(end, "\\\\", 2);
	case '\'':
		return append(end, "\\'", 2);
	default:
		if (is_harmless(c.code))
			return append(end, bytes, c.size);
		return append_hex(end, bytes, c.size);
	}
}

const char *quote_name(struct quote *quote, const char *name)
{
	size_t size = strnlen(name, QUOTE_NAME_MAX + 1);
	bool cut = size > QUOTE_NAME_MAX;
	if (!cut && is_all_harmless(name, size))
		return name;
	if (cut)
		size = QUOTE_NAME_MAX;
	char *end = append(quote->text, "$'", 2);
	for (size_t i = 0; i < size;) {
		struct character c = decode(name + i, size - i);
		end = append_quoted(end, name + i, c);
		i += c.size;
	}
	(void)append(end, cut ? "'..." : "'", cut ? 5 : 2); /* with the NUL */
	return quote->text;
}

static void json_character(FILE *out, const char *bytes, struct character c)
{
	if (c.code == INVALID)
		fputs("\\uFFFD", out);
	else if (c.code == '"' || c.code == '\\')
		fprintf(out, "\\%c", (char)c.code);
	else if (c.code == '\n')
		fputs("\\n", out);
	else if (c.code == '\t')
		fputs("\\t", out);
	else if (is_control(c.code) || is_line_end(c.code))
		fprintf(out, "\\u%04X", (unsigned)c.code);
	else
		fwrite(bytes, 1, c.size, out);
}

void json_string(FILE *out, const char *bytes, size_t size)
{
	fputc('"', out);
	for (size_t i = 0; i < size;) {
		struct character c = decode(bytes + i, size - i);
		json_character(out, bytes + i, c);
		i += c.size;
	}
	fputc('"', out);
}

void base64_write(FILE *out, const void *bytes, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *in = bytes;
	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t bits = (uint32_t)in[i] << 16;
		if (left > 1)
			bits |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			bits |= in[i + 2];
		fputc(digits[bits >> 18], out);
		fputc(digits[bits >> 12 & 63], out);
		fputc(left > 1 ? digits[bits >> 6 & 63] : '=', out);
		fputc(left > 2 ? digits[bits & 63] : '=', out);
	}
}
