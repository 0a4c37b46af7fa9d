/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a feed as UTF-8. Every charset that is named is tried in the order of its authority;
 * the first that fits without a fault wins. When none fits, UTF-8 with single bytes read as
 * windows-1252 does, which is right for the two usual lies: windows-1252 called UTF-8, and a
 * little of it pasted into real UTF-8. (HTTP's us-ascii for text/xml is obsolete: RFC 7303, 3.2.)
 */
#include "worker/kinds/feeds_charset.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uchardet/uchardet.h>

#include "worker/kinds/feeds_buffer.h"
#include "worker/kinds/feeds_utf8.h"

enum {
	LABEL_MAX = 40,           /* bytes of a charset's name with the NUL */
	DECLARATION_MAX = 512,    /* bytes in which an XML declaration ends */
	SNIFF_MAX = 64 << 10,     /* bytes that are guessed from */
	CONVERT_BYTES = 16 << 10, /* room for one step of iconv */
	FAULTS_FREE = 4,          /* bytes that a charset may not know and still be it ... */
	FAULTS_EACH = 256,        /* ... and one more for each so many bytes */
};

/* Names that mean something else than iconv thinks, or that it lacks (WHATWG Encoding, 4.2). */
static const struct alias {
	const char *label;
	const char *charset;
} aliases[] = {
	{ "utf8", "UTF-8" },
	{ "unicode-1-1-utf-8", "UTF-8" },
	{ "iso-8859-1", "WINDOWS-1252" },
	{ "iso8859-1", "WINDOWS-1252" },
	{ "iso_8859-1", "WINDOWS-1252" },
	{ "latin1", "WINDOWS-1252" },
	{ "latin-1", "WINDOWS-1252" },
	{ "l1", "WINDOWS-1252" },
	{ "us-ascii", "WINDOWS-1252" },
	{ "ascii", "WINDOWS-1252" },
	{ "ansi", "WINDOWS-1252" },
	{ "iso-8859-9", "WINDOWS-1254" },
	{ "latin5", "WINDOWS-1254" },
	{ "tis-620", "CP874" },
	{ "iso-8859-11", "CP874" },
	{ "windows-874", "CP874" },
	{ "gb2312", "GB18030" },
	{ "gb_2312-80", "GB18030" },
	{ "x-gbk", "GB18030" },
	{ "gbk", "GB18030" },
	{ "euc-kr", "CP949" },
	{ "ks_c_5601-1987", "CP949" },
	{ "ksc5601", "CP949" },
	{ "windows-949", "CP949" },
	{ "shift_jis", "CP932" },
	{ "shift-jis", "CP932" },
	{ "sjis", "CP932" },
	{ "x-sjis", "CP932" },
	{ "windows-31j", "CP932" },
	{ "big5", "BIG5-HKSCS" },
	{ "x-x-big5", "BIG5-HKSCS" },
	{ "x-euc-jp", "EUC-JP" },
	{ "x-mac-roman", "MACINTOSH" },
	{ "mac", "MACINTOSH" },
	{ "x-cp1250", "WINDOWS-1250" },
	{ "x-cp1251", "WINDOWS-1251" },
	{ "x-cp1252", "WINDOWS-1252" },
};

/* Byte order marks and the first characters without one (XML 1.0, F.1). UTF-32 before UTF-16. */
static const struct signature {
	const char *bytes;
	uint8_t size;
	uint8_t mark; /* bytes that are no text */
	const char *charset;
} signatures[] = {
	{ "\0\0\xFE\xFF", 4, 4, "UTF-32BE" },
	{ "\xFF\xFE\0\0", 4, 4, "UTF-32LE" },
	{ "\xEF\xBB\xBF", 3, 3, "UTF-8" },
	{ "\xFE\xFF", 2, 2, "UTF-16BE" },
	{ "\xFF\xFE", 2, 2, "UTF-16LE" },
	{ "\0\0\0<", 4, 0, "UTF-32BE" },
	{ "<\0\0\0", 4, 0, "UTF-32LE" },
	{ "\0<\0", 3, 0, "UTF-16BE" },
	{ "<\0", 2, 0, "UTF-16LE" },
	{ "\0{\0", 3, 0, "UTF-16BE" },
	{ "{\0", 2, 0, "UTF-16LE" },
};

/* Copies the name that starts at text: quotes off, "" when it is none. */
static void copy_label(char label[LABEL_MAX], const char *text, const char *end)
{
	size_t size = 0;
	while (text < end && (isspace((unsigned char)*text) || *text == '"' || *text == '\''))
		text++;
	while (text < end && size < LABEL_MAX - 1 &&
		(isalnum((unsigned char)*text) || strchr("-_.:", *text) != NULL) && *text != '\0')
		label[size++] = *text++;
	label[size] = '\0';
}

static void http_label(char label[LABEL_MAX], const char *content_type)
{
	label[0] = '\0';
	const char *found = strcasestr(content_type, "charset");
	if (found == NULL)
		return;
	found += strlen("charset");
	found += strspn(found, " \t");
	if (*found == '=')
		copy_label(label, found + 1, found + strlen(found));
}

/* encoding="..." of the XML declaration, which may have junk in front of it. */
static void declared_label(char label[LABEL_MAX], const uint8_t *bytes, size_t size)
{
	label[0] = '\0';
	size_t head = size < DECLARATION_MAX ? size : DECLARATION_MAX;
	const char *start = memmem(bytes, head, "<?xml", 5);
	if (start == NULL)
		return;
	const char *end = memchr(start, '>', (size_t)((const char *)bytes + head - start));
	if (end == NULL)
		return;
	const char *found = memmem(start, (size_t)(end - start), "encoding", 8);
	if (found == NULL)
		return;
	found = memchr(found, '=', (size_t)(end - found));
	if (found != NULL)
		copy_label(label, found + 1, end);
}

static const char *charset_of(const char *label)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		if (strcasecmp(label, aliases[i].label) == 0)
			return aliases[i].charset;
	return label;
}

/* Whether a name says two or four bytes a character, which bytes that start with '<' are not. */
static bool is_wide(const char *label)
{
	return strncasecmp(label, "utf-16", 6) == 0 || strncasecmp(label, "utf16", 5) == 0 ||
	       strncasecmp(label, "utf-32", 6) == 0 || strncasecmp(label, "ucs-", 4) == 0 ||
	       strncasecmp(label, "iso-10646-ucs", 13) == 0;
}

/* Whether a charset takes nearly any bytes, so that fitting it proves nothing. */
static bool takes_anything(const char *charset)
{
	return strncasecmp(charset, "windows-12", 10) == 0 ||
	       strncasecmp(charset, "iso-8859-", 9) == 0;
}

/* UTF-8 with every byte that is none of it read as windows-1252. */
static void decode_mixed(struct feeds_buffer *out, const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at < size;) {
		size_t span = feeds_utf8_span(bytes + at, size - at);
		if (!feeds_buffer_add(out, bytes + at, span))
			return;
		at += span;
		if (at < size &&
			!feeds_buffer_add_character(out, feeds_utf8_windows_1252(bytes[at++])))
			return;
	}
}

/* Converts all; faulty bytes become U+FFFD. Bytes at fault, or -1 for a charset nobody knows. */
static int64_t convert(struct feeds_buffer *out, const char *charset, const uint8_t *bytes,
	size_t size, int64_t faults_max)
{
	iconv_t converter = iconv_open("UTF-8", charset);
	if (converter == (iconv_t)-1)
		return -1;
	char room[CONVERT_BYTES];
	char *in = (char *)(uintptr_t)bytes; /* iconv's argument lacks a const */
	int64_t faults = 0;
	while (size > 0 && faults <= faults_max && !out->full) {
		char *to = room;
		size_t left = sizeof(room);
		size_t done = iconv(converter, &in, &size, &to, &left);
		(void)feeds_buffer_add(out, room, (size_t)(to - room)); /* full ends the loop */
		if (done != (size_t)-1 || errno == E2BIG)
			continue;
		faults++;
		(void)feeds_buffer_add_character(out, UTF8_REPLACEMENT);
		in++;
		size--;
	}
	(void)iconv_close(converter); /* frees memory only */
	return faults;
}

/* What uchardet makes of the bytes; "" when it doesn't know. */
static void sniffed_label(char label[LABEL_MAX], const uint8_t *bytes, size_t size)
{
	label[0] = '\0';
	uchardet_t detector = uchardet_new();
	if (detector == NULL)
		return;
	if (uchardet_handle_data(
		    detector, (const char *)bytes, size < SNIFF_MAX ? size : SNIFF_MAX) == 0) {
		uchardet_data_end(detector);
		const char *found = uchardet_get_charset(detector);
		copy_label(label, found, found + strlen(found));
	}
	uchardet_delete(detector);
}

static void take(struct feeds_charset *charset, struct feeds_buffer *out)
{
	charset->text = feeds_buffer_text(out);
	charset->size = out->size;
	charset->owned = out->bytes;
	*out = (struct feeds_buffer) { 0 };
}

static bool try_charset(
	struct feeds_charset *charset, const char *label, const uint8_t *bytes, size_t size)
{
	struct feeds_buffer out;
	feeds_buffer_init(&out, CHARSET_DECODED_MAX);
	int64_t faults_max = FAULTS_FREE + (int64_t)(size / FAULTS_EACH);
	int64_t faults = convert(&out, charset_of(label), bytes, size, faults_max);
	bool fits = faults >= 0 && faults <= faults_max;
	charset->repaired = charset->repaired || faults > 0;
	if (fits)
		take(charset, &out);
	feeds_buffer_release(&out);
	return fits;
}

/* Whether most of what is not ASCII is no UTF-8 either: then it is another charset as a whole. */
static bool is_foreign(const uint8_t *bytes, size_t size)
{
	size_t good = 0, bad = 0;
	size = size < SNIFF_MAX ? size : SNIFF_MAX;
	for (size_t at = 0; at < size;) {
		uint32_t character;
		size_t length = feeds_utf8_decode(bytes + at, size - at, &character);
		good += length > 1;
		bad += length == 0;
		at += length > 0 ? length : 1;
	}
	return bad > good;
}

/* No label helped. */
static void decode_guessed(struct feeds_charset *charset, const uint8_t *bytes, size_t size)
{
	char label[LABEL_MAX];
	charset->repaired = true;
	if (is_foreign(bytes, size)) {
		sniffed_label(label, bytes, size);
		if (label[0] != '\0' && !is_wide(label) && strcasecmp(label, "utf-8") != 0 &&
			strcasecmp(label, "ascii") != 0 && try_charset(charset, label, bytes, size))
			return;
	}
	struct feeds_buffer out;
	feeds_buffer_init(&out, CHARSET_DECODED_MAX);
	decode_mixed(&out, bytes, size);
	take(charset, &out);
}

static const struct signature *signature_of(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < sizeof(signatures) / sizeof(*signatures); i++)
		if (size >= signatures[i].size &&
			memcmp(bytes, signatures[i].bytes, signatures[i].size) == 0)
			return &signatures[i];
	return NULL;
}

/*
 * Bytes that are valid UTF-8 are UTF-8, unless a charset was named that would rarely come out so
 * by chance; with a label that takes anything, valid UTF-8 is the better witness.
 */
static bool is_utf8(const uint8_t *bytes, size_t size, const char *label)
{
	const char *charset = charset_of(label);
	if (label[0] != '\0' && strcasecmp(charset, "UTF-8") != 0 && !is_wide(label) &&
		!takes_anything(charset))
		return false;
	return feeds_utf8_span(bytes, size) == size;
}

static void decode_labelled(
	struct feeds_charset *charset, const uint8_t *bytes, size_t size, const char *content_type)
{
	char labels[2][LABEL_MAX];
	http_label(labels[0], content_type);
	declared_label(labels[1], bytes, size);
	if (labels[0][0] == '\0')
		memcpy(labels[0], labels[1], LABEL_MAX);
	if (is_utf8(bytes, size, labels[0])) {
		charset->text = (const char *)bytes;
		charset->size = size;
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		const char *label = labels[i];
		if (label[0] == '\0' || is_wide(label) ||
			strcasecmp(charset_of(label), "UTF-8") == 0)
			continue;
		if (try_charset(charset, label, bytes, size))
			return;
	}
	if (feeds_utf8_span(bytes, size) == size) {
		charset->text = (const char *)bytes;
		charset->size = size;
		charset->repaired = true;
		return;
	}
	decode_guessed(charset, bytes, size);
}

void feeds_charset_release(struct feeds_charset *charset)
{
	free(charset->owned);
	*charset = (struct feeds_charset) { 0 };
}

void feeds_charset_decode(
	struct feeds_charset *charset, const uint8_t *bytes, size_t size, const char *content_type)
{
	*charset = (struct feeds_charset) { 0 };
	const struct signature *signature = signature_of(bytes, size);
	if (signature == NULL) {
		decode_labelled(charset, bytes, size, content_type);
		return;
	}
	bytes += signature->mark;
	size -= signature->mark;
	struct feeds_buffer out;
	feeds_buffer_init(&out, CHARSET_DECODED_MAX);
	if (strcmp(signature->charset, "UTF-8") != 0) {
		charset->repaired = convert(&out, signature->charset, bytes, size, INT64_MAX) > 0;
		take(charset, &out);
	} else if (feeds_utf8_span(bytes, size) == size) {
		charset->text = (const char *)bytes;
		charset->size = size;
	} else {
		decode_guessed(charset, bytes, size);
	}
}
