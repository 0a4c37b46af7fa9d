/* SPDX-License-Identifier: MIT */
/*
 * What the elements of feeds mean. Ranks: the publication date wins over the last change; the
 * title of the format itself over Dublin Core's, and this over Media RSS', which is a picture's.
 * RSS and Atom are mixed so often that each has the other's elements where it has none itself.
 */
#include "worker/kinds/feeds_element.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* How namespaces start; the first that fits counts. The odd Atom ones are of its drafts. */
static const struct {
	const char *start;
	enum feeds_space space;
} spaces[] = {
	{ "http://www.w3.org/2005/atom", SPACE_ATOM },
	{ "https://www.w3.org/2005/atom", SPACE_ATOM },
	{ "http://purl.org/atom/ns", SPACE_ATOM },
	{ "http://purl.org/echo/", SPACE_ATOM },
	{ "http://purl.org/pie/", SPACE_ATOM },
	{ "http://example.com/newformat#", SPACE_ATOM },
	{ "http://example.com/necho", SPACE_ATOM },
	{ "uri/of/echo/namespace#", SPACE_ATOM },
	{ "http://purl.org/dc/elements/", SPACE_DC },
	{ "http://purl.org/dc/terms", SPACE_DCTERMS },
	{ "http://purl.org/rss/1.0/modules/content", SPACE_CONTENT },
	{ "http://purl.org/rss/1.0/modules/dcterms", SPACE_DCTERMS },
	{ "http://purl.org/rss/1.0/modules/", SPACE_OTHER },
	{ "http://purl.org/rss/", SPACE_RSS },
	{ "http://purl.org/net/rss1.1", SPACE_RSS },
	{ "http://my.netscape.com/", SPACE_RSS },
	{ "http://channel.netscape.com/rdf/", SPACE_RSS },
	{ "http://backend.userland.com/", SPACE_RSS },
	{ "http://blogs.law.harvard.edu/tech/rss", SPACE_RSS },
	{ "http://cyber.law.harvard.edu/rss", SPACE_RSS },
	{ "http://search.yahoo.com/mrss", SPACE_MEDIA },
	{ "https://search.yahoo.com/mrss", SPACE_MEDIA },
	{ "http://www.rssboard.org/media-rss", SPACE_MEDIA },
	{ "http://www.itunes.com/dtds/podcast", SPACE_ITUNES },
	{ "http://example.com/dtds/podcast", SPACE_ITUNES },
	{ "http://rssnamespace.org/feedburner", SPACE_FEEDBURNER },
	{ "http://www.w3.org/1999/02/22-rdf-syntax-ns#", SPACE_RDF },
	{ "http://www.w3.org/1999/xhtml", SPACE_XHTML },
};

static const struct {
	const char *prefix;
	enum feeds_space space;
} prefixes[] = {
	{ "atom", SPACE_ATOM },
	{ "a10", SPACE_ATOM },
	{ "dc", SPACE_DC },
	{ "dcterms", SPACE_DCTERMS },
	{ "content", SPACE_CONTENT },
	{ "media", SPACE_MEDIA },
	{ "itunes", SPACE_ITUNES },
	{ "feedburner", SPACE_FEEDBURNER },
	{ "rdf", SPACE_RDF },
	{ "rss", SPACE_RSS },
	{ "xhtml", SPACE_XHTML },
};

static const struct feeds_element nothing = { .meaning = MEANS_NOTHING };

static const struct feeds_element elements[] = {
	{ SPACE_RSS, "rss", MEANS_ROOT, 0 },
	{ SPACE_RDF, "rdf", MEANS_ROOT, 0 },
	{ SPACE_RSS, "channel", MEANS_FEED, 0 },
	{ SPACE_ATOM, "feed", MEANS_FEED, 0 },
	{ SPACE_RSS, "item", MEANS_ENTRY, 0 },
	{ SPACE_ATOM, "entry", MEANS_ENTRY, 0 },
	{ SPACE_MEDIA, "group", MEANS_GROUP, 0 },

	{ SPACE_RSS, "title", MEANS_TITLE, 8 },
	{ SPACE_DC, "title", MEANS_TITLE, 6 },
	{ SPACE_DCTERMS, "title", MEANS_TITLE, 6 },
	{ SPACE_MEDIA, "title", MEANS_TITLE, 2 },
	{ SPACE_ITUNES, "title", MEANS_TITLE, 1 },

	{ SPACE_RSS, "link", MEANS_LINK, 20 },
	{ SPACE_FEEDBURNER, "origlink", MEANS_LINK, 8 },
	{ SPACE_RSS, "enclosure", MEANS_ENCLOSURE, 2 },

	{ SPACE_ATOM, "id", MEANS_ID, 9 },
	{ SPACE_RSS, "guid", MEANS_GUID, 9 },
	{ SPACE_DC, "identifier", MEANS_ID, 2 },

	{ SPACE_RSS, "author", MEANS_AUTHOR, 9 },
	{ SPACE_DC, "creator", MEANS_AUTHOR, 8 },
	{ SPACE_DC, "author", MEANS_AUTHOR, 7 },
	{ SPACE_ITUNES, "author", MEANS_AUTHOR, 2 },

	{ SPACE_ATOM, "summary", MEANS_SUMMARY, 9 },
	{ SPACE_RSS, "description", MEANS_SUMMARY, 9 },
	{ SPACE_RSS, "abstract", MEANS_SUMMARY, 8 },
	{ SPACE_DC, "description", MEANS_SUMMARY, 6 },
	{ SPACE_CONTENT, "encoded", MEANS_SUMMARY, 5 },
	{ SPACE_ATOM, "content", MEANS_SUMMARY, 5 },
	{ SPACE_XHTML, "body", MEANS_SUMMARY, 4 },
	{ SPACE_RSS, "body", MEANS_SUMMARY, 4 },
	{ SPACE_ITUNES, "summary", MEANS_SUMMARY, 3 },
	{ SPACE_MEDIA, "description", MEANS_SUMMARY, 2 },
	{ SPACE_ITUNES, "subtitle", MEANS_SUMMARY, 1 },

	{ SPACE_ATOM, "published", MEANS_DATE, 10 },
	{ SPACE_ATOM, "issued", MEANS_DATE, 10 },
	{ SPACE_RSS, "pubdate", MEANS_DATE, 9 },
	{ SPACE_DC, "date", MEANS_DATE, 8 },
	{ SPACE_RSS, "date", MEANS_DATE, 8 },
	{ SPACE_DCTERMS, "issued", MEANS_DATE, 7 },
	{ SPACE_DCTERMS, "created", MEANS_DATE, 6 },
	{ SPACE_ATOM, "created", MEANS_DATE, 5 },
	{ SPACE_ATOM, "updated", MEANS_DATE, 3 },
	{ SPACE_ATOM, "modified", MEANS_DATE, 3 },
	{ SPACE_DCTERMS, "modified", MEANS_DATE, 2 },
	{ SPACE_DCTERMS, "date", MEANS_DATE, 2 },
	{ SPACE_RSS, "lastbuilddate", MEANS_DATE, 1 },
};

enum feeds_space feeds_space_of(const char *uri, const char *prefix)
{
	if (uri != NULL) {
		for (size_t i = 0; i < sizeof(spaces) / sizeof(*spaces); i++)
			if (strncasecmp(uri, spaces[i].start, strlen(spaces[i].start)) == 0)
				return spaces[i].space;
		return SPACE_OTHER;
	}
	if (prefix == NULL)
		return SPACE_RSS;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strcasecmp(prefix, prefixes[i].prefix) == 0)
			return prefixes[i].space;
	return SPACE_OTHER;
}

static const struct feeds_element *find(enum feeds_space space, const char *local)
{
	for (size_t i = 0; i < sizeof(elements) / sizeof(*elements); i++)
		if (elements[i].space == space && strcasecmp(elements[i].local, local) == 0)
			return &elements[i];
	return &nothing;
}

const struct feeds_element *feeds_element_of(enum feeds_space space, const char *local)
{
	const struct feeds_element *found = find(space, local);
	if (found->meaning != MEANS_NOTHING)
		return found;
	if (space == SPACE_RSS)
		return find(SPACE_ATOM, local);
	return space == SPACE_ATOM ? find(SPACE_RSS, local) : found;
}
