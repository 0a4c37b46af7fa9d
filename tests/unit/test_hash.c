/* SPDX-License-Identifier: MIT */
/* Digests are those of the standards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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

static void test_sha256_of_a_file_is_that_of_its_bytes(void **state)
{
	static uint8_t bytes[200000];
	uint8_t of_bytes[HASH_SHA256_SIZE], of_file[HASH_SHA256_SIZE];
	FILE *file = tmpfile();
	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 >> 3);
	assert_int_equal(fwrite(bytes, 1, sizeof(bytes), file), sizeof(bytes));
	rewind(file);
	hash_sha256(bytes, sizeof(bytes), of_bytes);
	assert_int_equal(hash_sha256_file(fileno(file), of_file), 0);
	assert_memory_equal(of_file, of_bytes, sizeof(of_bytes));
	assert_int_equal(fclose(file), 0);
	assert_int_equal(hash_sha256_file(-1, of_file), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256_of_the_standards_examples),
		cmocka_unit_test(test_sha256_of_a_file_is_that_of_its_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
