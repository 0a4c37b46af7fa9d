/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/s3.h"

static void test_a_location_is_bucket_and_key(void **state)
{
	static const struct {
		const char *text, *bucket, *key;
	} cases[] = {
		{ "s3://photos", "photos", "" },
		{ "s3://photos/", "photos", "" },
		{ "s3://photos/a/b.jpg", "photos", "a/b.jpg" },
		{ "s3://my.old_Bucket-1//a//", "my.old_Bucket-1", "/a//" },
		{ "s3://abc/s3://x?y#z%41", "abc", "s3://x?y#z%41" },
	};
	struct s3_location location;
	struct error err;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(s3_parse(&location, cases[i].text, &err), 0);
		assert_string_equal(location.bucket, cases[i].bucket);
		assert_string_equal(location.key, cases[i].key);
	}
}

static void test_what_is_no_bucket_is_refused(void **state)
{
	static const char *const cases[] = { "s3://", "s3:///key", "s3://ab/x", "S3://photos/x",
		"s3:/photos", "s3://a..b/x", "s3://.abc/x", "s3://-abc/x", "s3://a b c/x",
		"s3://user@host/x", "s3://a%41b/x", "s3://b\xc3\xbcx/x", "photos/x", "",
		"s3://a123456789b123456789c123456789d123456789e123456789f123456789g123/x" };
	struct s3_location location;
	struct error err;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(s3_parse(&location, cases[i], &err), -1);
		assert_int_equal(err.code, ERROR_USAGE);
	}
}

static void test_keys_that_no_one_resolves_are_taken(void **state)
{
	static const char *const good[] = { "a", "a/b", "/a", "a/", "a//b", "...", "a/...b/.c",
		"..a/b..", "=:*+()@ %", "\xc3\xbc", "a\nb" };
	static const char *const bad[] = { "", ".", "..", "./a", "../a", "a/.", "a/..", "a/./b",
		"a/../b", "\xff", "a/\xc3" };
	char longest[S3_KEY_MAX + 1];
	struct error err;
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(s3_check_key(good[i], &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(s3_check_key(bad[i], &err), -1);
	memset(longest, 'k', sizeof(longest));
	longest[S3_KEY_MAX] = '\0';
	assert_int_equal(s3_check_key(longest, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	longest[S3_KEY_MAX - 1] = '\0';
	assert_int_equal(s3_check_key(longest, &err), 0);
}

static void check_address(const struct s3_endpoint *endpoint, const char *text, const char *host,
	const char *path, const char *url)
{
	struct s3_location location;
	struct s3_address address;
	struct error err;
	assert_int_equal(s3_parse(&location, text, &err), 0);
	s3_address_init(&address, endpoint, &location);
	assert_string_equal(address.host, host);
	assert_string_equal(address.path, path);
	assert_string_equal(address.url, url);
	s3_address_release(&address);
}

static void test_amazons_buckets_are_hosts_where_names_allow_it(void **state)
{
	struct s3_endpoint endpoint;
	struct error err;
	(void)state;
	assert_int_equal(s3_endpoint_init(&endpoint, NULL, "eu-west-1", &err), 0);
	check_address(&endpoint, "s3://photos/a b=:*+()@.jpg", "photos.s3.eu-west-1.amazonaws.com",
		"/a%20b%3D%3A%2A%2B%28%29%40.jpg",
		"https://photos.s3.eu-west-1.amazonaws.com/a%20b%3D%3A%2A%2B%28%29%40.jpg");
	check_address(&endpoint, "s3://photos", "photos.s3.eu-west-1.amazonaws.com", "/",
		"https://photos.s3.eu-west-1.amazonaws.com/");
	check_address(&endpoint, "s3://my.photos/a", "s3.eu-west-1.amazonaws.com", "/my.photos/a",
		"https://s3.eu-west-1.amazonaws.com/my.photos/a");
	check_address(&endpoint, "s3://Old_one//a//", "s3.eu-west-1.amazonaws.com", "/Old_one//a//",
		"https://s3.eu-west-1.amazonaws.com/Old_one//a//");
	assert_int_equal(s3_endpoint_init(&endpoint, "", "cn-north-1", &err), 0);
	check_address(&endpoint, "s3://photos", "photos.s3.cn-north-1.amazonaws.com.cn", "/",
		"https://photos.s3.cn-north-1.amazonaws.com.cn/");
	assert_int_equal(s3_endpoint_init(&endpoint, "", "evil.example/", &err), -1);
}

static void test_others_buckets_are_the_first_part_of_the_path(void **state)
{
	static const struct {
		const char *url, *host, *object;
	} cases[] = {
		{ "http://127.0.0.1:4568", "127.0.0.1:4568", "http://127.0.0.1:4568/abc/k" },
		{ "http://LocalHost:80/", "localhost", "http://localhost/abc/k" },
		{ "https://s3.example.org:443", "s3.example.org", "https://s3.example.org/abc/k" },
		{ "https://minio_1:80", "minio_1:80", "https://minio_1:80/abc/k" },
		{ "http://[::1]:9000/", "[::1]:9000", "http://[::1]:9000/abc/k" },
	};
	struct s3_endpoint endpoint;
	struct error err;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(s3_endpoint_init(&endpoint, cases[i].url, "any", &err), 0);
		check_address(&endpoint, "s3://abc/k", cases[i].host, "/abc/k", cases[i].object);
	}
	assert_int_equal(s3_endpoint_init(&endpoint, cases[0].url, "any", &err), 0);
	check_address(&endpoint, "s3://abc/", cases[0].host, "/abc", "http://127.0.0.1:4568/abc");
}

static void test_endpoints_are_scheme_and_host_only(void **state)
{
	static const char *const cases[] = { "127.0.0.1:4568", "ftp://host", "http://", "http:///",
		"http://host/path", "http://host?x", "http://user:geheim@host",
		"http://host:", "http://host:123456", "http://host:99999", "http://[::1",
		"http://[zz]:1", "http://ho st", "http://host\n" };
	struct s3_endpoint endpoint;
	struct error err;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(s3_endpoint_init(&endpoint, cases[i], "any", &err), -1);
		assert_int_equal(err.code, ERROR_USAGE);
		assert_null(strstr(err.message, "geheim"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_location_is_bucket_and_key),
		cmocka_unit_test(test_what_is_no_bucket_is_refused),
		cmocka_unit_test(test_keys_that_no_one_resolves_are_taken),
		cmocka_unit_test(test_amazons_buckets_are_hosts_where_names_allow_it),
		cmocka_unit_test(test_others_buckets_are_the_first_part_of_the_path),
		cmocka_unit_test(test_endpoints_are_scheme_and_host_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
