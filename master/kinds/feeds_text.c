/* SPDX-License-Identifier: MIT */
/* For terminals: lines of at most 80 columns. Addresses are not broken, so that they work. */
#include "master/kinds/feeds_form.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "master/kinds/feeds_escape.h"
#include "master/kinds/feeds_stamp.h"

enum {
	COLUMNS_MAX = 80,
	INDENT = 4,
	SUMMARY_CHARACTERS_MAX = 280, /* as on the page */
	TITLE_CHARACTERS_MAX = 300,
	REASON_CHARACTERS_MAX = 400,
};

/* Where the next word goes. */
struct line {
	FILE *out;
	size_t indent; /* of each line */
	size_t column;
};

struct range {
	unsigned first, last;
};

static bool is_in(const struct range *ranges, size_t count, unsigned code)
{
	for (size_t i = 0; i < count; i++) {
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	}
	return false;
}

/*
 * Columns of a character: of Unicode's East_Asian_Width W and F, and combining marks, the blocks
 * that texts are made of. wcwidth() would know only what the locale does.
 */
static size_t columns_of(unsigned code)
{
	static const struct range wide[] = { { 0x1100, 0x115F }, { 0x2E80, 0x303E },
		{ 0x3041, 0xA4CF }, { 0xA960, 0xA97F }, { 0xAC00, 0xD7A3 }, { 0xF900, 0xFAFF },
		{ 0xFE30, 0xFE6F }, { 0xFF00, 0xFF60 }, { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1FAFF },
		{ 0x20000, 0x3FFFD } };
	static const struct range none[] = { { 0x80, 0x9F }, { 0x300, 0x36F }, { 0x483, 0x489 },
		{ 0x591, 0x5BD }, { 0x610, 0x61A }, { 0x64B, 0x65F }, { 0x200B, 0x200F },
		{ 0x202A, 0x202E }, { 0x2060, 0x206F }, { 0x20D0, 0x20F0 }, { 0xFE00, 0xFE0F },
		{ 0xFE20, 0xFE2F }, { 0xFEFF, 0xFEFF } };
	if (code < 0x80)
		return code >= 0x20 && code < 0x7F;
	if (is_in(none, sizeof(none) / sizeof(*none), code))
		return 0;
	return is_in(wide, sizeof(wide) / sizeof(*wide), code) ? 2 : 1;
}

static void break_line(struct line *line)
{
	fputc('\n', line->out);
	for (size_t i = 0; i < line->indent; i++)
		fputc(' ', line->out);
	line->column = line->indent;
}

/* Bytes of the word that size bytes begin with, and its columns. */
static size_t measure(const char *bytes, size_t size, size_t *columns)
{
	size_t end = 0;
	*columns = 0;
	while (end < size && bytes[end] != ' ' && bytes[end] != '\n' && bytes[end] != '\t') {
		unsigned code;
		end += escape_decode(bytes + end, size - end, &code);
		*columns += columns_of(code);
	}
	return end;
}

/* A word longer than a line, as text without spaces is. */
static void write_broken(struct line *line, const char *word, size_t size)
{
	for (size_t i = 0; i < size;) {
		unsigned code;
		size_t step = escape_decode(word + i, size - i, &code), columns = columns_of(code);
		if (line->column + columns > COLUMNS_MAX)
			break_line(line);
		escape(line->out, ESCAPE_PLAIN, word + i, step);
		line->column += columns;
		i += step;
	}
}

static void write_word(struct line *line, const char *word, size_t size, size_t columns)
{
	if (line->column + columns > COLUMNS_MAX) {
		write_broken(line, word, size);
		return;
	}
	escape(line->out, ESCAPE_PLAIN, word, size);
	line->column += columns;
}

static void write_words(struct line *line, const char *text, size_t size)
{
	bool first = true;
	for (size_t i = 0; i < size;) {
		size_t columns, word = measure(text + i, size - i, &columns);
		if (word == 0) {
			i++;
			continue;
		}
		bool fits = line->column + !first + columns <= COLUMNS_MAX;
		bool too_long = line->indent + columns > COLUMNS_MAX;
		if (!first && !fits && !too_long) {
			break_line(line);
		} else if (!first && line->column < COLUMNS_MAX) {
			fputc(' ', line->out);
			line->column++;
		}
		write_word(line, text + i, word, columns);
		first = false;
		i += word;
	}
}

static void write_text(struct line *line, const char *text, size_t characters_max)
{
	size_t size = escape_cut(text, characters_max);
	write_words(line, text, size);
	if (text[size] != '\0')
		fputs(line->column + 3 > COLUMNS_MAX ? "" : "...", line->out);
	fputc('\n', line->out);
}

/* A text after a fixed beginning, which is ASCII. */
static void write_paragraph(
	FILE *out, const char *lead, size_t indent, const char *text, size_t characters_max)
{
	struct line line = { out, indent, strlen(lead) };
	fputs(lead, out);
	write_text(&line, text, characters_max);
}

/* In lines of its own, unbroken. */
static void write_address(FILE *out, size_t indent, const char *url)
{
	if (!escape_is_link(url))
		return;
	fprintf(out, "%*s", (int)indent, "");
	escape_string(out, ESCAPE_PLAIN, url);
	fputc('\n', out);
}

static void text_begin(struct output *output)
{
	struct stamp minute;
	FILE *out = output->out;
	write_paragraph(out, "", 0, output->title, TITLE_CHARACTERS_MAX);
	fprintf(out, "%s UTC\n", stamp_minute(&minute, output->options.now_s));
}

static void write_entry(const struct output *output, FILE *out, const struct output_feed *feed,
	const struct output_entry *entry)
{
	struct stamp minute;
	const char *title = *entry->title     ? entry->title
			    : *entry->summary ? entry->summary
					      : "Untitled";
	int64_t s = form_is_dated(entry) ? entry->published_s : form_river_s(output, entry);
	char *lead = xasprintf("%s%s  ", stamp_minute(&minute, s), form_is_dated(entry) ? "" : "*");
	fputc('\n', out);
	write_paragraph(out, lead, INDENT, title, TITLE_CHARACTERS_MAX);
	free(lead);
	if (output->options.by_date)
		write_paragraph(out, "    ", INDENT, form_name(feed), TITLE_CHARACTERS_MAX);
	if (*entry->author)
		write_paragraph(out, "    by ", INDENT, entry->author, TITLE_CHARACTERS_MAX);
	write_address(out, INDENT, entry->link);
	if (*entry->summary && entry->summary != title)
		write_paragraph(out, "    ", INDENT, entry->summary, SUMMARY_CHARACTERS_MAX);
}

static void underline(FILE *out, const char *text)
{
	size_t size = strlen(text), columns = 0;
	for (size_t i = 0; i < size && columns < COLUMNS_MAX;) {
		unsigned code;
		i += escape_decode(text + i, size - i, &code);
		columns += columns_of(code);
	}
	for (size_t i = 0; i < columns && i < COLUMNS_MAX; i++)
		fputc('=', out);
	fputc('\n', out);
}

static void write_feed_header(const struct output *output, const struct output_feed *feed)
{
	FILE *out = output->out;
	fputs("\n\n", out);
	write_paragraph(out, "", 0, form_name(feed), TITLE_CHARACTERS_MAX);
	underline(out, form_name(feed));
	write_address(out, 0, escape_is_link(feed->link) ? feed->link : feed->url);
	if (feed->ok)
		return;
	char *words = form_words(output, feed, feed->kept ? FORM_STALE : FORM_FAILED);
	write_paragraph(
		out, feed->kept ? "stale: " : "not read: ", INDENT, words, REASON_CHARACTERS_MAX);
	free(words);
}

static int note(struct output *output, const struct output_feed *feed, enum form_group group,
	struct error *err)
{
	char *words = form_words(output, feed, group);
	char *text = xasprintf("%s: %s", form_name(feed), words);
	write_paragraph(spool_begin(&output->notes), "  ", INDENT, text, REASON_CHARACTERS_MAX);
	free(text);
	free(words);
	return spool_end(&output->notes, (int64_t)group, 0, err);
}

static int write_notes(struct output *output, const struct output_feed *feed, struct error *err)
{
	for (enum form_group group = 0; group < FORM_GROUPS; group++) {
		if (form_in_group(feed, group) && note(output, feed, group, err) < 0)
			return -1;
	}
	return 0;
}

static int text_feed(struct output *output, const struct output_feed *feed, struct error *err)
{
	write_feed_header(output, feed);
	for (size_t i = 0; i < feed->entries_count; i++)
		write_entry(output, output->out, feed, &feed->entries[i]);
	return write_notes(output, feed, err);
}

static int text_end(struct output *output, const struct output_report *report, struct error *err)
{
	struct spool *notes = &output->notes;
	if (spool_sort(notes, err) < 0)
		return -1;
	char *run = form_run(output, report);
	fprintf(output->out, "\n\n%s\n", run);
	free(run);
	for (size_t i = 0; i < notes->count; i++) {
		int64_t group = notes->fragments[i].order;
		if (i == 0 || notes->fragments[i - 1].order != group)
			fprintf(output->out, "\n%s\n", form_group_name((enum form_group)group));
		if (spool_copy(notes, i, output->out, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < report->problems_count; i++) {
		fputs(i == 0 ? "\nNot understood in the list\n  " : "  ", output->out);
		escape_string(output->out, ESCAPE_PLAIN, report->problems[i]);
		fputs("\n", output->out);
	}
	return 0;
}

static int river_feed(struct output *output, const struct output_feed *feed, struct error *err)
{
	for (size_t i = 0; i < feed->entries_count; i++) {
		const struct output_entry *entry = &feed->entries[i];
		write_entry(output, spool_begin(&output->entries), feed, entry);
		if (spool_end(&output->entries, -form_river_s(output, entry), 0, err) < 0)
			return -1;
	}
	return write_notes(output, feed, err);
}

static int river_end(struct output *output, const struct output_report *report, struct error *err)
{
	struct spool *entries = &output->entries;
	if (spool_sort(entries, err) < 0)
		return -1;
	for (size_t i = 0; i < entries->count; i++) {
		if (spool_copy(entries, i, output->out, err) < 0)
			return -1;
	}
	return text_end(output, report, err);
}

const struct output_form form_text = {
	.spools_notes = true, .begin = text_begin, .feed = text_feed, .end = text_end
};
const struct output_form form_text_river = { .spools_entries = true,
	.spools_notes = true,
	.begin = text_begin,
	.feed = river_feed,
	.end = river_end };
