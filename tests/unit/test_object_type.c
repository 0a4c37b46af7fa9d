/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "worker/object_type.h"

static void test_pictures_are_known_by_their_first_bytes(void **state)
{
	static const struct {
		const char *bytes, *type;
	} cases[] = {
		{ "\xff\xd8\xff\xe0\0\x10JFIF\0\x01", "image/jpeg" },
		{ "\x89PNG\r\n\x1a\n\0\0\0", "image/png" },
		{ "RIFF\x10\0\0\0WEBP", "image/webp" },
		{ "GIF89a\0\0\0\0\0", "image/gif" },
		{ "II*\0\x08\0\0\0\0\0\0", "image/tiff" },
		{ "MM\0*\0\0\0\x08\0\0\0", "image/tiff" },
		{ "\0\0\0\x1c"
		  "ftypavif",
			"image/avif" },
		{ "\0\0\0\x18"
		  "ftypheic",
			"image/heic" },
		{ "\0\0\0\x0cJXL \r\n\x87", "image/jxl" },
		{ "\xff\x0a\0\0\0\0\0\0\0\0\0", "image/jxl" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(object_type(cases[i].bytes, OBJECT_TYPE_BYTES), cases[i].type);
}

static void test_others_are_not(void **state)
{
	(void)state;
	assert_null(object_type("not a picture", OBJECT_TYPE_BYTES));
	assert_null(object_type("\0\0\0\x1c"
				"ftypmp42",
		OBJECT_TYPE_BYTES));
	assert_null(object_type("\xff\xd8\xff", 2));
	assert_null(object_type("RIFF\x10\0\0\0WEBP", 11));
	assert_null(object_type("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pictures_are_known_by_their_first_bytes),
		cmocka_unit_test(test_others_are_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
