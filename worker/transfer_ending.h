/* SPDX-License-Identifier: MIT */
/* What users are told when a transfer failed. Pure: from libcurl's code and what else is known. */
#ifndef SCIAME_WORKER_TRANSFER_ENDING_H
#define SCIAME_WORKER_TRANSFER_ENDING_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include "common/error.h"

enum { TRANSFER_CONNECT_MS_MAX = 10000 }; /* name resolution, TCP and TLS of one connection */

/* How a transfer ended. Borrows its texts. */
struct ending {
	CURLcode code;
	int number;        /* errno of the last connect, or 0 */
	const char *words; /* libcurl's own, or "" */
	const char *url;   /* of the last request */
	uint64_t body_bytes_max;
	bool stalled; /* if it took too long: after it was connected */
};

/* Fills *err for a code other than CURLE_OK. Returns -1. */
int ending_explain(const struct ending *ending, struct error *err);

/* Whether the connection broke, so that another one may do better. */
bool ending_is_dropped(const struct ending *ending);

/* ERROR_LIMIT: "SUBJECTlarger than 15 MiB", in the largest unit that needs no fraction. */
int error_too_large(struct error *err, const char *subject, uint64_t bytes);

#endif
