/* SPDX-License-Identifier: MIT */
/* {"feeds":[...]} with a line for each feed, so that it can be looked at and cut by lines. */
#include "master/kinds/feeds_form.h"

#include <inttypes.h>

#include "master/kinds/feeds_escape.h"
#include "master/kinds/feeds_stamp.h"

static void member(FILE *out, const char *name, const char *text)
{
	fprintf(out, ",\"%s\":", name);
	escape_json(out, text);
}

static void date_member(FILE *out, const char *name, bool known, int64_t s)
{
	struct stamp iso;
	member(out, name, known ? stamp_iso(&iso, s) : "");
}

static const char *link_or_none(const char *url)
{
	return escape_is_link(url) ? url : "";
}

static void write_entry(FILE *out, const struct output_entry *entry)
{
	fputs("{\"id\":", out);
	escape_json(out, entry->id);
	member(out, "title", entry->title);
	member(out, "link", link_or_none(entry->link));
	date_member(out, "published", form_is_dated(entry), entry->published_s);
	member(out, "author", entry->author);
	member(out, "summary", entry->summary);
	fputc('}', out);
}

static void json_begin(struct output *output)
{
	fputs("{\"feeds\":[", output->out);
}

static int json_feed(struct output *output, const struct output_feed *feed, struct error *err)
{
	(void)err;
	FILE *out = output->out;
	fputs(output->feeds > 1 ? ",\n{\"url\":" : "\n{\"url\":", out);
	escape_json(out, feed->url);
	fprintf(out, ",\"ok\":%s", feed->ok ? "true" : "false");
	member(out, "title", form_title(feed));
	member(out, "link", link_or_none(feed->link));
	member(out, "error", feed->ok ? "" : feed->error);
	if (feed->http_status > 0)
		fprintf(out, ",\"http_status\":%" PRIu32, feed->http_status);
	else
		fputs(",\"http_status\":null", out);
	fputs(",\"entries\":[", out);
	for (size_t i = 0; i < feed->entries_count; i++) {
		if (i > 0)
			fputc(',', out);
		write_entry(out, &feed->entries[i]);
	}
	fprintf(out, "],\"stale\":%s", !feed->ok && feed->kept ? "true" : "false");
	date_member(out, "checked", feed->checked_s > 0 && stamp_is_writable(feed->checked_s),
		feed->checked_s);
	member(out, "moved_to", link_or_none(feed->moved_to));
	fputc('}', out);
	return 0;
}

static int json_end(struct output *output, const struct output_report *report, struct error *err)
{
	(void)report;
	(void)err;
	fputs("\n]}\n", output->out);
	return 0;
}

const struct output_form form_json = { .begin = json_begin, .feed = json_feed, .end = json_end };
