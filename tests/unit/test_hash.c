/* SPDX-License-Identifier: MIT */
/* Digests are those of the standards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/hash.h"

/* The examples of FIPS 180-4 (NIST, "SHA256.pdf"). */
static void test_sha256_of_the_standards_examples(void **state)
{
	static const uint8_t of_abc[HASH_SHA256_SIZE] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf,
		0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96,
		0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	static const uint8_t of_nothing[4] = { 0xe3, 0xb0, 0xc4, 0x42 };
	uint8_t digest[HASH_SHA256_SIZE];
	(void)state;
	hash_sha256("abc", 3, digest);
	assert_memory_equal(digest, of_abc, sizeof(digest));
	hash_sha256("", 0, digest);
	assert_memory_equal(digest, of_nothing, sizeof(of_nothing));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256_of_the_standards_examples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
