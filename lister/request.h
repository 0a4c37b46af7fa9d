/* SPDX-License-Identifier: MIT */
/*
 * Signed requests to S3 one after the other, each tried again while what goes wrong may pass: up to
 * REQUEST_RETRIES times, after pauses of chance that double. Only includer of curl in the lister.
 */
#ifndef SCIAME_LISTER_REQUEST_H
#define SCIAME_LISTER_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/aws.h"
#include "common/error.h"
#include "common/s3.h"
#include "common/s3_request.h"

enum {
	REQUEST_RETRIES = 5,
	REQUEST_PAUSE_MS = 100,     /* before the first retry, at most; the next: twice as much */
	REQUEST_CONNECT_MS = 10000, /* name resolution, TCP and TLS */
	REQUEST_TIMEOUT_MS = 60000, /* for one try, by default */
};

struct requests;

/* Both are borrowed. NULL and *err when libcurl can't start. */
struct requests *requests_open(const struct s3_endpoint *endpoint,
	const struct aws_settings *settings, int64_t timeout_ms, struct error *err);
void requests_close(struct requests *r);

/*
 * GET: the body of the answer (200), borrowed until the next call. -1 and *err: what the server
 * said of it in the end, in words for the user.
 */
int requests_get(struct requests *r, const struct s3_demand *demand, const char **body,
	size_t *size, struct error *err);

#endif
