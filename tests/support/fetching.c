/* SPDX-License-Identifier: MIT */
#include "tests/support/fetching.h"

#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/memory.h"
#include "tests/support/deadline.h"

static size_t count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t count = 0;
	assert_non_null(folder);
	while (readdir(folder))
		count++;
	(void)closedir(folder); /* was only read */
	return count;
}

void fetching_start(struct fetching *f, http_handler *handler)
{
	struct error err;
	f->descriptors = count_descriptors();
	f->server = http_server_start(handler, f);
	f->transfers = transfers_open("sciame-test/1", &err);
	assert_non_null(f->transfers);
}

void fetching_stop(struct fetching *f)
{
	transfers_close(f->transfers);
	http_server_stop(f->server);
	int64_t end = deadline_start(); /* a name look-up that was given up closes its own */
	while (count_descriptors() != f->descriptors) {
		deadline_check(end);
		(void)poll(NULL, 0, DEADLINE_STEP_MS); /* only waits */
	}
}

const char *fetching_url(const struct fetching *f, const char *path)
{
	static char urls[8][TRANSFER_URL_MAX * 2];
	static size_t next;
	char *url = urls[next++ % 8];
	(void)snprintf(url, sizeof(urls[0]), "http://127.0.0.1:%u%s", http_server_port(f->server),
		path); /* the test's own: fits */
	return url;
}

void fetching_add(struct fetching *f, const struct transfer_request *request, void *owner)
{
	struct error err = { .message = "" };
	struct transfer_request whole = *request;
	whole.timeout_ms = whole.timeout_ms ? whole.timeout_ms : FETCHING_TIMEOUT_MS;
	whole.body_bytes_max = whole.body_bytes_max ? whole.body_bytes_max : FETCHING_BODY_MAX;
	if (transfers_add(f->transfers, &whole, owner, &err))
		fail_msg("%s: %s", request->url, err.message);
}

static int wait_ms(const struct transfers *t)
{
	int64_t deadline_ms = transfers_deadline_ms(t), now_ms = clock_ms();
	if (deadline_ms < 0)
		return -1;
	return deadline_ms > now_ms ? (int)(deadline_ms - now_ms) : 0;
}

struct transfer *fetching_next(struct fetching *f)
{
	struct error err;
	struct transfer *done = transfers_take(f->transfers);
	int64_t end = deadline_start();
	while (!done) {
		deadline_check(end);
		struct pollfd item = { .fd = transfers_fd(f->transfers), .events = POLLIN };
		assert_true(poll(&item, 1, wait_ms(f->transfers)) >= 0);
		if (transfers_step(f->transfers, clock_ms(), &err))
			fail_msg("%s", err.message);
		done = transfers_take(f->transfers);
	}
	return done;
}

struct transfer *fetch(struct fetching *f, const struct transfer_request *request)
{
	fetching_add(f, request, NULL);
	return fetching_next(f);
}

struct transfer *fetch_path(struct fetching *f, const char *path)
{
	struct transfer_request request = { .url = fetching_url(f, path), .allow_private = true };
	return fetch(f, &request);
}

void expect_error(struct transfer *transfer, enum error_code code, const char *message)
{
	assert_int_equal(transfer->status, -1);
	assert_string_equal(transfer->error.message, message);
	assert_int_equal(transfer->error.code, code);
	assert_int_equal(transfer->response.body, -1);
	assert_int_equal(transfer->response.body_bytes, 0);
	transfer_free(transfer);
}

void expect_body(struct transfer *transfer, unsigned http_status, const char *body)
{
	const struct transfer_response *response = &transfer->response;
	if (transfer->status)
		fail_msg("%s", transfer->error.message);
	assert_int_equal(response->http_status, http_status);
	assert_int_equal(response->body_bytes, strlen(body));
	if (*body) {
		char *read_back = xcalloc(1, strlen(body) + 2);
		assert_int_equal(read(response->body, read_back, strlen(body) + 1), strlen(body));
		assert_string_equal(read_back, body);
		free(read_back);
	} else {
		assert_int_equal(response->body, -1);
	}
	transfer_free(transfer);
}
