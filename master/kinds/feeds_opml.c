/* SPDX-License-Identifier: MIT */
/*
 * OPML 2.0 in the order of the list: outlines of categories are opened and closed as the list goes
 * from one to the next, so that a list that came from OPML goes back as it was.
 */
#include "master/kinds/feeds_form.h"

#include <string.h>

#include "master/kinds/feeds_escape.h"
#include "master/kinds/feeds_stamp.h"

static void attribute(FILE *out, const char *name, const char *value)
{
	fprintf(out, " %s=\"", name);
	escape_string(out, ESCAPE_ATTRIBUTE, value);
	fputc('"', out);
}

/* How many names, separated by "/", both categories begin with. */
static size_t common_names(const char *a, const char *b)
{
	size_t count = 0;
	for (;;) {
		size_t size = strcspn(a, "/");
		if (size == 0 || size != strcspn(b, "/") || memcmp(a, b, size) != 0)
			return count;
		count++;
		a += size + (a[size] == '/');
		b += size + (b[size] == '/');
	}
}

/* Calls for a name that is not there end with the empty text at the end. */
static const char *skip_names(const char *category, size_t count)
{
	for (; count > 0; count--) {
		category += strcspn(category, "/");
		category += *category == '/';
	}
	return category;
}

static size_t count_names(const char *category)
{
	size_t count = 0;
	while (*category) {
		category = skip_names(category, 1);
		count++;
	}
	return count;
}

static void indent(FILE *out, size_t depth)
{
	for (size_t i = 0; i < depth; i++)
		fputs("  ", out);
}

static void close_outlines(FILE *out, size_t from, size_t to)
{
	for (; from > to; from--) {
		indent(out, from + 1);
		fputs("</outline>\n", out);
	}
}

static void open_outlines(FILE *out, const char *category, size_t depth)
{
	for (category = skip_names(category, depth); *category;
		category = skip_names(category, 1)) {
		indent(out, ++depth + 1);
		fputs("<outline text=\"", out);
		escape(out, ESCAPE_ATTRIBUTE, category, strcspn(category, "/"));
		fputs("\">\n", out);
	}
}

static void opml_begin(struct output *output)
{
	FILE *out = output->out;
	struct stamp date;
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<opml version=\"2.0\">\n  <head>\n"
	      "    <title>",
		out);
	escape_string(out, ESCAPE_TEXT, output->title);
	fprintf(out, "</title>\n    <dateCreated>%s</dateCreated>\n  </head>\n  <body>\n",
		stamp_mail(&date, output->options.now_s));
}

static int opml_feed(struct output *output, const struct output_feed *feed, struct error *err)
{
	(void)err;
	FILE *out = output->out;
	size_t shared = common_names(output->category, feed->category);
	close_outlines(out, count_names(output->category), shared);
	open_outlines(out, feed->category, shared);
	indent(out, count_names(feed->category) + 2);
	fputs("<outline type=\"rss\"", out);
	attribute(out, "text", form_name(feed));
	attribute(out, "title", *form_title(feed) ? form_title(feed) : feed->url);
	attribute(out, "xmlUrl", escape_is_link(feed->moved_to) ? feed->moved_to : feed->url);
	if (escape_is_link(feed->link))
		attribute(out, "htmlUrl", feed->link);
	fputs("/>\n", out);
	return 0;
}

static int opml_end(struct output *output, const struct output_report *report, struct error *err)
{
	(void)report;
	(void)err;
	close_outlines(output->out, count_names(output->category), 0);
	fputs("  </body>\n</opml>\n", output->out);
	return 0;
}

const struct output_form form_opml = { .begin = opml_begin, .feed = opml_feed, .end = opml_end };
