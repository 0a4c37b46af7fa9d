/* SPDX-License-Identifier: MIT */
/*
 * Small on purpose: the master links no decoder, so the encodings that lists have are done by hand
 * and everything else is left to the lanes, which see the feeds.
 */
#include "master/kinds/feeds_list_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "common/quote.h"

enum {
	DECLARATION_MAX = 200,  /* bytes in which an XML declaration ends */
	REFERENCE_MAX = 12,     /* bytes of a reference between & and ; */
	LETTER_UTF8_MAX = 4,    /* bytes of a character */
	LETTER_LOST = 0xFFFD,   /* stands for what can't be shown */
	LETTER_LAST = 0x10FFFF, /* of Unicode */
};

enum encoding {
	ENCODING_UTF8,
	ENCODING_WINDOWS,
	ENCODING_UTF16LE,
	ENCODING_UTF16BE,
	ENCODING_UNKNOWN,
};

/* 0x80 to 0x9F of windows-1252; 0: not in use. */
static const uint16_t windows[32] = { 0x20AC, 0, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021,
	0x2C6, 0x2030, 0x160, 0x2039, 0x152, 0, 0x17D, 0, 0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
	0x2013, 0x2014, 0x2DC, 0x2122, 0x161, 0x203A, 0x153, 0, 0x17E, 0x178 };

/* The names in HTML of U+00A0 to U+00FF, in this order. */
static const char latin_names[] =
	"nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg "
	"plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 "
	"iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave "
	"Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute "
	"Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave "
	"eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml "
	"divide oslash ugrave uacute ucirc uuml yacute thorn yuml";

static const struct name {
	const char *name;
	uint32_t letter;
} names[] = {
	{ "amp", '&' },
	{ "lt", '<' },
	{ "gt", '>' },
	{ "quot", '"' },
	{ "apos", '\'' },
	{ "ndash", 0x2013 },
	{ "mdash", 0x2014 },
	{ "lsquo", 0x2018 },
	{ "rsquo", 0x2019 },
	{ "sbquo", 0x201A },
	{ "ldquo", 0x201C },
	{ "rdquo", 0x201D },
	{ "bdquo", 0x201E },
	{ "lsaquo", 0x2039 },
	{ "rsaquo", 0x203A },
	{ "hellip", 0x2026 },
	{ "bull", 0x2022 },
	{ "trade", 0x2122 },
	{ "euro", 0x20AC },
	{ "dagger", 0x2020 },
	{ "permil", 0x2030 },
	{ "prime", 0x2032 },
	{ "ensp", 0x2002 },
	{ "emsp", 0x2003 },
	{ "thinsp", 0x2009 },
	{ "minus", 0x2212 },
	{ "rarr", 0x2192 },
	{ "larr", 0x2190 },
	{ "hearts", 0x2665 },
	{ "OElig", 0x152 },
	{ "oelig", 0x153 },
	{ "Scaron", 0x160 },
	{ "scaron", 0x161 },
};

/* Writes a character as UTF-8, what is none as U+FFFD. Returns the end. */
static char *put_letter(char *at, uint32_t letter)
{
	if (letter > LETTER_LAST || (letter >= 0xD800 && letter <= 0xDFFF))
		letter = LETTER_LOST;
	if (letter < 0x80) {
		*at++ = (char)letter;
		return at;
	}
	if (letter < 0x800) {
		*at++ = (char)(0xC0 | letter >> 6);
	} else {
		if (letter < 0x10000) {
			*at++ = (char)(0xE0 | letter >> 12);
		} else {
			*at++ = (char)(0xF0 | letter >> 18);
			*at++ = (char)(0x80 | (letter >> 12 & 0x3F));
		}
		*at++ = (char)(0x80 | (letter >> 6 & 0x3F));
	}
	*at++ = (char)(0x80 | (letter & 0x3F));
	return at;
}

static uint32_t from_windows(unsigned char byte)
{
	if (byte < 0x80 || byte > 0x9F)
		return byte;
	return windows[byte - 0x80] != 0 ? windows[byte - 0x80] : LETTER_LOST;
}

/* Bytes of the valid character at the place, 0 if there is none. */
static size_t letter_size(const char *at, size_t left)
{
	unsigned char first = (unsigned char)*at;
	if (first < 0x80)
		return 1;
	size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : LETTER_UTF8_MAX;
	return size <= left && utf8_valid(at, size) ? size : 0;
}

static char *decode_bytes(char *at, const char *bytes, size_t size, bool utf8)
{
	for (size_t i = 0; i < size;) {
		size_t letter = utf8 ? letter_size(bytes + i, size - i) : 0;
		if (letter == 0) {
			at = put_letter(at, from_windows((unsigned char)bytes[i++]));
			continue;
		}
		memcpy(at, bytes + i, letter);
		at += letter;
		i += letter;
	}
	return at;
}

static uint32_t utf16_unit(const char *bytes, enum encoding encoding)
{
	unsigned first = (unsigned char)bytes[encoding == ENCODING_UTF16LE];
	unsigned second = (unsigned char)bytes[encoding != ENCODING_UTF16LE];
	return first << 8 | second;
}

static char *decode_utf16(char *at, const char *bytes, size_t size, enum encoding encoding)
{
	for (size_t i = 0; i + 1 < size; i += 2) {
		uint32_t letter = utf16_unit(bytes + i, encoding);
		if (letter >= 0xD800 && letter <= 0xDBFF && i + 3 < size) {
			uint32_t low = utf16_unit(bytes + i + 2, encoding);
			if (low >= 0xDC00 && low <= 0xDFFF) {
				letter = 0x10000 + ((letter - 0xD800) << 10) + (low - 0xDC00);
				i += 2;
			}
		}
		at = put_letter(at, letter);
	}
	return at;
}

/* What the XML declaration at the beginning says. */
static enum encoding declared(const char *bytes, size_t size)
{
	static const struct {
		const char *name;
		enum encoding encoding;
	} known[] = { { "utf-8", ENCODING_UTF8 }, { "utf8", ENCODING_UTF8 },
		{ "us-ascii", ENCODING_UTF8 }, { "ascii", ENCODING_UTF8 },
		{ "utf-16", ENCODING_UTF8 /* the declaration could not be read if it were so */ },
		{ "iso-8859-1", ENCODING_WINDOWS }, { "latin1", ENCODING_WINDOWS },
		{ "latin-1", ENCODING_WINDOWS }, { "iso_8859-1", ENCODING_WINDOWS },
		{ "windows-1252", ENCODING_WINDOWS }, { "cp1252", ENCODING_WINDOWS } };
	char head[DECLARATION_MAX + 1] = "";
	memcpy(head, bytes, size < DECLARATION_MAX ? size : DECLARATION_MAX);
	const char *start = head + strspn(head, " \t\r\n");
	char *end = strstr(head, "?>");
	if (strncasecmp(start, "<?xml", 5) != 0 || end == NULL)
		return ENCODING_UTF8;
	*end = '\0';
	const char *name = strcasestr(start, "encoding");
	if (name == NULL)
		return ENCODING_UTF8;
	name += strlen("encoding");
	name += strspn(name, " \t\r\n=\"'");
	size_t length = strcspn(name, " \t\r\n\"'");
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strlen(known[i].name) == length &&
			strncasecmp(name, known[i].name, length) == 0)
			return known[i].encoding;
	}
	return ENCODING_UNKNOWN;
}

/* *bom: bytes to leave out. */
static enum encoding find_encoding(const char *bytes, size_t size, size_t *bom)
{
	static const struct {
		const char *bytes;
		size_t size, bom;
		enum encoding encoding;
	} starts[] = { { "\xEF\xBB\xBF", 3, 3, ENCODING_UTF8 },
		{ "\xFF\xFE", 2, 2, ENCODING_UTF16LE }, { "\xFE\xFF", 2, 2, ENCODING_UTF16BE },
		{ "<\0", 2, 0, ENCODING_UTF16LE }, { "\0<", 2, 0, ENCODING_UTF16BE } };
	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		if (size >= starts[i].size && memcmp(bytes, starts[i].bytes, starts[i].size) == 0) {
			*bom = starts[i].bom;
			return starts[i].encoding;
		}
	}
	*bom = 0;
	return declared(bytes, size);
}

char *feeds_list_decode(const char *bytes, size_t size, size_t *text_size, bool *known)
{
	size_t bom = 0;
	enum encoding encoding = find_encoding(bytes, size, &bom);
	bytes += bom;
	size -= bom;
	*known = encoding != ENCODING_UNKNOWN;
	/* A byte of windows-1252 takes three at most, so do the two of UTF-16. */
	char *text = xmalloc(size * 3 + 1);
	char *end = text;
	if (encoding == ENCODING_UTF16LE || encoding == ENCODING_UTF16BE)
		end = decode_utf16(text, bytes, size, encoding);
	else
		end = decode_bytes(text, bytes, size, encoding != ENCODING_WINDOWS);
	*end = '\0';
	*text_size = (size_t)(end - text);
	return xreallocarray(text, *text_size + 1, 1);
}

/* The character of "#8211" or "#x2013"; 0: none. */
static uint32_t number_letter(const char *reference, size_t size)
{
	bool hex = size > 1 && (reference[1] == 'x' || reference[1] == 'X');
	const char *digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
	char copy[REFERENCE_MAX + 1] = "";
	memcpy(copy, reference + 1 + hex, size - 1 - hex);
	if (copy[0] == '\0' || strspn(copy, digits) != strlen(copy))
		return 0;
	unsigned long letter = strtoul(copy, NULL, hex ? 16 : 10);
	if (letter > LETTER_LAST || letter == 0)
		return LETTER_LOST;
	return letter >= 0x80 && letter <= 0x9F ? from_windows((unsigned char)letter)
						: (uint32_t)letter;
}

static uint32_t named_letter(const char *reference, size_t size)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strlen(names[i].name) == size && memcmp(names[i].name, reference, size) == 0)
			return names[i].letter;
	}
	const char *name = latin_names;
	for (uint32_t letter = 0xA0; *name != '\0'; letter++) {
		size_t length = strcspn(name, " ");
		if (length == size && memcmp(name, reference, size) == 0)
			return letter;
		name += length + (name[length] == ' ');
	}
	return 0;
}

char *feeds_list_unescape(const char *text, size_t size)
{
	/* No reference is shorter than its character: "&#1;" has four bytes, the longest. */
	char *result = xmalloc(size + 1);
	char *at = result;
	for (size_t i = 0; i < size;) {
		size_t left = size - i - 1;
		const char *semicolon = NULL;
		if (text[i] == '&' && left > 0)
			semicolon = memchr(
				text + i + 1, ';', left < REFERENCE_MAX ? left : REFERENCE_MAX);
		uint32_t letter = 0;
		if (semicolon != NULL) {
			size_t length = (size_t)(semicolon - text) - i - 1;
			letter = length > 0 && text[i + 1] == '#'
					 ? number_letter(text + i + 1, length)
					 : named_letter(text + i + 1, length);
		}
		if (letter == 0) {
			*at++ = text[i++];
			continue;
		}
		at = put_letter(at, letter);
		i = (size_t)(semicolon - text) + 1;
	}
	*at = '\0';
	return result;
}

char *feeds_list_clean(char *text)
{
	size_t length = 0;
	bool blank = false;
	for (const char *p = text; *p != '\0';) {
		unsigned char c = (unsigned char)*p;
		size_t size = letter_size(p, strnlen(p, LETTER_UTF8_MAX));
		bool control = c < ' ' || c == 0x7F || size == 0 ||
			       (c == 0xC2 && (unsigned char)p[1] < 0xA0);
		if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			blank = length > 0;
			p++;
			continue;
		}
		if (control) {
			p += size + (size == 0);
			continue;
		}
		if (length + size + blank > FEEDS_LIST_NAME_MAX)
			break;
		if (blank)
			text[length++] = ' ';
		blank = false;
		memmove(text + length, p, size);
		length += size;
		p += size;
	}
	text[length] = '\0';
	return text;
}
