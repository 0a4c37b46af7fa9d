/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/s3_answer.h"

static const struct s3_location location = { "photos", "a" };
static struct error err;

static void explain(uint32_t status, const char *code, const char *region)
{
	char body[256];
	(void)snprintf(body, sizeof(body), "<Error><Code>%s</Code></Error>", code); /* fits */
	const struct s3_answer answer = { status, region, body, strlen(body) };
	assert_int_equal(s3_answer_explain(&answer, &location, &err), -1);
}

static void test_what_may_pass_may_be_tried_again(void **state)
{
	static const struct {
		uint32_t status;
		const char *code;
		enum error_class class;
	} cases[] = {
		{ 500, "InternalError", ERROR_CLASS_TRANSIENT },
		{ 503, "SlowDown", ERROR_CLASS_TRANSIENT },
		{ 502, "", ERROR_CLASS_TRANSIENT },
		{ 429, "", ERROR_CLASS_TRANSIENT },
		{ 400, "RequestTimeout", ERROR_CLASS_TRANSIENT },
		{ 409, "OperationAborted", ERROR_CLASS_TRANSIENT },
		{ 200, "InternalError", ERROR_CLASS_TRANSIENT },
		{ 400, "InvalidRequest", ERROR_CLASS_PERMANENT },
		{ 403, "AccessDenied", ERROR_CLASS_PERMANENT },
		{ 403, "SignatureDoesNotMatch", ERROR_CLASS_PERMANENT },
		{ 404, "NoSuchKey", ERROR_CLASS_PERMANENT },
		{ 404, "", ERROR_CLASS_PERMANENT },
		{ 404, "NoSuchBucket", ERROR_CLASS_TARGET },
		{ 301, "PermanentRedirect", ERROR_CLASS_PERMANENT },
		{ 418, "Teapot", ERROR_CLASS_PERMANENT },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		explain(cases[i].status, cases[i].code, "");
		assert_int_equal(error_class(err.code, err.number), cases[i].class);
		assert_non_null(strstr(err.message, "photos"));
	}
	const struct s3_answer bare = { 403, "", NULL, 0 };
	assert_int_equal(s3_answer_explain(&bare, &location, &err), -1);
	assert_string_equal(err.message, "the server of the bucket photos refused: 403");
}

static void test_the_region_is_said_if_it_is_one(void **state)
{
	(void)state;
	explain(301, "PermanentRedirect", "eu-west-3");
	assert_string_equal(
		err.message, "the bucket photos is in the region eu-west-3; set AWS_REGION");
	explain(400, "AuthorizationHeaderMalformed", "\x1b[2J");
	assert_string_equal(err.message, "the bucket photos is in another region; set AWS_REGION");
}

static void test_only_words_are_codes(void **state)
{
	static const struct {
		const char *body, *code;
	} cases[] = {
		{ "<Code>NoSuchKey</Code>", "NoSuchKey" },
		{ "x<Code>A1</Code><Code>B</Code>", "A1" },
		{ "<Code>two words</Code>", "" },
		{ "<Code>\x1b[2J</Code>", "" },
		{ "<Code>Open", "" },
		{ "<Code>", "" },
		{ "<Cod", "" },
		{ "<Code>a123456789b123456789c123456789d123456789e123456789f123456789g123</Code>",
			"" },
	};
	char code[S3_CODE_MAX];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct s3_answer answer = { 400, "", cases[i].body, strlen(cases[i].body) };
		s3_answer_code(&answer, code);
		assert_string_equal(code, cases[i].code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_may_pass_may_be_tried_again),
		cmocka_unit_test(test_the_region_is_said_if_it_is_one),
		cmocka_unit_test(test_only_words_are_codes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
