/* SPDX-License-Identifier: MIT */
#include "common/random.h"

#include <assert.h>
#include <sys/random.h>

void random_bytes(void *memory, size_t size)
{
	/* up to 256 bytes come whole or not at all, getrandom(2) */
	ssize_t got = getrandom(memory, size, 0);
	assert(got >= 0 && (size_t)got == size);
}
