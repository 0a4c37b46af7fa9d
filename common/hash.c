/* SPDX-License-Identifier: MIT */
/* The only includer of sodium.h. */
#include "common/hash.h"

#include <errno.h>
#include <unistd.h>

#include <sodium.h>

enum { PIECE_BYTES = 65536 }; /* of a file, on the stack */

_Static_assert(HASH_SHA256_SIZE == crypto_hash_sha256_BYTES, "a digest of SHA-256");

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
