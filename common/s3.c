/* SPDX-License-Identifier: MIT */
#include "common/s3.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/quote.h"
#include "common/sigv4.h"

#define S3 "s3://"
#define SMALL "abcdefghijklmnopqrstuvwxyz0123456789"
#define LETTERS SMALL "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum {
	BUCKET_MIN = 3, /* characters, by Amazon's rules */
	PORT_DIGITS = 5,
	PORT_MAX = 65535,
	ENDPOINT_HOST_MAX = 255, /* bytes without the port: leaves room for a bucket in front */
};

_Static_assert(ENDPOINT_HOST_MAX + S3_BUCKET_MAX <= S3_HOST_MAX, "BUCKET.HOST fits");

bool s3_is_location(const char *text)
{
	return strncmp(text, S3, strlen(S3)) == 0;
}

/* Amazon's rules for names, and what it allowed before 2018 and others still do. */
static bool bucket_is_plain(const char *bucket, size_t length)
{
	return length >= BUCKET_MIN && length < S3_BUCKET_MAX &&
	       strspn(bucket, LETTERS ".-_") >= length && strchr(LETTERS, bucket[0]) &&
	       !memmem(bucket, length, "..", 2);
}

int s3_parse(struct s3_location *location, const char *text, struct error *err)
{
	const char *bucket = text + strlen(S3);
	if (!s3_is_location(text))
		return error_set(err, ERROR_USAGE, "not of the form s3://BUCKET/KEY: %s", text);
	size_t length = strcspn(bucket, "/");
	if (!bucket_is_plain(bucket, length))
		return error_set(err, ERROR_USAGE,
			"'%.*s' is no name of a bucket: %d to %d of A-Z a-z 0-9 . - _", (int)length,
			bucket, BUCKET_MIN, S3_BUCKET_MAX - 1);
	(void)snprintf(location->bucket, sizeof(location->bucket), "%.*s", (int)length,
		bucket); /* fits: it is plain */
	location->key = bucket + length + (bucket[length] == '/');
	return 0;
}

static bool has_dots(const char *key)
{
	for (;;) {
		size_t length = strcspn(key, "/");
		if ((length == 1 || length == 2) && strncmp(key, "..", length) == 0)
			return true;
		if (key[length] == '\0')
			return false;
		key += length + 1;
	}
}

int s3_check_key(const char *key, struct error *err)
{
	size_t length = strlen(key);
	if (length == 0)
		return error_set(err, ERROR_INPUT, "an empty key");
	if (length >= S3_KEY_MAX)
		return error_set(err, ERROR_LIMIT, "a key of more than %d bytes", S3_KEY_MAX - 1);
	if (!utf8_valid(key, length))
		return error_set(err, ERROR_INPUT, "a key that is no UTF-8");
	if (has_dots(key))
		return error_set(err, ERROR_INPUT, "a key with a component '.' or '..'");
	return 0;
}

static void to_small(char *text)
{
	for (; *text; text++)
		*text = (char)(*text >= 'A' && *text <= 'Z' ? *text - 'A' + 'a' : *text);
}

/* "HOST", "HOST:PORT" or "[IPv6]:PORT" and an optional slash. */
static bool host_is_plain(const char *host, size_t *length)
{
	size_t name = host[0] == '[' ? strspn(host + 1, "0123456789abcdefABCDEF:.") + 2
				     : strspn(host, LETTERS ".-_");
	if (name == 0 || name > ENDPOINT_HOST_MAX - PORT_DIGITS - 1 ||
		(host[0] == '[' && host[name - 1] != ']'))
		return false;
	size_t digits = host[name] == ':' ? strspn(host + name + 1, "0123456789") : 0;
	if (host[name] == ':' && (digits == 0 || digits > PORT_DIGITS ||
					 strtol(host + name + 1, NULL, 10) > PORT_MAX))
		return false;
	*length = name + (digits ? digits + 1 : 0);
	return strcmp(host + *length, "") == 0 || strcmp(host + *length, "/") == 0;
}

static int set_endpoint(struct s3_endpoint *endpoint, const char *url, struct error *err)
{
	size_t length;
	endpoint->secure = strncmp(url, "https://", 8) == 0;
	const char *host = url + (endpoint->secure ? 8 : 7);
	/* the URL itself is not shown: it may hold a password */
	if ((!endpoint->secure && strncmp(url, "http://", 7) != 0) || !host_is_plain(host, &length))
		return error_set(err, ERROR_USAGE,
			"the S3 endpoint must have the form http[s]://HOST[:PORT]");
	const char *port = endpoint->secure ? ":443" : ":80";
	size_t port_length = strlen(port);
	if (length > port_length && strncmp(host + length - port_length, port, port_length) == 0)
		length -= port_length;
	(void)snprintf(endpoint->host, sizeof(endpoint->host), "%.*s", (int)length,
		host); /* fits: it is plain */
	to_small(endpoint->host);
	return 0;
}

int s3_endpoint_init(
	struct s3_endpoint *endpoint, const char *url, const char *region, struct error *err)
{
	*endpoint = (struct s3_endpoint) { .secure = true };
	if (url && *url)
		return set_endpoint(endpoint, url, err);
	size_t length = strlen(region);
	if (length == 0 || length >= S3_BUCKET_MAX || strspn(region, SMALL "-") != length)
		return error_set(err, ERROR_USAGE, "'%s' is no name of a region", region);
	endpoint->amazon = true;
	(void)snprintf(endpoint->host, sizeof(endpoint->host), "s3.%s.amazonaws.com%s", region,
		strncmp(region, "cn-", 3) == 0 ? ".cn" : ""); /* fits: the region is short */
	return 0;
}

/* Amazon's certificates are for one name in front of theirs, without a dot. */
static bool can_be_host(const char *bucket)
{
	return strspn(bucket, SMALL "-") == strlen(bucket);
}

void s3_address_init(struct s3_address *address, const struct s3_endpoint *endpoint,
	const struct s3_location *location)
{
	bool own_host = endpoint->amazon && can_be_host(location->bucket);
	const char *bucket = location->bucket;
	char *path =
		own_host ? xasprintf("/%s", location->key)
			 : xasprintf("/%s%s%s", bucket, *location->key ? "/" : "", location->key);
	int length = snprintf(address->host, sizeof(address->host), "%s%s%s",
		own_host ? bucket : "", own_host ? "." : "", endpoint->host);
	assert(length < S3_HOST_MAX);
	address->path = sigv4_encode_path(path);
	address->url = xasprintf(
		"%s://%s%s", endpoint->secure ? "https" : "http", address->host, address->path);
	free(path);
}

void s3_address_release(struct s3_address *address)
{
	free(address->path);
	free(address->url);
	address->path = address->url = NULL;
}
