/* SPDX-License-Identifier: MIT */
/* Command lines: what they mean, and what a wrong one is answered. */
#include "master/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/cpus.h"
#include "common/wire.h"
#include "master/kind.h"

enum { WORDS_MAX = 16 };

static char *words[WORDS_MAX]; /* settings.operands points into it */
static struct settings settings;
static struct error err;

/* Parses "sciame ..."; the last word is NULL. */
__attribute__((sentinel)) static int parse(const char *word, ...)
{
	va_list list;
	int count = 0;
	words[count++] = (char *)"sciame"; /* words are moved, never written to */
	va_start(list, word);
	for (; word; word = va_arg(list, const char *)) {
		assert_true(count < WORDS_MAX - 1);
		words[count++] = (char *)word;
	}
	va_end(list);
	words[count] = NULL;
	err = (struct error) { 0 };
	return settings_parse(&settings, count, words, &err);
}

static void assert_wrong(int status, const char *message)
{
	assert_int_equal(status, -1);
	assert_string_equal(err.message, message);
	assert_int_equal(err.code, ERROR_USAGE);
	assert_null(settings.kind_settings); /* nothing to release after a failure */
}

static void test_settings_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse("noop", NULL), 0);
	assert_ptr_equal(settings.kind, master_kind_named("noop"));
	assert_non_null(settings.kind_settings);
	assert_int_equal(settings.operands_count, 0);
	assert_int_equal(settings.concurrency, cpus_usable());
	assert_int_equal(settings.grace_ms, 2000);
	assert_int_equal(settings.job_timeout_ms, 60000);
	assert_false(settings.serial || settings.sync || settings.json || settings.quiet ||
		     settings.verbose || settings.help || settings.version);
	settings_release(&settings);
	settings_release(&settings);
}

static void test_settings_options_and_operands_in_any_order(void **state)
{
	(void)state;
	assert_int_equal(parse("scale", "from", "-c", "3", "-q", "--fsync", "to", "--grace=500ms",
				 "--json", "--job-timeout", "0", "--serial", NULL),
		0);
	assert_string_equal(settings.kind->name, "scale");
	assert_int_equal(settings.operands_count, 2);
	assert_string_equal(settings.operands[0], "from");
	assert_string_equal(settings.operands[1], "to");
	assert_int_equal(settings.concurrency, 3);
	assert_int_equal(settings.grace_ms, 500);
	assert_int_equal(settings.job_timeout_ms, 0);
	assert_true(settings.quiet && settings.sync && settings.json && settings.serial);
	assert_false(settings.verbose);
	settings_release(&settings);
}

static void test_settings_operands_may_look_like_options_after_dashes(void **state)
{
	(void)state;
	assert_int_equal(parse("scale", "-v", "--", "-q", "--json", NULL), 0);
	assert_int_equal(settings.operands_count, 2);
	assert_string_equal(settings.operands[0], "-q");
	assert_string_equal(settings.operands[1], "--json");
	assert_true(settings.verbose);
	assert_false(settings.quiet || settings.json);
	settings_release(&settings);
}

static void test_settings_kind_brings_its_own_options(void **state)
{
	(void)state;
	assert_int_equal(parse("noop", "--count", "5", "--sleep-ms=7", NULL), 0);
	settings_release(&settings);
	assert_int_equal(parse("scale", "-s", "10x20", "--no-smooth", "--format", "png",
				 "--quality=90", "a", "b", NULL),
		0);
	settings_release(&settings);
	assert_wrong(parse("scale", "--count", "5", NULL), "unknown option '--count'; see --help");
	assert_wrong(
		parse("noop", "--format", "png", NULL), "unknown option '--format'; see --help");
	assert_wrong(parse("--count", "5", NULL), "unknown option '--count'; see --help");
}

static void test_settings_unknown_command_is_named(void **state)
{
	(void)state;
	assert_wrong(parse("foo", NULL),
		"'foo' is no command; there are: noop, scale, feeds; see --help");
	assert_wrong(parse("scal", "a", "b", NULL),
		"'scal' is no command; there are: noop, scale, feeds; see --help");
	assert_wrong(
		parse("", NULL), "'' is no command; there are: noop, scale, feeds; see --help");
}

static void test_settings_without_command_ask_for_one(void **state)
{
	(void)state;
	assert_wrong(parse(NULL, NULL),
		"a command is missing; there are: noop, scale, feeds; see --help");
	assert_wrong(parse("-q", NULL),
		"a command is missing; there are: noop, scale, feeds; see --help");
}

static void test_settings_help_and_version_need_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(parse("--help", NULL), 0);
	assert_true(settings.help);
	assert_null(settings.kind);
	settings_release(&settings);
	assert_int_equal(parse("--version", NULL), 0);
	assert_true(settings.version);
	settings_release(&settings);
	assert_int_equal(parse("scale", "-h", "-q", "-v", NULL), 0);
	assert_true(settings.help);
	assert_string_equal(settings.kind->name, "scale");
	settings_release(&settings);
}

static void test_settings_quiet_excludes_verbose(void **state)
{
	(void)state;
	assert_wrong(parse("noop", "--quiet", "--verbose", NULL),
		"--quiet and --verbose exclude each other");
	assert_wrong(parse("noop", "-vq", NULL), "--quiet and --verbose exclude each other");
}

static void test_settings_values_are_limited(void **state)
{
	(void)state;
	assert_wrong(parse("noop", "-c", "-1", NULL),
		"--concurrency takes a whole number from 0 to 4096, not '-1'");
	assert_wrong(parse("noop", "-c", "4097", NULL),
		"--concurrency takes a whole number from 0 to 4096, not '4097'");
	assert_int_equal(parse("noop", "-c", "4096", NULL), 0);
	assert_int_equal(settings.concurrency, WIRE_LANES_MAX);
	settings_release(&settings);
	assert_wrong(parse("noop", "--grace", "61m", NULL),
		"--grace takes a time from 0s to 1h, such as 500ms, 1.5s or 2m; not '61m'");
	assert_wrong(parse("noop", "--job-timeout=soon", NULL),
		"--job-timeout takes a time from 0s to 1d, such as 500ms, 1.5s or 2m; "
		"not 'soon'");
	assert_wrong(parse("noop", "-n", "-1", NULL),
		"--count takes a whole number from 0 to 1000000000, not '-1'");
	assert_wrong(parse("scale", "--format", "bmp", "a", "b", NULL),
		"--format takes one of: same, jpeg, png, webp, avif, tiff, gif, jxl; not 'bmp'");
	assert_wrong(parse("scale", "--quality", "0", "a", "b", NULL),
		"--quality takes a whole number from 1 to 100, not '0'");
}

static void test_settings_of_other_machines_go_together(void **state)
{
	(void)state;
	assert_wrong(parse("noop", "-c", "0", NULL),
		"-c 0 leaves nobody to work; with --listen HOST:PORT others can");
	assert_wrong(parse("noop", "--keys", "k", NULL),
		"--keys, --insecure, --transfer and --wait-workers are for use with --listen");
	assert_wrong(parse("noop", "--listen", "nowhere", NULL),
		"'nowhere' is no address: HOST:PORT is, or [IPv6]:PORT");
	assert_wrong(parse("noop", "--listen", "*:65500", NULL),
		"'*:65500': ports 65500 to 65568 are needed, and they end at 65535");
	assert_wrong(parse("noop", "--listen", "*:5555", "--serial", NULL),
		"--listen and --serial exclude each other");
	assert_int_equal(parse("noop", "-c", "0", "--listen", "[::]:5555", NULL), 0);
	assert_int_equal(settings.wait_workers, 1);
	settings_release(&settings);
	assert_int_equal(parse("noop", "--listen", "10.0.0.1:5555", "--channels=9", NULL), 0);
	assert_int_equal(settings.wait_workers, 0);
	assert_int_equal(settings.channels, 9);
	settings_release(&settings);
}

static void test_settings_wrong_options_are_named(void **state)
{
	(void)state;
	assert_wrong(parse("noop", "--quite", NULL),
		"unknown option '--quite'; did you mean '--quiet'? see --help");
	assert_wrong(parse("noop", "-z", NULL), "unknown option '-z'; see --help");
	assert_wrong(parse("noop", "--grace", NULL), "--grace needs an argument: TIME");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings_defaults),
		cmocka_unit_test(test_settings_options_and_operands_in_any_order),
		cmocka_unit_test(test_settings_operands_may_look_like_options_after_dashes),
		cmocka_unit_test(test_settings_kind_brings_its_own_options),
		cmocka_unit_test(test_settings_unknown_command_is_named),
		cmocka_unit_test(test_settings_without_command_ask_for_one),
		cmocka_unit_test(test_settings_help_and_version_need_nothing_else),
		cmocka_unit_test(test_settings_quiet_excludes_verbose),
		cmocka_unit_test(test_settings_values_are_limited),
		cmocka_unit_test(test_settings_of_other_machines_go_together),
		cmocka_unit_test(test_settings_wrong_options_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
