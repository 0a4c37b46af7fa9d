/* SPDX-License-Identifier: MIT */
/* Errors as values, and the failures that are made of them (common/job.h). */
#include "common/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/job.h"
#include "common/quote.h"

static void test_error_set_names_thing_and_act(void **state)
{
	(void)state;
	struct error err = { .number = 5 };
	assert_int_equal(error_set(&err, ERROR_LIMIT, "%s: %d pixels", "a.jpg", 7), -1);
	assert_string_equal(err.message, "a.jpg: 7 pixels");
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(err.number, 0);
}

static void test_error_errno_adds_its_text(void **state)
{
	(void)state;
	struct error err;
	errno = EACCES;
	assert_int_equal(error_errno(&err, ERROR_IO, "open %s", "a.jpg"), -1);
	assert_string_equal(err.message, "open a.jpg: Permission denied");
	assert_int_equal(err.number, EACCES);
	errno = 99999;
	assert_int_equal(error_errno(&err, ERROR_IO, "open"), -1);
	assert_string_equal(err.message, "open: unknown error");
}

static void test_error_wrap_says_where(void **state)
{
	(void)state;
	struct error err;
	(void)error_set(&err, ERROR_IO, "sync");
	assert_int_equal(error_wrap(&err, "target"), -1);
	assert_string_equal(err.message, "target: sync");
	assert_int_equal(err.code, ERROR_IO);
}

/* However long the name: what went wrong stands at the end and must not be lost. */
static void test_error_with_long_name_keeps_the_reason(void **state)
{
	(void)state;
	struct error err;
	char name[4096];
	for (size_t length = 400; length < sizeof(name); length += 97) {
		memset(name, 'n', length);
		name[length] = '\0';
		errno = ENOSPC;
		(void)error_errno(&err, ERROR_IO, "create folder %s", name);
		assert_non_null(strstr(err.message, "n: No space left on device"));
		(void)error_set(&err, ERROR_LIMIT, "%s: too deep", name);
		assert_non_null(strstr(err.message, "n: too deep"));
		(void)error_wrap(&err, name);
		assert_non_null(strstr(err.message, "n: too deep"));
		assert_int_equal(err.message[0], 'n');
	}
}

static void test_error_cut_message_ends_no_character_early(void **state)
{
	(void)state;
	struct error err;
	char name[2001];
	for (size_t i = 0; i < 2000; i += 4)
		memcpy(name + i, "\xF0\x9F\x90\x9D", 4);
	name[2000] = '\0';
	for (size_t shift = 0; shift < 8; shift++) {
		(void)error_set(&err, ERROR_IO, "%.*s%s: gone", (int)shift, "12345678", name);
		assert_true(strlen(err.message) < ERROR_MESSAGE_MAX);
		assert_true(strlen(err.message) > ERROR_MESSAGE_MAX / 2);
		assert_true(utf8_valid(err.message, strlen(err.message)));
	}
}

static void test_error_class_is_in_one_table(void **state)
{
	(void)state;
	static const enum error_class expected[ERROR_CODES] = {
		[ERROR_NONE] = ERROR_CLASS_DONE,
		[ERROR_USAGE] = ERROR_CLASS_PERMANENT,
		[ERROR_IO] = ERROR_CLASS_PERMANENT,
		[ERROR_INPUT] = ERROR_CLASS_PERMANENT,
		[ERROR_LIMIT] = ERROR_CLASS_PERMANENT,
		[ERROR_NETWORK] = ERROR_CLASS_TRANSIENT,
		[ERROR_PROTOCOL] = ERROR_CLASS_PERMANENT,
		[ERROR_LANE] = ERROR_CLASS_DEATH,
		[ERROR_TIMEOUT] = ERROR_CLASS_HANG,
		[ERROR_CANCELED] = ERROR_CLASS_CANCELED,
		[ERROR_START] = ERROR_CLASS_PERMANENT,
		[ERROR_TARGET] = ERROR_CLASS_TARGET,
		[ERROR_QUARANTINED] = ERROR_CLASS_PERMANENT,
	};
	for (int code = 0; code < ERROR_CODES; code++)
		assert_int_equal(error_class((enum error_code)code, ENOENT), expected[code]);
}

static void test_error_class_of_files_depends_on_the_number(void **state)
{
	(void)state;
	static const int passing[] = { EIO, ESTALE, ETIMEDOUT, EMFILE, ENOMEM, EHOSTUNREACH };
	static const int lasting[] = { 0, ENOENT, EACCES, ENOTDIR, ENAMETOOLONG, ENOSPC };
	for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++) {
		assert_int_equal(error_class(ERROR_IO, passing[i]), ERROR_CLASS_TRANSIENT);
		/* the number of anything else says nothing */
		assert_int_equal(error_class(ERROR_INPUT, passing[i]), ERROR_CLASS_PERMANENT);
		assert_int_equal(error_class(ERROR_TARGET, passing[i]), ERROR_CLASS_TARGET);
	}
	for (size_t i = 0; i < sizeof(lasting) / sizeof(*lasting); i++)
		assert_int_equal(error_class(ERROR_IO, lasting[i]), ERROR_CLASS_PERMANENT);
}

static void test_job_copy_owns_all_it_points_to(void **state)
{
	(void)state;
	char source[] = "source:a", target[] = "target:b";
	uint8_t parameters[] = { 0, 1, 255 };
	const struct job job = { .id = 7,
		.attempt = 2,
		.kind = 3,
		.deadline_ms = 4,
		.source = source,
		.target = target,
		.parameters = parameters,
		.parameters_size = sizeof(parameters),
		.alone = true,
		.digest = true,
		.blames = 5 };
	struct job *copy = job_copy(&job);
	memset(source, 'x', sizeof(source));
	memset(target, 'x', sizeof(target));
	memset(parameters, 'x', sizeof(parameters));
	assert_int_equal(copy->id, 7);
	assert_int_equal(copy->attempt, 2);
	assert_int_equal(copy->kind, 3);
	assert_int_equal(copy->deadline_ms, 4);
	assert_true(copy->alone);
	assert_true(copy->digest);
	assert_int_equal(copy->blames, 5);
	assert_string_equal(copy->source, "source:a");
	assert_string_equal(copy->target, "target:b");
	assert_int_equal(copy->parameters_size, 3);
	assert_memory_equal(copy->parameters, ((const uint8_t[]) { 0, 1, 255 }), 3);
	free(copy);
}

static void test_job_copy_of_empty_job(void **state)
{
	(void)state;
	const struct job job = { .id = 1, .source = "", .target = "" };
	struct job *copy = job_copy(&job);
	assert_string_equal(copy->source, "");
	assert_string_equal(copy->target, "");
	assert_int_equal(copy->parameters_size, 0);
	free(copy);
}

static void test_result_fail_keeps_what_else_is_known(void **state)
{
	(void)state;
	struct result result = { .job = 7, .attempt = 2, .input_bytes = 9 };
	struct error err = { .number = ENOENT, .code = ERROR_IO, .message = "open: gone" };
	result_fail(&result, &err);
	assert_int_equal(result.job, 7);
	assert_int_equal(result.attempt, 2);
	assert_int_equal(result.input_bytes, 9);
	assert_int_equal(result.code, ERROR_IO);
	assert_int_equal(result.error_number, ENOENT);
	assert_string_equal(result.detail, "open: gone");
}

static void test_result_fail_cuts_at_a_whole_character(void **state)
{
	(void)state;
	static const char *const characters[] = { "x", "\xC3\xA9", "\xE6\x97\xA5",
		"\xF0\x9F\x90\x9D" };
	for (size_t c = 0; c < 4; c++) {
		size_t size = strlen(characters[c]);
		for (size_t before = RESULT_DETAIL_MAX - 8; before < RESULT_DETAIL_MAX; before++) {
			struct result result = { .job = 1 };
			struct error err = { .code = ERROR_IO };
			memset(err.message, 'a', before);
			for (size_t i = 0; i < 8; i++)
				memcpy(err.message + before + i * size, characters[c], size);
			result_fail(&result, &err);
			size_t length = strlen(result.detail);
			assert_true(utf8_valid(result.detail, length));
			assert_in_range(length, RESULT_DETAIL_MAX - size, RESULT_DETAIL_MAX - 1);
			assert_memory_equal(result.detail, err.message, length);
		}
	}
}

static void test_result_fail_keeps_the_longest_detail_whole(void **state)
{
	(void)state;
	struct result result = { .job = 1 };
	struct error err = { .code = ERROR_IO };
	memset(err.message, 'a', RESULT_DETAIL_MAX - 3);
	memcpy(err.message + RESULT_DETAIL_MAX - 3, "\xC3\xA9", 2);
	result_fail(&result, &err);
	assert_string_equal(result.detail, err.message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_set_names_thing_and_act),
		cmocka_unit_test(test_error_errno_adds_its_text),
		cmocka_unit_test(test_error_wrap_says_where),
		cmocka_unit_test(test_error_with_long_name_keeps_the_reason),
		cmocka_unit_test(test_error_cut_message_ends_no_character_early),
		cmocka_unit_test(test_error_class_is_in_one_table),
		cmocka_unit_test(test_error_class_of_files_depends_on_the_number),
		cmocka_unit_test(test_job_copy_owns_all_it_points_to),
		cmocka_unit_test(test_job_copy_of_empty_job),
		cmocka_unit_test(test_result_fail_keeps_what_else_is_known),
		cmocka_unit_test(test_result_fail_cuts_at_a_whole_character),
		cmocka_unit_test(test_result_fail_keeps_the_longest_detail_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
