/* SPDX-License-Identifier: MIT */
/* The page as a river: all entries, newest first, under the heading of their day. */
#include "master/kinds/feeds_html.h"

#include <inttypes.h>

#include "master/kinds/feeds_stamp.h"

enum { SECONDS_A_DAY = 24 * 60 * 60 };

static void river_begin(struct output *output)
{
	html_begin(output, "river");
}

static int river_feed(struct output *output, const struct output_feed *feed, struct error *err)
{
	for (size_t i = 0; i < feed->entries_count; i++) {
		const struct output_entry *entry = &feed->entries[i];
		html_entry(output, spool_begin(&output->entries), feed, entry);
		if (spool_end(&output->entries, -form_river_s(output, entry), 0, err) < 0)
			return -1;
	}
	return html_report(output, feed, err);
}

static int64_t day_of(const struct spool *entries, size_t i)
{
	return stamp_day(-entries->fragments[i].order);
}

/* Behind the last entry of the day that the entry first belongs to. */
static size_t end_of_day(const struct spool *entries, size_t first)
{
	size_t end = first;
	while (end < entries->count && day_of(entries, end) == day_of(entries, first))
		end++;
	return end;
}

static int write_day(struct output *output, size_t first, size_t end, struct error *err)
{
	FILE *out = output->out;
	int64_t day = day_of(&output->entries, first);
	struct stamp date, name;
	(void)stamp_date(&date, day * SECONDS_A_DAY);
	fprintf(out,
		"<section class=\"day %s\" id=\"d%s\"><header><h2><time "
		"datetime=\"%s\">%s</time></h2>"
		"<p class=\"meta\">%zu %s</p></header>\n",
		html_size(end - first), date.text, date.text,
		stamp_long(&name, day * SECONDS_A_DAY), end - first,
		end - first == 1 ? "entry" : "entries");
	for (size_t i = first; i < end; i++) {
		if ((i - first) % HTML_PART == 0)
			html_part_begin(out, end - i);
		if (spool_copy(&output->entries, i, out, err) < 0)
			return -1;
		if ((i - first) % HTML_PART == HTML_PART - 1 || i == end - 1)
			fputs("</div>\n", out);
	}
	fputs("</section>\n", out);
	return 0;
}

static void write_index(struct output *output)
{
	const struct spool *entries = &output->entries;
	html_index_begin(output->out, "Days");
	for (size_t first = 0; first < entries->count;) {
		size_t end = end_of_day(entries, first);
		int64_t day = day_of(entries, first);
		struct stamp date, shown;
		fprintf(output->out,
			"<li><a href=\"#d%s\">%s</a><span class=\"n\">%zu</span></li>\n",
			stamp_date(&date, day * SECONDS_A_DAY),
			stamp_short(&shown, day * SECONDS_A_DAY), end - first);
		first = end;
	}
}

static int river_end(struct output *output, const struct output_report *report, struct error *err)
{
	struct spool *entries = &output->entries;
	if (spool_sort(entries, err) < 0 || spool_sort(&output->notes, err) < 0)
		return -1;
	for (size_t first = 0; first < entries->count;) {
		size_t end = end_of_day(entries, first);
		if (write_day(output, first, end, err) < 0)
			return -1;
		first = end;
	}
	write_index(output);
	return html_end(output, report, 0, err);
}

const struct output_form form_river = { .spools_entries = true,
	.spools_notes = true,
	.begin = river_begin,
	.feed = river_feed,
	.end = river_end };
