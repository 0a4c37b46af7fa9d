/* SPDX-License-Identifier: MIT */
/* Whole feeds of every format, and what of each of their values is shown. */
#include "worker/kinds/feeds_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"
#include "common/quote.h"

static Sciame__Feed *try_read(const char *text, struct error *err)
{
	struct feeds_body body = {
		.bytes = (const uint8_t *)text,
		.size = strlen(text),
		.url = "http://feed.example/dir/feed.xml",
		.content_type = "application/xml",
	};
	return feeds_read(&body, err);
}

static Sciame__Feed *read_feed(const char *text)
{
	struct error err = { 0 };
	Sciame__Feed *feed = try_read(text, &err);
	assert_non_null(feed);
	return feed;
}

static void release(Sciame__Feed *feed)
{
	sciame__feed__free_unpacked(feed, NULL);
}

#define ASSERT_ENTRY(feed, n, its_title, its_link, its_date)                                       \
	do {                                                                                       \
		assert_true((n) < (feed)->n_entries);                                              \
		assert_string_equal((feed)->entries[n]->title, its_title);                         \
		assert_string_equal((feed)->entries[n]->link, its_link);                           \
		assert_int_equal((feed)->entries[n]->dated ? (feed)->entries[n]->published_s : 0,  \
			its_date);                                                                 \
	} while (0)

enum { DAY = 86400 };

static void test_read_rss_2(void **state)
{
	(void)state;
	Sciame__Feed *feed = read_feed(
		"<?xml version='1.0'?><rss version='2.0' "
		"xmlns:dc='http://purl.org/dc/elements/1.1/'>"
		"<channel><title>The &amp; Feed</title><link>/home</link>"
		"<image><title>no</title><link>http://no/</link></image>"
		"<item><title>One &lt;b&gt;two&lt;/b&gt;</title><link>item?a=1&amp;b=2</link>"
		"<guid>http://guid/</guid><pubDate>Fri, 02 Jan 1970 00:00:00 GMT</pubDate>"
		"<author>a@b.c (Ann)</author>"
		"<description>&lt;p&gt;Hello&lt;/p&gt;&lt;p&gt;World&lt;/p&gt;</description></item>"
		"<item><guid isPermaLink='true'>http://guid/2</guid><dc:creator>Bob</dc:creator>"
		"<description>Only this</description><dc:date>1970-01-03</dc:date></item>"
		"</channel></rss>");
	assert_string_equal(feed->title, "The & Feed");
	assert_string_equal(feed->link, "http://feed.example/home");
	assert_string_equal(feed->salvaged, "");
	assert_int_equal(feed->version, SCIAME__FEED_VERSION__FEED_VERSION_CURRENT);
	assert_int_equal(feed->n_entries, 2);
	ASSERT_ENTRY(feed, 0, "One two", "http://feed.example/dir/item?a=1&b=2", DAY);
	assert_string_equal(feed->entries[0]->id, "http://guid/");
	assert_string_equal(feed->entries[0]->author, "a@b.c (Ann)");
	assert_string_equal(feed->entries[0]->summary, "Hello World");
	ASSERT_ENTRY(feed, 1, "Only this", "http://guid/2", 2 * DAY);
	assert_string_equal(feed->entries[1]->author, "Bob");
	release(feed);
}

static void test_read_rss_1_with_items_outside_the_channel(void **state)
{
	(void)state;
	Sciame__Feed *feed = read_feed(
		"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' "
		"xmlns='http://purl.org/rss/1.0/' xmlns:d='http://purl.org/dc/elements/1.1/'>"
		"<channel "
		"rdf:about='http://c/'><title>C</title><link>http://c/</link><items><rdf:Seq>"
		"<rdf:li resource='http://i/'/></rdf:Seq></items></channel>"
		"<item rdf:about='http://i/'><title>I</title><link>http://i/1</link>"
		"<d:date>1970-01-02T00:00:00Z</d:date></item>"
		"<item rdf:about='http://i/2'><d:title>D</d:title></item></rdf:RDF>");
	assert_string_equal(feed->title, "C");
	assert_int_equal(feed->n_entries, 2);
	ASSERT_ENTRY(feed, 0, "I", "http://i/1", DAY);
	assert_string_equal(feed->entries[0]->id, "http://i/");
	ASSERT_ENTRY(feed, 1, "D", "http://i/2", 0);
	release(feed);
}

static void test_read_atom_1(void **state)
{
	(void)state;
	Sciame__Feed *feed = read_feed(
		"<a:feed xmlns:a='http://www.w3.org/2005/Atom' xml:base='http://base.example/x/'>"
		"<a:title type='html'>&lt;i>T&lt;/i> &amp;amp; t</a:title>"
		"<a:link rel='self' href='http://self/'/><a:link href='home'/>"
		"<a:entry xml:base='../y/'><a:id>urn:1</a:id>"
		"<a:title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>a &lt;b> "
		"<b>c</b></div></a:title>"
		"<a:link rel='related' href='http://no/'/><a:link rel='edit' href='http://no/'/>"
		"<a:link rel='alternate' type='application/pdf' href='p'/>"
		"<a:link rel='alternate' type='text/html' href='q'/>"
		"<a:updated>1970-01-05T00:00:00Z</a:updated>"
		"<a:published>1970-01-02T00:00:00Z</a:published>"
		"<a:source><a:title>no</a:title></a:source>"
		"<a:author><a:email>no</a:email><a:name>Ann</a:name><a:uri>no</a:uri></a:author>"
		"<a:content>long</a:content><a:summary>short</a:summary></a:entry>"
		"<a:entry><a:title>&lt;b> "
		"stays</a:title><a:updated>1970-01-03</a:updated></a:entry>"
		"</a:feed>");
	assert_string_equal(feed->title, "T & t");
	assert_string_equal(feed->link, "http://base.example/x/home");
	ASSERT_ENTRY(feed, 0, "a <b> c", "http://base.example/y/q", DAY);
	assert_string_equal(feed->entries[0]->author, "Ann");
	assert_string_equal(feed->entries[0]->summary, "short");
	assert_string_equal(feed->entries[0]->id, "urn:1");
	ASSERT_ENTRY(feed, 1, "<b> stays", "", 2 * DAY);
	release(feed);
}

static void test_read_atom_03_and_its_modes(void **state)
{
	(void)state;
	Sciame__Feed *feed = read_feed(
		"<feed version='0.3' xmlns='http://purl.org/atom/ns#'>"
		"<title mode='escaped' type='text/html'>&lt;b>T&lt;/b></title>"
		"<entry><title mode='base64' type='text/html'>PGI+RWluczwvYj4=</title>"
		"<link rel='alternate' href='http://e/1'/><issued>1970-01-02T00:00Z</issued>"
		"<modified>1970-01-04T00:00Z</modified></entry>"
		"<entry><title mode='xml' type='text/html'><b>x</b> &lt;y></title>"
		"<created>1970-01-03T00:00Z</created></entry></feed>");
	assert_string_equal(feed->title, "T");
	ASSERT_ENTRY(feed, 0, "Eins", "http://e/1", DAY);
	ASSERT_ENTRY(feed, 1, "x <y>", "", 2 * DAY);
	release(feed);
}

static void test_read_json_feed(void **state)
{
	(void)state;
	Sciame__Feed *feed = read_feed(
		"\xEF\xBB\xBF{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"J <b>\","
		"\"home_page_url\":\"/home\",\"x\":[{\"items\":[{\"id\":\"no\"}]}],\"items\":["
		"{\"id\":7,\"url\":\"a\",\"title\":\"\\u00c9 \\\"q\\\" ]}\","
		"\"content_html\":\"<p>x</p>\",\"date_published\":\"1970-01-02T00:00:00Z\","
		"\"authors\":[{\"name\":\"Ann\"}]},null,"
		"{\"id\":\"8\",\"external_url\":\"http://ext/\",\"content_text\":\"raw\ntext\","
		"\"author\":{\"name\":\"Bob\"},\"date_modified\":\"1970-01-03\"}]}");
	assert_string_equal(feed->title, "J <b>");
	assert_string_equal(feed->link, "http://feed.example/home");
	assert_int_equal(feed->n_entries, 2);
	ASSERT_ENTRY(feed, 0, "\xC3\x89 \"q\" ]}", "http://feed.example/dir/a", DAY);
	assert_string_equal(feed->entries[0]->id, "7");
	assert_string_equal(feed->entries[0]->author, "Ann");
	assert_string_equal(feed->entries[0]->summary, "x");
	ASSERT_ENTRY(feed, 1, "raw text", "http://ext/", 2 * DAY);
	assert_string_equal(feed->entries[1]->author, "Bob");
	assert_string_equal(feed->salvaged, "");
	release(feed);
}

static void test_read_json_that_was_cut(void **state)
{
	(void)state;
	Sciame__Feed *feed = read_feed("{\"items\":[{\"title\":\"a\"},{\"title\":\"b");
	assert_int_equal(feed->n_entries, 1);
	assert_string_equal(feed->salvaged, "the end is missing");
	release(feed);
}

static void test_read_cdf(void **state)
{
	(void)state;
	Sciame__Feed *feed =
		read_feed("<CHANNEL HREF='http://c/'><TITLE>C</TITLE>"
			  "<ITEM HREF='http://i/' LASTMOD='1970-01-02'><TITLE>I</TITLE>"
			  "<ABSTRACT>A</ABSTRACT></ITEM></CHANNEL>");
	assert_string_equal(feed->title, "C");
	assert_string_equal(feed->link, "http://c/");
	ASSERT_ENTRY(feed, 0, "I", "http://i/", DAY);
	release(feed);
}

/* Other vocabularies fill gaps, in any order, and never win over the format's own. */
static void test_read_own_values_win(void **state)
{
	(void)state;
	Sciame__Feed *feed = read_feed(
		"<rss xmlns:media='http://search.yahoo.com/mrss/' "
		"xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd' "
		"xmlns:atom='http://www.w3.org/2005/Atom'><channel>"
		"<atom:link rel='self' href='http://self/'/><itunes:title>no</itunes:title>"
		"<title>F</title><link>http://own/</link>"
		"<item><media:group><media:title>no</media:title></media:group><dc:title>no</"
		"dc:title>"
		"<title>own</title><title>second</title><atom:link href='http://no/'/>"
		"<link>http://own/1</link><enclosure url='http://no/x.mp3'/>"
		"<content:encoded>long</content:encoded><description>short</description></item>"
		"<item><media:group><media:title>media</media:title></media:group>"
		"<description> </description><content:encoded>long</content:encoded>"
		"<enclosure url=' '/><enclosure url='http://e/x.mp3'/></item></channel></rss>");
	assert_string_equal(feed->title, "F");
	assert_string_equal(feed->link, "http://own/");
	ASSERT_ENTRY(feed, 0, "own", "http://own/1", 0);
	assert_string_equal(feed->entries[0]->summary, "short");
	ASSERT_ENTRY(feed, 1, "media", "http://e/x.mp3", 0);
	assert_string_equal(feed->entries[1]->summary, "long");
	release(feed);
}

static void test_read_namespaces_nobody_knows(void **state)
{
	(void)state;
	static const char *const feeds[] = {
		"<rss xmlns='urn:odd'><channel><item><title>x</title></item></channel></rss>",
		"<feed xmlns='urn:odd'><entry><title>x</title></entry></feed>",
		"<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:s='urn:odd'>"
		"<s:channel/><s:item><s:title>x</s:title></s:item></r:RDF>",
		"<rss xmlns='http://www.w3.org/2005/Atom'><channel><item><title>x</title></item>"
		"</channel></rss>",
		"<feed><entry><title>x</title></entry></feed>",
		"<rss><item><dc:title>x</dc:title></item></rss>",
	};
	for (size_t i = 0; i < sizeof(feeds) / sizeof(*feeds); i++) {
		Sciame__Feed *feed = read_feed(feeds[i]);
		assert_int_equal(feed->n_entries, 1);
		assert_string_equal(feed->entries[0]->title, "x");
		release(feed);
	}
}

static void test_read_links_that_may_not_leave_are_none(void **state)
{
	(void)state;
	static const char *const links[] = { "javascript:alert(1)", "data:text/html,x",
		"file:///etc/passwd", "JaVaScRiPt:x", "vbscript:x", "tel:1" };
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		char *text = xasprintf("<rss><channel><link>%s</link><item><link>%s</link>"
				       "<guid>%s</guid></item></channel></rss>",
			links[i], links[i], links[i]);
		Sciame__Feed *feed = read_feed(text);
		assert_string_equal(feed->link, "");
		assert_string_equal(feed->entries[0]->link, "");
		release(feed);
		free(text);
	}
	Sciame__Feed *feed = read_feed("<rss><channel><link>mailto:a@b</link><item>"
				       "<link>mailto:a@b</link></item></channel></rss>");
	assert_string_equal(feed->link, "");
	assert_string_equal(feed->entries[0]->link, "mailto:a@b");
	release(feed);
}

static void test_read_malformed_is_salvaged_and_says_so(void **state)
{
	(void)state;
	Sciame__Feed *feed = read_feed("<br>junk<rss><channel><title>A & B &nbsp;C</title>"
				       "<item><title>1 < 2</title><link>/x?a=1&b=2</link>");
	assert_string_equal(feed->title, "A & B C");
	ASSERT_ENTRY(feed, 0, "1 < 2", "http://feed.example/x?a=1&b=2", 0);
	assert_string_equal(feed->salvaged,
		"text before the feed; bare & or unknown entity; broken tags; the end is missing");
	release(feed);
}

static void test_read_no_entity_opens_a_file(void **state)
{
	(void)state;
	Sciame__Feed *feed = read_feed(
		"<!DOCTYPE rss [<!ENTITY f SYSTEM 'file:///etc/passwd'><!ENTITY % p SYSTEM "
		"'file:///etc/passwd'> %p;]><rss><channel><title>a&f;b</title></channel></rss>");
	assert_string_equal(feed->title, "ab");
	release(feed);
}

static void test_read_feed_without_entries_is_a_feed(void **state)
{
	(void)state;
	Sciame__Feed *feed = read_feed("<rss/>");
	assert_int_equal(feed->n_entries, 0);
	assert_string_equal(feed->title, "");
	release(feed);
}

static void test_read_what_is_no_feed(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} samples[] = {
		{ "", "not a feed: empty" },
		{ "garbage", "not a feed: no XML and no JSON" },
		{ "{\"a\":1}", "not a feed: JSON of another kind" },
		{ "{", "not a feed: JSON of another kind" },
		{ "<svg></svg>", "not a feed: starts with <svg>" },
		{ "<opml><body/></opml>", "not a feed: a list of feeds (OPML)" },
		{ "<html><body>x", "not a feed: a web page" },
		{ "<!doctype html><HTML><link rel=stylesheet href=a.css>"
		  "<link rel='Alternate' type=application/rss+xml href='../f?a=1&amp;b'>",
			"not a feed: a web page, which names the feed "
			"http://feed.example/f?a=1&b" },
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		struct error err = { 0 };
		assert_null(try_read(samples[i].text, &err));
		assert_int_equal(err.code, ERROR_INPUT);
		assert_string_equal(err.message, samples[i].message);
	}
}

/* count times a text between two others. */
static char *repeat(const char *before, const char *text, size_t count, const char *after)
{
	size_t size = strlen(text);
	char *all = xmalloc(strlen(before) + size * count + strlen(after) + 1);
	char *end = stpcpy(all, before);
	for (size_t i = 0; i < count; i++)
		end = stpcpy(end, text);
	(void)strcpy(end, after);
	return all;
}

static void test_read_entries_over_the_limit_are_counted(void **state)
{
	(void)state;
	static const char *const feeds[][3] = {
		{ "<rss><channel>", "<item><title>x</title></item>", "</channel></rss>" },
		{ "{\"items\":[{}", ",{}", "]}" },
	};
	for (size_t i = 0; i < 2; i++) {
		char *text = repeat(feeds[i][0], feeds[i][1], FEED_ENTRIES_MAX + 9, feeds[i][2]);
		Sciame__Feed *feed = read_feed(text);
		assert_int_equal(feed->n_entries, FEED_ENTRIES_MAX);
		assert_int_equal(feed->left_out, 9 + i);
		release(feed);
		free(text);
	}
}

static void test_read_long_texts_are_cut(void **state)
{
	(void)state;
	char *text = repeat("<rss><channel><title>", "\xC3\xA9", 20 << 10,
		"</title><item><title>x</title><link>y</link></item></channel></rss>");
	Sciame__Feed *feed = read_feed(text);
	assert_int_equal(strlen(feed->title), FEED_TITLE_MAX);
	assert_true(utf8_valid(feed->title, strlen(feed->title)));
	ASSERT_ENTRY(feed, 0, "x", "http://feed.example/dir/y", 0);
	release(feed);
	free(text);
	text = repeat("<rss><channel><item><link>http://h/", "x", FEED_LINK_MAX,
		"</link></item></channel></rss>");
	feed = read_feed(text);
	assert_string_equal(feed->entries[0]->link, "");
	release(feed);
	free(text);
}

static void test_read_text_of_all_entries_is_bounded(void **state)
{
	(void)state;
	char *item = repeat("<item><description>", "abcdefg ", 512, "</description></item>");
	char *text = repeat("<rss><channel>", item, 2500, "</channel></rss>");
	Sciame__Feed *feed = read_feed(text);
	assert_true(feed->n_entries > 1000 && feed->n_entries < 2500);
	assert_int_equal(feed->n_entries + feed->left_out, 2500);
	assert_true(sciame__feed__get_packed_size(feed) < FEED_BYTES_MAX + (1 << 20));
	release(feed);
	free(text);
	free(item);
}

#define TEN "0123456789"
#define LONG TEN TEN TEN TEN TEN TEN TEN " "

/* Text that libxml2 doesn't see comes back where it stood, and as the kind of text it is. */
static void test_read_long_texts_come_back_in_their_places(void **state)
{
	(void)state;
	Sciame__Feed *feed = read_feed(
		"<feed xmlns='http://www.w3.org/2005/Atom'><title><![CDATA[" LONG "1 <b> &amp;]]>"
		"</title><entry><x>" LONG "no</x><title>" LONG "2 &lt;b> &amp;amp;<?t 0?></title>"
		"<author>" LONG "no<name>" LONG "3</name><email>" LONG "no</email></author>"
		"<content type='xhtml'><p>" LONG "&lt;b>4</p>" LONG "5</content></entry>"
		"<entry><title type='html'>6 <![CDATA[" LONG "&lt;b> <i>]]>7 " LONG
		"&lt;u>8</title></entry></feed>");
	assert_string_equal(feed->title, LONG "1 <b> &amp;");
	assert_int_equal(feed->n_entries, 2);
	assert_string_equal(feed->entries[0]->title, LONG "2 <b> &amp;");
	assert_string_equal(feed->entries[0]->author, LONG "3");
	assert_string_equal(feed->entries[0]->summary, LONG "<b>4 " LONG "5");
	assert_string_equal(feed->entries[1]->title, "6 " LONG "<b> 7 " LONG "8");
	release(feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_rss_2),
		cmocka_unit_test(test_read_rss_1_with_items_outside_the_channel),
		cmocka_unit_test(test_read_atom_1),
		cmocka_unit_test(test_read_atom_03_and_its_modes),
		cmocka_unit_test(test_read_json_feed),
		cmocka_unit_test(test_read_json_that_was_cut),
		cmocka_unit_test(test_read_cdf),
		cmocka_unit_test(test_read_own_values_win),
		cmocka_unit_test(test_read_namespaces_nobody_knows),
		cmocka_unit_test(test_read_links_that_may_not_leave_are_none),
		cmocka_unit_test(test_read_malformed_is_salvaged_and_says_so),
		cmocka_unit_test(test_read_no_entity_opens_a_file),
		cmocka_unit_test(test_read_feed_without_entries_is_a_feed),
		cmocka_unit_test(test_read_what_is_no_feed),
		cmocka_unit_test(test_read_entries_over_the_limit_are_counted),
		cmocka_unit_test(test_read_long_texts_are_cut),
		cmocka_unit_test(test_read_text_of_all_entries_is_bounded),
		cmocka_unit_test(test_read_long_texts_come_back_in_their_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
