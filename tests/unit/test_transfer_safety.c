/* SPDX-License-Identifier: MIT */
/*
 * Where transfers must not go, and what must not grow. This file stands in for two functions:
 * getaddrinfo, for names that point inside and a name server that hangs; and address_is_public
 * (by the linker's --wrap), so that 127.0.0.1 can play a public address while the rest of
 * loopback stays private.
 */
#include "worker/transfer.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <libdeflate.h>

#include "common/clock.h"
#include "common/memory.h"
#include "tests/support/fetching.h"
#include "worker/address.h"

enum {
	BODY_MAX = FETCHING_BODY_MAX,
	BOMB_BYTES = 32 << 20,
	HANG_TIMEOUT_MS = 300,
	SLACK_MS = 1000,
};

static bool loopback_is_public = true;
static pthread_mutex_t hanging = PTHREAD_MUTEX_INITIALIZER; /* held while hang.test hangs */

bool __real_address_is_public(const struct sockaddr *address, socklen_t size);
bool __wrap_address_is_public(const struct sockaddr *address, socklen_t size);

bool __wrap_address_is_public(const struct sockaddr *address, socklen_t size)
{
	char text[INET6_ADDRSTRLEN];
	address_text(address, size, text);
	return (loopback_is_public && strcmp(text, "127.0.0.1") == 0) ||
	       __real_address_is_public(address, size);
}

static const struct {
	const char *name;
	const char *addresses[3];
} names[] = {
	{ "good.test", { "127.0.0.1" } },
	{ "inside.test", { "127.0.0.2" } },
	{ "metadata.test", { "169.254.169.254" } },
	{ "both.test", { "127.0.0.2", "127.0.0.1" } },
	{ "mapped.test", { "::ffff:127.0.0.2" } },
	{ "hang.test", { "127.0.0.1" } },
	{ "feed.example", { NULL } },
};

static struct addrinfo *new_address(const char *text, const char *service)
{
	struct addrinfo *info = xcalloc(1, sizeof(*info) + sizeof(struct sockaddr_in6));
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	in4.sin_port = in6.sin6_port = htons((uint16_t)atoi(service));
	bool is4 = inet_pton(AF_INET, text, &in4.sin_addr) == 1;
	assert_true(is4 || inet_pton(AF_INET6, text, &in6.sin6_addr) == 1);
	info->ai_family = is4 ? AF_INET : AF_INET6;
	info->ai_socktype = SOCK_STREAM;
	info->ai_addrlen = is4 ? sizeof(in4) : sizeof(in6);
	info->ai_addr = (struct sockaddr *)(info + 1);
	memcpy(info->ai_addr, is4 ? (void *)&in4 : (void *)&in6, info->ai_addrlen);
	return info;
}

/* In place of the C library's, for libcurl's threads. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
	struct addrinfo **result)
{
	(void)hints;
	struct addrinfo **end = result;
	*result = NULL;
	if (strcmp(node, "hang.test") == 0) {
		(void)pthread_mutex_lock(&hanging);
		(void)pthread_mutex_unlock(&hanging);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		for (size_t j = 0; !strcmp(names[i].name, node) && names[i].addresses[j]; j++) {
			*end = new_address(names[i].addresses[j], service);
			end = &(*end)->ai_next;
		}
	}
	return *result ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *info)
{
	while (info) {
		struct addrinfo *next = info->ai_next;
		free(info);
		info = next;
	}
}

static bool answer_gzip_bomb(const struct http_request *r)
{
	char *zeros = xcalloc(1, BOMB_BYTES);
	char *packed = xcalloc(1, BODY_MAX);
	struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(1);
	size_t size = libdeflate_gzip_compress(compressor, zeros, BOMB_BYTES, packed, BODY_MAX);
	libdeflate_free_compressor(compressor);
	bool there = http_print(r,
			     "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
			     "Content-Length: %zu\r\n\r\n",
			     size) &&
		     http_send(r, packed, size);
	free(packed);
	free(zeros);
	return there;
}

static bool answer_no_gzip(const struct http_request *r)
{
	return http_answer(r, "200 OK", "Content-Encoding: gzip\r\n", "plain");
}

static bool answer_unknown_encoding(const struct http_request *r)
{
	return http_answer(r, "200 OK", "Content-Encoding: secret\r\n", "plain");
}

static bool answer_endless_chunks(const struct http_request *r)
{
	char data[0x1000 + 1] = "";
	memset(data, 'x', sizeof(data) - 1);
	bool there = http_print(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	while (there)
		there = http_print(r, "1000\r\n%s\r\n", data);
	return false;
}

static bool answer_exactly(const struct http_request *r, size_t size)
{
	char *body = xcalloc(1, size);
	bool there = http_print(r, "HTTP/1.1 200 OK\r\n\r\n") && http_send(r, body, size);
	free(body);
	(void)there; /* its length is told by the end of the connection */
	return false;
}

static bool answer_all_that_fits(const struct http_request *r)
{
	return answer_exactly(r, BODY_MAX);
}

static bool answer_a_byte_too_many(const struct http_request *r)
{
	return answer_exactly(r, BODY_MAX + 1);
}

static bool answer_huge_length(const struct http_request *r)
{
	(void)http_print(r, "HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\n");
	(void)http_wait(r, -1);
	return false;
}

/* Says 3 and sends more: what is beyond belongs to nobody. */
static bool answer_short_length(const struct http_request *r)
{
	return http_print(
		r, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 no\r\n\r\n");
}

static bool answer_endless_fields(const struct http_request *r)
{
	bool there = http_print(r, "HTTP/1.1 200 OK\r\n");
	while (there)
		there = http_print(r, "X-Field: some text or other\r\n");
	return false;
}

static bool answer_endless_field(const struct http_request *r)
{
	bool there = http_print(r, "HTTP/1.1 200 OK\r\nX-Field: ");
	while (there)
		there = http_print(r, "some text or other ");
	return false;
}

static bool answer_endless_interim(const struct http_request *r)
{
	bool there = true;
	while (there)
		there = http_print(r, "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n");
	return false;
}

static bool answer_endless_trailers(const struct http_request *r)
{
	bool there = http_print(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
	while (there)
		there = http_print(r, "X-Trailer: some text or other\r\n");
	return false;
}

static bool answer_no_http(const struct http_request *r)
{
	(void)http_print(r, "SSH-2.0-OpenSSH_9.2\r\n");
	return false;
}

/* "/to?URL", with %s for the port of this server. */
static bool redirect(const struct http_request *r)
{
	return http_print(r, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n",
		r->path + strlen("/to?"));
}

static bool drop(const struct http_request *r)
{
	(void)r;
	return false;
}

static bool answer_hello(const struct http_request *r)
{
	return http_answer(r, "200 OK", "Set-Cookie: a=b\r\n", r->path[1] ? "hello" : "root");
}

static const struct {
	const char *path;
	http_handler *handler;
} pages[] = {
	{ "/to?", redirect },
	{ "/gzip-bomb", answer_gzip_bomb },
	{ "/no-gzip", answer_no_gzip },
	{ "/unknown-encoding", answer_unknown_encoding },
	{ "/endless-chunks", answer_endless_chunks },
	{ "/all-that-fits", answer_all_that_fits },
	{ "/a-byte-too-many", answer_a_byte_too_many },
	{ "/huge-length", answer_huge_length },
	{ "/short-length", answer_short_length },
	{ "/endless-fields", answer_endless_fields },
	{ "/endless-field", answer_endless_field },
	{ "/endless-interim", answer_endless_interim },
	{ "/endless-trailers", answer_endless_trailers },
	{ "/no-http", answer_no_http },
	{ "/drop", drop },
};

static bool answer(const struct http_request *r)
{
	size_t i = 0, count = sizeof(pages) / sizeof(*pages);
	while (i < count && strncmp(pages[i].path, r->path, strlen(pages[i].path)))
		i++;
	return i < count && (i == 0 || !strcmp(pages[i].path, r->path)) ? pages[i].handler(r)
									: answer_hello(r);
}

static int setup(void **state)
{
	struct fetching *f = xcalloc(1, sizeof(*f));
	loopback_is_public = true;
	fetching_start(f, answer);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fetching_stop(*state);
	free(*state);
	return 0;
}

/* http://HOST:PORT/feed of the test's server. */
static const char *url_at(struct fetching *f, const char *host)
{
	static char url[256];
	(void)snprintf(url, sizeof(url), "http://%s:%u/feed", host, http_server_port(f->server));
	return url;
}

static struct transfer *fetch_public(struct fetching *f, const char *url)
{
	return fetch(f, &(struct transfer_request) { .url = url });
}

static void expect_refused(struct transfer *transfer, const char *address)
{
	char message[128];
	(void)snprintf(
		message, sizeof(message), "address %s is not public; see --allow-private", address);
	expect_error(transfer, ERROR_NETWORK, message);
}

static const char *const inside[][2] = {
	/* host as written, address that is refused */
	{ "127.0.0.2", "127.0.0.2" },
	{ "127.2", "127.0.0.2" },
	{ "2130706434", "127.0.0.2" },
	{ "0x7f.2", "127.0.0.2" },
	{ "0x7F000002", "127.0.0.2" },
	{ "0177.0.0.02", "127.0.0.2" },
	{ "017700000002", "127.0.0.2" },
	{ "0", "0.0.0.0" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "169.254.169.254", "169.254.169.254" },
	{ "[::1]", "::1" },
	{ "[::]", "::" },
	{ "[::ffff:127.0.0.2]", "::ffff:127.0.0.2" },
	{ "[::ffff:7f00:2]", "::ffff:127.0.0.2" },
	{ "[::127.0.0.2]", "::127.0.0.2" },
	{ "[64:ff9b::7f00:2]", "64:ff9b::7f00:2" },
	{ "[2002:7f00:2::]", "2002:7f00:2::" },
	{ "[fe80::1%25lo]", "fe80::1" },
	{ "[fd00:ec2::254]", "fd00:ec2::254" },
	{ "inside.test", "127.0.0.2" },
	{ "INSIDE.test", "127.0.0.2" },
	{ "metadata.test", "169.254.169.254" },
	{ "mapped.test", "::ffff:127.0.0.2" },
};

static void test_private_addresses_are_refused_however_they_are_written(void **state)
{
	struct fetching *f = *state;
	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++)
		expect_refused(fetch_public(f, url_at(f, inside[i][0])), inside[i][1]);
	assert_int_equal(http_server_connections(f->server), 0);
}

static void test_private_addresses_are_refused_after_redirects(void **state)
{
	struct fetching *f = *state;
	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
		char path[512];
		(void)snprintf(path, sizeof(path), "/to?%s", url_at(f, inside[i][0]));
		expect_refused(fetch_public(f, fetching_url(f, path)), inside[i][1]);
		assert_int_equal(http_server_requests(f->server), i + 1);
	}
}

static void test_names_with_a_trailing_dot_are_refused_too(void **state)
{
	struct fetching *f = *state;
	loopback_is_public = false;
	static const char *const hosts[] = { "localhost", "localhost.", "127.0.0.1.",
		"inside.test.", "LOCALHOST", "a.localhost" };
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		struct transfer *done = fetch_public(f, url_at(f, hosts[i]));
		assert_int_equal(done->status, -1); /* refused, or no such host */
		transfer_free(done);
	}
	assert_int_equal(http_server_connections(f->server), 0);
}

static void test_private_address_beside_a_public_one_is_passed_over(void **state)
{
	struct fetching *f = *state;
	char url[64]; /* what was passed over is not why it fails later */
	(void)snprintf(url, sizeof(url), "http://both.test:%u/drop", http_server_port(f->server));
	expect_error(fetch_public(f, url), ERROR_NETWORK, "connection closed without an answer");
	assert_int_equal(http_server_requests(f->server), 2);
	expect_body(fetch_public(f, url_at(f, "both.test")), 200, "hello");
}

static void test_open_connection_of_another_is_checked_again(void **state)
{
	struct fetching *f = *state;
	loopback_is_public = false;
	struct transfer_request request = { .url = fetching_url(f, "/"), .allow_private = true };
	expect_body(fetch(f, &request), 200, "root");
	expect_body(fetch(f, &request), 200, "root");
	assert_int_equal(http_server_connections(f->server), 1);
	expect_refused(fetch_public(f, request.url), "127.0.0.1");
	assert_int_equal(http_server_requests(f->server), 2);
}

static void test_redirects_leave_http_never(void **state)
{
	struct fetching *f = *state;
	static const char *const table[][2] = {
		{ "/to?file:///etc/passwd",
			"redirected to file:, which is neither http nor https" },
		{ "/to?gopher://127.0.0.1/_x",
			"redirected to gopher:, which is neither http nor https" },
		{ "/to?ftp://127.0.0.1/x", "redirected to ftp:, which is neither http nor https" },
		{ "/to?dict://127.0.0.1/x",
			"redirected to dict:, which is neither http nor https" },
		{ "/to?http://user@127.0.0.1/", "redirected to a URL with a user name" },
		{ "/to?http://127.0.0.1@127.0.0.2/", "redirected to a URL with a user name" },
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		expect_error(fetch_path(f, table[i][0]), ERROR_INPUT, table[i][1]);
	assert_int_equal(http_server_requests(f->server), sizeof(table) / sizeof(*table));
}

static void test_other_urls_can_not_be_added(void **state)
{
	struct fetching *f = *state;
	static const char *const table[][2] = {
		{ "file:///etc/passwd", "neither http nor https" },
		{ "ftp://127.0.0.1/", "neither http nor https" },
		{ "javascript:alert(1)", "neither http nor https" },
		{ "example.org/feed", "neither http nor https" },
		{ "", "neither http nor https" },
		{ "http://user:word@127.0.0.1/", "a URL with a user name is not fetched" },
		{ "http://127.0.0.1:99999/",
			"broken URL: Port number was not a decimal number between 0 and 65535" },
		{ "http://a\nb/", "broken URL: Bad hostname" },
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct error err;
		struct transfer_request request = { .url = table[i][0], .timeout_ms = 1000 };
		assert_int_equal(transfers_add(f->transfers, &request, NULL, &err), -1);
		assert_string_equal(err.message, table[i][1]);
		assert_int_equal(err.code, ERROR_INPUT);
	}
	assert_int_equal(transfers_count(f->transfers), 0);
}

static void test_long_urls_are_refused(void **state)
{
	struct fetching *f = *state;
	struct error err;
	char path[TRANSFER_URL_MAX + 8] = "/to?http://127.0.0.1/";
	memset(path + strlen(path), 'a', TRANSFER_URL_MAX - strlen(path));
	struct transfer_request request = { .url = fetching_url(f, path), .timeout_ms = 1000 };
	assert_int_equal(transfers_add(f->transfers, &request, NULL, &err), -1);
	assert_string_equal(err.message, "URL of more than 4095 bytes");
}

static void test_environment_does_not_count(void **state)
{
	struct fetching *f = *state;
	assert_int_equal(setenv("http_proxy", "http://127.0.0.2:9/", 1), 0);
	assert_int_equal(setenv("all_proxy", "http://127.0.0.2:9/", 1), 0);
	expect_body(fetch_public(f, fetching_url(f, "/")), 200, "root");
	assert_int_equal(setenv("no_proxy", "*", 1), 0);
	const char *proxy = fetching_url(f, "");
	struct transfer_request request = { .url = "http://feed.example/x", .proxy = proxy };
	loopback_is_public = false; /* a proxy may be private */
	expect_body(fetch(f, &request), 200, "hello");
	assert_int_equal(unsetenv("http_proxy"), 0);
	assert_int_equal(unsetenv("all_proxy"), 0);
	assert_int_equal(unsetenv("no_proxy"), 0);
}

static void test_missing_host_is_named(void **state)
{
	struct fetching *f = *state;
	expect_error(fetch_public(f, "http://missing.test/feed"), ERROR_NETWORK,
		"no such host missing.test");
}

static void test_hanging_name_server_holds_up_nobody(void **state)
{
	struct fetching *f = *state;
	assert_int_equal(pthread_mutex_lock(&hanging), 0);
	int64_t start_ms = clock_ms();
	struct transfer_request request = { .url = "http://hang.test/",
		.timeout_ms = HANG_TIMEOUT_MS };
	expect_error(fetch(f, &request), ERROR_NETWORK, "timed out after 0.3 s");
	assert_in_range(clock_ms() - start_ms, HANG_TIMEOUT_MS, HANG_TIMEOUT_MS + SLACK_MS);
	fetching_add(f, &request, NULL); /* and one that has just begun */
	start_ms = clock_ms();
	transfers_close(f->transfers);
	f->transfers = NULL;
	assert_true(clock_ms() - start_ms < HANG_TIMEOUT_MS);
	assert_int_equal(pthread_mutex_unlock(&hanging), 0);
}

static void test_lack_of_descriptors_is_named(void **state)
{
	struct fetching *f = *state;
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	int lowest = dup(0); /* the descriptors below are all in use */
	assert_true(lowest >= 0);
	struct rlimit none = { .rlim_cur = (rlim_t)lowest, .rlim_max = limit.rlim_max };
	assert_int_equal(close(lowest), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	struct transfer *done = fetch_public(f, fetching_url(f, "/"));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	expect_error(done, ERROR_NETWORK, "open a socket: Too many open files");
	expect_body(fetch_public(f, fetching_url(f, "/")), 200, "root");
}

static void test_bodies_are_limited_as_decoded(void **state)
{
	struct fetching *f = *state;
	static const char *const paths[] = { "/gzip-bomb", "/endless-chunks", "/a-byte-too-many",
		"/huge-length" };
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		expect_error(fetch_path(f, paths[i]), ERROR_LIMIT, "larger than 1 MiB");
		assert_int_equal(http_server_requests(f->server), i + 1);
		assert_int_equal(transfers_body_bytes(f->transfers), 0);
	}
	struct transfer *done = fetch_path(f, "/all-that-fits");
	assert_int_equal(done->status, 0);
	assert_int_equal(done->response.body_bytes, BODY_MAX);
	transfer_free(done);
}

static void test_limits_are_named_in_their_own_unit(void **state)
{
	struct fetching *f = *state;
	static const struct {
		uint64_t bytes;
		const char *message;
	} table[] = { { 15 << 20, "larger than 15 MiB" }, { 3 << 10, "larger than 3 KiB" },
		{ 1025, "larger than 1025 bytes" }, { UINT64_C(2) << 30, "larger than 2 GiB" } };
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct transfer_request request = { .url = fetching_url(f, "/huge-length"),
			.body_bytes_max = table[i].bytes };
		expect_error(fetch(f, &request), ERROR_LIMIT, table[i].message);
	}
}

static void test_headers_are_limited(void **state)
{
	struct fetching *f = *state;
	static const char *const paths[] = { "/endless-fields", "/endless-field",
		"/endless-interim" };
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		expect_error(fetch_path(f, paths[i]), ERROR_LIMIT, "headers larger than 64 KiB");
		assert_int_equal(http_server_requests(f->server), i + 1);
	}
	struct transfer *done = fetch_path(f, "/endless-trailers");
	assert_int_equal(done->status, -1); /* refused by libcurl, in whatever words */
	transfer_free(done);
}

static void test_lies_about_the_body_are_found(void **state)
{
	struct fetching *f = *state;
	expect_body(fetch_path(f, "/short-length"), 200, "abc");
	expect_error(fetch_path(f, "/no-gzip"), ERROR_INPUT, "broken or unknown compression");
	expect_error(
		fetch_path(f, "/unknown-encoding"), ERROR_INPUT, "broken or unknown compression");
	expect_error(fetch_path(f, "/no-http"), ERROR_INPUT, "the answer is not HTTP");
	assert_int_equal(http_server_requests(f->server), 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_private_addresses_are_refused_however_they_are_written),
		TEST(test_private_addresses_are_refused_after_redirects),
		TEST(test_names_with_a_trailing_dot_are_refused_too),
		TEST(test_private_address_beside_a_public_one_is_passed_over),
		TEST(test_open_connection_of_another_is_checked_again),
		TEST(test_redirects_leave_http_never),
		TEST(test_other_urls_can_not_be_added),
		TEST(test_long_urls_are_refused),
		TEST(test_environment_does_not_count),
		TEST(test_missing_host_is_named),
		TEST(test_hanging_name_server_holds_up_nobody),
		TEST(test_lack_of_descriptors_is_named),
		TEST(test_bodies_are_limited_as_decoded),
		TEST(test_limits_are_named_in_their_own_unit),
		TEST(test_headers_are_limited),
		TEST(test_lies_about_the_body_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
