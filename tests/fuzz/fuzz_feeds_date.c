/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: any bytes as a date. What comes out is a year of 1 to 9999, or nothing is written.
 * clang -fsanitize=fuzzer,address,undefined -I. tests/fuzz/fuzz_feeds_date.c
 *     worker/kinds/feeds_date*.c
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/kinds/feeds_date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int64_t untouched = INT64_MIN;
	int64_t seconds = untouched;
	bool read = feeds_date((const char *)data, size, &seconds);
	assert(read == (seconds != untouched));
	assert(!read || (seconds >= -62135596800 && seconds <= 253402300799));
	return 0;
}
