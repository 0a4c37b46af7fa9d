/* SPDX-License-Identifier: MIT */
/* One signed request to S3: its URL and headers, for whoever sends it. Pure. */
#ifndef SCIAME_COMMON_S3_REQUEST_H
#define SCIAME_COMMON_S3_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/aws.h"
#include "common/s3.h"
#include "common/sigv4.h"

enum { S3_REQUEST_HEADERS_MAX = 6 };

/* What is asked for. */
struct s3_demand {
	const char *method;
	const struct s3_location *location; /* an empty key: the bucket */
	const struct sigv4_pair *query;
	size_t query_count;
	const char *type;    /* Content-Type, or NULL */
	const char *payload; /* SHA-256 of the body as text; SIGV4_EMPTY: none */
};

struct s3_request {
	char *url;
	/* "Name: value"; they prove who asks, so they are secret as long as they are valid */
	char *headers[S3_REQUEST_HEADERS_MAX];
	size_t headers_count;
};

/* wall_s: now, in seconds since 1970; servers take what is at most 15 minutes off. */
void s3_request_init(struct s3_request *request, const struct s3_demand *demand,
	const struct s3_endpoint *endpoint, const struct aws_settings *settings, int64_t wall_s);
void s3_request_release(struct s3_request *request);

#endif
