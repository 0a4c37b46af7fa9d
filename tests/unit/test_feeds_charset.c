/* SPDX-License-Identifier: MIT */
/* Which of the witnesses of a charset is believed, and that UTF-8 comes out whatever they say. */
#include "worker/kinds/feeds_charset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/quote.h"

struct sample {
	const char *content_type;
	const char *bytes;
	size_t size;
	const char *text;
	bool repaired;
};

#define BYTES(literal) literal, sizeof(literal) - 1
#define DECLARED(name) "<?xml version='1.0' encoding='" name "'?>"

static void check(const struct sample *sample)
{
	struct feeds_charset charset;
	feeds_charset_decode(
		&charset, (const uint8_t *)sample->bytes, sample->size, sample->content_type);
	assert_int_equal(charset.size, strlen(sample->text));
	assert_memory_equal(charset.text, sample->text, charset.size);
	assert_int_equal(charset.repaired, sample->repaired);
	feeds_charset_release(&charset);
}

static void check_all(const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(&samples[i]);
}

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void test_charset_mark_then_http_then_declaration(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "text/xml; charset=koi8-r", BYTES("\xEF\xBB\xBF<a>\xC3\xA9"), "<a>\xC3\xA9",
			false },
		{ "text/xml; charset=\"koi8-r\"", BYTES(DECLARED("windows-1251") "\xC1"),
			DECLARED("windows-1251") "\xD0\xB0", false },
		{ "text/xml", BYTES(DECLARED("windows-1251") "\xC0"),
			DECLARED("windows-1251") "\xD0\x90", false },
		{ "", BYTES(DECLARED("shift_jis") "\x83\x65"), DECLARED("shift_jis") "\xE3\x83\x86",
			false },
		{ "text/xml", BYTES("<a>\xC3\xA9"), "<a>\xC3\xA9", false },
	};
	check_all(samples, COUNT(samples));
}

static void test_charset_wide_ones_are_seen(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "", BYTES("\xFF\xFE<\0a\0>\0\xE9\0"), "<a>\xC3\xA9", false },
		{ "", BYTES("\xFE\xFF\0<\0a\0>\0\xE9"), "<a>\xC3\xA9", false },
		{ "", BYTES("<\0a\0>\0"), "<a>", false },
		{ "", BYTES("\0<\0a\0>"), "<a>", false },
		{ "", BYTES("\0\0\xFE\xFF\0\0\0<"), "<", false },
		{ "text/xml; charset=utf-16", BYTES("<a>\xC3\xA9"), "<a>\xC3\xA9", false },
		{ "", BYTES("\xFF\xFE<\0\0\xDC"), "<\xEF\xBF\xBD\xEF\xBF\xBD", true },
	};
	check_all(samples, COUNT(samples));
}

static void test_charset_usual_lies(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		/* ISO 8859-1 means windows-1252. */
		{ "", BYTES(DECLARED("iso-8859-1") "\x93\xE9"),
			DECLARED("iso-8859-1") "\xE2\x80\x9C\xC3\xA9", false },
		/* Bytes that are UTF-8 by no chance. */
		{ "text/xml; charset=iso-8859-1", BYTES("<a>\xE2\x82\xAC"), "<a>\xE2\x82\xAC",
			false },
		/* UTF-8 with a byte of windows-1252 in it. */
		{ "", BYTES(DECLARED("utf-8") "\xC3\xA9\xC3\xA9\x92"),
			DECLARED("utf-8") "\xC3\xA9\xC3\xA9\xE2\x80\x99", true },
		{ "text/xml; charset=nonsense", BYTES("<a>\xC3\xA9"), "<a>\xC3\xA9", true },
		{ "text/xml; charset=utf-8", BYTES(DECLARED("koi8-r") "\xC1"),
			DECLARED("koi8-r") "\xD0\xB0", false },
	};
	check_all(samples, COUNT(samples));
}

static void test_charset_any_bytes_become_utf8(void **state)
{
	(void)state;
	static const char *const types[] = { "", "text/xml; charset=utf-8", "x; charset=utf-7",
		"x;charset=big5", "x; charset=", "x; charset", "x; charset=iso-2022-jp" };
	uint32_t seed = 1;
	for (size_t round = 0; round < 700; round++) {
		uint8_t bytes[64];
		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1664525u + 1013904223u;
			bytes[i] = (uint8_t)(seed >> 24);
		}
		struct feeds_charset charset;
		feeds_charset_decode(
			&charset, bytes, round % sizeof(bytes), types[round % COUNT(types)]);
		assert_true(utf8_valid(charset.text, charset.size));
		feeds_charset_release(&charset);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_charset_mark_then_http_then_declaration),
		cmocka_unit_test(test_charset_wide_ones_are_seen),
		cmocka_unit_test(test_charset_usual_lies),
		cmocka_unit_test(test_charset_any_bytes_become_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
