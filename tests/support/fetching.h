/* SPDX-License-Identifier: MIT */
/* Transfers from a server of the test's own. Whatever fails here ends the test. */
#ifndef SCIAME_TESTS_SUPPORT_FETCHING_H
#define SCIAME_TESTS_SUPPORT_FETCHING_H

#include <stddef.h>

#include "tests/support/http_server.h"
#include "worker/transfer.h"

/* What fetch() asks for when a request says 0. */
enum { FETCHING_TIMEOUT_MS = 15000, FETCHING_BODY_MAX = 1 << 20 };

struct fetching {
	struct http_server *server;
	struct transfers *transfers;
	size_t descriptors; /* that were open before */
};

void fetching_start(struct fetching *f, http_handler *handler);
/* Also checks that nobody has kept a descriptor open. */
void fetching_stop(struct fetching *f);

/* "http://127.0.0.1:PORT/path", valid until the eighth call from now. */
const char *fetching_url(const struct fetching *f, const char *path);

/* Adds a transfer; zeroes in the request mean the defaults above. */
void fetching_add(struct fetching *f, const struct transfer_request *request, void *owner);
/* The next one that has ended, for transfer_free. */
struct transfer *fetching_next(struct fetching *f);

/* Both for one transfer: from path, private addresses allowed; from wherever the request says. */
struct transfer *fetch_path(struct fetching *f, const char *path);
struct transfer *fetch(struct fetching *f, const struct transfer_request *request);

/* Fail unless it has this error; this HTTP status and body. They free the transfer. */
void expect_error(struct transfer *transfer, enum error_code code, const char *message);
void expect_body(struct transfer *transfer, unsigned http_status, const char *body);

#endif
