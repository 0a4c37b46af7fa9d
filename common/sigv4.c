/* SPDX-License-Identifier: MIT */
#include "common/sigv4.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/memory.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SERVICE "s3"

enum { DAY_LENGTH = 8 }; /* of a date: "20130524" */

void sigv4_date(char date[SIGV4_DATE_SIZE], int64_t wall_s)
{
	struct tm utc;
	const time_t time = (time_t)wall_s;
	bool known = gmtime_r(&time, &utc) != NULL;
	assert(known); /* fails for years that no int holds */
	size_t length = strftime(date, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &utc);
	assert(length == SIGV4_DATE_SIZE - 1); /* years have four digits */
}

/* Not isalnum: what is a letter must not depend on the locale. */
static bool is_plain(char byte)
{
	return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
	       (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' ||
	       byte == '~';
}

static char *encode(const char *text, char also)
{
	char *encoded = xmalloc(3 * strlen(text) + 1), *end = encoded;
	for (; *text; text++) {
		if (is_plain(*text) || *text == also) {
			*end++ = *text;
			continue;
		}
		*end++ = '%';
		*end++ = "0123456789ABCDEF"[(unsigned char)*text >> 4];
		*end++ = "0123456789ABCDEF"[(unsigned char)*text & 15];
	}
	*end = '\0';
	return encoded;
}

char *sigv4_encode(const char *text)
{
	return encode(text, '-');
}

char *sigv4_encode_path(const char *text)
{
	return encode(text, '/');
}

/* Puts `more`, which is freed, behind `text`. */
static void append(char **text, char *more)
{
	char *whole = xasprintf("%s%s", *text, more);
	free(more);
	free(*text);
	*text = whole;
}

static int compare_pairs(const void *a, const void *b)
{
	const struct sigv4_pair *one = a, *other = b;
	int names = strcmp(one->name, other->name);
	return names ? names : strcmp(one->value, other->value);
}

char *sigv4_query(const struct sigv4_pair *pairs, size_t count)
{
	struct sigv4_pair encoded[SIGV4_PAIRS_MAX];
	char *query = xstrdup("");
	assert(count <= SIGV4_PAIRS_MAX);
	for (size_t i = 0; i < count; i++)
		encoded[i] = (struct sigv4_pair) { sigv4_encode(pairs[i].name),
			sigv4_encode(pairs[i].value) };
	qsort(encoded, count, sizeof(*encoded), compare_pairs);
	for (size_t i = 0; i < count; i++) {
		append(&query,
			xasprintf("%s%s=%s", i ? "&" : "", encoded[i].name, encoded[i].value));
		free((char *)encoded[i].name);
		free((char *)encoded[i].value);
	}
	return query;
}

/* The headers in their order, each as "name:value\n"; and *names, "name;name". */
static char *canonical_headers(const struct sigv4_request *request, char **names)
{
	struct sigv4_pair headers[SIGV4_PAIRS_MAX];
	char *text = xstrdup("");
	assert(request->headers_count <= SIGV4_PAIRS_MAX);
	*names = xstrdup("");
	memcpy(headers, request->headers, request->headers_count * sizeof(*headers));
	qsort(headers, request->headers_count, sizeof(*headers), compare_pairs);
	for (size_t i = 0; i < request->headers_count; i++) {
		append(&text, xasprintf("%s:%s\n", headers[i].name, headers[i].value));
		append(names, xasprintf("%s%s", i ? ";" : "", headers[i].name));
	}
	return text;
}

static void digest_text(char hex[SIGV4_DIGEST_SIZE], const char *text)
{
	uint8_t digest[HASH_SHA256_SIZE];
	hash_sha256(text, strlen(text), digest);
	hash_hex(hex, digest, sizeof(digest));
}

/* The key of a day, a region and S3. */
static void derive_key(
	uint8_t key[HASH_SHA256_SIZE], const struct sigv4_signer *signer, const char *date)
{
	char *secret = xasprintf("AWS4%s", signer->secret_key);
	const struct hash_key first = { secret, strlen(secret) }, next = { key, HASH_SHA256_SIZE };
	hash_hmac_sha256(first, date, DAY_LENGTH, key);
	hash_hmac_sha256(next, signer->region, strlen(signer->region), key);
	hash_hmac_sha256(next, SERVICE, strlen(SERVICE), key);
	hash_hmac_sha256(next, "aws4_request", strlen("aws4_request"), key);
	explicit_bzero(secret, strlen(secret));
	free(secret);
}

char *sigv4_authorization(const struct sigv4_request *request, const struct sigv4_signer *signer,
	const char date[SIGV4_DATE_SIZE])
{
	char digest[SIGV4_DIGEST_SIZE], signature[SIGV4_DIGEST_SIZE];
	uint8_t key[HASH_SHA256_SIZE];
	char *names;
	char *headers = canonical_headers(request, &names);
	char *canonical = xasprintf("%s\n%s\n%s\n%s\n%s\n%s", request->method, request->path,
		request->query, headers, names, request->payload);
	char *scope =
		xasprintf("%.*s/%s/" SERVICE "/aws4_request", DAY_LENGTH, date, signer->region);
	digest_text(digest, canonical);
	char *text = xasprintf(ALGORITHM "\n%s\n%s\n%s", date, scope, digest);
	derive_key(key, signer, date);
	hash_hmac_sha256((struct hash_key) { key, sizeof(key) }, text, strlen(text), key);
	hash_hex(signature, key, sizeof(key));
	char *value = xasprintf(ALGORITHM " Credential=%s/%s,SignedHeaders=%s,Signature=%s",
		signer->access_key, scope, names, signature);
	free(text);
	free(scope);
	free(canonical);
	free(headers);
	free(names);
	return value;
}
