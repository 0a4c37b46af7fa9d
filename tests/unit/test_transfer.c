/* SPDX-License-Identifier: MIT */
/* What is kept of responses, where redirects lead, and what is tried again. */
#include "worker/transfer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/memory.h"
#include "tests/support/fetching.h"

enum {
	FLIGHT = 256,    /* transfers at once */
	SLACK_MS = 1000, /* that a busy machine may take to notice the end of a timeout */
	TIMEOUT_MS = 400,
};

#define ETAG "\"a;b, c\""
#define MODIFIED "Sat, 01 Nov 2025 10:00:00 GMT"

static bool answer_feed(const struct http_request *r)
{
	if (http_has(r, "If-None-Match: " ETAG) && http_has(r, "If-Modified-Since: " MODIFIED))
		return http_print(r, "HTTP/1.1 304 Not Modified\r\nETag: " ETAG "\r\n\r\n");
	return http_answer(r, "200 OK",
		"Content-Type: application/rss+xml; charset=\"utf-8\"\r\nETag: " ETAG
		"\r\nLast-Modified: " MODIFIED "\r\n",
		"<rss/>");
}

static bool answer_304_with_body(const struct http_request *r)
{
	(void)http_answer(r, "304 Not Modified", "", "unexpected"); /* the client may be gone */
	return false;
}

static bool answer_gone(const struct http_request *r)
{
	return http_answer(r, "410 Gone", "", "gone");
}

static bool answer_busy(const struct http_request *r)
{
	return http_answer(r, "429 Too Many Requests", "Retry-After: 120\r\n", "");
}

static bool answer_busy_for_ever(const struct http_request *r)
{
	return http_answer(r, "503 Service Unavailable", "Retry-After: 99999999999\r\n", "");
}

static bool answer_busy_until(const struct http_request *r)
{
	char date[64];
	struct tm parts;
	time_t until = time(NULL) + 3600;
	assert_non_null(gmtime_r(&until, &parts));
	assert_true(strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0);
	return http_print(r,
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: %s\r\n\r\n",
		date);
}

static bool answer_busy_until_the_past(const struct http_request *r)
{
	return http_answer(
		r, "503 Service Unavailable", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", "");
}

/* "/hop/301,302/feed": the first status now, the others after it. */
static bool answer_hop(const struct http_request *r)
{
	int status, length;
	if (sscanf(r->path, "/hop/%3d%n", &status, &length) != 1)
		return false;
	const char *rest = r->path + length;
	return http_print(r,
		"HTTP/1.1 %d Moved\r\nRetry-After: 77\r\nETag: old\r\nContent-Length: 5\r\n"
		"Location: %s%s\r\n\r\nmoved",
		status, *rest == ',' ? "/hop/" : "", rest + 1 - (*rest != ','));
}

static bool answer_circle(const struct http_request *r)
{
	return http_answer(r, "302 Found", "Location: /circle\r\n", "");
}

static bool answer_no_content(const struct http_request *r)
{
	return http_print(r, "HTTP/1.1 204 No Content\r\n\r\n");
}

static bool answer_empty(const struct http_request *r)
{
	return http_answer(r, "200 OK", "", "");
}

static bool answer_long_fields(const struct http_request *r)
{
	char value[2000];
	memset(value, 'x', sizeof(value));
	return http_print(r,
		"HTTP/1.1 200 OK\r\nETag: %.1023s\r\nContent-Type: %.1024s\r\nContent-Length: "
		"0\r\n\r\n",
		value, value);
}

static bool answer_hello(const struct http_request *r)
{
	return http_answer(r, "200 OK", "", "hello");
}

static bool drop(const struct http_request *r)
{
	(void)r;
	return false;
}

static bool drop_once(const struct http_request *r)
{
	return r->count > 1 && answer_hello(r);
}

static bool reset_once(const struct http_request *r)
{
	return r->count > 1 ? answer_hello(r) : http_reset(r);
}

static bool drop_midway_once(const struct http_request *r)
{
	if (r->count > 1)
		return answer_hello(r);
	(void)http_print(r, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\npart"); /* then ends */
	return false;
}

static bool drop_chunks(const struct http_request *r)
{
	(void)http_print(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
	return false;
}

static bool drip(const struct http_request *r)
{
	bool there = http_print(r, "HTTP/1.1 200 OK\r\n\r\n");
	while (there && http_wait(r, 20))
		there = http_send(r, ".", 1);
	return false;
}

static bool drip_fields(const struct http_request *r)
{
	bool there = http_print(r, "HTTP/1.1 200 OK\r\nX: ");
	while (there && http_wait(r, 20))
		there = http_send(r, ".", 1);
	return false;
}

static bool keep_silent(const struct http_request *r)
{
	(void)http_wait(r, -1);
	return false;
}

/* Answers when FLIGHT requests are here at once. */
static bool answer_together(const struct http_request *r)
{
	while (http_server_requests(r->server) < FLIGHT) {
		if (!http_wait(r, 5))
			return false;
	}
	return answer_hello(r);
}

static bool show_head(const struct http_request *r)
{
	return http_answer(r, "200 OK", "", r->head);
}

static const struct {
	const char *path;
	http_handler *handler;
} pages[] = {
	{ "/feed", answer_feed },
	{ "/304-with-body", answer_304_with_body },
	{ "/gone", answer_gone },
	{ "/busy", answer_busy },
	{ "/busy-for-ever", answer_busy_for_ever },
	{ "/busy-until", answer_busy_until },
	{ "/busy-until-the-past", answer_busy_until_the_past },
	{ "/hop", answer_hop },
	{ "/circle", answer_circle },
	{ "/no-content", answer_no_content },
	{ "/empty", answer_empty },
	{ "/long-fields", answer_long_fields },
	{ "/hello", answer_hello },
	{ "/drop", drop },
	{ "/drop-once", drop_once },
	{ "/reset-once", reset_once },
	{ "/drop-midway-once", drop_midway_once },
	{ "/drop-chunks", drop_chunks },
	{ "/drip", drip },
	{ "/drip-fields", drip_fields },
	{ "/silent", keep_silent },
	{ "/together", answer_together },
	{ "/head", show_head },
};

static bool answer(const struct http_request *r)
{
	size_t length = strcspn(r->path + 1, "/?") + 1;
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		if (strlen(pages[i].path) == length && !strncmp(pages[i].path, r->path, length))
			return pages[i].handler(r);
	}
	return http_answer(r, "404 Not Found", "", "none");
}

static int setup(void **state)
{
	struct fetching *f = xcalloc(1, sizeof(*f));
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

static void test_response_is_kept(void **state)
{
	struct fetching *f = *state;
	struct transfer *done = fetch_path(f, "/feed");
	const struct transfer_response *response = &done->response;
	assert_string_equal(response->content_type, "application/rss+xml; charset=\"utf-8\"");
	assert_string_equal(response->etag, ETAG);
	assert_string_equal(response->last_modified, MODIFIED);
	assert_string_equal(response->url, fetching_url(f, "/feed"));
	assert_string_equal(response->moved_to, "");
	assert_true(done->duration_us > 0);
	assert_int_equal(transfers_body_bytes(f->transfers), 6);
	expect_body(done, 200, "<rss/>");
	assert_int_equal(transfers_body_bytes(f->transfers), 0);
}

static void test_body_can_not_be_changed(void **state)
{
	struct transfer *done = fetch_path(*state, "/feed");
	assert_int_equal(write(done->response.body, "x", 1), -1);
	assert_int_equal(ftruncate(done->response.body, 0), -1);
	expect_body(done, 200, "<rss/>");
}

static void test_unchanged_feed_is_304(void **state)
{
	struct fetching *f = *state;
	struct transfer_request request = { .url = fetching_url(f, "/feed"),
		.etag = ETAG,
		.last_modified = MODIFIED,
		.allow_private = true };
	struct transfer *done = fetch(f, &request);
	assert_string_equal(done->response.etag, ETAG);
	assert_string_equal(done->response.last_modified, "");
	expect_body(done, 304, "");
	request.url = fetching_url(f, "/304-with-body");
	expect_body(fetch(f, &request), 304, "");
	assert_int_equal(http_server_requests(f->server), 2);
}

static void test_validators_can_not_add_fields(void **state)
{
	struct fetching *f = *state;
	struct transfer_request request = { .url = fetching_url(f, "/head"),
		.etag = "a\r\nX-Bad: 1",
		.last_modified = "b\nX-Bad: 1",
		.allow_private = true };
	struct transfer *done = fetch(f, &request);
	char head[4096] = "";
	assert_true(read(done->response.body, head, sizeof(head) - 1) > 0);
	assert_null(strstr(head, "X-Bad"));
	assert_null(strstr(head, "If-"));
	assert_non_null(strstr(head, "User-Agent: sciame-test/1\r\n"));
	assert_non_null(strstr(head, "Accept: application/atom+xml, "));
	assert_non_null(strstr(head, "Accept-Encoding: "));
	transfer_free(done);
}

static void test_http_status_is_no_failure_and_not_tried_again(void **state)
{
	struct fetching *f = *state;
	expect_body(fetch_path(f, "/gone"), 410, "gone");
	expect_body(fetch_path(f, "/busy"), 429, "");
	expect_body(fetch_path(f, "/nowhere"), 404, "none");
	assert_int_equal(http_server_requests(f->server), 3);
}

static uint32_t retry_after_s(struct fetching *f, const char *path)
{
	struct transfer *done = fetch_path(f, path);
	uint32_t seconds = done->response.retry_after_s;
	assert_int_equal(done->status, 0);
	transfer_free(done);
	return seconds;
}

static void test_retry_after_has_two_forms(void **state)
{
	struct fetching *f = *state;
	assert_int_equal(retry_after_s(f, "/busy"), 120);
	assert_int_equal(retry_after_s(f, "/busy-for-ever"), 7 * 24 * 3600);
	assert_int_equal(retry_after_s(f, "/busy-until-the-past"), 0);
	assert_in_range(retry_after_s(f, "/busy-until"), 3590, 3600);
	assert_int_equal(retry_after_s(f, "/hello"), 0);
	assert_int_equal(retry_after_s(f, "/hop/302/hello"), 0);
}

static void test_moved_to_is_where_permanent_redirects_alone_lead(void **state)
{
	struct fetching *f = *state;
	static const char *const table[][2] = {
		/* path, moved_to */
		{ "/hop/301/feed", "/feed" },
		{ "/hop/308/feed", "/feed" },
		{ "/hop/302/feed", "" },
		{ "/hop/303/feed", "" },
		{ "/hop/307/feed", "" },
		{ "/hop/301,302/feed", "/hop/302/feed" },
		{ "/hop/301,308,302/feed", "/hop/302/feed" },
		{ "/hop/302,301/feed", "" },
		{ "/hop/301,301,308,308,301/feed", "/feed" },
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct transfer *done = fetch_path(f, table[i][0]);
		const char *expected = *table[i][1] ? fetching_url(f, table[i][1]) : "";
		assert_string_equal(done->response.moved_to, expected);
		assert_string_equal(done->response.url, fetching_url(f, "/feed"));
		assert_string_equal(done->response.etag, ETAG);
		expect_body(done, 200, "<rss/>");
	}
}

static void test_redirects_end(void **state)
{
	struct fetching *f = *state;
	expect_error(fetch_path(f, "/circle"), ERROR_INPUT, "redirected more than 5 times");
	assert_int_equal(http_server_requests(f->server), 6);
}

static void test_empty_bodies_are_none(void **state)
{
	expect_body(fetch_path(*state, "/no-content"), 204, "");
	expect_body(fetch_path(*state, "/empty"), 200, "");
}

static void test_too_long_fields_are_dropped(void **state)
{
	struct transfer *done = fetch_path(*state, "/long-fields");
	assert_int_equal(strlen(done->response.etag), TRANSFER_FIELD_MAX - 1);
	assert_string_equal(done->response.content_type, "");
	expect_body(done, 200, "");
}

static void test_dropped_connection_is_tried_once_more(void **state)
{
	static const char *const paths[] = { "/drop-once", "/reset-once", "/drop-midway-once" };
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct fetching f;
		int64_t start_ms = clock_ms();
		fetching_start(&f, answer);
		expect_body(fetch_path(&f, paths[i]), 200, "hello");
		assert_int_equal(http_server_requests(f.server), 2);
		assert_int_equal(http_server_connections(f.server), 2);
		assert_true(clock_ms() - start_ms >= 200);
		fetching_stop(&f);
	}
}

static void test_dropped_connection_is_tried_only_once_more(void **state)
{
	struct fetching *f = *state;
	expect_error(fetch_path(f, "/drop"), ERROR_NETWORK, "connection closed without an answer");
	assert_int_equal(http_server_requests(f->server), 2);
	expect_error(
		fetch_path(f, "/drop-chunks"), ERROR_NETWORK, "connection closed before the end");
	assert_int_equal(http_server_requests(f->server), 4);
}

static void test_no_retry_when_its_pause_would_pass_the_timeout(void **state)
{
	struct fetching *f = *state;
	struct transfer_request request = {
		.url = fetching_url(f, "/drop"), .timeout_ms = 150, .allow_private = true
	};
	expect_error(fetch(f, &request), ERROR_NETWORK, "connection closed without an answer");
	assert_int_equal(http_server_requests(f->server), 1);
}

static void test_refused_connection_is_not_tried_again(void **state)
{
	struct fetching *f = *state;
	struct http_server *other = http_server_start(answer, NULL);
	char url[64];
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", http_server_port(other));
	http_server_stop(other);
	struct transfer_request request = { .url = url, .allow_private = true };
	int64_t start_ms = clock_ms();
	struct transfer *done = fetch(f, &request);
	assert_true(clock_ms() - start_ms < 200);
	assert_int_equal(done->response.http_status, 0);
	expect_error(done, ERROR_NETWORK, "connection refused");
}

static void test_transfer_ends_at_its_timeout_whatever_drips(void **state)
{
	static const char *const paths[] = { "/drip", "/drip-fields", "/silent" };
	struct fetching *f = *state;
	int64_t start_ms = clock_ms();
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct transfer_request request = { .url = fetching_url(f, paths[i]),
			.timeout_ms = TIMEOUT_MS,
			.allow_private = true };
		fetching_add(f, &request, NULL);
	}
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct transfer *done = fetching_next(f);
		assert_in_range(clock_ms() - start_ms, TIMEOUT_MS, TIMEOUT_MS + SLACK_MS);
		assert_in_range(
			done->duration_us, TIMEOUT_MS * 1000, (TIMEOUT_MS + SLACK_MS) * 1000);
		expect_error(done, ERROR_NETWORK, "timed out after 0.4 s");
	}
	assert_int_equal(http_server_requests(f->server), 3);
	assert_int_equal(transfers_body_bytes(f->transfers), 0);
}

static void test_short_timeout_ends_before_an_older_long_one(void **state)
{
	struct fetching *f = *state;
	int first, second;
	struct transfer_request request = {
		.url = fetching_url(f, "/silent"), .timeout_ms = TIMEOUT_MS, .allow_private = true
	};
	fetching_add(f, &request, &first);
	request.timeout_ms = TIMEOUT_MS / 2;
	fetching_add(f, &request, &second);
	struct transfer *done = fetching_next(f);
	assert_ptr_equal(done->owner, &second);
	expect_error(done, ERROR_NETWORK, "timed out after 0.2 s");
	expect_error(fetching_next(f), ERROR_NETWORK, "timed out after 0.4 s");
}

static void test_many_at_once(void **state)
{
	struct fetching *f = *state;
	int owners[FLIGHT] = { 0 };
	struct transfer_request request = { .url = fetching_url(f, "/together"),
		.allow_private = true };
	for (size_t i = 0; i < FLIGHT; i++)
		fetching_add(f, &request, &owners[i]);
	assert_int_equal(transfers_count(f->transfers), FLIGHT);
	for (size_t i = 0; i < FLIGHT; i++) {
		struct transfer *done = fetching_next(f);
		++*(int *)done->owner;
		expect_body(done, 200, "hello");
	}
	for (size_t i = 0; i < FLIGHT; i++)
		assert_int_equal(owners[i], 1);
	assert_int_equal(transfers_count(f->transfers), 0);
}

static void test_connections_and_handles_are_used_again(void **state)
{
	struct fetching *f = *state;
	for (size_t i = 0; i < 20; i++) {
		struct transfer_request request = { .url = fetching_url(
							    f, i % 2 ? "/hello" : "/feed"),
			.etag = i % 2 ? NULL : ETAG,
			.last_modified = i % 2 ? "" : MODIFIED,
			.allow_private = true };
		expect_body(fetch(f, &request), i % 2 ? 200 : 304, i % 2 ? "hello" : "");
	}
	assert_int_equal(http_server_connections(f->server), 1);
	assert_int_equal(http_server_requests(f->server), 20);
}

static void test_urls_are_written_as_they_travel(void **state)
{
	struct fetching *f = *state;
	struct transfer *done = fetch_path(f, "/head/a b?q=\xC3\xBC");
	char head[4096] = "";
	assert_true(read(done->response.body, head, sizeof(head) - 1) > 0);
	assert_ptr_equal(strstr(head, "GET /head/a%20b?q=%c3%bc HTTP/1.1\r\n"), head);
	assert_string_equal(done->response.url, fetching_url(f, "/head/a%20b?q=%c3%bc"));
	transfer_free(done);
}

static void test_cancel_ends_all(void **state)
{
	struct fetching *f = *state;
	struct transfer_request request = { .url = fetching_url(f, "/silent"),
		.allow_private = true };
	for (size_t i = 0; i < 3; i++)
		fetching_add(f, &request, NULL);
	transfers_cancel(f->transfers);
	assert_int_equal(transfers_count(f->transfers), 3);
	for (size_t i = 0; i < 3; i++)
		expect_error(fetching_next(f), ERROR_CANCELED, "canceled");
	assert_null(transfers_take(f->transfers));
	assert_int_equal(transfers_deadline_ms(f->transfers) >= 0, 0);
}

static void test_close_ends_what_runs_and_spares_what_was_taken(void **state)
{
	struct fetching *f = *state;
	struct transfer *taken = fetch_path(f, "/hello");
	struct transfer_request request = { .url = fetching_url(f, "/silent"),
		.allow_private = true };
	fetching_add(f, &request, NULL);
	request.url = fetching_url(f, "/drop"); /* one in its pause */
	fetching_add(f, &request, NULL);
	transfers_close(f->transfers);
	f->transfers = NULL;
	expect_body(taken, 200, "hello");
}

static void test_host_is_one_key_however_it_is_spelled(void **state)
{
	static const char *const same[] = { "http://127.0.0.1/a", "HTTP://127.0.0.1:80",
		"http://127.1/", "http://0x7f.1/b?c", "http://2130706433", "http://127.0.0.1./",
		"http://u@127.0.0.1/" };
	char host[64], small[8];
	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		transfer_host(same[i], host, sizeof(host));
		assert_string_equal(host, "127.0.0.1:80");
	}
	transfer_host("https://Example.ORG/", host, sizeof(host));
	assert_string_equal(host, "example.org:443");
	transfer_host("https://example.org/", small, sizeof(small));
	assert_string_equal(small, "example");
	transfer_host("no URL", host, sizeof(host));
	assert_string_equal(host, "no url");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_response_is_kept),
		TEST(test_body_can_not_be_changed),
		TEST(test_unchanged_feed_is_304),
		TEST(test_validators_can_not_add_fields),
		TEST(test_http_status_is_no_failure_and_not_tried_again),
		TEST(test_retry_after_has_two_forms),
		TEST(test_moved_to_is_where_permanent_redirects_alone_lead),
		TEST(test_redirects_end),
		TEST(test_empty_bodies_are_none),
		TEST(test_too_long_fields_are_dropped),
		cmocka_unit_test(test_host_is_one_key_however_it_is_spelled),
		cmocka_unit_test(test_dropped_connection_is_tried_once_more),
		TEST(test_dropped_connection_is_tried_only_once_more),
		TEST(test_no_retry_when_its_pause_would_pass_the_timeout),
		TEST(test_refused_connection_is_not_tried_again),
		TEST(test_transfer_ends_at_its_timeout_whatever_drips),
		TEST(test_short_timeout_ends_before_an_older_long_one),
		TEST(test_many_at_once),
		TEST(test_connections_and_handles_are_used_again),
		TEST(test_urls_are_written_as_they_travel),
		TEST(test_cancel_ends_all),
		TEST(test_close_ends_what_runs_and_spares_what_was_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
