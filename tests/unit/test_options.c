/* SPDX-License-Identifier: MIT */
/* The command line: every rule of common/options.h, message by message. */
#include "common/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ARGUMENTS_MAX = 16 };

struct settings {
	bool force, copy;
	int format;
	int64_t concurrency, at_least, timeout_ms;
	const char *size;
};

static const char *const formats[] = { "jpeg", "png", "webp", NULL };

static const struct option_spec specs[] = {
	{ .name = "force",
		.letter = 'f',
		.help = "replace files that exist",
		.parse = option_flag,
		.offset = offsetof(struct settings, force),
		.value = true },
	{ .name = "no-copy",
		.help = "never copy",
		.parse = option_flag,
		.offset = offsetof(struct settings, copy),
		.value = false },
	{ .name = "format",
		.argument = "NAME",
		.help = "format of the results",
		.parse = option_choice,
		.offset = offsetof(struct settings, format),
		.choices = formats },
	{ .name = "size",
		.letter = 's',
		.argument = "N|WxH",
		.help = "the box to fit",
		.parse = option_string,
		.offset = offsetof(struct settings, size) },
	{ .name = NULL },
};

static const struct option_spec more_specs[] = {
	{ .name = "concurrency",
		.letter = 'c',
		.argument = "N",
		.help = "processes at once",
		.parse = option_integer,
		.offset = offsetof(struct settings, concurrency),
		.minimum = 1,
		.maximum = 1024 },
	{ .name = "at-least",
		.argument = "A|B|C",
		.help = "no upper limit",
		.parse = option_integer,
		.offset = offsetof(struct settings, at_least),
		.minimum = -5,
		.maximum = INT64_MAX },
	{ .name = "timeout",
		.argument = "TIME",
		.help = "longest time",
		.parse = option_duration,
		.offset = offsetof(struct settings, timeout_ms),
		.minimum = 500,
		.maximum = 7200000 },
	{ .name = "lane",
		.parse = option_flag,
		.offset = offsetof(struct settings, force),
		.value = true },
	{ .name = NULL },
};

/* One command line after another, as a program would get it. */
struct call {
	struct settings settings;
	struct error err;
	char *argv[ARGUMENTS_MAX + 1];
	int argc, first, result;
};

/* Splits words at spaces into argv and parses it. The caller keeps words. */
static void call_parse(struct call *call, char *words)
{
	*call = (struct call) { .settings = { .copy = true, .format = -1 }, .first = -1 };
	call->argv[call->argc++] = "sciame";
	char *rest = words;
	for (char *word; (word = strsep(&rest, " "));) {
		assert_true(call->argc < ARGUMENTS_MAX);
		call->argv[call->argc++] = word;
	}
	struct option_group groups[] = {
		{ "Scaling", specs, &call->settings },
		{ "Running", more_specs, &call->settings },
		{ 0 },
	};
	call->result = options_parse(groups, call->argc, call->argv, &call->first, &call->err);
}

static void assert_accepted(struct call *call, char *words)
{
	call_parse(call, words);
	if (call->result != 0)
		fail_msg("%s", call->err.message);
}

static void assert_refused(const char *words, const char *message)
{
	char copy[256];
	(void)snprintf(copy, sizeof(copy), "%s", words);
	struct call call;
	call_parse(&call, copy);
	assert_int_equal(call.result, -1);
	assert_int_equal(call.err.code, ERROR_USAGE);
	assert_string_equal(call.err.message, message);
}

static void test_options_fill_settings(void **state)
{
	(void)state;
	struct call call;
	assert_accepted(&call, (char[]) { "-f --no-copy --format png -s 9x9 --concurrency=8 "
					  "--timeout 1.5s --at-least -5" });
	assert_true(call.settings.force);
	assert_false(call.settings.copy);
	assert_int_equal(call.settings.format, 1);
	assert_string_equal(call.settings.size, "9x9");
	assert_int_equal(call.settings.concurrency, 8);
	assert_int_equal(call.settings.timeout_ms, 1500);
	assert_int_equal(call.settings.at_least, -5);
	assert_int_equal(call.first, call.argc);
}

static void test_options_last_of_two_holds(void **state)
{
	(void)state;
	struct call call;
	assert_accepted(&call, (char[]) { "-c1 --concurrency=3 -fc2" });
	assert_int_equal(call.settings.concurrency, 2);
	assert_true(call.settings.force);
}

static void test_options_operands_stand_anywhere(void **state)
{
	(void)state;
	struct call call;
	assert_accepted(&call, (char[]) { "from -f to --size 3 - rest" });
	assert_true(call.settings.force);
	assert_string_equal(call.settings.size, "3");
	assert_int_equal(call.argc - call.first, 4);
	assert_string_equal(call.argv[call.first], "from");
	assert_string_equal(call.argv[call.first + 1], "to");
	assert_string_equal(call.argv[call.first + 2], "-");
	assert_string_equal(call.argv[call.first + 3], "rest");
}

static void test_options_end_at_two_dashes(void **state)
{
	(void)state;
	struct call call;
	assert_accepted(&call, (char[]) { "from -- -f --unknown" });
	assert_false(call.settings.force);
	assert_int_equal(call.argc - call.first, 3);
	assert_string_equal(call.argv[call.first], "from");
	assert_string_equal(call.argv[call.first + 1], "-f");
	assert_string_equal(call.argv[call.first + 2], "--unknown");
}

/* A parse that stopped inside a cluster of letters must leave nothing for the next one. */
static void test_options_start_anew_after_a_mistake(void **state)
{
	(void)state;
	assert_refused("-zf", "unknown option '-z'; see --help");
	struct call call;
	assert_accepted(&call, (char[]) { "one" });
	assert_false(call.settings.force);
	assert_int_equal(call.argc - call.first, 1);
}

static void test_options_unique_abbreviation_is_accepted(void **state)
{
	(void)state;
	struct call call;
	assert_accepted(&call, (char[]) { "--conc 4 --si=5" });
	assert_int_equal(call.settings.concurrency, 4);
	assert_string_equal(call.settings.size, "5");
}

static void test_options_ambiguous_abbreviation_names_candidates(void **state)
{
	(void)state;
	assert_refused("--fo", "option '--fo' is ambiguous: --force, --format");
	assert_refused("x --fo=3 y", "option '--fo' is ambiguous: --force, --format");
	assert_refused(
		"--=3", "option '--' is ambiguous: --force, --no-copy, --format, --size, ...");
}

static void test_options_unknown_gets_close_suggestion_only(void **state)
{
	(void)state;
	assert_refused(
		"--fromat=png", "unknown option '--fromat'; did you mean '--format'? see --help");
	assert_refused("a --concurency b",
		"unknown option '--concurency'; did you mean '--concurrency'? see --help");
	/* two swapped letters are one mistake, so this is two of them */
	assert_refused("--cnocurency",
		"unknown option '--cnocurency'; did you mean '--concurrency'? see --help");
	assert_refused("--foo", "unknown option '--foo'; see --help");
	assert_refused("--frobnicate", "unknown option '--frobnicate'; see --help");
	assert_refused("--lanee", "unknown option '--lanee'; see --help");
	assert_refused("--a-name-that-is-longer-than-any-that-could-be-meant",
		"unknown option '--a-name-that-is-longer-than-any-that-could-be-meant'; see "
		"--help");
	assert_refused("-fq", "unknown option '-q'; see --help");
	assert_refused("-\xE9", "unknown option '-\\xE9'; see --help");
}

static void test_options_missing_argument_says_which(void **state)
{
	(void)state;
	assert_refused("--size", "--size needs an argument: N or WxH");
	assert_refused("-fs", "--size needs an argument: N or WxH");
	assert_refused("--concurrency", "--concurrency needs an argument: N");
	assert_refused("--at-least", "--at-least needs an argument: A, B or C");
}

static void test_options_unwanted_argument_is_refused(void **state)
{
	(void)state;
	assert_refused("--force=yes", "--force takes no argument");
}

static void test_options_empty_string_is_refused(void **state)
{
	(void)state;
	assert_refused("--size=", "--size can't be empty");
}

static void test_options_integer_is_strict(void **state)
{
	(void)state;
	const char *const wrong[] = { "x", "", "0", "1025", "+1", "1.0", "0x10", "5k", "-",
		"9223372036854775808", "99999999999999999999999" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char words[128], message[256];
		(void)snprintf(words, sizeof(words), "--concurrency=%s", wrong[i]);
		(void)snprintf(message, sizeof(message),
			"--concurrency takes a whole number from 1 to 1024, not '%s'", wrong[i]);
		assert_refused(words, message);
	}
	struct call call;
	assert_accepted(&call, (char[]) { "-c 1024 --at-least 9223372036854775807" });
	assert_int_equal(call.settings.concurrency, 1024);
	assert_true(call.settings.at_least == INT64_MAX);
	assert_refused("--at-least -6", "--at-least takes a whole number of at least -5, not '-6'");
}

static void test_options_duration_units(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = { { "2", 2000 }, { "2s", 2000 }, { "500ms", 500 }, { "1.5s", 1500 },
		{ "1.5", 1500 }, { "2m", 120000 }, { "0.25m", 15000 }, { "2h", 7200000 },
		{ "0.501", 501 }, { "1.000000000s", 1000 }, { "007", 7000 }, { "0.05d", 4320000 },
		{ "0.01w", 6048000 } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char words[64];
		(void)snprintf(words, sizeof(words), "--timeout=%s", cases[i].text);
		struct call call;
		assert_accepted(&call, words);
		assert_int_equal(call.settings.timeout_ms, cases[i].ms);
	}
}

static void test_options_duration_is_strict(void **state)
{
	(void)state;
	const char *const wrong[] = { "", "x", "s", "499ms", "2.000001h", "-1", "+1", ".5", "1.",
		"1.s", "1.5.5", "1.5ms", "0.5005s", "1d", "1sec", "1S", "1e3", "1.00000000000",
		"9223372036854775807", "9223372036854775807h", "99999999999999999999" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char words[64], message[256];
		(void)snprintf(words, sizeof(words), "--timeout=%s", wrong[i]);
		(void)snprintf(message, sizeof(message),
			"--timeout takes a time from 500ms to 2h, such as 500ms, 1.5s or 2m; "
			"not '%s'",
			wrong[i]);
		assert_refused(words, message);
	}
}

static void test_options_choice_names_words(void **state)
{
	(void)state;
	assert_refused("--format bmp", "--format takes one of: jpeg, png, webp; not 'bmp'");
	assert_refused("--format=PNG", "--format takes one of: jpeg, png, webp; not 'PNG'");
	assert_refused("--format=", "--format takes one of: jpeg, png, webp; not ''");
}

/* The help of groups; the caller frees it. */
static char *printed(const struct option_group *groups)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	options_print(out, groups);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void test_options_help_is_aligned_and_listed_by_group(void **state)
{
	(void)state;
	struct option_group groups[] = { { "Scaling", specs, NULL }, { NULL, more_specs, NULL },
		{ 0 } };
	char *text = printed(groups);
	assert_string_equal(text, "Scaling:\n"
				  "  -f, --force           replace files that exist\n"
				  "      --no-copy         never copy\n"
				  "      --format NAME     format of the results\n"
				  "  -s, --size N|WxH      the box to fit\n"
				  "\n"
				  "  -c, --concurrency N   processes at once\n"
				  "      --at-least A|B|C  no upper limit\n"
				  "      --timeout TIME    longest time\n");
	free(text);
}

static void test_options_help_wraps_at_80_columns(void **state)
{
	(void)state;
	static const struct option_spec wordy[] = {
		{ .name = "a",
			.parse = option_flag,
			.help = "123456789 123456789 123456789 123456789 123456789 123456789 "
				"12345678 "
				"next" },
		{ .name = "b",
			.parse = option_flag,
			.help = "123456789 123456789 123456789 123456789 123456789 123456789 "
				"123456789 next" },
		{ .name = "c",
			.parse = option_flag,
			.help = "é23456789 123456789 123456789 123456789 123456789 "
				"123456789 "
				"12345678 next" },
		{ .name = "d",
			.parse = option_flag,
			.help = "123456789 123456789 123456789 123456789 123456789 123456789 1234 "
				"56789" },
		{ .name = "an-option-with-a-long-name",
			.argument = "AND-ARGUMENT",
			.help = "below",
			.parse = option_string },
		{ .name = NULL },
	};
	struct option_group groups[] = { { NULL, wordy, NULL }, { 0 } };
	char *text = printed(groups);
	assert_string_equal(text,
		"      --a  123456789 123456789 123456789 123456789 123456789 123456789 12345678\n"
		"           next\n"
		"      --b  123456789 123456789 123456789 123456789 123456789 123456789 123456789\n"
		"           next\n"
		"      --c  é23456789 123456789 123456789 123456789 123456789 123456789 "
		"12345678\n"
		"           next\n"
		"      --d  123456789 123456789 123456789 123456789 123456789 123456789 1234\n"
		"           56789\n"
		"      --an-option-with-a-long-name AND-ARGUMENT\n"
		"           below\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_fill_settings),
		cmocka_unit_test(test_options_last_of_two_holds),
		cmocka_unit_test(test_options_operands_stand_anywhere),
		cmocka_unit_test(test_options_end_at_two_dashes),
		cmocka_unit_test(test_options_start_anew_after_a_mistake),
		cmocka_unit_test(test_options_unique_abbreviation_is_accepted),
		cmocka_unit_test(test_options_ambiguous_abbreviation_names_candidates),
		cmocka_unit_test(test_options_unknown_gets_close_suggestion_only),
		cmocka_unit_test(test_options_missing_argument_says_which),
		cmocka_unit_test(test_options_unwanted_argument_is_refused),
		cmocka_unit_test(test_options_empty_string_is_refused),
		cmocka_unit_test(test_options_integer_is_strict),
		cmocka_unit_test(test_options_duration_units),
		cmocka_unit_test(test_options_duration_is_strict),
		cmocka_unit_test(test_options_choice_names_words),
		cmocka_unit_test(test_options_help_is_aligned_and_listed_by_group),
		cmocka_unit_test(test_options_help_wraps_at_80_columns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
