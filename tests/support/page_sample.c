/* SPDX-License-Identifier: MIT */
/*
 * Writes sample data in a form of output to stdout, for tests that look at the result:
 *
 *     page_sample html|river|json|atom|opml|text|text-river SAMPLE
 *
 * SAMPLE: "nice" is what feeds should look like, "hostile" what they must not achieve, "large" has
 * 500 feeds with 50 entries each, "stdin" puts each of the texts on stdin, which end with a NUL,
 * into all the places that a text can have.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "master/kinds/feeds_output.h"

enum {
	MINUTE_S = 60,
	HOUR_S = 60 * MINUTE_S,
	DAY_S = 24 * HOUR_S,
	LARGE_FEEDS = 500,
	LARGE_ENTRIES = 50,
	STDIN_BYTES_MAX = 16 << 20,
};

#define NOW_S INT64_C(1795383000) /* 2026-11-22 21:30 UTC */

#define ENTRY(title_, link_, author_, ago, summary_)                                               \
	{                                                                                          \
		.id = link_, .title = title_, .link = link_, .author = author_,                    \
		.summary = summary_, .dated = true, .published_s = NOW_S - (ago),                  \
		.first_seen_s = NOW_S                                                              \
	}

static const struct output_entry swarm[] = {
	ENTRY("How a colony of 40,000 agrees on a new home without a single meeting",
		"https://hive.example/2026/agreement", "Ada Bianchi", 2 * HOUR_S,
		"Scouts return, dance, and change their minds. We filmed eleven swarms over two "
		"summers and "
		"counted every waggle run; the decision turns out to be a race that nobody wins "
		"until "
		"enough of the losers have quietly stopped dancing for their own favourite site."),
	ENTRY("Field notes: the first warm day", "https://hive.example/2026/warm-day",
		"Ada Bianchi", 27 * HOUR_S, "Cleansing flights at eleven, pollen by noon."),
	ENTRY("Reading list, November", "https://hive.example/2026/reading", "", 4 * DAY_S, ""),
};

static const struct output_entry kernel[] = {
	ENTRY("[$] Zero-copy sockets, one year on", "https://kernel.example/Articles/1", "corbet",
		5 * HOUR_S,
		"It has been a year since the new receive path was merged. Drivers have followed "
		"more "
		"slowly than hoped, and the memory accounting is still a subject of debate & "
		"dismay."),
	ENTRY("Security updates for Sunday", "https://kernel.example/Articles/2", "jake",
		9 * HOUR_S,
		"Updates by Debian (chromium, libxml2), Fedora (curl), and SUSE (sqlite3)."),
	ENTRY("A memory-safe parser for <template> elements, and why a && b != b && a",
		"https://kernel.example/Articles/3?a=1&b=2", "corbet", 2 * DAY_S,
		"if (a < b && c > d) the old parser lost its way."),
	ENTRY("Announced: the conference is next year", "https://kernel.example/Articles/4", "",
		-30 * DAY_S, "The date in this feed lies in the future."),
	{ .id = "5",
		.title = "An entry without a date",
		.link = "",
		.author = "",
		.summary = "",
		.first_seen_s = NOW_S - 3 * DAY_S },
};

static const struct output_entry world[] = {
	ENTRY("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E\xE3\x81\xAE\xE9\x95\xB7\xE3\x81\x84\xE8\xA6\x8B"
	      "\xE5\x87\xBA\xE3\x81\x97",
		"https://world.example/ja", "\xE5\xB1\xB1\xE7\x94\xB0", 30 * HOUR_S,
		"\xE7\xA9\xBA\xE7\x99\xBD\xE3\x81\xAE\xE3\x81\xAA\xE3\x81\x84\xE6\x96\x87\xE7\xAB"
		"\xA0"),
	ENTRY("\xD9\x85\xD8\xB1\xD8\xAD\xD8\xA8\xD8\xA7 \xD8\xA8\xD8\xA7\xD9\x84\xD8\xB9\xD8\xA7"
	      "\xD9\x84\xD9\x85",
		"https://world.example/ar", "", 31 * HOUR_S,
		"\xD9\x85\xD8\xB1\xD8\xAD\xD8\xA8\xD8\xA7 "
		"\xD8\xA8\xD8\xA7\xD9\x84\xD8\xB9\xD8\xA7\xD9"
		"\x84\xD9\x85"),
	ENTRY("Caf\xC3\xA9 society: na\xC3\xAFve r\xC3\xA9sum\xC3\xA9s \xF0\x9F\x90\x9D",
		"https://world.example/cafe", "Zo\xC3\xAB", 3 * DAY_S,
		"Accents are found without."),
	ENTRY("Averyveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryvery"
	      "veryveryveryverylongwordwithoutanyspace",
		"https://world.example/long", "", 5 * DAY_S,
		"0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
		"234"
		"5678901234567890123456789"),
};

#define ENTRIES(array) .entries = (array), .entries_count = sizeof(array) / sizeof(*(array))
#define TEXTS(url_, list_title_, category_, title_, link_, error_)                                 \
	.url = url_, .list_title = list_title_, .category = category_, .title = title_,            \
	.link = link_, .error = error_, .moved_to = "", .salvaged = ""
#define READ .ok = true, .http_status = 200, .checked_s = NOW_S

static const struct output_feed nice[] = {
	{ TEXTS("https://hive.example/feed", "", "Nature", "The Hive Mind", "https://hive.example/",
		  ""),
		READ, ENTRIES(swarm) },
	{ TEXTS("https://kernel.example/headlines/rss", "Kernel News", "Technology/Systems",
		  "kernel.example", "https://kernel.example/", ""),
		READ, ENTRIES(kernel) },
	{ TEXTS("http://world.example/atom.xml", "", "Technology/Systems", "World & Wide",
		  "http://world.example/", "HTTP 503, asked to come back in 1 hour"),
		.kept = true, .http_status = 503, .checked_s = NOW_S - 3 * DAY_S, ENTRIES(world) },
	{ TEXTS("https://dead.example/rss", "A Blog That Was", "Technology", "", "",
		"could not resolve host dead.example") },
	{ TEXTS("https://gone.example/rss", "Long Gone", "Technology", "", "", "HTTP 410 Gone"),
		.http_status = 410 },
	{ TEXTS("http://moved.example/feed", "", "", "Moved House", "https://moved.example/", ""),
		READ },
	{ TEXTS("https://broken.example/feed", "", "", "Almost XML", "https://broken.example/", ""),
		READ, ENTRIES(swarm) },
};

static int write_nice(struct output *output, struct error *err)
{
	size_t count = sizeof(nice) / sizeof(*nice);
	for (size_t i = 0; i < count; i++) {
		struct output_feed feed = nice[i];
		if (i == count - 2)
			feed.moved_to = "https://moved.example/feed.xml";
		if (i == count - 1)
			feed.salvaged = "bare ampersands in 3 places";
		if (output_feed(output, &feed, err) < 0)
			return -1;
	}
	return output_end(output,
		&(struct output_report) {
			.feeds = count, .ok = 4, .transfers = 6, .elapsed_ms = 2140 },
		err);
}

/* A text in all places at once. */
static int write_everywhere(struct output *output, const char *text, struct error *err)
{
	struct output_entry entries[2] = {
		{ .id = text,
			.title = text,
			.link = text,
			.author = text,
			.summary = text,
			.dated = true,
			.published_s = NOW_S - DAY_S,
			.first_seen_s = NOW_S },
		{ .id = text,
			.title = "",
			.link = text,
			.author = "",
			.summary = text,
			.first_seen_s = NOW_S },
	};
	struct output_feed feed = { .url = text,
		.list_title = text,
		.category = text,
		.title = text,
		.link = text,
		.error = text,
		.moved_to = text,
		.salvaged = text,
		.kept = true,
		.http_status = 500,
		.checked_s = NOW_S - DAY_S,
		.entries_count = 2,
		.entries = entries };
	if (output_feed(output, &feed, err) < 0)
		return -1;
	feed.kept = false;
	feed.list_title = "";
	feed.entries_count = 0;
	return output_feed(output, &feed, err);
}

static const char *const hostile[] = {
	"<script>window.pwned=1</script>",
	"</title></style></script><script>window.pwned=1</script>",
	"<img src=x onerror=window.pwned=1>",
	"\"><svg/onload=window.pwned=1>",
	"'><iframe srcdoc=\"<script>parent.pwned=1</script>\">",
	"javascript:window.pwned=1",
	"JaVaScRiPt:window.pwned=1",
	" javascript:window.pwned=1",
	"\x01javascript:window.pwned=1",
	"java\nscript:window.pwned=1",
	"data:text/html,<script>opener.pwned=1</script>",
	"vbscript:msgbox(1)",
	"http://evil.example/\" onmouseover=\"window.pwned=1",
	"http://evil.example/' onmouseover='window.pwned=1",
	"http://evil.example/\n\"><script>window.pwned=1</script>",
	"--><!--<script>window.pwned=1</script>",
	"]]><script>window.pwned=1</script>",
	"&lt;script&gt;window.pwned=1&lt;/script&gt;&#60;b&#62;&amp;",
	"<meta http-equiv=refresh content=0;url=http://evil.example/><base href=//evil.example/>",
	"<link rel=stylesheet "
	"href=http://evil.example/x.css><style>*{background:url(//evil.example)}",
	"\xE2\x80\xAEtxet desrever\xE2\x80\xAC \xE2\x81\xA6isolated\xE2\x81\xA9",
	"\x1B]0;title\x07\x1B[31mred\x7F \xC2\x9B"
	"31m \xC2\x85 \xE2\x80\xA8 \xE2\x80\xA9",
	"broken \xFF\xFE \xC3 \xED\xA0\x80 \xF4\x90\x80\x80 \xC0\xBC"
	"script\xC0\xBE \xEF\xBF\xBF",
	"{{constructor.constructor('window.pwned=1')()}} ${window.pwned=1} `",
};

static int write_hostile(struct output *output, struct error *err)
{
	size_t count = sizeof(hostile) / sizeof(*hostile);
	for (size_t i = 0; i < count; i++) {
		if (write_everywhere(output, hostile[i], err) < 0)
			return -1;
	}
	return output_end(output, &(struct output_report) { .feeds = 2 * count }, err);
}

static int write_stdin(struct output *output, struct error *err)
{
	char *texts = xmalloc(STDIN_BYTES_MAX + 1);
	size_t size = fread(texts, 1, STDIN_BYTES_MAX, stdin), feeds = 0;
	texts[size] = '\0';
	int result = 0;
	for (size_t i = 0; i < size && result == 0; i += strlen(texts + i) + 1, feeds += 2)
		result = write_everywhere(output, texts + i, err);
	free(texts);
	if (result < 0)
		return -1;
	return output_end(output, &(struct output_report) { .feeds = feeds }, err);
}

/* 8 words a title, 50 a summary; a word in every 5th entry tells it from its neighbours. */
static void fill(char *text, size_t size, uint32_t seed, size_t words)
{
	static const char *const vocabulary[] = { "swarm", "of", "the", "river", "a", "small",
		"stone", "and", "honey", "in", "winter", "light", "over", "caf\xC3\xA9", "to",
		"market", "with", "bread", "slow", "engine", "for", "paper", "quiet", "signal",
		"under", "glass", "when", "copper", "letters", "return", "from", "Friday" };
	size_t end = 0;
	for (size_t i = 0; i < words && end + 16 < size; i++) {
		seed = seed * 1664525 + 1013904223;
		end += (size_t)snprintf(
			text + end, size - end, "%s%s", i ? " " : "", vocabulary[seed >> 27]);
	}
}

static int write_large_feed(struct output *output, size_t f, struct error *err)
{
	static struct output_entry entries[LARGE_ENTRIES];
	static char titles[LARGE_ENTRIES][128], links[LARGE_ENTRIES][128],
		summaries[LARGE_ENTRIES][512];
	char url[128], name[128], category[32];
	(void)snprintf(url, sizeof(url), "https://site-%zu.example/feed.xml", f);
	(void)snprintf(name, sizeof(name), "Site number %zu", f);
	(void)snprintf(category, sizeof(category), "Category %zu", f / 50);
	for (size_t i = 0; i < LARGE_ENTRIES; i++) {
		uint32_t seed = (uint32_t)(f * LARGE_ENTRIES + i + 1);
		fill(titles[i], sizeof(titles[i]), seed, 8);
		fill(summaries[i], sizeof(summaries[i]), seed * 7, 50);
		(void)snprintf(
			links[i], sizeof(links[i]), "https://site-%zu.example/2026/%zu", f, i);
		entries[i] = (struct output_entry) { .id = links[i],
			.title = titles[i],
			.link = links[i],
			.author = "A. Writer",
			.summary = summaries[i],
			.dated = true,
			.published_s = NOW_S - (int64_t)(seed * 7919 % (30 * DAY_S)),
			.first_seen_s = NOW_S };
	}
	return output_feed(output,
		&(struct output_feed) { TEXTS(url, "", category, name, url, ""), READ,
			.entries_count = LARGE_ENTRIES, .entries = entries },
		err);
}

static int write_large(struct output *output, struct error *err)
{
	for (size_t f = 0; f < LARGE_FEEDS; f++) {
		if (write_large_feed(output, f, err) < 0)
			return -1;
	}
	return output_end(output,
		&(struct output_report) { .feeds = LARGE_FEEDS,
			.ok = LARGE_FEEDS,
			.transfers = 256,
			.elapsed_ms = 2100 },
		err);
}

static int usage(void)
{
	fputs("usage: page_sample html|river|json|atom|opml|text|text-river "
	      "nice|hostile|large|stdin\n",
		stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		enum output_format format;
		bool by_date;
	} forms[] = { { "html", OUTPUT_HTML, false }, { "river", OUTPUT_HTML, true },
		{ "json", OUTPUT_JSON, false }, { "atom", OUTPUT_ATOM, true },
		{ "opml", OUTPUT_OPML, false }, { "text", OUTPUT_TEXT, false },
		{ "text-river", OUTPUT_TEXT, true } };
	static const struct {
		const char *name;
		int (*write)(struct output *output, struct error *err);
	} samples[] = { { "nice", write_nice }, { "hostile", write_hostile },
		{ "large", write_large }, { "stdin", write_stdin } };
	size_t f = 0, s = 0;
	while (argc == 3 && f < sizeof(forms) / sizeof(*forms) && strcmp(argv[1], forms[f].name))
		f++;
	while (argc == 3 && s < sizeof(samples) / sizeof(*samples) &&
		strcmp(argv[2], samples[s].name))
		s++;
	if (argc != 3 || f == sizeof(forms) / sizeof(*forms) ||
		s == sizeof(samples) / sizeof(*samples))
		return usage();
	struct output_options options = { .format = forms[f].format,
		.by_date = forms[f].by_date,
		.now_s = NOW_S,
		.title = s == 1 ? hostile[1] : "What\xE2\x80\x99s new" };
	struct output *output = output_new(stdout, &options);
	struct error err;
	int result = samples[s].write(output, &err);
	if (result < 0)
		fprintf(stderr, "page_sample: %s\n", err.message);
	output_free(output);
	return result < 0 ? 1 : 0;
}
