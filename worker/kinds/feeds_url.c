/* SPDX-License-Identifier: MIT */
/*
 * Links of feeds: RFC 3986, 5.2. No library of ours does it for what feeds have: libxml2's and
 * curl's refuse spaces and IRIs, and [ or : where no scheme or address is.
 */
#include "worker/kinds/feeds_url.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { REFERENCE_MAX = 64 << 10 }; /* bytes of a reference that are looked at */

struct span {
	const char *text; /* NULL: the part is not there, which differs from empty */
	size_t size;
};

struct parts {
	struct span scheme, authority, path, query, fragment;
};

static size_t span_until(const char *text, size_t size, const char *stops)
{
	size_t i = 0;
	while (i < size && (isalnum((unsigned char)text[i]) || text[i] == '\0' ||
				   strchr(stops, text[i]) == NULL))
		i++;
	return i;
}

static bool is_scheme(const char *text, size_t size)
{
	if (size == 0 || !isalpha((unsigned char)text[0]))
		return false;
	for (size_t i = 1; i < size; i++)
		if (!isalnum((unsigned char)text[i]) && strchr("+-.", text[i]) == NULL)
			return false;
	return true;
}

/* RFC 3986, appendix B; a colon behind what is no scheme is part of the path. */
static struct parts split(const char *text, size_t size)
{
	struct parts parts = { 0 };
	size_t colon = span_until(text, size, ":/?#");
	if (colon < size && text[colon] == ':' && is_scheme(text, colon)) {
		parts.scheme = (struct span) { text, colon };
		text += colon + 1;
		size -= colon + 1;
	}
	if (size >= 2 && text[0] == '/' && text[1] == '/') {
		while (size > 2 && text[2] == '/') { /* no host is empty (WHATWG URL, 4.4) */
			text++;
			size--;
		}
		size_t length = span_until(text + 2, size - 2, "/?#");
		parts.authority = (struct span) { text + 2, length };
		text += 2 + length;
		size -= 2 + length;
	}
	size_t path = span_until(text, size, "?#");
	parts.path = (struct span) { text, path };
	text += path;
	size -= path;
	if (size > 0 && *text == '?') {
		size_t length = span_until(text + 1, size - 1, "#");
		parts.query = (struct span) { text + 1, length };
		text += 1 + length;
		size -= 1 + length;
	}
	if (size > 0)
		parts.fragment = (struct span) { text + 1, size - 1 };
	return parts;
}

static bool same_text(struct span a, struct span b)
{
	return a.size == b.size && a.text != NULL && b.text != NULL &&
	       strncasecmp(a.text, b.text, a.size) == 0;
}

/* Drops the last segment of what was written of the path. */
static void drop_segment(struct feeds_buffer *out, size_t start)
{
	while (out->size > start && out->bytes[out->size - 1] != '/')
		out->size--;
	if (out->size > start)
		out->size--;
}

static bool is_odd(unsigned char byte, const char *banned)
{
	if (isalnum(byte) || byte == '/' || byte >= 0x80)
		return false;
	return byte <= ' ' || byte == 0x7F || strchr(banned, byte) != NULL;
}

/* Adds text; what HTML and HTTP cannot have inside a link, or banned has, as %XX. */
static void add_escaped(struct feeds_buffer *out, struct span part, const char *banned)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < part.size; i++) {
		size_t start = i;
		while (i < part.size && !is_odd((unsigned char)part.text[i], banned))
			i++;
		(void)feeds_buffer_add(
			out, part.text + start, i - start); /* full is seen at the end */
		if (i == part.size)
			return;
		unsigned char byte = (unsigned char)part.text[i];
		char escaped[3] = { '%', hex[byte >> 4], hex[byte & 0xF] };
		(void)feeds_buffer_add(out, escaped, sizeof(escaped));
	}
}

/* RFC 3986, 5.2.4, segment by segment. The text ends with the last segment of the path. */
static void add_path(struct feeds_buffer *out, size_t start, struct span path)
{
	size_t at = 0;
	while (at < path.size) {
		size_t slash = path.text[at] == '/' ? 1 : 0;
		size_t length = span_until(path.text + at + slash, path.size - at - slash, "/");
		struct span segment = { path.text + at + slash, length };
		bool last = at + slash + length >= path.size;
		bool up = length == 2 && memcmp(segment.text, "..", 2) == 0;
		bool dot = up || (length == 1 && segment.text[0] == '.');
		if (up)
			drop_segment(out, start);
		if (slash != 0 && (!dot || last))
			(void)feeds_buffer_add(out, "/", 1);
		if (!dot)
			add_escaped(out, segment, "\"<>`{}^|");
		at += slash + length;
	}
}

/* RFC 3986, 5.2.3: the base's path up to its last slash, then the reference's. */
static void add_merged(
	struct feeds_buffer *out, size_t start, const struct parts *base, struct span path)
{
	size_t keep = base->path.size;
	while (keep > 0 && base->path.text[keep - 1] != '/')
		keep--;
	if (keep == 0) {
		(void)feeds_buffer_add(out, "/", 1);
		keep = 1; /* nothing left but the slash */
	} else {
		add_path(out, start, (struct span) { base->path.text, keep });
	}
	/* What was written ends with a slash: give it to the path's first segment. */
	struct feeds_buffer joined;
	feeds_buffer_init(&joined, path.size + 1);
	(void)feeds_buffer_add(&joined, "/", 1);
	(void)feeds_buffer_add(&joined, path.text, path.size);
	if (out->size > start)
		out->size--;
	add_path(out, start, (struct span) { joined.bytes, joined.size });
	feeds_buffer_release(&joined);
}

static void add_authority(struct feeds_buffer *out, const struct parts *parts)
{
	(void)feeds_buffer_add(out, parts->scheme.text, parts->scheme.size);
	(void)feeds_buffer_add(out, ":", 1);
	if (parts->authority.text == NULL)
		return;
	(void)feeds_buffer_add(out, "//", 2);
	(void)feeds_buffer_add(out, parts->authority.text, parts->authority.size);
}

static void add_tail(struct feeds_buffer *out, struct span query, struct span fragment)
{
	if (query.text != NULL) {
		(void)feeds_buffer_add(out, "?", 1);
		add_escaped(out, query, "\"<>");
	}
	if (fragment.text != NULL) {
		(void)feeds_buffer_add(out, "#", 1);
		add_escaped(out, fragment, "\"<>`");
	}
}

static void add_absolute(struct feeds_buffer *out, const struct parts *reference)
{
	add_authority(out, reference);
	if (reference->authority.text != NULL)
		add_path(out, out->size, reference->path);
	else
		add_escaped(out, reference->path, "\"<>");
	add_tail(out, reference->query, reference->fragment);
}

static void add_relative(
	struct feeds_buffer *out, const struct parts *base, const struct parts *reference)
{
	struct parts target = *reference;
	target.scheme = base->scheme;
	if (reference->authority.text != NULL) {
		add_absolute(out, &target);
		return;
	}
	add_authority(out, base);
	size_t start = out->size;
	if (reference->path.size == 0) {
		add_path(out, start, base->path);
		if (reference->query.text == NULL)
			target.query = base->query;
	} else if (reference->path.text[0] == '/') {
		add_path(out, start, reference->path);
	} else {
		add_merged(out, start, base, reference->path);
	}
	add_tail(out, target.query, reference->fragment);
}

/* Drops what people paste into links by accident: white space around, line ends inside. */
static void trim(struct feeds_buffer *clean, const char *text, size_t size)
{
	while (size > 0 && (unsigned char)*text <= ' ') {
		text++;
		size--;
	}
	while (size > 0 && (unsigned char)text[size - 1] <= ' ')
		size--;
	for (size_t i = 0; i < size; i++) {
		size_t start = i;
		while (i < size && text[i] != '\n' && text[i] != '\r' && text[i] != '\t')
			i++;
		(void)feeds_buffer_add(clean, text + start, i - start); /* full is seen later */
	}
}

bool feeds_url_resolve(
	struct feeds_buffer *out, const char *base, const char *reference, size_t size)
{
	struct feeds_buffer clean;
	feeds_buffer_init(&clean, REFERENCE_MAX);
	feeds_buffer_clear(out);
	trim(&clean, reference, size);
	const char *text = feeds_buffer_text(&clean);
	struct parts to = split(text, clean.size);
	struct parts from = split(base, strlen(base));
	/* RFC 3986, 5.2.2: "http:path" is an old way to write "path" where the schemes agree. */
	if (to.authority.text == NULL && same_text(to.scheme, from.scheme))
		to.scheme.text = NULL;
	bool resolved = !clean.full;
	if (!resolved)
		goto out;
	if (to.scheme.text != NULL)
		add_absolute(out, &to);
	else if (from.scheme.text != NULL && from.authority.text != NULL)
		add_relative(out, &from, &to);
	else
		resolved = false;
out:
	feeds_buffer_release(&clean);
	return resolved && !out->full;
}

static bool is_host(struct span authority)
{
	if (authority.text == NULL || authority.size == 0)
		return false;
	for (size_t i = 0; i < authority.size; i++) {
		unsigned char byte = (unsigned char)authority.text[i];
		if (byte <= ' ' || byte == 0x7F || byte == '<' || byte == '>' || byte == '\\')
			return false;
	}
	return true;
}

enum feeds_url_kind feeds_url_kind(const char *url, size_t size)
{
	struct parts parts = split(url, size);
	static const struct span mailto = { "mailto", 6 }, http = { "http", 4 },
				 https = { "https", 5 };
	if (same_text(parts.scheme, mailto))
		return parts.path.size > 0 ? FEEDS_URL_MAIL : FEEDS_URL_NONE;
	if (!same_text(parts.scheme, http) && !same_text(parts.scheme, https))
		return FEEDS_URL_NONE;
	return is_host(parts.authority) ? FEEDS_URL_WEB : FEEDS_URL_NONE;
}
