/* SPDX-License-Identifier: MIT */
/* Names that are shown and written: what passes unchanged, and what never gets through. */
#include "common/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_quote_printable_name_is_returned_itself(void **state)
{
	(void)state;
	static const char *const names[] = { "", "a.jpg", "with space.jpg",
		"it's [1] $x \"q\" \\.png", "caf\xC3\xA9", "\xE6\x97\xA5\xE6\x9C\xAC",
		"\xF0\x9F\x90\x9D.jpg", "\xC2\xA0", "\xE2\x80\xA7", "\xE2\x80\xAF",
		"\xEF\xBF\xBD" };
	struct quote quote;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_ptr_equal(quote_name(&quote, names[i]), names[i]);
}

static void test_quote_dangerous_name_is_shell_quoted(void **state)
{
	(void)state;
	static const struct {
		const char *name, *shown;
	} cases[] = {
		{ "\x1B[2J", "$'\\x1B[2J'" },
		{ "two\nlines\tand 'quotes' \\", "$'two\\nlines\\tand \\'quotes\\' \\\\'" },
		{ "\r\a\x7F", "$'\\x0D\\x07\\x7F'" },
		{ "\xFF\xFE.jpg", "$'\\xFF\\xFE.jpg'" },
		{ "\xC3\xA9\n", "$'\xC3\xA9\\n'" },
		{ "\xC2\x80", "$'\\xC2\\x80'" },
		{ "\xC2\x9B"
		  "31m",
			"$'\\xC2\\x9B31m'" },
		{ "\xC2\x9F", "$'\\xC2\\x9F'" },
		{ "\xE2\x80\xA8", "$'\\xE2\\x80\\xA8'" },
		{ "\xE2\x80\xA9", "$'\\xE2\\x80\\xA9'" },
		{ "\xE2\x80\xAA", "$'\\xE2\\x80\\xAA'" },
		{ "gpj.\xE2\x80\xAE"
		  "exe",
			"$'gpj.\\xE2\\x80\\xAEexe'" },
		{ "\xE2\x81\xA6", "$'\\xE2\\x81\\xA6'" },
		{ "\xE2\x81\xA9", "$'\\xE2\\x81\\xA9'" },
		{ "cut \xE2\x81", "$'cut \\xE2\\x81'" },
	};
	struct quote quote;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(quote_name(&quote, cases[i].name), cases[i].shown);
}

/* Whatever the bytes, what is shown has no control character and is valid UTF-8. */
static void test_quote_no_pair_of_bytes_gets_through(void **state)
{
	(void)state;
	struct quote quote;
	for (unsigned first = 1; first < 256; first++) {
		for (unsigned second = 1; second < 256; second++) {
			const char name[] = { (char)first, (char)second, '\0' };
			const char *shown = quote_name(&quote, name);
			size_t size = strlen(shown);
			assert_true(utf8_valid(shown, size));
			for (size_t i = 0; i < size; i++)
				assert_true((uint8_t)shown[i] >= ' ' && (uint8_t)shown[i] != 0x7F);
			assert_true(shown == name || strncmp(shown, "$'", 2) == 0);
		}
	}
}

static void test_quote_too_long_name_is_cut(void **state)
{
	(void)state;
	static char name[QUOTE_NAME_MAX + 2];
	struct quote quote;
	memset(name, 'a', QUOTE_NAME_MAX);
	assert_ptr_equal(quote_name(&quote, name), name);
	memset(name, 0x1B, QUOTE_NAME_MAX);
	const char *shown = quote_name(&quote, name);
	assert_int_equal(strlen(shown), 4 * QUOTE_NAME_MAX + 3);
	assert_string_equal(shown + strlen(shown) - 5, "\\x1B'");
	memset(name, 0x1B, QUOTE_NAME_MAX + 1);
	shown = quote_name(&quote, name);
	assert_int_equal(strlen(shown), 4 * QUOTE_NAME_MAX + 6);
	assert_string_equal(shown + strlen(shown) - 8, "\\x1B'...");
}

static void test_utf8_valid_follows_the_standard(void **state)
{
	(void)state;
	static const char *const valid[] = { "", "a", "\x7F", "\xC2\x80", "\xDF\xBF",
		"\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80",
		"\xF4\x8F\xBF\xBF", "a\xC3\xA9z" };
	static const char *const invalid[] = { "\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2",
		"\xC2z", "\xE0\x9F\xBF", "\xE2\x82", "\xED\xA0\x80", "\xED\xBF\xBF",
		"\xF0\x8F\xBF\xBF", "\xF0\x9F\x90", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80",
		"\xFE", "\xFF", "a\xFF" };
	for (size_t i = 0; i < sizeof(valid) / sizeof(*valid); i++)
		assert_true(utf8_valid(valid[i], strlen(valid[i])));
	for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++)
		assert_false(utf8_valid(invalid[i], strlen(invalid[i])));
	assert_true(utf8_valid("a\0b", 3));
	assert_false(utf8_valid("\xC3\xA9", 1)); /* never reads past its size */
}

/* What json_string or base64_write puts into a file; the caller frees it. */
static char *written(const char *bytes, size_t size, bool base64)
{
	char *text = NULL;
	size_t text_size;
	FILE *out = open_memstream(&text, &text_size);
	assert_non_null(out);
	if (base64)
		base64_write(out, bytes, size);
	else
		json_string(out, bytes, size);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void test_json_string_escapes(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t size;
		const char *json;
	} cases[] = {
		{ "", 0, "\"\"" },
		{ "a/b 'c'", 7, "\"a/b 'c'\"" },
		{ "\"\\", 2, "\"\\\"\\\\\"" },
		{ "\n\t\r\x1B\x7F", 5, "\"\\n\\t\\u000D\\u001B\\u007F\"" },
		{ "a\0b", 3, "\"a\\u0000b\"" },
		{ "\xC2\x80\xC2\x9F\xC2\xA0", 6, "\"\\u0080\\u009F\xC2\xA0\"" },
		{ "\xE2\x80\xA8\xE2\x80\xA9", 6, "\"\\u2028\\u2029\"" },
		{ "\xC3\xA9\xF0\x9F\x90\x9D", 6, "\"\xC3\xA9\xF0\x9F\x90\x9D\"" },
		{ "a\xFF\xED\xA0\x80z", 6, "\"a\\uFFFD\\uFFFD\\uFFFD\\uFFFDz\"" },
		{ "\xC3\xA9", 1, "\"\\uFFFD\"" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *json = written(cases[i].bytes, cases[i].size, false);
		assert_string_equal(json, cases[i].json);
		free(json);
	}
}

/* The test vectors of RFC 4648, section 10, and bytes that need the last digits. */
static void test_base64_vectors(void **state)
{
	(void)state;
	static const struct {
		const char *bytes, *base64;
	} cases[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
		{ "\xFB\xEF\xFF", "++//" }, { "\xFF", "/w==" } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *base64 = written(cases[i].bytes, strlen(cases[i].bytes), true);
		assert_string_equal(base64, cases[i].base64);
		free(base64);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quote_printable_name_is_returned_itself),
		cmocka_unit_test(test_quote_dangerous_name_is_shell_quoted),
		cmocka_unit_test(test_quote_no_pair_of_bytes_gets_through),
		cmocka_unit_test(test_quote_too_long_name_is_cut),
		cmocka_unit_test(test_utf8_valid_follows_the_standard),
		cmocka_unit_test(test_json_string_escapes),
		cmocka_unit_test(test_base64_vectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
