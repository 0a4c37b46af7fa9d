/* SPDX-License-Identifier: MIT */
/*
 * AWS Signature Version 4 for requests to S3, with the signature in a header. Pure.
 * Source: "Signature Calculations for the Authorization Header" in Amazon's S3 API Reference. Ours
 * and not libcurl's: that of 7.88 signs keys with = : * + ( ) @ wrongly.
 *
 * What is signed must be what is sent, byte for byte: path and query are made here and used for the
 * URL, too; nobody may normalize them on the way.
 */
#ifndef SCIAME_COMMON_SIGV4_H
#define SCIAME_COMMON_SIGV4_H

#include <stddef.h>
#include <stdint.h>

#include "common/hash.h"

enum {
	SIGV4_DATE_SIZE = 17,                         /* "20130524T000000Z" and a NUL */
	SIGV4_DIGEST_SIZE = 2 * HASH_SHA256_SIZE + 1, /* a SHA-256 in hexadecimal and a NUL */
	SIGV4_PAIRS_MAX = 16, /* headers or parts of a query; more is an assertion */
};

/* SHA-256 of no bytes: the payload of a request without one. */
#define SIGV4_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* A header (its name in small letters, its value without blanks around it), or part of a query. */
struct sigv4_pair {
	const char *name, *value;
};

struct sigv4_request {
	const char *method;
	const char *path;  /* encoded: sigv4_encode_path */
	const char *query; /* of sigv4_query; "" for none */
	/* Those that are signed: host and x-amz-date at least, in any order. */
	const struct sigv4_pair *headers;
	size_t headers_count;
	const char *payload; /* its SHA-256 in hexadecimal, as in the header x-amz-content-sha256 */
};

/* Who signs, for where. */
struct sigv4_signer {
	const char *access_key, *secret_key, *region;
};

/* "20130524T000000Z" for seconds since 1970. */
void sigv4_date(char date[SIGV4_DATE_SIZE], int64_t wall_s);

/*
 * Bytes other than A-Z a-z 0-9 - . _ ~ become %XX; of a path "/" stays, too. The caller frees them.
 */
char *sigv4_encode(const char *text);
char *sigv4_encode_path(const char *text);

/* "name=value&..." encoded and in the order in which it is signed. The caller frees it. */
char *sigv4_query(const struct sigv4_pair *pairs, size_t count);

/* The value of the header Authorization, which the caller frees; date: of the header x-amz-date. */
char *sigv4_authorization(const struct sigv4_request *request, const struct sigv4_signer *signer,
	const char date[SIGV4_DATE_SIZE]);

#endif
