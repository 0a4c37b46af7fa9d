/* SPDX-License-Identifier: MIT */
/* Lists of feeds: each form and how it is told, what is refused, and OPML as it is found. */
#include "master/kinds/feeds_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "tests/support/tempdir.h"

/* The list as text, a line for each item and each problem; the caller frees it. */
static char *describe(const struct feeds_list *list)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	for (size_t i = 0; i < list->count; i++)
		fprintf(out, "%s|%s|%s\n", list->items[i].url, list->items[i].title,
			list->items[i].category);
	for (size_t i = 0; i < list->problems_count; i++)
		fprintf(out, "! %s\n", list->problems[i]);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void check_bytes(const char *bytes, size_t size, const char *expected)
{
	struct feeds_list list = { 0 };
	struct error err = { 0 };
	if (feeds_list_parse(&list, "x", bytes, size, &err) < 0)
		fail_msg("refused: %s", err.message);
	char *text = describe(&list);
	assert_string_equal(text, expected);
	free(text);
	feeds_list_release(&list);
}

static void check(const char *bytes, const char *expected)
{
	check_bytes(bytes, strlen(bytes), expected);
}

/* An OPML list with this in its body. */
static void check_opml(const char *body, const char *expected)
{
	char *whole = xasprintf("<?xml version='1.0'?><opml version='2.0'><head><title>T</title>"
				"</head><body>%s</body></opml>",
		body);
	check(whole, expected);
	free(whole);
}

static void check_refused(const char *bytes, size_t size, const char *part)
{
	struct feeds_list list = { 0 };
	struct error err = { 0 };
	assert_int_equal(feeds_list_parse(&list, "my.list", bytes, size, &err), -1);
	if (strstr(err.message, part) == NULL || strstr(err.message, "my.list") == NULL)
		fail_msg("'%s' has no '%s'", err.message, part);
	feeds_list_release(&list);
}

static void test_list_classic_takes_a_title_and_a_url(void **state)
{
	(void)state;
	check("# my feeds\n\nGuardian\nhttp://g.example/rss\n# next\nThe\tRegister\n\n"
	      "https://r.example/\n",
		"http://g.example/rss|Guardian|\nhttps://r.example/|The Register|\n");
	check("A\r\nhttp://a/\r\nB\r\nhttp://b/\r\n", "http://a/|A|\nhttp://b/|B|\n");
	check("A\rhttp://a/\rB\rhttp://b/", "http://a/|A|\nhttp://b/|B|\n");
	check("\xEF\xBB\xBF"
	      "Caf\xC3\xA9\nhttp://a/\n",
		"http://a/|Caf\xC3\xA9|\n");
	check("Caf\xE9 \x96\nhttp://a/\n", "http://a/|Caf\xC3\xA9 \xE2\x80\x93|\n");
	check("A\nhttp://a/\nhttp://b/\nC\nhttp://c/\n",
		"http://a/|A|\nhttp://b/||\nhttp://c/|C|\n");
}

static void test_list_of_urls_takes_one_a_line(void **state)
{
	(void)state;
	check(" http://a/ \n#no\nHTTPS://B/x?y#z\n\nfeed://c/x\nfeed:https://d/\n",
		"http://a/||\nHTTPS://B/x?y#z||\nhttp://c/x||\nhttps://d/||\n");
}

static void test_list_of_tabs_takes_title_and_url(void **state)
{
	(void)state;
	check("A feed\thttp://a/\nB\tb\t http://b/\nhttp://c/\n",
		"http://a/|A feed|\nhttp://b/|B b|\nhttp://c/||\n");
}

static void test_list_line_that_fits_no_form_is_named(void **state)
{
	(void)state;
	check("http://a/\nB feed\nhttp://c/\n",
		"http://a/||\nhttp://c/||\n"
		"! x:2: 'B feed' is neither a URL nor title<TAB>URL\n");
	check("A\nhttp://z/\nwww.b.example/feed\nhttp://a/\nc.example/x\nWWW.c.example\n"
	      "and.so on/off\nhttp://c/\n",
		"http://z/|A|\nhttp://a/||\nhttp://c/|and.so on/off|\n"
		"! x:3: 'www.b.example/feed' has no http:// or https:// in front\n"
		"! x:5: 'c.example/x' has no http:// or https:// in front\n"
		"! x:6: 'WWW.c.example' has no http:// or https:// in front\n");
	check("http://a/\nftp://x/\nT\tgopher://y/\nhttp:///p\nhttp://a b/\nhttp://u@:80/\n",
		"http://a/||\n! x:2: 'ftp://x/' is not http or https\n"
		"! x:3: 'gopher://y/' is not http or https\n! x:4: 'http:///p' names no host\n"
		"! x:5: 'http://a b/' has white space or control characters in it\n"
		"! x:6: 'http://u@:80/' names no host\n");
	check("A\nhttp://a/\nB\nC\nhttp://c/\nD\nfile:///etc/passwd\nE\n",
		"http://a/|A|\nhttp://c/|C|\n! x:3: 'B' is followed by no URL\n"
		"! x:7: 'file:///etc/passwd' is not http or https\n"
		"! x:8: 'E' is followed by no URL\n");
}

static void test_list_url_longer_than_the_limit_is_named(void **state)
{
	(void)state;
	char url[FEEDS_URL_MAX + 2] = "http://a/";
	memset(url + 9, 'b', FEEDS_URL_MAX - 9);
	struct feeds_list list = { 0 };
	struct error err = { 0 };
	assert_int_equal(feeds_list_parse(&list, "x", url, FEEDS_URL_MAX, &err), 0);
	assert_int_equal(list.count, 1);
	url[FEEDS_URL_MAX] = 'c';
	assert_int_equal(feeds_list_parse(&list, "x", url, FEEDS_URL_MAX + 1, &err), -1);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.problems_count, 1);
	assert_true(strlen(list.problems[0]) < 200);
	assert_non_null(strstr(list.problems[0], "...' is longer than a URL may be"));
	feeds_list_release(&list);
}

static void test_list_shows_no_control_character(void **state)
{
	(void)state;
	check("A\x1B[2J\xC2\x9B\nhttp://a/\nhttp://b/\x1B\n",
		"http://a/|A[2J|\n! x:3: $'http://b/\\x1B' has white space or control "
		"characters in it\n");
	struct feeds_list list = { 0 };
	struct error err = { 0 };
	assert_int_equal(feeds_list_parse(&list, "a\x1B", "b", 1, &err), -1);
	assert_null(strchr(err.message, '\x1B'));
	feeds_list_release(&list);
}

static void test_list_has_each_url_once(void **state)
{
	(void)state;
	check("http://a/x\nHTTP://A/x\nhttp://a/X\nfeed://a/x\nhttps://a/x\n",
		"http://a/x||\nhttp://a/X||\nhttps://a/x||\n");
	struct feeds_list list = { 0 };
	struct error err = { 0 };
	assert_int_equal(feeds_list_parse(&list, "1", "http://a/\nhttp://b/", 19, &err), 0);
	assert_int_equal(feeds_list_parse(&list, "2", "http://b/\nhttp://c/", 19, &err), 0);
	assert_int_equal(feeds_list_parse(&list, "3", "http://b/", 9, &err), 0);
	assert_int_equal(list.count, 3);
	assert_string_equal(list.items[2].url, "http://c/");
	feeds_list_release(&list);
}

static void test_list_refuses_what_is_none(void **state)
{
	(void)state;
	static const struct {
		const char *bytes, *part;
	} cases[] = {
		{ "", "an empty file" },
		{ " \n\r\n", "an empty file" },
		{ "# only\n", "text without a URL" },
		{ "one\ntwo\n", "text without a URL" },
		{ "one\nsee: http://a/\n", "'one' is neither" },
		{ "ftp://a/\n", "'ftp://a/' is not http or https" },
		{ "<?xml version='1.0'?><!-- rss --><rss version='2.0'><channel/></rss>",
			"an RSS feed" },
		{ "<rdf:RDF xmlns='http://purl.org/rss/1.0/'/>", "an RSS feed" },
		{ "<feed xmlns='http://www.w3.org/2005/Atom'/>", "an Atom feed" },
		{ "\n<!DOCTYPE html>\n<title>x</title>http://a/", "an HTML page" },
		{ "<html><a href='http://a/'>", "an HTML page" },
		{ "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<DL>", "an HTML page" },
		{ "<urlset><url/></urlset>", "a sitemap" },
		{ "<svg/>", "XML that is no OPML" },
		{ "{\"version\": \"https://jsonfeed.org/version/1.1\"}", "a JSON feed" },
		{ "[ {\"url\": \"http://a/\"} ]", "a JSON file" },
		{ "%PDF-1.4", "a PDF document" },
		{ "\x1F\x8B\x08", "a gzip archive" },
		{ "<opml><body></body></opml>", "OPML without an outline that has an xmlUrl" },
		{ "<opml><outline xmlUrl='x'/></opml>", "'x' is no URL" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_refused(cases[i].bytes, strlen(cases[i].bytes), cases[i].part);
	check_refused("http://a/\n\0\n", 12, "a binary file");
	check_refused("\xFF\xFEh\0\0\0", 6, "a binary file");
	check_refused("one", 3, "title<TAB>URL");
}

static void test_list_opml_nested_gives_categories(void **state)
{
	(void)state;
	check_opml("<outline text='News' title='N'><outline text='Tech'>"
		   "<outline type='rss' text='t' title='A' xmlUrl='http://a/'></outline></outline>"
		   "<outline text='B' xmlUrl='http://b/'/></outline>"
		   "<outline text='C' xmlUrl='http://c/' category='/Own/One,/Two'/>",
		"http://a/|A|N/Tech\nhttp://b/|B|N\nhttp://c/|C|Own/One\n");
}

static void test_list_opml_names_and_quotes_in_any_form(void **state)
{
	(void)state;
	check_opml("<OUTLINE TEXT = \"A\" XMLURL = 'http://a/' /><outline xmlurl=http://b/x "
		   "text=B><outline text=C xmlUrl=http://c/x.xml/>"
		   "<outline\n\ttext=\"D\"\r\n\txmlUrl=\"\n http://d/ \"\n/>",
		"http://a/|A|\nhttp://b/x|B|\nhttp://c/x.xml|C|\nhttp://d/|D|\n");
}

static void test_list_opml_references_are_replaced(void **state)
{
	(void)state;
	check_opml("<outline title='&lt;A&gt; &amp;amp; &quot;&apos;&#8211;&#x2013;&eacute;&nbsp;"
		   "&hellip;&#150;' xmlUrl='http://a/?b=1&amp;c=2&#38;d=3&e=4&copy=5&nosuch;'/>",
		"http://a/?b=1&c=2&d=3&e=4&copy=5&nosuch;|<A> &amp; \"'\xE2\x80\x93\xE2\x80\x93"
		"\xC3\xA9\xC2\xA0\xE2\x80\xA6\xE2\x80\x93|\n");
	check_opml("<outline title='a&#0;&#27;&#10;&#xD800;&#x110000;&#;&;&' xmlUrl='http://a/'/>",
		"http://a/|a\xEF\xBF\xBD \xEF\xBF\xBD\xEF\xBF\xBD&#;&;&|\n");
}

static void test_list_opml_malformed_attributes(void **state)
{
	(void)state;
	check_opml("<outline text=\"A & B\" description=\"1 < 2 & <b>x</b> <a href=\"http://no/\" "
		   "title=\"no\">y</a>\" xmlUrl=\"http://a/\" type=\"rss\"/>",
		"http://a/|A & B|\n");
	check_opml("<outline text=\"He said \"hi\" there\" xmlUrl=\"http://a/\"/>"
		   "<outline title='Bob's' xmlUrl='http://b/'/>",
		"http://a/|He said \"hi\" there|\nhttp://b/|Bob's|\n");
	check_opml("<outline description=\"<p class=\"x\"><img src=\"y\"/> z > \" "
		   "xmlUrl=\"http://a/\"/>\n<outline text=\"I <3 you\" title=\"B\" "
		   "xmlUrl=\"http://b/\"/>\n<outline text=\"I <you\" title=\"C\" "
		   "xmlUrl=\"http://c/\"/>",
		"http://a/||\nhttp://b/|B|\nhttp://c/|C|\n");
	check_opml("<outline text=\"A xmlUrl=\"http://a/\"/>\n<outline text=\"B\" "
		   "xmlUrl=\"http://b/>\n<outline text=\"C\" xmlUrl=\"http://c/\"",
		"http://a/|A|\nhttp://b|B|\nhttp://c/|C|\n");
	check_opml("<outline text=\"A\" xmlUrl=\"http://a/\"\n<outline text='B' "
		   "xmlUrl='http://b/'></outline></outline></outline></x>",
		"http://a/|A|\nhttp://b/|B|\n");
}

static void test_list_opml_comments_and_cdata_are_passed_over(void **state)
{
	(void)state;
	check("<?xml version='1.0'?><!DOCTYPE opml [<!ENTITY x 'y'>]><opml><!-- <outline "
	      "xmlUrl='http://no/'/> --><body><![CDATA[<outline xmlUrl='http://no/'/>]]>"
	      "<outline xmlUrl='http://a/'/></body></opml>",
		"http://a/||\n");
}

static void test_list_opml_without_an_end_has_what_is_there(void **state)
{
	(void)state;
	check("<opml><body>\n<outline text='N'><outline xmlUrl='http://a/' text='A'/>\n"
	      "<outline text='B' xmlUrl='http://b.exam",
		"http://a/|A|N\n! x:3: the file ends inside of an outline\n");
	check("<opml><outline xmlUrl='http://a/'/>\n<!-- <outline xmlUrl='http://no/'/>",
		"http://a/||\n! x:2: what starts here, a comment or CDATA, has no end\n");
}

static void test_list_opml_outline_without_its_url_is_named(void **state)
{
	(void)state;
	check_opml("<outline type='rss' text='A'/>\n<outline xmlUrl='' text='B'/>"
		   "<outline xmlUrl='javascript:x'/><outline xmlUrl='http://a/'/>",
		"http://a/||\n! x:1: an outline of a feed has no xmlUrl\n! x:2: '' is no URL\n"
		"! x:2: 'javascript:x' is no URL\n");
}

static void test_list_opml_in_other_encodings(void **state)
{
	(void)state;
	check("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><opml><outline text='\xC3\xA9\x80' "
	      "xmlUrl='http://a/'/></opml>",
		"http://a/|\xC3\x83\xC2\xA9\xE2\x82\xAC|\n");
	static const char plain[] = "<opml><outline text='\xE9' xmlUrl='http://a/'/></opml>";
	char wide[2 * sizeof(plain) + 2] = "\xFE\xFF";
	for (size_t i = 0; i + 1 < sizeof(plain); i++)
		wide[2 + 2 * i + 1] = plain[i];
	check_bytes(wide, 2 * sizeof(plain), "http://a/|\xC3\xA9|\n");
	check_bytes(wide + 2, 2 * sizeof(plain) - 2, "http://a/|\xC3\xA9|\n");
	memcpy(wide, "\xFF\xFE", 2);
	for (size_t i = 0; i + 1 < sizeof(plain); i++) {
		wide[2 + 2 * i] = plain[i];
		wide[2 + 2 * i + 1] = '\0';
	}
	check_bytes(wide, 2 * sizeof(plain), "http://a/|\xC3\xA9|\n");
	check("<?xml version='1.0' encoding='koi8-r'?><opml><outline xmlUrl='http://a/'/></opml>",
		"http://a/||\n! x: its encoding is not known, titles may be wrong\n");
}

static void test_list_names_are_cut_to_whole_characters(void **state)
{
	(void)state;
	char *title = xmalloc(20001);
	for (size_t i = 0; i < 20000; i += 2)
		memcpy(title + i, "\xC3\xA9", 3);
	struct feeds_list list = { 0 };
	struct error err = { 0 };
	char *text = xasprintf("<opml><outline text='%s'><outline text='%s'>"
			       "<outline text='x%s' xmlUrl='http://a/'/>",
		title, title, title);
	assert_int_equal(feeds_list_parse(&list, "x", text, strlen(text), &err), 0);
	assert_int_equal(strlen(list.items[0].title), 499);
	assert_true(strlen(list.items[0].category) <= 500);
	free(text);
	free(title);
	feeds_list_release(&list);
}

static void test_list_of_the_most_feeds_is_parsed_and_one_more_refused(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	for (int i = 0; i < FEEDS_LIST_MAX; i++)
		fprintf(out, "http://host%d.example/feed\n", i);
	assert_int_equal(fclose(out), 0);
	struct feeds_list list = { 0 };
	struct error err = { 0 };
	assert_int_equal(feeds_list_parse(&list, "x", text, size, &err), 0);
	assert_int_equal(feeds_list_parse(&list, "y", text, size, &err), 0);
	assert_int_equal(list.count, FEEDS_LIST_MAX);
	assert_int_equal(feeds_list_parse(&list, "z", "http://one.more/", 16, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(list.count, FEEDS_LIST_MAX);
	feeds_list_release(&list);
	free(text);
}

static void test_list_keeps_a_limited_number_of_problems(void **state)
{
	(void)state;
	char *text = xmalloc(2 * 5000 + 10);
	for (size_t i = 0; i < 5000; i++)
		memcpy(text + 2 * i, "x\n", 3);
	memcpy(text + 10000, "http://a/", 10);
	struct feeds_list list = { 0 };
	struct error err = { 0 };
	assert_int_equal(feeds_list_parse(&list, "n", text, 10009, &err), 0);
	assert_int_equal(list.problems_count, 1000);
	assert_string_equal(list.problems[999], "n: there are more problems like these");
	feeds_list_release(&list);
	free(text);
}

static void test_list_reads_files_and_names_those_that_it_cannot(void **state)
{
	const char *folder = *state;
	char text[10000] = "A\nhttp://a/\n";
	size_t size = strlen(text);
	for (int i = 0; i < 300; i++)
		size += (size_t)sprintf(text + size, "B\nhttp://b.example/%d\n", i);
	struct feeds_list list = { 0 };
	struct error err = { 0 };
	assert_int_equal(feeds_list_add(&list, tempdir_path(folder, "a.list"), &err), -1);
	assert_int_equal(err.code, ERROR_IO);
	assert_non_null(strstr(err.message, "a.list"));
	assert_int_equal(feeds_list_add(&list, folder, &err), -1);
	assert_int_equal(err.code, ERROR_IO);
	tempdir_write(folder, "a.list", text);
	assert_int_equal(feeds_list_add(&list, tempdir_path(folder, "a.list"), &err), 0);
	assert_int_equal(list.count, 301);
	assert_string_equal(list.items[300].url, "http://b.example/299");
	feeds_list_release(&list);
}

/* More than is read at a time, and more than is taken at all. */
static void test_list_reads_large_files_up_to_the_limit(void **state)
{
	const char *path = tempdir_path(*state, "large");
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 10000; i++)
		fprintf(file, "http://b.example/%d\n", i);
	assert_int_equal(fflush(file), 0);
	struct feeds_list list = { 0 };
	struct error err = { 0 };
	assert_int_equal(feeds_list_add(&list, path, &err), 0);
	assert_int_equal(list.count, 10000);
	/* A hole: it costs no room on the disk. */
	assert_int_equal(ftruncate(fileno(file), FEEDS_LIST_BYTES_MAX + 1), 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(feeds_list_add(&list, path, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	feeds_list_release(&list);
}

static void test_list_host_is_lower_case_with_its_port(void **state)
{
	(void)state;
	static const char *const cases[][2] = { { "http://Example.ORG/A", "example.org" },
		{ "HTTPS://u:p@Example.org:8443?x", "example.org:8443" }, { "http://a:80/", "a" },
		{ "https://a:443", "a" }, { "https://a:80/", "a:80" },
		{ "http://[::1]:81/", "[::1]:81" }, { "http://[::80]/", "[::80]" },
		{ "http://a:#f", "a" }, { "ftp://a/", "" }, { "", "" } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *host = feeds_list_host(cases[i][0]);
		assert_string_equal(host, cases[i][1]);
		free(host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_classic_takes_a_title_and_a_url),
		cmocka_unit_test(test_list_of_urls_takes_one_a_line),
		cmocka_unit_test(test_list_of_tabs_takes_title_and_url),
		cmocka_unit_test(test_list_line_that_fits_no_form_is_named),
		cmocka_unit_test(test_list_url_longer_than_the_limit_is_named),
		cmocka_unit_test(test_list_shows_no_control_character),
		cmocka_unit_test(test_list_has_each_url_once),
		cmocka_unit_test(test_list_refuses_what_is_none),
		cmocka_unit_test(test_list_opml_nested_gives_categories),
		cmocka_unit_test(test_list_opml_names_and_quotes_in_any_form),
		cmocka_unit_test(test_list_opml_references_are_replaced),
		cmocka_unit_test(test_list_opml_malformed_attributes),
		cmocka_unit_test(test_list_opml_comments_and_cdata_are_passed_over),
		cmocka_unit_test(test_list_opml_without_an_end_has_what_is_there),
		cmocka_unit_test(test_list_opml_outline_without_its_url_is_named),
		cmocka_unit_test(test_list_opml_in_other_encodings),
		cmocka_unit_test(test_list_names_are_cut_to_whole_characters),
		cmocka_unit_test(test_list_of_the_most_feeds_is_parsed_and_one_more_refused),
		cmocka_unit_test(test_list_keeps_a_limited_number_of_problems),
		cmocka_unit_test_setup_teardown(
			test_list_reads_files_and_names_those_that_it_cannot, tempdir_setup,
			tempdir_teardown),
		cmocka_unit_test_setup_teardown(test_list_reads_large_files_up_to_the_limit,
			tempdir_setup, tempdir_teardown),
		cmocka_unit_test(test_list_host_is_lower_case_with_its_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
