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
	assert_int_equal(hash_sha256_part(fileno(file), 0, sizeof(bytes), of_file), 0);
	assert_memory_equal(of_file, of_bytes, sizeof(of_bytes));
	hash_sha256(bytes + 100, 70000, of_bytes);
	assert_int_equal(hash_sha256_part(fileno(file), 100, 70000, of_file), 0);
	assert_memory_equal(of_file, of_bytes, sizeof(of_bytes));
	assert_int_equal(hash_sha256_part(fileno(file), 100, sizeof(bytes), of_file), -1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(hash_sha256_part(-1, 0, 1, of_file), -1);
	assert_int_equal(hash_sha256_file(-1, of_file), -1);
}

/* Test cases 2 and 6 of RFC 4231: a short key, and one longer than a block. */
static void test_hmac_of_the_standards_examples(void **state)
{
	static const char data[] = "what do ya want for nothing?";
	static const char longer[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	uint8_t digest[HASH_SHA256_SIZE], key[131];
	char hex[2 * HASH_SHA256_SIZE + 1];
	(void)state;
	hash_hmac_sha256((struct hash_key) { "Jefe", 4 }, data, sizeof(data) - 1, digest);
	hash_hex(hex, digest, sizeof(digest));
	assert_string_equal(
		hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	hash_hmac_sha256(
		(struct hash_key) { key, sizeof(key) }, longer, sizeof(longer) - 1, digest);
	hash_hex(hex, digest, sizeof(digest));
	assert_string_equal(
		hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_hmac_may_replace_its_key(void **state)
{
	uint8_t digest[HASH_SHA256_SIZE] = { 1, 2, 3 }, apart[HASH_SHA256_SIZE];
	(void)state;
	hash_hmac_sha256((struct hash_key) { digest, sizeof(digest) }, "abc", 3, apart);
	hash_hmac_sha256((struct hash_key) { digest, sizeof(digest) }, "abc", 3, digest);
	assert_memory_equal(digest, apart, sizeof(digest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256_of_the_standards_examples),
		cmocka_unit_test(test_sha256_of_a_file_is_that_of_its_bytes),
		cmocka_unit_test(test_hmac_of_the_standards_examples),
		cmocka_unit_test(test_hmac_may_replace_its_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
