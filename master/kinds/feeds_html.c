/* SPDX-License-Identifier: MIT */
/*
 * The page, feed after feed. Whatever comes from a feed goes through feeds_escape.h; everything
 * else in this file is fixed text. The index of feeds and the report are spooled, as they come at
 * the end; the style puts the index where it belongs.
 */
#include "master/kinds/feeds_html.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "common/quote.h"
#include "master/kinds/feeds_escape.h"
#include "master/kinds/feeds_page.h"
#include "master/kinds/feeds_stamp.h"

enum {
	TITLE_CHARACTERS_MAX = 300, /* shown on the page; the rest is for who follows the link */
	SUMMARY_CHARACTERS_MAX = 280,
	NAME_CHARACTERS_MAX = 100,
	REASON_CHARACTERS_MAX = 400,
	HUES = 8,         /* classes c0 to c7 of the style */
	NOTES_INDEX = -1, /* stands before all groups of the report */
};

static const char ellipsis[] = "\xE2\x80\xA6";

static void write_cut(FILE *out, enum escape_context context, const char *text, size_t max)
{
	size_t size = escape_cut(text, max);
	escape(out, context, text, size);
	if (text[size] != '\0')
		fputs(ellipsis, out);
}

/* A link where url is one that may be linked to, else only the text. */
static void write_link(FILE *out, const char *url, const char *text, size_t max)
{
	bool linked = escape_is_link(url);
	if (linked) {
		fputs("<a href=\"", out);
		escape_string(out, ESCAPE_URL, url);
		fputs("\" rel=\"noopener noreferrer nofollow\">", out);
	}
	write_cut(out, ESCAPE_TEXT, text, max);
	if (linked)
		fputs("</a>", out);
}

/* The same for a feed on every page; FNV-1a, as it is asked for with each entry of a river. */
static unsigned hue(const struct output_feed *feed)
{
	uint32_t hash = 2166136261;
	for (const char *at = feed->url; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 16777619;
	return (hash ^ hash >> 16) % HUES;
}

/* 'sha256-...' of a text that stands in the page exactly so. */
static void write_digest(FILE *out, const char *text)
{
	uint8_t digest[HASH_SHA256_SIZE];
	hash_sha256(text, strlen(text), digest);
	fputs("'sha256-", out);
	base64_write(out, digest, sizeof(digest));
	fputc('\'', out);
}

/* The policy comes before anything that it is about. */
static void write_head(struct output *output)
{
	FILE *out = output->out;
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src ",
		out);
	write_digest(out, page_css);
	fputs("; script-src ", out);
	write_digest(out, page_js);
	fputs("; base-uri 'none'; form-action 'none'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      "<meta name=\"robots\" content=\"noindex, nofollow\">\n"
	      "<meta name=\"referrer\" content=\"no-referrer\">\n"
	      "<meta name=\"generator\" content=\"sciame " SCIAME_VERSION "\">\n<title>",
		out);
	escape_string(out, ESCAPE_TEXT, output->title);
	fprintf(out, "</title>\n<style>%s</style>\n</head>\n", page_css);
}

/* class still: until the script shows the filter, the bar is low. */
void html_begin(struct output *output, const char *class)
{
	FILE *out = output->out;
	struct stamp iso, day;
	write_head(output);
	fprintf(out,
		"<body class=\"%s still\">\n<a class=\"skip\" href=\"#main\">Skip to the "
		"entries</a>\n"
		"<header class=\"bar\"><div>\n<h1 dir=\"auto\">",
		class);
	escape_string(out, ESCAPE_TEXT, output->title);
	fprintf(out,
		"</h1>\n<p class=\"today\"><time datetime=\"%s\">%s</time></p>\n"
		"<div class=\"search\" data-script hidden><p id=\"found\" role=\"status\"></p>"
		"<label class=\"only\" for=\"filter\">Filter entries and feeds</label>"
		"<input id=\"filter\" type=\"search\" placeholder=\"Filter\" autocomplete=\"off\" "
		"spellcheck=\"false\" aria-keyshortcuts=\"/\" enterkeyhint=\"search\"></div>\n"
		"</div></header>\n"
		"<div class=\"frame\">\n<main id=\"main\" tabindex=\"-1\">\n",
		stamp_iso(&iso, output->options.now_s), stamp_short(&day, output->options.now_s));
}

/* What an entry is called that has no title: how its summary begins. */
static const char *entry_title(const struct output_entry *entry)
{
	if (*entry->title)
		return entry->title;
	return *entry->summary ? entry->summary : "Untitled";
}

/* In a river the day stands above, so the time is enough, but for a date that is another day's. */
static void write_date(const struct output *output, FILE *out, const struct output_entry *entry)
{
	struct stamp iso, date, clock;
	bool river = output->options.by_date;
	if (!form_is_dated(entry)) {
		int64_t seen_s = form_river_s(output, entry);
		fprintf(out, "<span>first seen <time datetime=\"%s\">%s</time></span>",
			stamp_iso(&iso, seen_s), stamp_short(&date, seen_s));
		return;
	}
	int64_t s = entry->published_s;
	bool same_day = river && stamp_day(s) == stamp_day(form_river_s(output, entry));
	fprintf(out, "<time datetime=\"%s\">%s%s%s</time>", stamp_iso(&iso, s),
		same_day ? "" : stamp_short(&date, s), same_day ? "" : ", ",
		stamp_clock(&clock, s));
}

static void write_byline(const struct output *output, FILE *out, const struct output_feed *feed,
	const struct output_entry *entry)
{
	fputs("<p class=\"by\">", out);
	if (output->options.by_date) {
		fprintf(out, "<span class=\"source c%u\" dir=\"auto\">", hue(feed));
		write_cut(out, ESCAPE_TEXT, form_name(feed), NAME_CHARACTERS_MAX);
		fputs("</span>", out);
	}
	write_date(output, out, entry);
	if (*entry->author) {
		fputs("<span dir=\"auto\">", out);
		write_cut(out, ESCAPE_TEXT, entry->author, NAME_CHARACTERS_MAX);
		fputs("</span>", out);
	}
	fputs("</p>", out);
}

void html_entry(const struct output *output, FILE *out, const struct output_feed *feed,
	const struct output_entry *entry)
{
	fputs("<article tabindex=\"-1\"><h3 dir=\"auto\">", out);
	write_link(out, entry->link, entry_title(entry), TITLE_CHARACTERS_MAX);
	fputs("</h3>", out);
	write_byline(output, out, feed, entry);
	if (*entry->summary && strcmp(entry->summary, entry_title(entry)) != 0) {
		/* The ellipsis is left to the style: without it most texts are of 8-bit
		 * characters, in which browsers search faster. */
		size_t size = escape_cut(entry->summary, SUMMARY_CHARACTERS_MAX);
		fputs(entry->summary[size] ? "<p class=\"text cut\" dir=\"auto\">"
					   : "<p class=\"text\" dir=\"auto\">",
			out);
		escape(out, ESCAPE_TEXT, entry->summary, size);
		fputs("</p>", out);
	}
	fputs("</article>\n", out);
}

const char *html_size(size_t entries)
{
	static const struct {
		size_t entries;
		const char *class;
	} sizes[] = { { 0, "s0" }, { 3, "s3" }, { 6, "s6" }, { 12, "s12" }, { 25, "s25" } };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		if (entries <= sizes[i].entries)
			return sizes[i].class;
	}
	return "s50";
}

void html_part_begin(FILE *out, size_t left)
{
	fprintf(out, "<div class=\"part %s\">\n", html_size(left));
}

/* The letter in front of a feed's name. */
static void write_mark(FILE *out, const char *name)
{
	unsigned code;
	size_t size = strlen(name), step = escape_decode(name, size, &code);
	/* "The Register" is known by its second word */
	if (strncasecmp(name, "the ", 4) == 0 && name[4] != '\0') {
		name += 4;
		step = escape_decode(name, size - 4, &code);
	}
	if (code >= 'a' && code <= 'z')
		fputc((int)(code - 'a' + 'A'), out);
	else
		escape(out, ESCAPE_ATTRIBUTE, name, step);
}

static void write_entry_count(FILE *out, size_t count)
{
	fprintf(out, "%zu %s", count, count == 1 ? "entry" : "entries");
}

static void write_feed_header(const struct output *output, const struct output_feed *feed)
{
	FILE *out = output->out;
	const char *site = escape_is_link(feed->link) ? feed->link : feed->url;
	fprintf(out,
		"<section class=\"feed c%u %s%s\" id=\"f%zu\"><header><h2 dir=\"auto\" "
		"data-mark=\"",
		hue(feed), html_size(feed->entries_count), feed->ok || feed->kept ? "" : " bad",
		output->feeds);
	write_mark(out, form_name(feed));
	fputs("\">", out);
	write_link(out, site, form_name(feed), NAME_CHARACTERS_MAX);
	fputs("</h2><p class=\"meta\">", out);
	if (*feed->category) {
		fputs("<span class=\"of\" dir=\"auto\">", out);
		write_cut(out, ESCAPE_TEXT, feed->category, NAME_CHARACTERS_MAX);
		fputs("</span>", out);
	}
	write_entry_count(out, feed->entries_count);
	fputs("</p></header>\n", out);
}

/* Why it is not what it should be, where it stands. */
static void write_problem(const struct output *output, const struct output_feed *feed)
{
	FILE *out = output->out;
	if (feed->ok) {
		if (feed->entries_count == 0)
			fputs("<p class=\"empty\">Nothing to show.</p>\n", out);
		return;
	}
	char *words = form_words(output, feed, feed->kept ? FORM_STALE : FORM_FAILED);
	fprintf(out, "<p class=\"note\"><strong>%s</strong> ", feed->kept ? "Stale:" : "Not read:");
	write_cut(out, ESCAPE_TEXT, words, REASON_CHARACTERS_MAX);
	fputs("</p>\n", out);
	free(words);
}

static int note(struct output *output, const struct output_feed *feed, enum form_group group,
	struct error *err)
{
	FILE *out = spool_begin(&output->notes);
	char *words = form_words(output, feed, group);
	fputs("<li><span dir=\"auto\">", out);
	write_link(out, feed->url, form_name(feed), NAME_CHARACTERS_MAX);
	fputs("</span> ", out);
	write_cut(out, ESCAPE_TEXT, words, REASON_CHARACTERS_MAX);
	fputs("</li>\n", out);
	free(words);
	return spool_end(&output->notes, (int64_t)group, 0, err);
}

int html_report(struct output *output, const struct output_feed *feed, struct error *err)
{
	for (enum form_group group = 0; group < FORM_GROUPS; group++) {
		if (form_in_group(feed, group) && note(output, feed, group, err) < 0)
			return -1;
	}
	return 0;
}

static int index_feed(struct output *output, const struct output_feed *feed, struct error *err)
{
	FILE *out = spool_begin(&output->notes);
	if (strcmp(output->category, feed->category) != 0) {
		fputs("<li class=\"of\">", out);
		write_cut(out, ESCAPE_TEXT, *feed->category ? feed->category : "Other",
			NAME_CHARACTERS_MAX);
		fputs("</li>\n", out);
	}
	fprintf(out, "<li><a href=\"#f%zu\" dir=\"auto\">", output->feeds);
	write_cut(out, ESCAPE_TEXT, form_name(feed), NAME_CHARACTERS_MAX);
	if (feed->ok || feed->kept)
		fprintf(out, "</a><span class=\"n\">%zu</span></li>\n", feed->entries_count);
	else
		fputs("</a><span class=\"n\">failed</span></li>\n", out);
	return spool_end(&output->notes, NOTES_INDEX, 0, err);
}

/* The notes of one group, from *next on, which is moved behind them. */
static int copy_group(struct output *output, int64_t group, size_t *next, struct error *err)
{
	struct spool *notes = &output->notes;
	while (*next < notes->count && notes->fragments[*next].order == group) {
		if (spool_copy(notes, (*next)++, output->out, err) < 0)
			return -1;
	}
	return 0;
}

static int write_groups(struct output *output, size_t *next, struct error *err)
{
	const struct spool *notes = &output->notes;
	FILE *out = output->out;
	if (*next == notes->count)
		fputs("<p>Every feed was read and well-formed.</p>\n", out);
	while (*next < notes->count) {
		enum form_group group = (enum form_group)notes->fragments[*next].order;
		fprintf(out, "<h3>%s</h3>\n<ul>\n", form_group_name(group));
		if (copy_group(output, (int64_t)group, next, err) < 0)
			return -1;
		fputs("</ul>\n", out);
	}
	return 0;
}

static void write_keys(FILE *out)
{
	static const char *const keys[][2] = { { "/", "filter" }, { "Esc", "clear the filter" },
		{ "j", "next entry" }, { "k", "previous entry" },
		{ "o", "open the entry (or Enter)" }, { "?", "show or hide this" } };
	fputs("<aside id=\"keys\" aria-label=\"Keys\" hidden><h2>Keys</h2><dl>\n", out);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		fprintf(out, "<dt><kbd>%s</kbd></dt><dd>%s</dd>\n", keys[i][0], keys[i][1]);
	fputs("</dl></aside>\n", out);
}

void html_index_begin(FILE *out, const char *name)
{
	fprintf(out,
		"<p class=\"none\" id=\"none\" hidden>Nothing here matches.</p>\n</main>\n"
		"<nav class=\"index\" aria-label=\"%s\"><h2>%s</h2>\n<ol>\n",
		name, name);
}

/* Feeds that could not even be asked for. */
static void write_problems(FILE *out, const struct output_report *report)
{
	if (report->problems_count == 0)
		return;
	fputs("<h3>Not understood in the list</h3>\n<ul>\n", out);
	for (size_t i = 0; i < report->problems_count; i++) {
		fputs("<li dir=\"auto\">", out);
		write_cut(out, ESCAPE_TEXT, report->problems[i], REASON_CHARACTERS_MAX);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
}

int html_end(
	struct output *output, const struct output_report *report, size_t next, struct error *err)
{
	FILE *out = output->out;
	char *run = form_run(output, report);
	fprintf(out,
		"</ol></nav>\n</div>\n<footer id=\"report\"><details%s><summary>%s</summary>\n",
		report->ok < report->feeds ? " open" : "", run);
	free(run);
	if (write_groups(output, &next, err) < 0)
		return -1;
	write_problems(out, report);
	fputs("</details>\n<p>All times are UTC. <span class=\"hint\" data-script hidden>Press "
	      "<kbd>?</kbd> for the keys.</span></p></footer>\n",
		out);
	write_keys(out);
	fprintf(out, "<script>%s</script>\n</body>\n</html>\n", page_js);
	return 0;
}

static void feeds_begin(struct output *output)
{
	html_begin(output, "feeds");
}

static int feeds_feed(struct output *output, const struct output_feed *feed, struct error *err)
{
	FILE *out = output->out;
	write_feed_header(output, feed);
	write_problem(output, feed);
	for (size_t i = 0; i < feed->entries_count; i++) {
		if (i % HTML_PART == 0)
			html_part_begin(out, feed->entries_count - i);
		html_entry(output, out, feed, &feed->entries[i]);
		if (i % HTML_PART == HTML_PART - 1 || i == feed->entries_count - 1)
			fputs("</div>\n", out);
	}
	fputs("</section>\n", out);
	return index_feed(output, feed, err) < 0 ? -1 : html_report(output, feed, err);
}

static int feeds_end(struct output *output, const struct output_report *report, struct error *err)
{
	size_t next = 0;
	if (spool_sort(&output->notes, err) < 0)
		return -1;
	html_index_begin(output->out, "Feeds");
	if (copy_group(output, NOTES_INDEX, &next, err) < 0)
		return -1;
	return html_end(output, report, next, err);
}

const struct output_form form_html = {
	.spools_notes = true, .begin = feeds_begin, .feed = feeds_feed, .end = feeds_end
};
