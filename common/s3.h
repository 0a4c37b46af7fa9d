/* SPDX-License-Identifier: MIT */
/*
 * Names of objects in S3, "s3://BUCKET/KEY", and the URLs that they have at an endpoint. Pure.
 *
 * A key is up to 1,024 bytes of UTF-8, any of them, so "//" and a "/" at either end are part of
 * it. Refused are the components "." and "..": clients, proxies and servers resolve them, each in
 * its own way, and the request would be about another object than the one that was meant.
 */
#ifndef SCIAME_COMMON_S3_H
#define SCIAME_COMMON_S3_H

#include <stdbool.h>

#include "common/error.h"

enum {
	S3_BUCKET_MAX = 64,    /* bytes of a bucket's name with the NUL */
	S3_KEY_MAX = 1024 + 1, /* bytes of a key with the NUL */
	S3_HOST_MAX = 320,     /* bytes of a host with its port and the NUL */
};

struct s3_location {
	char bucket[S3_BUCKET_MAX];
	const char *key; /* borrowed from the text; may be "" */
};

/* Whether the text begins with "s3://". */
bool s3_is_location(const char *text);

/* "s3://BUCKET", "s3://BUCKET/" or "s3://BUCKET/KEY"; the key is not checked any further. */
int s3_parse(struct s3_location *location, const char *text, struct error *err);

/* Whether a key can name one object: not empty, and as said above. */
int s3_check_key(const char *key, struct error *err);

/* Where the buckets are. */
struct s3_endpoint {
	bool secure;            /* https */
	bool amazon;            /* a bucket has a host of its own, where its name can be one */
	char host[S3_HOST_MAX]; /* in small letters, with the port unless it is the usual one */
};

/*
 * url: "http[s]://HOST[:PORT]", its buckets are the first part of the path; NULL or "": Amazon's
 * of the region.
 */
int s3_endpoint_init(
	struct s3_endpoint *endpoint, const char *url, const char *region, struct error *err);

/* One object, or with an empty key one bucket, as a request names it. */
struct s3_address {
	char host[S3_HOST_MAX]; /* the header Host */
	char *path;             /* encoded, as it is signed */
	char *url;              /* without a query */
};

void s3_address_init(struct s3_address *address, const struct s3_endpoint *endpoint,
	const struct s3_location *location);
void s3_address_release(struct s3_address *address);

#endif
