/* SPDX-License-Identifier: MIT */
/* Transfers that are calls of an interface: what is sent, to whom, and where the answer goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/fetching.h"

enum { BODY_BYTES = 300000 };

static char body[BODY_BYTES];
static char *const headers[] = { (char *)"X-One: 1", (char *)"Host: signed.example" };

/* Reads the request's body: the head was read to its end and no further. */
static bool read_body(const struct http_request *r, char *bytes, size_t size)
{
	size_t got = 0;
	while (got < size) {
		ssize_t part = recv(r->fd, bytes + got, size - got, 0);
		if (part <= 0)
			return false;
		got += (size_t)part;
	}
	return true;
}

static bool answer_put(const struct http_request *r)
{
	static const char put[] = "PUT /a//b/%2E?x=%2F HTTP/1.1\r\n";
	static char got[BODY_BYTES];
	bool good = strncmp(r->head, put, strlen(put)) == 0 && http_has(r, "X-One: 1") &&
		    http_has(r, "Host: signed.example") && http_has(r, "Content-Length: 299000") &&
		    !strstr(r->head, "Expect:") && !strstr(r->head, "Accept: application");
	if (!read_body(r, got, BODY_BYTES - 1000))
		return false;
	/* the first time the connection ends without an answer: all is sent once more */
	if (r->count == 1)
		return false;
	good = good && memcmp(got, body + 1000, BODY_BYTES - 1000) == 0;
	return http_answer(r, good ? "200 OK" : "400 Bad Request", "ETag: \"e\"\r\n", "");
}

static int memory_with(const void *bytes, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	return fd;
}

static void test_a_body_is_sent_as_it_is_and_again_if_need_be(void **state)
{
	struct fetching f;
	(void)state;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)(i * 7 >> 3);
	int fd = memory_with(body, sizeof(body));
	const struct transfer_upload upload = { fd, 1000, BODY_BYTES - 1000 };
	fetching_start(&f, answer_put);
	struct transfer *done =
		fetch(&f, &(struct transfer_request) { .url = fetching_url(&f, "/a//b/%2E?x=%2F"),
				  .allow_private = true,
				  .method = "PUT",
				  .headers = headers,
				  .headers_count = 2,
				  .upload = &upload });
	assert_string_equal(done->response.etag, "\"e\"");
	expect_body(done, 200, "");
	assert_int_equal(http_server_requests(f.server), 2);
	fetching_stop(&f);
	(void)close(fd); /* memory */
}

static bool answer_anything(const struct http_request *r)
{
	if (strncmp(r->head, "POST ", 5) == 0)
		return http_answer(
			r, http_has(r, "Content-Length: 0") ? "200 OK" : "411 No", "", "posted");
	if (strncmp(r->head, "DELETE ", 7) == 0)
		return http_print(r, "HTTP/1.1 204 No Content\r\n\r\n");
	if (strcmp(r->path, "/moved") == 0)
		return http_answer(r, "301 Moved",
			"Location: /elsewhere\r\nx-amz-bucket-region: eu-west-7\r\n", "moved");
	return http_answer(
		r, strstr(r->head, "Accept: application/atom") ? "200 OK" : "400 Bad", "", "feed");
}

static void test_a_handle_forgets_what_it_was_told_before(void **state)
{
	const struct transfer_upload nothing = { .fd = -1 };
	struct fetching f;
	(void)state;
	fetching_start(&f, answer_anything);
	expect_body(fetch(&f, &(struct transfer_request) { .url = fetching_url(&f, "/x"),
				      .allow_private = true,
				      .method = "POST",
				      .upload = &nothing }),
		200, "posted");
	expect_body(fetch_path(&f, "/feed"), 200, "feed");
	expect_body(fetch(&f, &(struct transfer_request) { .url = fetching_url(&f, "/x"),
				      .allow_private = true,
				      .method = "DELETE" }),
		204, "");
	expect_body(fetch_path(&f, "/feed"), 200, "feed");
	fetching_stop(&f);
}

static void test_a_call_is_not_redirected(void **state)
{
	struct fetching f;
	(void)state;
	fetching_start(&f, answer_anything);
	struct transfer *done =
		fetch(&f, &(struct transfer_request) { .url = fetching_url(&f, "/moved"),
				  .allow_private = true,
				  .method = "GET" });
	assert_string_equal(done->response.region, "eu-west-7");
	expect_body(done, 301, "moved");
	expect_body(fetch_path(&f, "/moved"), 200, "feed");
	fetching_stop(&f);
}

static bool answer_shorter(const struct http_request *r)
{
	if (r->count == 1) {
		(void)http_print(r, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfar too much");
		return http_reset(r);
	}
	return http_answer(r, "200 OK", "", "short");
}

static void test_the_file_holds_what_the_last_attempt_brought(void **state)
{
	char text[32] = "";
	struct fetching f;
	(void)state;
	int fd = memory_with("what was there before, and is longer", 36);
	fetching_start(&f, answer_shorter);
	struct transfer *done = fetch(
		&f, &(struct transfer_request) {
			    .url = fetching_url(&f, "/x"), .allow_private = true, .into = &fd });
	assert_int_equal(done->status, 0);
	assert_int_equal(done->response.body, fd);
	assert_int_equal(done->response.body_bytes, 5);
	transfer_free(done);
	assert_int_equal(lseek(fd, 0, SEEK_END), 5);
	assert_int_equal(pread(fd, text, sizeof(text), 0), 5);
	assert_string_equal(text, "short");
	fetching_stop(&f);
	assert_int_equal(close(fd), 0); /* nobody else has closed it */
}

static bool answer_never(const struct http_request *r)
{
	return http_wait(r, -1);
}

static void test_a_server_that_says_nothing_is_left(void **state)
{
	struct fetching f;
	(void)state;
	fetching_start(&f, answer_never);
	expect_error(fetch(&f, &(struct transfer_request) { .url = fetching_url(&f, "/x"),
				       .allow_private = true,
				       .stall_s = 1 }),
		ERROR_NETWORK, "nothing came any more");
	fetching_stop(&f);
}

static void test_one_transfer_can_be_dropped(void **state)
{
	struct fetching f;
	int owners[2];
	(void)state;
	fetching_start(&f, answer_never);
	for (size_t i = 0; i < 2; i++)
		fetching_add(&f,
			&(struct transfer_request) {
				.url = fetching_url(&f, "/x"), .allow_private = true },
			&owners[i]);
	transfers_drop(f.transfers, &owners[0]);
	assert_int_equal(transfers_count(f.transfers), 1);
	assert_int_equal(transfers_alive(f.transfers), 1);
	transfers_drop(f.transfers, &owners[0]);
	transfers_cancel(f.transfers);
	transfers_drop(f.transfers, &owners[1]); /* it has ended and was not taken */
	assert_int_equal(transfers_alive(f.transfers), 0);
	assert_null(transfers_take(f.transfers));
	fetching_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_body_is_sent_as_it_is_and_again_if_need_be),
		cmocka_unit_test(test_a_handle_forgets_what_it_was_told_before),
		cmocka_unit_test(test_a_call_is_not_redirected),
		cmocka_unit_test(test_the_file_holds_what_the_last_attempt_brought),
		cmocka_unit_test(test_a_server_that_says_nothing_is_left),
		cmocka_unit_test(test_one_transfer_can_be_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
