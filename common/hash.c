/* SPDX-License-Identifier: MIT */
/* The only includer of sodium.h. */
#include "common/hash.h"

#include <errno.h>
#include <unistd.h>

#include <sodium.h>

enum { PIECE_BYTES = 65536 }; /* of a file, on the stack */

_Static_assert(HASH_SHA256_SIZE == crypto_hash_sha256_BYTES, "a digest of SHA-256");
_Static_assert(HASH_SHA256_SIZE == crypto_auth_hmacsha256_BYTES, "a digest of HMAC-SHA256");

void hash_sha256(const void *bytes, size_t size, uint8_t digest[HASH_SHA256_SIZE])
{
	(void)crypto_hash_sha256(digest, bytes, size); /* always 0 */
}

int hash_sha256_file(int fd, uint8_t digest[HASH_SHA256_SIZE])
{
	uint8_t piece[PIECE_BYTES];
	crypto_hash_sha256_state state;
	ssize_t size;
	off_t offset = 0;
	(void)crypto_hash_sha256_init(&state); /* these always return 0 */
	do {
		size = pread(fd, piece, sizeof(piece), offset);
		if (size <= 0)
			continue;
		(void)crypto_hash_sha256_update(&state, piece, (unsigned long long)size);
		offset += size;
	} while (size > 0 || (size < 0 && errno == EINTR));
	(void)crypto_hash_sha256_final(&state, digest);
	return size < 0 ? -1 : 0;
}

int hash_sha256_part(int fd, uint64_t offset, uint64_t size, uint8_t digest[HASH_SHA256_SIZE])
{
	uint8_t piece[PIECE_BYTES];
	crypto_hash_sha256_state state;
	(void)crypto_hash_sha256_init(&state); /* these always return 0 */
	while (size > 0) {
		size_t want = size < sizeof(piece) ? (size_t)size : sizeof(piece);
		ssize_t got = pread(fd, piece, want, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got < 0 ? errno : EIO;
			return -1;
		}
		(void)crypto_hash_sha256_update(&state, piece, (unsigned long long)got);
		offset += (uint64_t)got;
		size -= (uint64_t)got;
	}
	(void)crypto_hash_sha256_final(&state, digest);
	return 0;
}

void hash_hmac_sha256(
	struct hash_key key, const void *bytes, size_t size, uint8_t digest[HASH_SHA256_SIZE])
{
	crypto_auth_hmacsha256_state state;
	(void)crypto_auth_hmacsha256_init(&state, key.bytes, key.size); /* these always return 0 */
	(void)crypto_auth_hmacsha256_update(&state, bytes, size);
	(void)crypto_auth_hmacsha256_final(&state, digest);
	sodium_memzero(&state, sizeof(state)); /* the key could be had from it */
}

void hash_hex(char *text, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < 2 * size; i++)
		text[i] = "0123456789abcdef"[bytes[i / 2] >> (i % 2 ? 0 : 4) & 15];
	text[2 * size] = '\0';
}
