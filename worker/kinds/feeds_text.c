/* SPDX-License-Identifier: MIT */
/*
 * Plain text of HTML. One pass, nothing is read twice: whatever search has failed once (for the
 * end of a comment, of a quoted value ...) is not tried again in the same text.
 */
#include "worker/kinds/feeds_text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libxml/HTMLparser.h>

#include "worker/kinds/feeds_entity.h"
#include "worker/kinds/feeds_utf8.h"

enum markup { MARKUP_NONE, MARKUP_KNOWN, MARKUP_ANY };
enum { TAG_NAME_MAX = 31, BLOCK_BYTES = 32 };

/* What the rest of the text is known not to have. */
enum lack {
	LACK_TAG_END = 1,
	LACK_COMMENT_END = 2,
	LACK_DOUBLE_QUOTE = 4,
	LACK_SINGLE_QUOTE = 8,
	LACK_SCRIPT_END = 16,
	LACK_STYLE_END = 32,
};

struct reader {
	struct feeds_buffer *out;
	const char *at;
	const char *end;
	unsigned lacks;
	bool space; /* white space was met that is not written yet */
	bool begun; /* something was written */
};

/* Elements that HTML 5 has and libxml2's HTML 4 does not; both lists are sorted. */
static const char *const elements_added[] = { "article", "aside", "audio", "blink", "canvas",
	"details", "embed", "figcaption", "figure", "footer", "header", "hgroup", "image", "main",
	"mark", "marquee", "math", "nav", "nobr", "picture", "section", "source", "summary", "svg",
	"time", "track", "video", "wbr" };

/* Elements that part words. */
static const char *const elements_block[] = { "address", "article", "aside", "blockquote", "br",
	"center", "dd", "details", "div", "dl", "dt", "figcaption", "figure", "footer", "form",
	"h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "option",
	"p", "pre", "section", "summary", "table", "td", "th", "tr", "ul" };

static int compare_names(const void *key, const void *entry)
{
	return strcmp(key, *(const char *const *)entry);
}

static bool is_named(const char *name, const char *const *names, size_t count)
{
	return bsearch(name, names, count, sizeof(*names), compare_names) != NULL;
}

static bool is_space(uint32_t character)
{
	return character == ' ' || (character >= '\t' && character <= '\r') || character == 0xA0 ||
	       character == 0x1680 || character == 0x2028 || character == 0x2029;
}

/* What no text of ours has: controls, overrides of direction, what is no character. */
static bool is_banned(uint32_t character)
{
	return character < 0x20 || (character >= 0x7F && character <= 0x9F) ||
	       (character >= 0x202A && character <= 0x202E) ||
	       (character >= 0x2066 && character <= 0x2069) || character == 0xFEFF ||
	       (character & 0xFFFE) == 0xFFFE || (character >= 0xFDD0 && character <= 0xFDEF);
}

static void put(struct reader *reader, uint32_t character)
{
	if (is_space(character)) {
		reader->space = true;
		return;
	}
	if (is_banned(character))
		return;
	if (reader->space && reader->begun)
		(void)feeds_buffer_add(reader->out, " ", 1); /* full is seen by the caller */
	reader->space = false;
	reader->begun = true;
	(void)feeds_buffer_add_character(reader->out, character);
}

/* Whether a byte is a visible one of ASCII and starts no markup. */
static inline bool is_plain(char byte)
{
	return byte > ' ' && byte < 0x7F && byte != '<' && byte != '&';
}

/*
 * Skips blocks of nothing but plain bytes with single spaces between; compilers make vectors of
 * them. The byte before at is plain. Anything may follow, so what is skipped doesn't end with a
 * space.
 */
static const char *skip_words(const char *at, const char *end)
{
	for (; end - at > BLOCK_BYTES; at += BLOCK_BYTES) {
		unsigned char other = 0;
		for (int i = 0; i < BLOCK_BYTES; i++) {
			unsigned char byte = (unsigned char)at[i];
			other |= (byte < ' ') | (byte >= 0x7F) | (byte == '<') | (byte == '&') |
				 ((byte == ' ') & (at[i + 1] == ' '));
		}
		if (other)
			break;
	}
	return at[-1] == ' ' ? at - 1 : at;
}

/* Puts words of ASCII with single spaces between, most of every text; false: there are none. */
static bool put_run(struct reader *reader)
{
	const char *start = reader->at;
	const char *end = reader->end;
	const char *at = start;
	/* What is beyond this doesn't fit anyway. */
	size_t fits = reader->out->max - reader->out->size;
	if ((size_t)(end - at) > fits + 1)
		end = at + fits + 1;
	if (at < end && is_plain(*at))
		at = skip_words(at + 1, end);
	while (at < end &&
		(is_plain(*at) || (*at == ' ' && at > start && at + 1 < end && is_plain(at[1]))))
		at++;
	if (at == start)
		return false;
	if (reader->space && reader->begun)
		(void)feeds_buffer_add(reader->out, " ", 1);
	reader->space = false;
	reader->begun = true;
	feeds_buffer_add_head(reader->out, start, (size_t)(at - start));
	reader->at = at;
	return true;
}

static void put_next(struct reader *reader)
{
	uint32_t character;
	size_t left = (size_t)(reader->end - reader->at);
	size_t length = feeds_utf8_decode((const uint8_t *)reader->at, left, &character);
	if (length == 0) {
		reader->at++;
		return;
	}
	reader->at += length;
	put(reader, character);
}

/* Finds needle in the rest, and remembers when it is not there. */
static const char *find(struct reader *reader, const char *from, const char *needle, unsigned lack)
{
	if ((reader->lacks & lack) != 0 || from > reader->end)
		return NULL;
	const char *found = memmem(from, (size_t)(reader->end - from), needle, strlen(needle));
	if (found == NULL)
		reader->lacks |= lack;
	return found;
}

/* The > that ends a tag, past quoted values; NULL when there is none. */
static const char *tag_end(struct reader *reader, const char *at)
{
	if ((reader->lacks & LACK_TAG_END) != 0)
		return NULL;
	for (; at < reader->end && *at != '>'; at++) {
		if (*at != '=' || at + 1 >= reader->end || (at[1] != '"' && at[1] != '\''))
			continue;
		const char *quote = at[1] == '"' ? find(reader, at + 2, "\"", LACK_DOUBLE_QUOTE)
						 : find(reader, at + 2, "'", LACK_SINGLE_QUOTE);
		if (quote != NULL)
			at = quote;
	}
	if (at < reader->end)
		return at;
	reader->lacks |= LACK_TAG_END;
	return NULL;
}

static void skip_to(struct reader *reader, const char *end, size_t past)
{
	reader->at = end == NULL ? reader->end : end + past;
}

/* Behind <script> or <style>: on to its end tag, or to the end of all. */
static void skip_content(struct reader *reader, const char *name)
{
	bool script = strcmp(name, "script") == 0;
	const char *at = reader->at;
	unsigned lack = script ? LACK_SCRIPT_END : LACK_STYLE_END;
	while ((at = find(reader, at, "</", lack)) != NULL) {
		if ((size_t)(reader->end - at) > 2 + strlen(name) &&
			strncasecmp(at + 2, name, strlen(name)) == 0)
			break;
		at += 2;
	}
	skip_to(reader, at, 0);
}

/* Copies the lower-case name of the tag at the < and returns its length, 0 when it is none. */
static size_t tag_name(const struct reader *reader, char name[TAG_NAME_MAX + 1])
{
	const char *at = reader->at + 1;
	if (at < reader->end && *at == '/')
		at++;
	size_t size = 0;
	while (at + size < reader->end && size < TAG_NAME_MAX &&
		(isalnum((unsigned char)at[size]) || at[size] == ':' || at[size] == '-')) {
		name[size] = (char)tolower((unsigned char)at[size]);
		size++;
	}
	name[size] = '\0';
	return isalpha((unsigned char)name[0]) ? size : 0;
}

static bool is_html(const char *name)
{
	return htmlTagLookup((const xmlChar *)name) != NULL ||
	       is_named(name, elements_added, sizeof(elements_added) / sizeof(*elements_added));
}

/* Skips a comment or a declaration at the <; false when it is text. */
static bool skip_declaration(struct reader *reader)
{
	const char *at = reader->at;
	size_t left = (size_t)(reader->end - at);
	if (left >= 4 && memcmp(at, "<!--", 4) == 0) {
		const char *end = find(reader, at + 4, "-->", LACK_COMMENT_END);
		if (end != NULL) {
			skip_to(reader, end, 3);
			return true;
		}
	}
	if (left >= 9 && memcmp(at, "<![CDATA[", 9) == 0) {
		reader->at += 9; /* its content is shown, as what escaped it by mistake meant */
		return true;
	}
	if (left < 2 || (at[1] != '!' && at[1] != '?'))
		return false;
	const char *end = find(reader, at, ">", LACK_TAG_END);
	if (end == NULL)
		return false;
	skip_to(reader, end, 1);
	return true;
}

/* Skips the tag at the <, and what is not shown behind it; false when it is text. */
static bool skip_markup(struct reader *reader, enum markup markup)
{
	char name[TAG_NAME_MAX + 1];
	if (skip_declaration(reader))
		return true;
	if (tag_name(reader, name) == 0 || (markup == MARKUP_KNOWN && !is_html(name)))
		return false;
	bool closing = reader->at[1] == '/';
	const char *end = tag_end(reader, reader->at + 1);
	if (end == NULL)
		return false;
	bool empty = end[-1] == '/';
	skip_to(reader, end, 1);
	if (is_named(name, elements_block, sizeof(elements_block) / sizeof(*elements_block)))
		reader->space = true;
	if (!closing && !empty && (strcmp(name, "script") == 0 || strcmp(name, "style") == 0))
		skip_content(reader, name);
	return true;
}

/* Puts the character of the reference at the &; false when it is text. */
static bool put_reference(struct reader *reader)
{
	const char *at = reader->at;
	size_t left = (size_t)(reader->end - at);
	uint32_t character = 0;
	size_t size = 0;
	if (left > 2 && at[1] == '#') {
		size = feeds_entity_numeric(at, left, &character);
	} else {
		size = feeds_entity_name(at + 1, left - 1);
		character = feeds_entity_named(at + 1, size);
		size = character == 0 ? 0 : size + 1;
		if (size != 0 && size < left && at[size] == ';')
			size++;
		else if (character > 0xFF) /* only old names may stand without ; */
			size = 0;
	}
	if (size == 0)
		return false;
	reader->at += size;
	put(reader, character);
	return true;
}

static void read_text(struct feeds_buffer *out, const char *text, size_t size, enum markup markup)
{
	struct reader reader = { .out = out, .at = text, .end = text + size };
	while (reader.at < reader.end && !out->full) {
		if (put_run(&reader))
			continue;
		if (markup != MARKUP_NONE && *reader.at == '<' && skip_markup(&reader, markup))
			continue;
		if (markup != MARKUP_NONE && *reader.at == '&' && put_reference(&reader))
			continue;
		put_next(&reader);
	}
}

void feeds_text_html(struct feeds_buffer *out, const char *html, size_t size)
{
	read_text(out, html, size, MARKUP_ANY);
}

void feeds_text_loose(struct feeds_buffer *out, const char *text, size_t size)
{
	read_text(out, text, size, MARKUP_KNOWN);
}

void feeds_text_plain(struct feeds_buffer *out, const char *text, size_t size)
{
	read_text(out, text, size, MARKUP_NONE);
}

void feeds_text_base64(struct feeds_buffer *out, const char *text, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	unsigned count = 0;
	for (size_t i = 0; i < size && text[i] != '='; i++) {
		const char *digit = text[i] == '\0' ? NULL : strchr(digits, text[i]);
		if (digit == NULL)
			continue;
		bits = bits << 6 | (uint32_t)(digit - digits);
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		char byte = (char)(bits >> count & 0xFF);
		(void)feeds_buffer_add(out, &byte, 1); /* full: the rest is cut */
	}
}
