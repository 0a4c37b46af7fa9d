/* SPDX-License-Identifier: MIT */
/* Digests that identify bytes: names in a cache, entries of feeds, the script of a page. */
#ifndef SCIAME_COMMON_HASH_H
#define SCIAME_COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_SHA256_SIZE = 32 };

/* SHA-256 (FIPS 180-4) of size bytes. */
void hash_sha256(const void *bytes, size_t size, uint8_t digest[HASH_SHA256_SIZE]);

/*
 * The same of a whole file, wherever it stands and without moving it, in pieces of fixed size. -1
 * and errno: it could not be read.
 */
int hash_sha256_file(int fd, uint8_t digest[HASH_SHA256_SIZE]);

/*
 * The same of a part of a file. -1 and errno; EIO: the file ends before it.
 */
int hash_sha256_part(int fd, uint64_t offset, uint64_t size, uint8_t digest[HASH_SHA256_SIZE]);

/* A key for hash_hmac_sha256. */
struct hash_key {
	const void *bytes;
	size_t size;
};

/* HMAC (RFC 2104) with SHA-256. digest may be where the key is. */
void hash_hmac_sha256(
	struct hash_key key, const void *bytes, size_t size, uint8_t digest[HASH_SHA256_SIZE]);

/* Small hexadecimal digits and a NUL: text has 2 * size + 1 bytes. */
void hash_hex(char *text, const uint8_t *bytes, size_t size);

#endif
