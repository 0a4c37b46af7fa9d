/* SPDX-License-Identifier: MIT */
/* What is written: that no text of a feed becomes anything else, in which order, and errors. */
#include "master/kinds/feeds_output.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/hash.h"
#include "common/quote.h"
#include "master/kinds/feeds_escape.h"
#include "master/kinds/feeds_page.h"

enum { HOUR_S = 3600, DAY_S = 86400, ENTRIES = 4, FORMS = 7 };

#define NOW_S INT64_C(1795383000) /* 2026-11-22 21:30 UTC */

static const struct output_options forms[FORMS] = {
	{ OUTPUT_HTML, false, NOW_S, "News" },
	{ OUTPUT_HTML, true, NOW_S, "News" },
	{ OUTPUT_JSON, false, NOW_S, "News" },
	{ OUTPUT_ATOM, true, NOW_S, "News" },
	{ OUTPUT_OPML, false, NOW_S, "News" },
	{ OUTPUT_TEXT, false, NOW_S, "News" },
	{ OUTPUT_TEXT, true, NOW_S, "News" },
};

static struct output_entry entry(const char *title, int64_t published_s)
{
	return (struct output_entry) { .id = "",
		.title = title,
		.link = "",
		.author = "",
		.summary = "",
		.dated = true,
		.published_s = published_s,
		.first_seen_s = NOW_S };
}

static struct output_feed feed(const char *url, const struct output_entry *entries, size_t count)
{
	return (struct output_feed) { .url = url,
		.list_title = "",
		.category = "",
		.title = "",
		.link = "",
		.ok = true,
		.error = "",
		.moved_to = "",
		.salvaged = "",
		.http_status = 200,
		.checked_s = NOW_S,
		.entries_count = count,
		.entries = entries };
}

/* What was written to a temporary file, which is closed; the caller frees the text. */
static char *take(FILE *file)
{
	long size = ftell(file);
	assert_true(size >= 0);
	char *text = calloc(1, (size_t)size + 1);
	assert_non_null(text);
	rewind(file);
	assert_int_equal(fread(text, 1, (size_t)size, file), size);
	assert_int_equal(fclose(file), 0);
	return text;
}

/* All of an output as a text that the caller frees. */
static char *write_feeds(
	const struct output_options *options, const struct output_feed *feeds, size_t count)
{
	struct error err;
	FILE *out = tmpfile();
	assert_non_null(out);
	struct output *output = output_new(out, options);
	struct output_report report = {
		.feeds = count, .ok = 1, .transfers = 16, .elapsed_ms = 2140
	};
	for (size_t i = 0; i < count; i++)
		assert_int_equal(output_feed(output, &feeds[i], &err), 0);
	assert_int_equal(output_end(output, &report, &err), 0);
	output_free(output);
	return take(out);
}

static char *write_one(const struct output_options *options, struct output_feed one)
{
	return write_feeds(options, &one, 1);
}

/* A text in every place that a feed has for one. */
static char *write_everywhere(const struct output_options *options, const char *text)
{
	struct output_entry entries[2] = { entry(text, NOW_S - DAY_S), entry("", NOW_S) };
	entries[0].id = entries[0].link = entries[0].author = entries[0].summary = text;
	entries[1].summary = text;
	entries[1].dated = false;
	struct output_feed feeds[2] = { feed(text, entries, 2), feed(text, NULL, 0) };
	feeds[0].list_title = feeds[0].category = feeds[0].title = feeds[0].link = text;
	feeds[0].moved_to = feeds[0].salvaged = text;
	feeds[0].kept = true;
	feeds[1].error = text;
	feeds[0].error = text;
	feeds[0].ok = feeds[1].ok = false;
	struct output_options named = *options;
	named.title = text;
	return write_feeds(&named, feeds, 2);
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;
	for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
		count++;
	return count;
}

/* Fails unless the parts stand in the text one after the other. */
static void assert_order(const char *text, const char *const *parts, size_t count)
{
	const char *at = text;
	for (size_t i = 0; i < count; i++) {
		const char *found = strstr(at, parts[i]);
		if (!found)
			fail_msg("'%s' is missing, or in the wrong place", parts[i]);
		at = found + strlen(parts[i]);
	}
}

#define assert_has(text, part) assert_order(text, (const char *const[]) { part }, 1)

static bool is_forbidden(unsigned code)
{
	return (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7F && code <= 0x9F) ||
	       (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

/* Every character up to U+2100, and every byte that is none, in every place of every form. */
static void test_no_form_lets_control_characters_through(void **state)
{
	(void)state;
	char text[16384], *end = text;
	for (unsigned code = 1; code < 0x2100; code = code == 0x100 ? 0x2000 : code + 1) {
		if (code < 0x80)
			*end++ = (char)code;
		else if (code < 0x800)
			end += sprintf(end, "%c%c", 0xC0 | code >> 6, 0x80 | (code & 63));
		else
			end += sprintf(
				end, "\xE2%c%c", 0x80 | (code >> 6 & 63), 0x80 | (code & 63));
	}
	for (int byte = 0x80; byte <= 0xFF; byte++)
		end += sprintf(end, "%c.", byte);
	for (size_t f = 0; f < FORMS; f++) {
		char *written = write_everywhere(&forms[f], text);
		size_t size = strlen(written);
		assert_true(utf8_valid(written, size));
		for (size_t i = 0; i < size;) {
			unsigned code;
			i += escape_decode(written + i, size - i, &code);
			assert_false(is_forbidden(code));
		}
		/* nor is one written so that a reader of JSON would make it again */
		assert_null(strstr(written, "\\u00"));
		assert_null(strstr(written, "\\u20"));
		free(written);
	}
}

/* A text as long, with "/" where the payload has it, since that divides categories. */
static char *write_harmless(const struct output_options *options, const char *payload)
{
	char text[64];
	assert_true(strlen(payload) < sizeof(text));
	strcpy(text, payload);
	for (char *at = text; *at; at++)
		*at = *at == '/' ? '/' : 'h';
	return write_everywhere(options, text);
}

static void test_markup_in_any_place_stays_text(void **state)
{
	(void)state;
	static const char *const payloads[] = { "<script>x</script>",
		"</title><img src=x onerror=y>", "\"><svg onload=z>", "' autofocus onfocus='z",
		"]]><b>", "--><b>", "&lt;b&gt;<b>" };
	for (size_t i = 0; i < sizeof(payloads) / sizeof(*payloads); i++) {
		for (size_t f = 0; f < 5; f++) {
			char *written = write_everywhere(&forms[f], payloads[i]);
			char *plain = write_harmless(&forms[f], payloads[i]);
			if (forms[f].format != OUTPUT_JSON) {
				/* exactly the markup of a page of harmless texts */
				assert_int_equal(count_of(written, "<"), count_of(plain, "<"));
				assert_int_equal(count_of(written, ">"), count_of(plain, ">"));
				assert_int_equal(count_of(written, "\""), count_of(plain, "\""));
			}
			free(plain);
			free(written);
		}
	}
}

static void test_links_that_would_run_something_are_not_links(void **state)
{
	(void)state;
	static const char *const urls[] = { "javascript:alert(1)", "data:text/html,x", "//a/b",
		" http://a.example/" };
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		for (size_t f = 0; f < 3; f++) {
			char *written = write_everywhere(&forms[f], urls[i]);
			const char *attribute = "href=\"";
			for (const char *at = written; (at = strstr(at, attribute)); at++)
				assert_int_equal(at[strlen(attribute)], '#');
			assert_null(strstr(written, "\"link\":\""));
			free(written);
		}
	}
	char *page = write_everywhere(&forms[0], "http://a.example/\" onclick=\"x");
	assert_has(page, "<a href=\"http://a.example/%22%20onclick=%22x\" "
			 "rel=\"noopener noreferrer nofollow\">");
	free(page);
}

/* A digest as the policy has it, made here from what stands in the page. */
static void assert_allowed(const char *page, const char *directive, const char *tag)
{
	char opening[32], closing[32];
	(void)snprintf(opening, sizeof(opening), "<%s>", tag);
	(void)snprintf(closing, sizeof(closing), "</%s>", tag);
	const char *begin = strstr(page, opening) + strlen(opening);
	const char *end = strstr(begin, closing);
	uint8_t digest[HASH_SHA256_SIZE];
	hash_sha256(begin, (size_t)(end - begin), digest);
	FILE *out = tmpfile();
	assert_non_null(out);
	fprintf(out, "; %s 'sha256-", directive);
	base64_write(out, digest, sizeof(digest));
	fputs("';", out);
	char *source = take(out);
	assert_has(page, source);
	free(source);
}

static void test_policy_allows_exactly_the_embedded_style_and_script(void **state)
{
	(void)state;
	for (size_t f = 0; f < 2; f++) {
		char *page = write_one(&forms[f], feed("http://a.example/", NULL, 0));
		assert_order(page,
			(const char *const[]) { "<head>\n<meta charset=\"utf-8\">\n",
				"<meta http-equiv=\"Content-Security-Policy\" "
				"content=\"default-src 'none'; ",
				"; base-uri 'none'; form-action 'none'\">", "<title>", "<style>" },
			5);
		assert_allowed(page, "style-src", "style");
		assert_allowed(page, "script-src", "script");
		assert_int_equal(count_of(page, "<script>"), 1);
		assert_int_equal(count_of(page, "<style>"), 1);
		free(page);
	}
}

static void test_script_and_style_hold_nothing_that_ends_or_fetches(void **state)
{
	(void)state;
	static const char *const forbidden[] = { "</", "<!--", "innerHTML", "outerHTML", "eval(",
		"document.write", "insertAdjacent", "fetch(", "XMLHttp", "@import", "url(",
		"http:" };
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++) {
		assert_null(strstr(page_js, forbidden[i]));
		assert_null(strstr(page_css, forbidden[i]));
	}
}

/* Dates in the future stand where now is, entries without one where they were first seen. */
static void test_river_is_newest_first_and_nothing_stands_above_now(void **state)
{
	(void)state;
	struct output_entry first[] = { entry("yesterday", NOW_S - DAY_S),
		entry("future", NOW_S + 400 * DAY_S), entry("undated", 0) };
	struct output_entry second[] = { entry("just now", NOW_S), entry("hour", NOW_S - HOUR_S),
		entry("old", 86400), entry("impossible", INT64_MAX) };
	first[2].dated = false;
	first[2].first_seen_s = NOW_S - 2 * HOUR_S;
	second[3].first_seen_s = NOW_S - 2 * DAY_S;
	struct output_feed feeds[] = { feed("http://a.example/", first, 3),
		feed("http://b.example/", second, 4) };
	const char *const order[] = { "future", "just now", "hour", "undated", "yesterday",
		"impossible", "old" };
	for (size_t f = 0; f < FORMS; f++) {
		if (!forms[f].by_date)
			continue;
		char *written = write_feeds(&forms[f], feeds, 2);
		assert_order(written, order, 7);
		free(written);
	}
	char *page = write_feeds(&forms[1], feeds, 2);
	assert_order(page,
		(const char *const[]) { "id=\"d2026-11-22\"", "<time datetime=\"2027-12-27T",
			"first seen <time datetime=\"2026-11-22T19:30:00Z\">", "id=\"d2026-11-21\"",
			"id=\"d2026-11-20\"", "id=\"d1970-01-02\"", "<nav" },
		7);
	assert_int_equal(count_of(page, "<section"), 4);
	free(page);
}

static void test_feeds_stand_in_the_order_of_the_list_failed_ones_too(void **state)
{
	(void)state;
	struct output_entry new = entry("newest", NOW_S), old = entry("oldest", 1000);
	struct output_feed feeds[] = { feed("http://a.example/", &old, 1),
		feed("http://b.example/", NULL, 0), feed("http://c.example/", &new, 1) };
	feeds[1].ok = false;
	feeds[1].error = "no such host";
	const char *const order[] = { "a.example", "oldest", "b.example", "no such host",
		"c.example", "newest" };
	for (size_t f = 0; f < FORMS; f++) {
		if (forms[f].by_date || forms[f].format == OUTPUT_OPML)
			continue;
		char *written = write_feeds(&forms[f], feeds, 3);
		assert_order(written, order, 6);
		free(written);
	}
}

static void test_json_is_exactly_what_is_promised(void **state)
{
	(void)state;
	struct output_entry entries[] = { entry("T \"q\" \\", INT64_C(1767323045)),
		entry("", INT64_MIN) };
	entries[0].id = "i";
	entries[0].link = "https://a.example/1";
	entries[0].author = "A";
	entries[0].summary = "S\nS";
	struct output_feed feeds[] = { feed("http://a.example/", entries, 2),
		feed("http://b.example/", NULL, 0) };
	feeds[0].title = "F";
	feeds[0].link = "http://a.example/";
	feeds[1].ok = false;
	feeds[1].kept = true;
	feeds[1].error = "HTTP 500";
	feeds[1].http_status = 0;
	feeds[1].checked_s = 0;
	feeds[1].moved_to = "http://c.example/";
	char *json = write_feeds(&forms[2], feeds, 2);
	assert_string_equal(json,
		"{\"feeds\":[\n"
		"{\"url\":\"http://a.example/\",\"ok\":true,\"title\":\"F\","
		"\"link\":\"http://a.example/\",\"error\":null,\"http_status\":200,\"entries\":["
		"{\"id\":\"i\",\"title\":\"T \\\"q\\\" \\\\\",\"link\":\"https://a.example/1\","
		"\"published\":\"2026-01-02T03:04:05Z\",\"author\":\"A\",\"summary\":\"S\\nS\"},"
		"{\"id\":null,\"title\":null,\"link\":null,\"published\":null,\"author\":null,"
		"\"summary\":null}],\"stale\":false,\"checked\":\"2026-11-22T21:30:00Z\","
		"\"moved_to\":null},\n"
		"{\"url\":\"http://b.example/\",\"ok\":false,\"title\":null,\"link\":null,"
		"\"error\":\"HTTP 500\",\"http_status\":null,\"entries\":[],\"stale\":true,"
		"\"checked\":null,\"moved_to\":\"http://c.example/\"}\n]}\n");
	free(json);
	json = write_feeds(&forms[2], NULL, 0);
	assert_string_equal(json, "{\"feeds\":[\n]}\n");
	free(json);
}

static void test_atom_ids_are_stable_and_none_comes_twice(void **state)
{
	(void)state;
	struct output_entry entries[] = { entry("iri", NOW_S), entry("tag", NOW_S - 1),
		entry("number", NOW_S - 2), entry("script", NOW_S - 3), entry("again", NOW_S - 4) };
	entries[0].id = entries[4].id = "https://a.example/1";
	entries[1].id = "tag:a.example,2026:1";
	entries[2].id = "17";
	entries[3].id = "javascript:alert(1)";
	struct output_feed one = feed("http://a.example/", entries, 5);
	char *atom = write_one(&forms[3], one), *later = NULL;
	assert_int_equal(count_of(atom, "<entry>"), 4);
	assert_int_equal(count_of(atom, "<id>https://a.example/1</id>"), 1);
	assert_int_equal(count_of(atom, "<id>tag:a.example,2026:1</id>"), 1);
	assert_int_equal(count_of(atom, "<id>urn:sha256:"), 3);
	assert_int_equal(count_of(atom, "javascript"), 0);
	struct output_options tomorrow = forms[3];
	tomorrow.now_s += DAY_S;
	one.checked_s += DAY_S;
	later = write_one(&tomorrow, one);
	for (const char *a = atom, *b = later; (a = strstr(a, "<id>")) && (b = strstr(b, "<id>"));
		a++, b++)
		assert_memory_equal(a, b, strcspn(a, "\n"));
	free(atom);
	free(later);
}

static void test_opml_nests_categories_and_has_new_addresses(void **state)
{
	(void)state;
	struct output_feed feeds[] = { feed("http://1.example/", NULL, 0),
		feed("http://2.example/", NULL, 0), feed("http://3.example/", NULL, 0),
		feed("http://4.example/", NULL, 0) };
	feeds[0].category = "A/B";
	feeds[1].category = "A";
	feeds[1].list_title = "Mine";
	feeds[1].title = "Theirs";
	feeds[2].category = "AB/B";
	feeds[2].moved_to = "http://new.example/";
	char *opml = write_feeds(&forms[4], feeds, 4);
	assert_has(opml, "  <body>\n"
			 "    <outline text=\"A\">\n"
			 "      <outline text=\"B\">\n"
			 "        <outline type=\"rss\" text=\"http://1.example/\" "
			 "title=\"http://1.example/\" xmlUrl=\"http://1.example/\"/>\n"
			 "      </outline>\n"
			 "      <outline type=\"rss\" text=\"Mine\" title=\"Theirs\" "
			 "xmlUrl=\"http://2.example/\"/>\n"
			 "    </outline>\n"
			 "    <outline text=\"AB\">\n"
			 "      <outline text=\"B\">\n"
			 "        <outline type=\"rss\" text=\"http://3.example/\" "
			 "title=\"http://3.example/\" xmlUrl=\"http://new.example/\"/>\n"
			 "      </outline>\n"
			 "    </outline>\n"
			 "    <outline type=\"rss\" text=\"http://4.example/\" "
			 "title=\"http://4.example/\" xmlUrl=\"http://4.example/\"/>\n"
			 "  </body>\n</opml>\n");
	free(opml);
}

/* Characters of a line; every one in this test is one column wide, or it says so itself. */
static size_t columns(const char *line, size_t size)
{
	size_t count = 0;
	for (size_t i = 0; i < size;) {
		unsigned code;
		i += escape_decode(line + i, size - i, &code);
		count += code >= 0x3000 ? 2 : 1;
	}
	return count;
}

static void test_text_has_no_line_over_80_columns_but_addresses(void **state)
{
	(void)state;
	char word[401], wide[301], url[401];
	memset(word, 'w', 400);
	word[400] = '\0';
	for (size_t i = 0; i < 300; i += 3)
		memcpy(wide + i, "\xE6\x97\xA5", 4);
	(void)snprintf(url, sizeof(url), "http://a.example/%.300s", word);
	struct output_entry entries[] = { entry(word, NOW_S), entry(wide, NOW_S - 1),
		entry("Some words of a title that goes on and on, so that it has to be broken into "
		      "two lines or more",
			NOW_S - 2) };
	for (size_t i = 0; i < 3; i++) {
		entries[i].link = url;
		entries[i].author = entries[(i + 1) % 3].title;
		entries[i].summary = entries[(i + 2) % 3].title;
	}
	struct output_feed one = feed(url, entries, 3);
	one.list_title = wide;
	one.ok = false;
	one.error = word;
	for (size_t f = 5; f < FORMS; f++) {
		char *text = write_one(&forms[f], one);
		for (char *line = text; *line; line += strcspn(line, "\n") + 1) {
			size_t size = strcspn(line, "\n");
			if (!strstr(line, "http://") || strstr(line, "http://") > line + size)
				assert_true(columns(line, size) <= 80);
		}
		assert_int_equal(count_of(text, url), f == 5 ? 4 : 3);
		free(text);
	}
}

static void test_report_names_each_feed_with_the_reason(void **state)
{
	(void)state;
	struct output_feed feeds[] = { feed("http://ok.example/", NULL, 0),
		feed("http://failed.example/", NULL, 0), feed("http://stale.example/", NULL, 0),
		feed("http://gone.example/", NULL, 0), feed("http://moved.example/", NULL, 0),
		feed("http://salvaged.example/", NULL, 0) };
	feeds[1].ok = feeds[2].ok = feeds[3].ok = false;
	feeds[1].error = "no such host";
	feeds[2].error = "HTTP 503";
	feeds[2].kept = true;
	feeds[2].checked_s = NOW_S - 3 * DAY_S;
	feeds[3].http_status = 410;
	feeds[3].error = "HTTP 410";
	feeds[4].moved_to = "http://new.example/";
	feeds[5].salvaged = "bare ampersands";
	const char *const order[] = {
		"read 1/6 feeds using 16 transfers in 2.1 s, 2026-11-22 21:30 UTC", "Failed",
		"failed.example", "no such host", "Stale", "stale.example",
		"copy of 3 days ago (2026-11-19 21:30 UTC); HTTP 503", "Gone", "gone.example",
		"Moved", "moved.example", "now at http://new.example/", "Not well-formed",
		"salvaged.example", "bare ampersands"
	};
	for (size_t f = 0; f < FORMS; f++) {
		if (forms[f].format != OUTPUT_HTML && forms[f].format != OUTPUT_TEXT)
			continue;
		char *written = write_feeds(&forms[f], feeds, 6);
		const char *report = strstr(written, order[0]);
		assert_non_null(report);
		assert_order(report, order, sizeof(order) / sizeof(*order));
		assert_null(strstr(report, "ok.example"));
		free(written);
	}
}

static void test_long_texts_are_cut_on_the_page_but_not_in_json(void **state)
{
	(void)state;
	char text[4001];
	memset(text, 'x', 4000);
	text[4000] = '\0';
	struct output_entry one = entry(text, NOW_S);
	one.summary = one.author = text;
	one.title = "t";
	char *page = write_one(&forms[0], feed("http://a.example/", &one, 1));
	char *json = write_one(&forms[2], feed("http://a.example/", &one, 1));
	assert_has(page, "<p class=\"text cut\" dir=\"auto\">xxx");
	assert_has(page, "xxx</p></article>");
	assert_true(count_of(page, "xx") < 250);
	assert_has(json, text);
	free(page);
	free(json);
}

/* Whatever byte the disk is full at: an error with its reason, from feed or from end. */
static void test_full_disk_is_an_error_in_every_form(void **state)
{
	(void)state;
	struct output_entry one = entry("t", NOW_S);
	struct output_feed a = feed("http://a.example/", &one, 1);
	struct output_report report = { .feeds = 1 };
	for (size_t f = 0; f < FORMS; f++) {
		FILE *out = fopen("/dev/full", "w");
		assert_non_null(out);
		struct error err = { 0 };
		struct output *output = output_new(out, &forms[f]);
		int result = 0;
		for (size_t i = 0; i < 200 && result == 0; i++)
			result = output_feed(output, &a, &err);
		if (result == 0)
			result = output_end(output, &report, &err);
		assert_int_equal(result, -1);
		assert_int_equal(err.code, ERROR_IO);
		assert_int_equal(err.number, ENOSPC);
		/* it stays so, whatever has become of errno */
		errno = EINVAL;
		assert_int_equal(output_feed(output, &a, &err), -1);
		output_free(output);
		(void)fclose(out); /* fails again */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_form_lets_control_characters_through),
		cmocka_unit_test(test_markup_in_any_place_stays_text),
		cmocka_unit_test(test_links_that_would_run_something_are_not_links),
		cmocka_unit_test(test_policy_allows_exactly_the_embedded_style_and_script),
		cmocka_unit_test(test_script_and_style_hold_nothing_that_ends_or_fetches),
		cmocka_unit_test(test_river_is_newest_first_and_nothing_stands_above_now),
		cmocka_unit_test(test_feeds_stand_in_the_order_of_the_list_failed_ones_too),
		cmocka_unit_test(test_json_is_exactly_what_is_promised),
		cmocka_unit_test(test_atom_ids_are_stable_and_none_comes_twice),
		cmocka_unit_test(test_opml_nests_categories_and_has_new_addresses),
		cmocka_unit_test(test_text_has_no_line_over_80_columns_but_addresses),
		cmocka_unit_test(test_report_names_each_feed_with_the_reason),
		cmocka_unit_test(test_long_texts_are_cut_on_the_page_but_not_in_json),
		cmocka_unit_test(test_full_disk_is_an_error_in_every_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
