/* SPDX-License-Identifier: MIT */
/* Plain text of titles and summaries: markup goes, words stay, nothing dangerous gets through. */
#include "worker/kinds/feeds_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef void reader(struct feeds_buffer *out, const char *text, size_t size);

struct sample {
	const char *in, *out;
};

static void check(reader *read, const char *in, size_t max, const char *expected)
{
	struct feeds_buffer out;
	feeds_buffer_init(&out, max);
	read(&out, in, strlen(in));
	assert_string_equal(feeds_buffer_text(&out), expected);
	feeds_buffer_release(&out);
}

static void check_all(reader *read, const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(read, samples[i].in, 4096, samples[i].out);
}

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void test_text_html_loses_its_markup(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "a <b>bold</b> move", "a bold move" },
		{ "<p>one</p><p>two</p>", "one two" },
		{ "one<br/>two", "one two" },
		{ "H<sub>2</sub>O", "H2O" },
		{ "<a href=\"x>y\" title='a>b'>link</a>", "link" },
		{ "safe<script>alert('</p>')</script> text", "safe text" },
		{ "a<style>p { }</style>b", "ab" },
		{ "a<script src=x />b", "ab" },
		{ "a<!-- <b> -->b", "ab" },
		{ "<![CDATA[inner]]>", "inner]]>" },
		{ "<nonsense>x</nonsense>", "x" },
		{ "<script>never closed", "" },
	};
	check_all(feeds_text_html, samples, COUNT(samples));
}

static void test_text_bare_less_than_is_text(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "1 < 2", "1 < 2" },
		{ "a <", "a <" },
		{ "if a<b", "if a<b" },
		{ "x <3", "x <3" },
	};
	check_all(feeds_text_html, samples, COUNT(samples));
}

static void test_text_loose_keeps_what_is_no_element(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "std::vector<int> in <b>C++</b>", "std::vector<int> in C++" },
		{ "mail <me@example.org>", "mail <me@example.org>" },
		{ "AT&amp;T", "AT&T" },
		{ "<video controls>x</video>", "x" },
	};
	check_all(feeds_text_loose, samples, COUNT(samples));
}

static void test_text_references_are_read_once(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "&eacute;&#233;&#xE9;&#XE9", "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9" },
		{ "&amp;lt;", "&lt;" },
		{ "&lt;b&gt;", "<b>" },
		{ "&nbsp;a&nbsp;&nbsp;b&nbsp;", "a b" },
		{ "&copy 2020", "\xC2\xA9 2020" },
		{ "&rsquo ", "&rsquo" },
		{ "&Zcaron;&apos;", "\xC5\xBD'" },
		{ "&#150;&#128;", "\xE2\x80\x93\xE2\x82\xAC" },
		{ "&unknown; & &; &#; &#x;", "&unknown; & &; &#; &#x;" },
		{ "a&#0;&#8;b", "ab" },
		{ "&#xD800;&#x110000;", "\xEF\xBF\xBD\xEF\xBF\xBD" },
	};
	check_all(feeds_text_html, samples, COUNT(samples));
}

static void test_text_plain_is_literal(void **state)
{
	(void)state;
	check(feeds_text_plain, " a <b> &amp;\n\t c ", 4096, "a <b> &amp; c");
}

static void test_text_has_no_controls_and_no_overrides(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "a\x1B[2Jb\x07\x7F", "a[2Jb" },
		{ "a\xC2\x9B"
		  "31mb",
			"a31mb" },
		{ "gpj.\xE2\x80\xAE"
		  "exe",
			"gpj.exe" },
		{ "&#x202E;a&#8294;b", "ab" },
		{ "a\xE2\x80\xA8"
		  "b",
			"a b" },
		{ "\xEF\xBB\xBF"
		  "a\xEF\xBF\xBF",
			"a" },
		{ "bad \xFF\xC3 utf-8 \xE2\x82", "bad utf-8" },
		{ "left\xE2\x80\x8F right", "left\xE2\x80\x8F right" },
	};
	check_all(feeds_text_html, samples, COUNT(samples));
	check_all(feeds_text_plain, samples, 1);
}

static void test_text_is_cut_between_characters(void **state)
{
	(void)state;
	check(feeds_text_plain, "abc\xC3\xA9", 4, "abc");
	check(feeds_text_plain, "abcdef", 4, "abcd");
	check(feeds_text_html, "\xE2\x82\xAC\xE2\x82\xAC", 5, "\xE2\x82\xAC");
}

static void test_text_base64_ignores_what_is_none(void **state)
{
	(void)state;
	check(feeds_text_base64, " RXhh\n bXBs ZQ== junk", 4096, "Example");
	check(feeds_text_base64, "", 4096, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_html_loses_its_markup),
		cmocka_unit_test(test_text_bare_less_than_is_text),
		cmocka_unit_test(test_text_loose_keeps_what_is_no_element),
		cmocka_unit_test(test_text_references_are_read_once),
		cmocka_unit_test(test_text_plain_is_literal),
		cmocka_unit_test(test_text_has_no_controls_and_no_overrides),
		cmocka_unit_test(test_text_is_cut_between_characters),
		cmocka_unit_test(test_text_base64_ignores_what_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
