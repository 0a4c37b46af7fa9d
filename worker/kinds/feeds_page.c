/* SPDX-License-Identifier: MIT */
/* The feed that a web page names, by libxml2's HTML reader. */
#include "worker/kinds/feeds_page.h"

#include <string.h>
#include <strings.h>

#include <libxml/HTMLparser.h>

#include "worker/kinds/feeds_url.h"

/* Heads are at the start; libxml2 takes the square of the attributes of one tag as time. */
enum { PAGE_MAX = 64 << 10 };

struct search {
	struct feeds_buffer *link;
	const char *url;
	bool found;
};

static const char *attribute(const xmlChar **attributes, const char *name)
{
	for (; attributes != NULL && attributes[0] != NULL; attributes += 2)
		if (strcasecmp((const char *)attributes[0], name) == 0)
			return attributes[1] == NULL ? "" : (const char *)attributes[1];
	return "";
}

static void on_start(void *context, const xmlChar *name, const xmlChar **attributes)
{
	static const char *const types[] = { "application/rss+xml", "application/atom+xml",
		"application/feed+json", "application/rdf+xml" };
	struct search *search = context;
	if (search->found || strcasecmp((const char *)name, "link") != 0 ||
		strcasestr(attribute(attributes, "rel"), "alternate") == NULL)
		return;
	const char *href = attribute(attributes, "href");
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcasecmp(attribute(attributes, "type"), types[i]) == 0)
			search->found =
				feeds_url_resolve(search->link, search->url, href, strlen(href)) &&
				feeds_url_kind(search->link->bytes, search->link->size) ==
					FEEDS_URL_WEB;
}

static void on_error(void *context, xmlErrorPtr error)
{
	(void)context, (void)error;
}

bool feeds_page_find(struct feeds_buffer *link, const char *html, size_t size, const char *url)
{
	static htmlSAXHandler handler = {
		.initialized = XML_SAX2_MAGIC,
		.startElement = on_start,
		.serror = on_error,
	};
	struct search search = { .link = link, .url = url };
	htmlParserCtxtPtr parser =
		htmlCreateMemoryParserCtxt(html, (int)(size < PAGE_MAX ? size : PAGE_MAX));
	if (parser == NULL)
		return false;
	*parser->sax = handler;
	parser->userData = &search;
	(void)htmlParseDocument(parser); /* pages are never right */
	htmlFreeParserCtxt(parser);
	return search.found;
}
