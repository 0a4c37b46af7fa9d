/* SPDX-License-Identifier: MIT */
/* What malformed markup becomes: XML, with all of its text, in linear time. */
#include "worker/kinds/feeds_repair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"

struct sample {
	const char *in, *out;
	unsigned faults;
};

static void check(const struct sample *sample)
{
	struct feeds_repair repair;
	feeds_repair(&repair, sample->in, strlen(sample->in));
	assert_int_equal(repair.document, DOCUMENT_FEED);
	assert_string_equal(feeds_buffer_text(&repair.xml), sample->out);
	assert_int_equal(repair.faults, sample->faults);
	feeds_repair_release(&repair);
}

static void check_all(const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(&samples[i]);
}

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void test_repair_well_formed_stays(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "<rss a=\"1\"><b/>x&amp;&lt;y</rss>", "<rss a=\"1\"><b/>x&amp;&lt;y</rss>", 0 },
		{ "<?xml version='1.0'?>\n<!-- c -->\n<rss>a<!-- < -->b</rss>\n", "<rss>ab</rss>",
			0 },
		{ "<feed><![CDATA[<b>&x]]]></feed>", "<feed>&lt;b&gt;&amp;x]</feed>", 0 },
	};
	check_all(samples, COUNT(samples));
}

static void test_repair_references_are_made_whole(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "<rss>a & b &c; AT&T</rss>", "<rss>a &amp; b &amp;c; AT&amp;T</rss>",
			FAULT_REFERENCE },
		{ "<rss>&nbsp;&eacute;</rss>", "<rss>\xC2\xA0\xC3\xA9</rss>", FAULT_REFERENCE },
		{ "<rss a='?x=1&y=2'/>", "<rss a=\"?x=1&amp;y=2\"/>", FAULT_REFERENCE },
		{ "<rss>&#x3C;&#150;&#0;</rss>", "<rss>&lt;\xE2\x80\x93</rss>", FAULT_REFERENCE },
		{ "<rss>&#233</rss>", "<rss>\xC3\xA9</rss>", FAULT_REFERENCE },
		{ "<rss>&QUOT;&apos;</rss>", "<rss>&quot;'</rss>", FAULT_REFERENCE },
	};
	check_all(samples, COUNT(samples));
}

static void test_repair_entities_are_text_and_bounded(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "<!DOCTYPE rss [<!ENTITY a 'x&#233;<b>'><!ENTITY b \"&a;&a;\">]><rss>&b;</rss>",
			"<rss>x\xC3\xA9&lt;b&gt;x\xC3\xA9&lt;b&gt;</rss>", 0 },
		{ "<!DOCTYPE rss [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><rss>a&f;b</rss>",
			"<rss>ab</rss>", 0 },
		{ "<!DOCTYPE rss [<!ENTITY a '&a;'>]><rss>&a;</rss>", "<rss>&amp;a;</rss>", 0 },
		{ "<!DOCTYPE rss PUBLIC \"-//a>b\" 'x'><rss>&eacute;</rss>", "<rss>\xC3\xA9</rss>",
			0 },
	};
	check_all(samples, COUNT(samples));
}

static void test_repair_billion_laughs_end(void **state)
{
	(void)state;
	struct feeds_buffer text;
	feeds_buffer_init(&text, 1 << 20);
	(void)feeds_buffer_add_text(&text, "<!DOCTYPE rss [<!ENTITY a '0123456789'>");
	for (char name = 'b'; name <= 'z'; name++) {
		char *line = xasprintf("<!ENTITY %c '&%c;&%c;&%c;&%c;'>", name, name - 1, name - 1,
			name - 1, name - 1);
		(void)feeds_buffer_add_text(&text, line);
		free(line);
	}
	(void)feeds_buffer_add_text(&text, "]><rss>");
	for (int i = 0; i < 10000; i++)
		(void)feeds_buffer_add_text(&text, "&d;&z;");
	struct feeds_repair repair;
	feeds_repair(&repair, text.bytes, text.size);
	assert_true(repair.texts.bytes.size > 100000);
	assert_true(repair.texts.bytes.size < (2 << 20));
	feeds_repair_release(&repair);
	feeds_buffer_release(&text);
}

static void test_repair_tags(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "<rss>1 < 2 <3 <a@b.c></rss>", "<rss>1 &lt; 2 &lt;3 &lt;a@b.c&gt;</rss>",
			FAULT_TAG },
		{ "<rss><a b=c d e='f/></rss>", "<rss><a b=\"c\" d=\"d\" e=\"f\"/></rss>",
			FAULT_TAG },
		{ "<rss><a b='1' b='2'/></rss>", "<rss><a b=\"1\"/></rss>", FAULT_TAG },
		{ "<rss><a b='<\"'/></rss>", "<rss><a b=\"&lt;&quot;\"/></rss>", FAULT_TAG },
		{ "<rss><a href=http://h/ ></a></rss>", "<rss><a href=\"http://h/\"></a></rss>",
			FAULT_TAG },
		{ "<rss><a:b:c/><:a/><\xC3\xA9/></rss>", "<rss><_/>&lt;:a/&gt;<_/></rss>",
			FAULT_TAG },
		{ "<rss>a]]>b</rss>", "<rss>a]]&gt;b</rss>", 0 },
	};
	check_all(samples, COUNT(samples));
}

static void test_repair_elements_are_closed_in_order(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "<rss><d>a<br>b<p>c</d></rss>", "<rss><d>a<br>b<p>c</p></br></d></rss>",
			FAULT_NESTING },
		{ "<rss><d>a</p>b</d></rss>", "<rss><d>ab</d></rss>", FAULT_NESTING },
		{ "<rss><Title>a</title></rss>", "<rss><Title>a</Title></rss>", 0 },
		{ "<rss><c><item>a<item>b</item></c></rss>",
			"<rss><c><item>a</item><item>b</item></c></rss>", FAULT_NESTING },
	};
	check_all(samples, COUNT(samples));
}

static void test_repair_truncated_end_is_closed(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "<rss><item>a", "<rss><item>a</item></rss>", FAULT_TRUNCATED },
		{ "<rss><item>a</item><ite", "<rss><item>a</item></rss>",
			FAULT_TRUNCATED | FAULT_TAG },
		{ "<rss><item>a<link href='http://h", "<rss><item>a</item></rss>",
			FAULT_TRUNCATED | FAULT_TAG },
		{ "<rss><![CDATA[a", "<rss>a</rss>", FAULT_TRUNCATED },
		{ "<rss>a</rss", "<rss>a</rss>", FAULT_TAG },
	};
	check_all(samples, COUNT(samples));
}

static void test_repair_junk_and_controls_go(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "<br><b>Warning</b>: x\n<?xml version='1.0'?><rss>a</rss>", "<rss>a</rss>",
			FAULT_JUNK },
		{ " \n<rss>a\x01\x0B"
		  "b\xEF\xBF\xBF</rss>",
			"<rss>ab</rss>", FAULT_CONTROL },
		{ "<rss><![CDATA[a\x01]]\x02>]]></rss>", "<rss>a]]&gt;</rss>", FAULT_CONTROL },
		{ "<rss>a</rss>junk<rss>b</rss>", "<rss>a</rss>", 0 },
		{ "<rss><?xml:namespace prefix = o />a</rss>", "<rss>a</rss>", 0 },
	};
	check_all(samples, COUNT(samples));
}

static void test_repair_tells_documents_apart(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum feeds_document document;
		const char *root;
	} samples[] = {
		{ "<!DOCTYPE html><html><body>x", DOCUMENT_PAGE, "html" },
		{ "<!DOCTYPE html><rss></rss>", DOCUMENT_FEED, "" },
		{ "<opml version='1'><body/></opml>", DOCUMENT_NONE, "opml" },
		{ "<svg/>", DOCUMENT_NONE, "svg" },
		{ "<x><channel/></x>", DOCUMENT_NONE, "x" },
		{ "<x><atom:feed/></x>", DOCUMENT_FEED, "x" },
		{ "garbage", DOCUMENT_NONE, "" },
		{ "", DOCUMENT_NONE, "" },
	};
	for (size_t i = 0; i < COUNT(samples); i++) {
		struct feeds_repair repair;
		feeds_repair(&repair, samples[i].text, strlen(samples[i].text));
		assert_int_equal(repair.document, samples[i].document);
		assert_string_equal(repair.root, samples[i].root);
		feeds_repair_release(&repair);
	}
}

/* Depth, names and size of what libxml2 gets are bounded. */
static void test_repair_is_bounded(void **state)
{
	(void)state;
	static const char *const patterns[] = { "<a>", "<a b='", "<!--", "<![CDATA[", "<", "&", "]",
		"&a;", "</rss>", "</b>", "<?", "<!DOCTYPE ", "<a b=\n\"" };
	enum { SIZE = 1 << 20 };
	char *text = xmalloc(SIZE);
	for (size_t i = 0; i < COUNT(patterns); i++) {
		size_t length = strlen(patterns[i]);
		for (size_t at = 0; at < SIZE; at++)
			text[at] = patterns[i][at % length];
		memcpy(text, "<rss>", 5);
		struct feeds_repair repair;
		feeds_repair(&repair, text, SIZE);
		assert_int_equal(repair.document, DOCUMENT_FEED);
		size_t depth = 0, deepest = 0;
		for (size_t at = 0; at + 1 < repair.xml.size; at++)
			if (repair.xml.bytes[at] == '<' && repair.xml.bytes[at + 1] == '/')
				depth--;
			else if (repair.xml.bytes[at] == '<' && repair.xml.bytes[at + 1] != '?')
				deepest = ++depth > deepest ? depth : deepest;
		assert_true(deepest <= REPAIR_DEPTH_MAX);
		feeds_repair_release(&repair);
	}
	free(text);
}

/* Names made up by the thousand become "_"; those met before keep their meaning. */
static void test_repair_lets_few_names_through(void **state)
{
	(void)state;
	struct feeds_buffer text;
	feeds_buffer_init(&text, 1 << 20);
	(void)feeds_buffer_add_text(&text, "<rss><item>a</item>");
	for (int i = 0; i < 2000; i++) {
		char *tag = xasprintf("<n%d xmlns:p%d='u%d' a%d='1'/>", i, i, i, i);
		(void)feeds_buffer_add_text(&text, tag);
		free(tag);
	}
	(void)feeds_buffer_add_text(&text, "<item>b</item></rss>");
	struct feeds_repair repair;
	feeds_repair(&repair, text.bytes, text.size);
	const char *xml = feeds_buffer_text(&repair.xml);
	assert_non_null(strstr(xml, "<item>a</item><n0 xmlns:p0=\"u0\" a0=\"1\"/>"));
	assert_null(strstr(xml, "1999"));
	assert_non_null(strstr(xml, "<_/><item>b</item></rss>"));
	feeds_repair_release(&repair);
	feeds_buffer_release(&text);
}

static void test_repair_drops_attributes_over_the_limit(void **state)
{
	(void)state;
	struct feeds_buffer text;
	feeds_buffer_init(&text, 1 << 20);
	(void)feeds_buffer_add_text(&text, "<rss");
	for (int i = 0; i < 100; i++) {
		char *attribute = xasprintf(" a%d='1'", i);
		(void)feeds_buffer_add_text(&text, attribute);
		free(attribute);
	}
	(void)feeds_buffer_add_text(&text, "/>");
	struct feeds_repair repair;
	feeds_repair(&repair, text.bytes, text.size);
	const char *xml = feeds_buffer_text(&repair.xml);
	assert_non_null(strstr(xml, " a63=\"1\"/>"));
	assert_null(strstr(xml, "a64"));
	feeds_repair_release(&repair);
	feeds_buffer_release(&text);
}

#define TEN "0123456789"
#define LONG TEN TEN TEN TEN TEN TEN TEN

static void check_text(const struct feeds_repair *repair, size_t number, const char *text)
{
	size_t size = 0;
	const char *found = feeds_texts_get(&repair->texts, number, &size);
	assert_non_null(found);
	assert_int_equal(size, strlen(text));
	assert_memory_equal(found, text, size);
}

static void test_repair_keeps_long_text_beside(void **state)
{
	(void)state;
	static const char in[] = "<rss><a>" LONG "</a><![CDATA[&lt;]]" LONG "]]><b>" LONG
				 "&lt;&amp;lt;\x01</b>" TEN "<![CDATA[" LONG "\x02\xEF\xBF\xBE"
				 "\xEF\xBF\xBD]]></rss>";
	struct feeds_repair repair;
	feeds_repair(&repair, in, sizeof(in) - 1);
	assert_string_equal(feeds_buffer_text(&repair.xml),
		"<rss><a><?t 0?></a><?t 1?><b><?t 2?></b>" TEN "<?t 3?></rss>");
	check_text(&repair, 0, LONG);
	check_text(&repair, 1, "&lt;]]" LONG);
	check_text(&repair, 2, LONG "<&lt;");
	check_text(&repair, 3, LONG "\xEF\xBF\xBD");
	size_t size;
	assert_null(feeds_texts_get(&repair.texts, 4, &size));
	assert_int_equal(repair.faults, FAULT_CONTROL);
	feeds_repair_release(&repair);
}

static void test_repair_copies_no_long_text_that_is_plain(void **state)
{
	(void)state;
	static const char in[] = "<rss>" LONG "<![CDATA[<p>&amp;" LONG "]]></rss>";
	struct feeds_repair repair;
	feeds_repair(&repair, in, sizeof(in) - 1);
	size_t size;
	assert_ptr_equal(feeds_texts_get(&repair.texts, 0, &size), in + strlen("<rss>"));
	assert_ptr_equal(feeds_texts_get(&repair.texts, 1, &size), strstr(in, "<p>"));
	assert_int_equal(repair.texts.bytes.size, 0);
	feeds_repair_release(&repair);
}

static void test_repair_lets_nobody_forge_a_marker(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "<rss><?t 0?>a<a b='<?t 0?>'/></rss>", "<rss>a<a b=\"&lt;?t 0?&gt;\"/></rss>",
			FAULT_TAG },
		{ "<rss>&lt;?t 0?></rss>", "<rss>&lt;?t 0?&gt;</rss>", 0 },
		{ "<rss><![CDATA[<?t 0?>]]></rss>", "<rss>&lt;?t 0?&gt;</rss>", 0 },
		{ "<rss><<??t 0?>?t 0?></rss>", "<rss>&lt;?t 0?&gt;</rss>", FAULT_TAG },
		{ "<!DOCTYPE rss [<!ENTITY a '<?t 0?>'>]><rss>&a;</rss>",
			"<rss>&lt;?t 0?&gt;</rss>", 0 },
	};
	check_all(samples, COUNT(samples));
}

/* Each byte of a block of the scan, and each beside its end. */
static void test_repair_finds_odd_bytes_wherever_they_stand(void **state)
{
	(void)state;
	static const char *const odd[] = { "\x01", "\x1F", "\xEF\xBF\xBE", "\xEF\xBF\xBF" };
	static const char *const fine[] = { "\t", "\n", "\x7F", "\xEF\xBF\xBD", "\xEF\xBB\xBF" };
	char in[256];
	for (size_t size = 0; size < 140; size++)
		for (size_t i = 0; i < COUNT(odd) + COUNT(fine); i++) {
			bool faulty = i < COUNT(odd);
			const char *what = faulty ? odd[i] : fine[i - COUNT(odd)];
			char text[160];
			memset(text, 'x', sizeof(text));
			memcpy(text + size, what, strlen(what));
			text[size + strlen(what) + size % 7] = '\0';
			snprintf(in, sizeof(in), "<rss><![CDATA[%s]]></rss>", text);
			struct feeds_repair repair;
			feeds_repair(&repair, in, strlen(in));
			assert_int_equal(repair.faults, faulty ? FAULT_CONTROL : 0);
			feeds_repair_release(&repair);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repair_well_formed_stays),
		cmocka_unit_test(test_repair_references_are_made_whole),
		cmocka_unit_test(test_repair_entities_are_text_and_bounded),
		cmocka_unit_test(test_repair_billion_laughs_end),
		cmocka_unit_test(test_repair_tags),
		cmocka_unit_test(test_repair_elements_are_closed_in_order),
		cmocka_unit_test(test_repair_truncated_end_is_closed),
		cmocka_unit_test(test_repair_junk_and_controls_go),
		cmocka_unit_test(test_repair_tells_documents_apart),
		cmocka_unit_test(test_repair_is_bounded),
		cmocka_unit_test(test_repair_lets_few_names_through),
		cmocka_unit_test(test_repair_drops_attributes_over_the_limit),
		cmocka_unit_test(test_repair_keeps_long_text_beside),
		cmocka_unit_test(test_repair_copies_no_long_text_that_is_plain),
		cmocka_unit_test(test_repair_lets_nobody_forge_a_marker),
		cmocka_unit_test(test_repair_finds_odd_bytes_wherever_they_stand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
