/* SPDX-License-Identifier: MIT */
/* Texts where they stand: what passes, what is replaced, what is a link, where it is cut. */
#include "master/kinds/feeds_escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

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

static char *escaped(enum escape_context context, const char *text)
{
	FILE *out = tmpfile();
	assert_non_null(out);
	escape_string(out, context, text);
	return take(out);
}

static void test_escape_writes_each_context_as_it_must_be(void **state)
{
	(void)state;
	static const struct {
		enum escape_context context;
		const char *text, *written;
	} cases[] = {
		{ ESCAPE_TEXT, "a<b>&\"'\n\tc", "a&lt;b&gt;&amp;&quot;&#39;\n\tc" },
		{ ESCAPE_ATTRIBUTE, "a<b>&\"'\n\tc", "a&lt;b&gt;&amp;&quot;&#39;  c" },
		{ ESCAPE_PLAIN, "a<b>&\"'\n\tc", "a<b>&\"'  c" },
		{ ESCAPE_URL, "http://h/?a=1&b='\"<> \\^`{|}\xC3\xA9%20",
			"http://h/?a=1&amp;b=&#39;%22%3C%3E%20%5C%5E%60%7B%7C%7D\xC3\xA9%20" },
		{ ESCAPE_URL, "http://h/\n\t\ra\x01\xFF\xE2\x80\xAE", "http://h/a%01%FF%E2%80%AE" },
		{ ESCAPE_TEXT, "\x01\x1B\x7F\xC2\x80\xC2\x9B\xC2\x9F|", "|" },
		{ ESCAPE_TEXT, "\xE2\x80\xAA\xE2\x80\xAE\xE2\x81\xA6\xE2\x81\xA9|", "|" },
		{ ESCAPE_TEXT, "\xE2\x80\xA9\xE2\x80\xAF\xE2\x81\xA5",
			" \xE2\x80\xAF\xE2\x81\xA5" },
		{ ESCAPE_TEXT, "\xFF|\xC3|\xC0\xBC|\xED\xA0\x80",
			"\xEF\xBF\xBD|\xEF\xBF\xBD|\xEF\xBF\xBD\xEF\xBF\xBD|"
			"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
		{ ESCAPE_TEXT, "\xEF\xBF\xBE\xEF\xB7\x90", "\xEF\xBF\xBD\xEF\xBF\xBD" },
		{ ESCAPE_PLAIN, "\xE6\x97\xA5\xF0\x9F\x90\x9D", "\xE6\x97\xA5\xF0\x9F\x90\x9D" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *written = escaped(cases[i].context, cases[i].text);
		assert_string_equal(written, cases[i].written);
		free(written);
	}
}

static void test_only_http_https_and_mailto_are_links(void **state)
{
	(void)state;
	static const char *const links[] = { "http://a", "HTTPS://a/b?c", "mailto:a@b.example",
		"http://[::1]/" };
	static const char *const others[] = { "", "/a", "//a/b", "http:", "http:/a", "http:///a",
		"https://", "https://?", "http://\\a", " http://a", "\thttp://a", "ht\ntp://a",
		"javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "vbscript:x",
		"file:///etc/passwd", "ftp://a", "mailto:", "blob:http://a",
		"view-source:http://a" };
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		assert_true(escape_is_link(links[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(escape_is_link(others[i]));
}

static void test_texts_are_cut_between_words_and_never_inside_a_character(void **state)
{
	(void)state;
	assert_int_equal(escape_cut("short", 5), 5);
	assert_int_equal(escape_cut("one two three", 8), 7);
	assert_int_equal(escape_cut("one two three", 7), 7);
	assert_int_equal(escape_cut("aaaaaaaaaa", 4), 4);
	assert_int_equal(escape_cut("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", 2), 6);
	assert_int_equal(escape_cut("", 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape_writes_each_context_as_it_must_be),
		cmocka_unit_test(test_only_http_https_and_mailto_are_links),
		cmocka_unit_test(test_texts_are_cut_between_words_and_never_inside_a_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
