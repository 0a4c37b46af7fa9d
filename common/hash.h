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

#endif
