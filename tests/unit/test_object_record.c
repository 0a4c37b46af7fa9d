/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/object_record.h"

static struct object_record record;
static struct error err;

static const struct object_record samples[] = {
	{ .type = OBJECT_RECORD_OBJECT,
		.key = "a\n/\xc3\xbc\xff .jpg",
		.size = 1234567890123,
		.mtime_ns = -5 },
	{ .type = OBJECT_RECORD_REFUSED, .key = "a%00b" },
	{ .type = OBJECT_RECORD_FAILED, .failure = { ERROR_NETWORK, 104, "host: it is gone" } },
	{ .type = OBJECT_RECORD_END },
};
enum { SAMPLES = sizeof(samples) / sizeof(*samples) };

static void write_all(char **bytes, size_t *size)
{
	FILE *out = open_memstream(bytes, size);
	assert_non_null(out);
	for (size_t i = 0; i < SAMPLES; i++)
		object_record_write(out, &samples[i]);
	assert_int_equal(fclose(out), 0);
}

static void test_what_was_written_is_read_however_it_is_cut(void **state)
{
	char *bytes;
	size_t size, used, offset = 0;
	(void)state;
	write_all(&bytes, &size);
	for (size_t i = 0; i < SAMPLES; i++) {
		size_t there = 0;
		while (object_record_read(&record, bytes + offset, there, &used, &err) == 0)
			there++;
		assert_int_equal(there, used);
		assert_int_equal(record.type, samples[i].type);
		if (samples[i].key)
			assert_string_equal(record.key, samples[i].key);
		assert_int_equal(record.size, samples[i].size);
		assert_int_equal(record.mtime_ns, samples[i].mtime_ns);
		assert_int_equal(record.failure.code, samples[i].failure.code);
		assert_int_equal(record.failure.number, samples[i].failure.number);
		assert_string_equal(record.failure.message, samples[i].failure.message);
		offset += used;
	}
	assert_int_equal(offset, size);
	free(bytes);
}

static void test_nonsense_is_an_error(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
	} cases[] = {
		{ "z", 1 },
		{ "\0", 1 },
		{ "oo\0a\0"
		  "1\0"
		  "1",
			9 },
		{ "o\0a\0-1\0"
		  "1",
			9 },
		{ "o\0a\0"
		  "1x\0"
		  "1",
			9 },
		{ "o\0a\0"
		  "1\0",
			7 },
		{ "e\0"
		  "0\0"
		  "0\0x",
			8 },
		{ "e\0"
		  "999\0"
		  "0\0x",
			10 },
	};
	size_t used;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		/* the literals' own NUL ends the last field */
		int status =
			object_record_read(&record, cases[i].bytes, cases[i].size + 1, &used, &err);
		assert_int_equal(status, -1);
		assert_int_equal(err.code, ERROR_PROTOCOL);
	}
}

static void test_an_endless_record_is_an_error(void **state)
{
	static char bytes[OBJECT_RECORD_MAX];
	size_t used;
	(void)state;
	memset(bytes, 'k', sizeof(bytes));
	memcpy(bytes, "o", 2);
	assert_int_equal(object_record_read(&record, bytes, sizeof(bytes) - 1, &used, &err), 0);
	assert_int_equal(object_record_read(&record, bytes, sizeof(bytes), &used, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_written_is_read_however_it_is_cut),
		cmocka_unit_test(test_nonsense_is_an_error),
		cmocka_unit_test(test_an_endless_record_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
