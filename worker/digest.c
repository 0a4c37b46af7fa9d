/* SPDX-License-Identifier: MIT */
#include "worker/digest.h"

#include "common/hash.h"

_Static_assert((int)JOB_DIGEST_SIZE == (int)HASH_SHA256_SIZE, "digests of jobs are SHA-256");

int digest_source(int fd, struct result *result, struct error *err)
{
	result->has_digest = hash_sha256_file(fd, result->digest) == 0;
	return result->has_digest ? 0 : error_errno(err, ERROR_IO, "read input");
}
