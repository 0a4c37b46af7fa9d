/* SPDX-License-Identifier: MIT */
/*
 * Signatures are those that Amazon publishes: "Examples: Signature Calculations" in the S3 API
 * Reference. Those of other keys were made by Python's hmac from the same description.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/sigv4.h"

#define HOST "examplebucket.s3.amazonaws.com"
#define DATE "20130524T000000Z"

static const struct sigv4_signer signer = { "AKIAIOSFODNN7EXAMPLE",
	"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1" };

static void check(const struct sigv4_request *request, const char *names, const char *signature)
{
	static const char start[] = "AWS4-HMAC-SHA256 "
				    "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
				    "aws4_request,SignedHeaders=";
	char *value = sigv4_authorization(request, &signer, DATE);
	size_t length = strlen(start);
	assert_memory_equal(value, start, length);
	assert_memory_equal(value + length, names, strlen(names));
	length += strlen(names);
	assert_memory_equal(value + length, ",Signature=", 11);
	assert_string_equal(value + length + 11, signature);
	free(value);
}

static void test_get_of_a_range_is_signed_as_published(void **state)
{
	const struct sigv4_pair headers[] = {
		{ "host", HOST },
		{ "x-amz-date", DATE }, /* the order is the signer's concern */
		{ "range", "bytes=0-9" },
		{ "x-amz-content-sha256", SIGV4_EMPTY },
	};
	(void)state;
	check(&(struct sigv4_request) { "GET", "/test.txt", "", headers, 4, SIGV4_EMPTY },
		"host;range;x-amz-content-sha256;x-amz-date",
		"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void test_put_of_an_odd_key_is_signed_as_published(void **state)
{
	static const char payload[] =
		"44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
	const struct sigv4_pair headers[] = {
		{ "date", "Fri, 24 May 2013 00:00:00 GMT" },
		{ "host", HOST },
		{ "x-amz-content-sha256", payload },
		{ "x-amz-date", DATE },
		{ "x-amz-storage-class", "REDUCED_REDUNDANCY" },
	};
	char *path = sigv4_encode_path("/test$file.text");
	(void)state;
	assert_string_equal(path, "/test%24file.text");
	check(&(struct sigv4_request) { "PUT", path, "", headers, 5, payload },
		"date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
		"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
	free(path);
}

static void check_query(const struct sigv4_pair *pairs, size_t count, const char *signature)
{
	const struct sigv4_pair headers[] = {
		{ "host", HOST },
		{ "x-amz-content-sha256", SIGV4_EMPTY },
		{ "x-amz-date", DATE },
	};
	char *query = sigv4_query(pairs, count);
	check(&(struct sigv4_request) { "GET", "/", query, headers, 3, SIGV4_EMPTY },
		"host;x-amz-content-sha256;x-amz-date", signature);
	free(query);
}

static void test_queries_are_signed_as_published(void **state)
{
	const struct sigv4_pair lifecycle[] = { { "lifecycle", "" } };
	const struct sigv4_pair list[] = { { "prefix", "J" }, { "max-keys", "2" } };
	(void)state;
	check_query(
		lifecycle, 1, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
	check_query(list, 2, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void test_each_byte_is_encoded_unless_it_is_unreserved(void **state)
{
	static const struct {
		const char *key, *path;
	} cases[] = {
		{ "/a b", "/a%20b" },
		{ "/=:*+()@", "/%3D%3A%2A%2B%28%29%40" },
		{ "/100%/%41", "/100%25/%2541" },
		{ "/\xc3\xbc\xe2\x82\xac", "/%C3%BC%E2%82%AC" },
		{ "/\xff\x01\x7f", "/%FF%01%7F" },
		{ "//a//b/", "//a//b/" },
		{ "/a/./../b", "/a/./../b" },
		{ "/~-._AZaz09", "/~-._AZaz09" },
		{ "/!'&$,;?#[]\"\\^`{|}<>",
			"/%21%27%26%24%2C%3B%3F%23%5B%5D%22%5C%5E%60%7B%7C%7D%3C%3E" },
		{ "", "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *path = sigv4_encode_path(cases[i].key);
		assert_string_equal(path, cases[i].path);
		free(path);
	}
	char *text = sigv4_encode("a/b~c-d");
	assert_string_equal(text, "a%2Fb~c-d");
	free(text);
}

static void test_a_query_is_sorted_after_it_was_encoded(void **state)
{
	/* by the bytes of names: capitals first, and "a-b" before "ab" */
	const struct sigv4_pair pairs[] = {
		{ "prefix", "a/b c+" },
		{ "ab", "" },
		{ "Z", "1" },
		{ "a-b", "=&" },
		{ "ab", "!" },
	};
	(void)state;
	char *query = sigv4_query(pairs, 5);
	assert_string_equal(query, "Z=1&a-b=%3D%26&ab=&ab=%21&prefix=a%2Fb%20c%2B");
	free(query);
	query = sigv4_query(pairs, 0);
	assert_string_equal(query, "");
	free(query);
}

static void test_the_date_is_that_of_utc(void **state)
{
	char date[SIGV4_DATE_SIZE];
	(void)state;
	sigv4_date(date, 1369353600);
	assert_string_equal(date, DATE);
	sigv4_date(date, 951868799); /* a leap day's last second */
	assert_string_equal(date, "20000229T235959Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get_of_a_range_is_signed_as_published),
		cmocka_unit_test(test_put_of_an_odd_key_is_signed_as_published),
		cmocka_unit_test(test_queries_are_signed_as_published),
		cmocka_unit_test(test_each_byte_is_encoded_unless_it_is_unreserved),
		cmocka_unit_test(test_a_query_is_sorted_after_it_was_encoded),
		cmocka_unit_test(test_the_date_is_that_of_utc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
