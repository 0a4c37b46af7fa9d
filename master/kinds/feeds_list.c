/* SPDX-License-Identifier: MIT */
/*
 * The list: its bytes are read, decoded and sniffed; lines are parsed here, OPML is scanned by
 * feeds_list_opml.c, and each URL is added once. What stands in a list is not believed more than
 * necessary, but a list is the user's own: nothing of it is dropped without a word.
 */
#include "master/kinds/feeds_list.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/quote.h"
#include "common/table.h"
#include "master/kinds/feeds_list_opml.h"
#include "master/kinds/feeds_list_sniff.h"
#include "master/kinds/feeds_list_text.h"
#include "master/kinds/feeds_list_url.h"

enum {
	PROBLEMS_MAX = 1000,   /* that are kept of all lists together; the last one says so */
	SHOWN_MAX = 100,       /* bytes of a line that a problem shows */
	READ_BYTES = 64 << 10, /* at a time, while the size of the file is not known */
};

static const char forms[] = "a list is OPML, one URL a line, title<TAB>URL a line, or a title "
			    "line followed by its URL line";

/* One list that is being added. */
struct parser {
	struct feeds_list *list;
	struct table urls;    /* hash to item number + 1: all that are in the list */
	const char *name;     /* as it may be shown */
	size_t first_problem; /* of this list */
	size_t feeds;         /* of this list, duplicates too */
	bool full;            /* a feed more than FEEDS_LIST_MAX came */
};

struct line {
	const char *start; /* white space around it removed */
	size_t size;
	size_t number; /* from 1 */
};

/* Takes problem over. */
static void add_problem(struct parser *parser, char *problem)
{
	struct feeds_list *list = parser->list;
	if (list->problems_count >= PROBLEMS_MAX) {
		free(problem);
		return;
	}
	if (list->problems_count + 1 == PROBLEMS_MAX) {
		free(problem);
		problem = xasprintf("%s: there are more problems like these", parser->name);
	}
	if (list->problems == NULL)
		list->problems = xcalloc(PROBLEMS_MAX, sizeof(*list->problems));
	list->problems[list->problems_count++] = problem;
}

/* "news.dat:7: 'ftp://x/' is not http or https" */
static void add_bad_text(struct parser *parser, const struct line *line, const char *what)
{
	if (parser->list->problems_count >= PROBLEMS_MAX)
		return;
	bool cut = line->size > SHOWN_MAX;
	size_t size = cut ? SHOWN_MAX : line->size;
	while (cut && size > 0 && (line->start[size] & 0xC0) == 0x80)
		size--;
	char *text = xasprintf("%.*s%s", (int)size, line->start, cut ? "..." : "");
	struct quote *quote = xmalloc(sizeof(*quote));
	const char *shown = quote_name(quote, text);
	const char *mark = shown == text ? "'" : "";
	add_problem(parser, xasprintf("%s:%zu: %s%s%s %s", parser->name, line->number, mark, shown,
				    mark, what));
	free(quote);
	free(text);
}

/* The table's key of a URL: its hash, or the next number that no other URL has. */
static uint64_t find_key(const struct parser *parser, const char *url, bool *there)
{
	uint64_t key = feeds_list_url_hash(url);
	for (;; key = key == UINT64_MAX ? 1 : key + 1) {
		const struct feeds_item *items = parser->list->items;
		void *number = table_find(&parser->urls, key);
		*there = number != NULL;
		if (number == NULL || feeds_list_url_same(items[(uintptr_t)number - 1].url, url))
			return key;
	}
}

static void remember(struct parser *parser, size_t number)
{
	bool there = false;
	uint64_t key = find_key(parser, parser->list->items[number].url, &there);
	if (!there)
		table_insert(&parser->urls, key, (void *)(uintptr_t)(number + 1));
}

/* Adds a feed unless it is there. title and category are copied. */
static void add_feed(
	struct parser *parser, const struct line *line, const char *title, const char *category)
{
	struct feeds_list *list = parser->list;
	const char *problem = NULL;
	char *url = feeds_list_url(line->start, line->size, &problem);
	if (url == NULL) {
		add_bad_text(parser, line, problem);
		return;
	}
	bool there = false;
	parser->feeds++;
	(void)find_key(parser, url, &there);
	if (there || list->count == FEEDS_LIST_MAX) {
		parser->full |= !there;
		free(url);
		return;
	}
	/* The list has no room for a capacity: it is the next power of 2. */
	if ((list->count & (list->count - 1)) == 0)
		list->items = xreallocarray(
			list->items, list->count > 0 ? list->count * 2 : 1, sizeof(*list->items));
	list->items[list->count] = (struct feeds_item) {
		.url = url,
		.title = xstrdup(title),
		.category = xstrdup(category),
	};
	remember(parser, list->count++);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\f' || c == '\v';
}

/* The next line that is neither blank nor a comment. *at moves on; false: there is none. */
static bool next_line(const char **at, size_t *number, struct line *line)
{
	while (**at != '\0') {
		const char *start = *at;
		const char *end = start + strcspn(start, "\r\n");
		*at = end + (*end != '\0') + (*end == '\r' && end[1] == '\n');
		while (start < end && is_blank(*start))
			start++;
		while (end > start && is_blank(end[-1]))
			end--;
		++*number;
		*line = (struct line) { start, (size_t)(end - start), *number };
		if (line->size > 0 && *start != '#')
			return true;
	}
	return false;
}

enum line_kind {
	LINE_URL,
	LINE_TABS,  /* title<TAB>URL */
	LINE_WORDS, /* a title, in the classic form */
	LINE_WRONG, /* a URL of another kind, never a title */
	LINE_BARE,  /* what would be a URL if it had a scheme: never a title either */
};

/* Whether the line is "example.org/feed" or "www.example.org". */
static bool is_bare(const struct line *line)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-.";
	size_t host = 0;
	while (host < line->size && strchr(letters, line->start[host]) != NULL)
		host++;
	if (memchr(line->start, '.', host) == NULL)
		return false;
	if (host == line->size)
		return strncasecmp(line->start, "www.", 4) == 0;
	for (size_t i = host; i < line->size; i++) {
		if (is_blank(line->start[i]))
			return false;
	}
	return line->start[host] == '/';
}

/* *url: the part of the line that is the URL. */
static enum line_kind find_kind(const struct line *line, struct line *url)
{
	*url = *line;
	if (feeds_list_is_url(line->start, line->size))
		return LINE_URL;
	if (feeds_list_has_scheme(line->start, line->size))
		return LINE_WRONG;
	const char *tab = memrchr(line->start, '\t', line->size);
	if (tab == NULL)
		return is_bare(line) ? LINE_BARE : LINE_WORDS;
	do
		tab++;
	while (is_blank(*tab));
	url->size = (size_t)(line->start + line->size - tab);
	url->start = tab;
	if (feeds_list_is_url(url->start, url->size))
		return LINE_TABS;
	return feeds_list_has_scheme(url->start, url->size) ? LINE_WRONG : LINE_WORDS;
}

/*
 * Whether a title stands before most URLs. Counted over the file, because one bad line among URLs
 * would else be taken for the title of the next without a word.
 */
static bool is_classic(const char *text)
{
	size_t number = 0;
	size_t titled = 0;
	size_t alone = 0;
	size_t lines = 0;
	bool words = false;
	bool words_first = false;
	struct line line;
	struct line url;
	while (next_line(&text, &number, &line)) {
		enum line_kind kind = find_kind(&line, &url);
		words_first |= lines++ == 0 && kind == LINE_WORDS;
		if (kind == LINE_URL && words)
			titled++;
		else if (kind == LINE_URL || kind == LINE_TABS)
			alone++;
		words = kind == LINE_WORDS;
	}
	return titled > 0 && (titled > alone || (titled == alone && words_first));
}

static void add_titled(
	struct parser *parser, const struct line *url, const char *title, size_t title_size)
{
	char *clean = feeds_list_clean(xasprintf("%.*s", (int)title_size, title));
	add_feed(parser, url, clean, "");
	free(clean);
}

/* A title of the classic form whose URL did not come. */
static void drop_title(struct parser *parser, struct line *title)
{
	if (title->size > 0)
		add_bad_text(parser, title, "is followed by no URL");
	title->size = 0;
}

static void parse_lines(struct parser *parser, const char *text)
{
	bool classic = is_classic(text);
	size_t number = 0;
	struct line line;
	struct line url;
	struct line title = { "", 0, 0 };
	while (next_line(&text, &number, &line)) {
		enum line_kind kind = find_kind(&line, &url);
		switch (kind) {
		case LINE_URL:
			add_titled(parser, &url, title.start, title.size);
			title.size = 0;
			break;
		case LINE_TABS:
			drop_title(parser, &title);
			add_titled(parser, &url, line.start, (size_t)(url.start - line.start));
			break;
		case LINE_WRONG:
			title.size = 0;
			add_bad_text(parser, &url, "is not http or https");
			break;
		case LINE_BARE:
			title.size = 0;
			add_bad_text(parser, &url, "has no http:// or https:// in front");
			break;
		case LINE_WORDS:
			drop_title(parser, &title);
			if (classic)
				title = line;
			else
				add_bad_text(parser, &line, "is neither a URL nor title<TAB>URL");
			break;
		}
	}
	drop_title(parser, &title);
}

static void parse_opml(struct parser *parser, const char *text, size_t size)
{
	struct feeds_list_opml opml;
	struct feeds_list_outline outline;
	feeds_list_opml_init(&opml, text, size);
	while (feeds_list_opml_next(&opml, &outline)) {
		if (outline.problem != NULL)
			add_problem(parser, xasprintf("%s:%zu: %s", parser->name, outline.line,
						    outline.problem));
		if (outline.url == NULL)
			continue;
		struct line url = { outline.url, strlen(outline.url), outline.line };
		add_feed(parser, &url, outline.title, outline.category);
	}
	feeds_list_opml_release(&opml);
}

/* What came of a list that could be read. */
static int judge(const struct parser *parser, const char *words, struct error *err)
{
	const struct feeds_list *list = parser->list;
	if (parser->full)
		return error_set(err, ERROR_LIMIT, "%s: there are more than %d feeds", parser->name,
			FEEDS_LIST_MAX);
	if (parser->feeds > 0)
		return 0;
	if (list->problems_count > parser->first_problem)
		return error_set(err, ERROR_INPUT, "%s names no feed (%s); %s", parser->name,
			list->problems[parser->first_problem], forms);
	return error_set(err, ERROR_INPUT, "%s looks like %s; %s", parser->name, words, forms);
}

static int parse_text(struct parser *parser, const char *bytes, size_t size, struct error *err)
{
	size_t text_size = 0;
	bool known = true;
	char *text = feeds_list_decode(bytes, size, &text_size, &known);
	const char *words = "a binary file";
	enum feeds_list_look look = FEEDS_LIST_OTHER;
	if (strlen(text) == text_size)
		look = feeds_list_sniff(text, &words);
	if (look == FEEDS_LIST_OPML) {
		words = "OPML without an outline that has an xmlUrl";
		if (!known)
			add_problem(parser, xasprintf("%s: its encoding is not known, titles may "
						      "be wrong",
						    parser->name));
		parse_opml(parser, text, text_size);
	} else if (look == FEEDS_LIST_LINES) {
		if (text[strspn(text, " \t\r\n")] == '\0')
			words = "an empty file";
		if (strstr(text, "://") != NULL || strcasestr(text, "feed:") != NULL)
			parse_lines(parser, text);
	}
	free(text);
	return judge(parser, words, err);
}

int feeds_list_parse(struct feeds_list *list, const char *name, const char *bytes, size_t size,
	struct error *err)
{
	struct quote *quote = xmalloc(sizeof(*quote));
	struct parser parser = {
		.list = list,
		.name = quote_name(quote, name),
		.first_problem = list->problems_count,
	};
	const char *words = feeds_list_sniff_binary(bytes, size);
	int result = -1;
	for (size_t i = 0; i < list->count; i++)
		remember(&parser, i);
	if (size > FEEDS_LIST_BYTES_MAX)
		error_set(err, ERROR_LIMIT, "%s is larger than %d MiB", parser.name,
			FEEDS_LIST_BYTES_MAX >> 20);
	else if (words != NULL)
		error_set(err, ERROR_INPUT, "%s looks like %s; %s", parser.name, words, forms);
	else
		result = parse_text(&parser, bytes, size, err);
	table_release(&parser.urls);
	free(quote);
	return result;
}

/* All bytes of a file, one more than the limit at most; the caller frees them. */
static int read_file(FILE *file, char **bytes, size_t *size)
{
	size_t room = 0;
	do {
		if (*size == room) {
			room = room == 0 ? READ_BYTES : room * 2;
			*bytes = xreallocarray(*bytes, room, 1);
		}
		size_t got = fread(*bytes + *size, 1, room - *size, file);
		*size += got;
		if (got == 0)
			break;
	} while (*size <= FEEDS_LIST_BYTES_MAX);
	return ferror(file) ? -1 : 0;
}

int feeds_list_add(struct feeds_list *list, const char *path, struct error *err)
{
	bool standard = strcmp(path, "-") == 0;
	const char *name = standard ? "standard input" : path;
	struct quote *quote = xmalloc(sizeof(*quote));
	const char *shown = quote_name(quote, name);
	char *bytes = NULL;
	size_t size = 0;
	int result = -1;
	FILE *file = standard ? stdin : fopen(path, "re");
	if (file == NULL)
		error_errno(err, ERROR_IO, "open %s", shown);
	else if (read_file(file, &bytes, &size) < 0)
		error_errno(err, ERROR_IO, "read %s", shown);
	else
		result = feeds_list_parse(list, name, bytes, size, err);
	if (file != NULL && !standard)
		(void)fclose(file); /* it was only read */
	free(bytes);
	free(quote);
	return result;
}

void feeds_list_release(struct feeds_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].url);
		free(list->items[i].title);
		free(list->items[i].category);
	}
	for (size_t i = 0; i < list->problems_count; i++)
		free(list->problems[i]);
	free(list->items);
	free(list->problems);
	*list = (struct feeds_list) { 0 };
}
