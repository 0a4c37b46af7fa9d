/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"
#include "lister/page.h"

#define BEGIN "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"urn:x\">"
#define END "</ListBucketResult>"
#define ITEM(key, time, size)                                                                      \
	"<Contents><Key>" key "</Key><LastModified>" time "</LastModified><ETag>&quot;e&quot;"     \
	"</ETag><Size>" size "</Size><Owner><ID>7</ID><Key>no</Key></Owner></Contents>"
#define TIME "2009-10-12T17:50:30.000Z"

static struct page page;
static struct error err;

static int read_text(const char *text)
{
	return page_read(&page, text, strlen(text), &err);
}

static void test_objects_have_key_size_and_time(void **state)
{
	(void)state;
	assert_int_equal(read_text(BEGIN ITEM("a/b &amp; c.jpg", TIME, "17")
					 ITEM("x+y%20z", "2024-02-29T00:00:00.125Z", "0") END),
		0);
	assert_int_equal(page.count, 2);
	assert_string_equal(page.objects[0].key, "a/b & c.jpg");
	assert_int_equal(page.objects[0].size, 17);
	assert_int_equal(page.objects[0].mtime_ns, INT64_C(1255369830000000000));
	assert_string_equal(page.objects[1].key, "x+y%20z"); /* nobody said that it is encoded */
	assert_int_equal(page.objects[1].mtime_ns, INT64_C(1709164800125000000));
	assert_null(page.token);
	page_release(&page);
}

static void test_encoded_keys_are_decoded_wherever_that_is_said(void **state)
{
	(void)state;
	assert_int_equal(read_text(BEGIN ITEM("x+y%20z%2B%25%C3%bc%4", TIME, "1") ITEM(
				 "a%00b", TIME, "1") "<EncodingType>url</EncodingType>" END),
		0);
	assert_string_equal(page.objects[0].key, "x y z+%\xc3\xbc%4");
	assert_false(page.objects[0].refused);
	assert_string_equal(page.objects[1].key, "a%00b");
	assert_true(page.objects[1].refused);
	page_release(&page);
}

static void test_the_next_page_is_known_only_if_there_is_one(void **state)
{
	(void)state;
	assert_int_equal(read_text(BEGIN "<IsTruncated>true</IsTruncated>"
					 "<NextContinuationToken>a=/+</NextContinuationToken>" END),
		0);
	assert_string_equal(page.token, "a=/+");
	page_release(&page);
	assert_int_equal(read_text(BEGIN "<IsTruncated>false</IsTruncated>"
					 "<NextContinuationToken>a</NextContinuationToken>" END),
		0);
	assert_null(page.token);
	assert_int_equal(read_text(BEGIN "<IsTruncated>true</IsTruncated>" END), -1);
	assert_int_equal(err.code, ERROR_PROTOCOL);
}

static void test_what_is_no_list_is_an_error(void **state)
{
	static const char *const cases[] = { "", "x", "<a/>", BEGIN, BEGIN "</a>",
		BEGIN "<Contents><Key>a</Key></Contents>" END, BEGIN ITEM("a", TIME, "-1") END,
		BEGIN ITEM("a", TIME, "1x") END,
		BEGIN ITEM("a", TIME, "99999999999999999999999") END,
		BEGIN ITEM("a", "yesterday", "1") END,
		BEGIN ITEM("a", "2009-10-12T17:50:30", "1") END, BEGIN ITEM("&b;", TIME, "1") END,
		BEGIN ITEM("a\xff", TIME, "1") END, "<Error><Code>NoSuchBucket</Code></Error>",
		"<!DOCTYPE a [<!ENTITY b \"c\">]>" BEGIN ITEM("&b;", TIME, "1") END,
		"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><ListBucketResult/>",
		"<a><ListBucketResult>" ITEM("a", TIME, "1") "</ListBucketResult></a>" };
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (read_text(cases[i]) == 0)
			fail_msg("taken: %s", cases[i]);
		assert_int_equal(err.code, ERROR_PROTOCOL);
		assert_int_equal(page.count, 0);
	}
}

static void test_endless_texts_and_depths_are_errors(void **state)
{
	char *blanks = xasprintf("%*s", PAGE_TEXT_MAX, "");
	char *text = xasprintf("%s<Contents><Key>%s", BEGIN, blanks);
	(void)state;
	assert_int_equal(read_text(text), -1);
	assert_non_null(strstr(err.message, "too long"));
	free(text);
	text = xasprintf("%s<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>", BEGIN);
	assert_int_equal(read_text(text), -1);
	assert_non_null(strstr(err.message, "too deep"));
	free(text);
	free(blanks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects_have_key_size_and_time),
		cmocka_unit_test(test_encoded_keys_are_decoded_wherever_that_is_said),
		cmocka_unit_test(test_the_next_page_is_known_only_if_there_is_one),
		cmocka_unit_test(test_what_is_no_list_is_an_error),
		cmocka_unit_test(test_endless_texts_and_depths_are_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
