/* SPDX-License-Identifier: MIT */
/* People pass the feed itself, a page, or an archive as the list: each is told by its name. */
#include "master/kinds/feeds_list_sniff.h"

#include <string.h>
#include <strings.h>

const char *feeds_list_sniff_binary(const char *bytes, size_t size)
{
	static const struct {
		const char *magic;
		size_t size;
		const char *words;
	} magics[] = {
		{ "\x1F\x8B", 2, "a gzip archive" },
		{ "PK\x03\x04", 4, "a ZIP archive" },
		{ "BZh", 3, "a bzip2 archive" },
		{ "\xFD"
		  "7zXZ",
			5, "an xz archive" },
		{ "\x28\xB5\x2F\xFD", 4, "a zstd archive" },
		{ "SQLite format 3", 15, "an SQLite database" },
		{ "%PDF-", 5, "a PDF document" },
		{ "\x7F"
		  "ELF",
			4, "a program" },
		{ "\x89PNG", 4, "a picture" },
		{ "\xFF\xD8\xFF", 3, "a picture" },
		{ "GIF8", 4, "a picture" },
	};
	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++) {
		size_t length = magics[i].size;
		if (size >= length && memcmp(bytes, magics[i].magic, length) == 0)
			return magics[i].words;
	}
	/* UTF-16 is full of NULs; it is known by a BOM or a first <, else it is no text to us. */
	static const char *const wide[] = { "\xFF\xFE", "\xFE\xFF", "<\0", "\0<" };
	for (size_t i = 0; i < sizeof(wide) / sizeof(*wide); i++) {
		if (size >= 2 && memcmp(bytes, wide[i], 2) == 0)
			return NULL;
	}
	if (size > 0 && memchr(bytes, '\0', size) != NULL)
		return "a binary file";
	return NULL;
}

/* Passes over white space, declarations and comments. NULL: a page of HTML declares itself. */
static const char *skip_prolog(const char *at)
{
	for (;;) {
		at += strspn(at, " \t\r\n\f\v");
		const char *end = "";
		if (strncasecmp(at, "<!DOCTYPE", 9) == 0) {
			const char *name = at + 9 + strspn(at + 9, " \t\r\n");
			if (strncasecmp(name, "html", 4) == 0 ||
				strncasecmp(name, "NETSCAPE", 8) == 0)
				return NULL;
			size_t plain = strcspn(at, "[>");
			end = at[plain] == '[' ? "]>" : ">";
		} else if (strncmp(at, "<!--", 4) == 0) {
			end = "-->";
		} else if (strncmp(at, "<?", 2) == 0) {
			end = "?>";
		}
		if (*end == '\0')
			return at;
		const char *found = strstr(at, end);
		if (found == NULL)
			return at;
		at = found + strlen(end);
	}
}

/* Whether an element's name is name, with a prefix of its namespace or without. */
static bool is_element(const char *at, const char *name)
{
	size_t size = strcspn(at, " \t\r\n/><");
	const char *colon = memchr(at, ':', size);
	if (colon != NULL) {
		size -= (size_t)(colon + 1 - at);
		at = colon + 1;
	}
	return strlen(name) == size && strncasecmp(at, name, size) == 0;
}

static enum feeds_list_look sniff_markup(const char *at, const char **words)
{
	static const struct {
		const char *element, *words;
	} others[] = {
		{ "rss", "an RSS feed, not a list of feeds" },
		{ "rdf", "an RSS feed, not a list of feeds" },
		{ "channel", "an RSS feed, not a list of feeds" },
		{ "feed", "an Atom feed, not a list of feeds" },
		{ "html", "an HTML page" },
		{ "urlset", "a sitemap" },
		{ "sitemapindex", "a sitemap" },
	};
	*words = "XML that is no OPML";
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (is_element(at + 1, others[i].element)) {
			*words = others[i].words;
			return FEEDS_LIST_OTHER;
		}
	}
	if (is_element(at + 1, "opml") || strcasestr(at, "<outline") != NULL)
		return FEEDS_LIST_OPML;
	if (is_element(at + 1, "head") || is_element(at + 1, "body"))
		*words = "an HTML page";
	return FEEDS_LIST_OTHER;
}

enum feeds_list_look feeds_list_sniff(const char *text, const char **words)
{
	const char *at = skip_prolog(text);
	*words = "an HTML page";
	if (at == NULL)
		return FEEDS_LIST_OTHER;
	if (*at == '<')
		return sniff_markup(at, words);
	*words = strstr(at, "//jsonfeed.org/version/") != NULL ? "a JSON feed, not a list of feeds"
							       : "a JSON file";
	if (*at == '{' || (*at == '[' && strchr("{[\"", at[1 + strspn(at + 1, " \t\r\n")]) != NULL))
		return FEEDS_LIST_OTHER;
	*words = "text without a URL";
	return FEEDS_LIST_LINES;
}
