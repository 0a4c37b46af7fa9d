/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/job.h"
#include "master/kinds/scale_manifest.h"
#include "master/kinds/scale_notes.h"
#include "proto/scale.pb-c.h"
#include "tests/support/tempdir.h"

static const uint8_t digest[JOB_DIGEST_SIZE] = { 0x00, 0x0f, 0xff };

static void add(struct scale_manifest *manifest)
{
	scale_manifest_add(manifest, &(struct manifest_line) { .source = "a\n\"b.png",
					     .output = "x/\xff.jpg",
					     .label = "400x300",
					     .width = 400,
					     .height = 267,
					     .bytes = UINT64_C(1) << 33,
					     .digest = digest });
	scale_manifest_add(
		manifest, &(struct manifest_line) { .source = "a", .output = "b", .label = "1" });
}

static void test_manifest_is_json_lines(void **state)
{
	struct error err = { 0 };
	const char *path = tempdir_path(*state, "manifest");
	struct scale_manifest *manifest = scale_manifest_open(path, &err);
	assert_non_null(manifest);
	add(manifest);
	assert_int_equal(scale_manifest_commit(manifest, &err), 0);
	scale_manifest_close(manifest);
	assert_true(tempdir_holds(*state, "manifest",
		"{\"source\": \"a\\n\\\"b.png\", \"output\": \"x/\\uFFFD.jpg\", "
		"\"output_base64\": \"eC//LmpwZw==\", \"width\": 400, \"height\": 267, "
		"\"bytes\": 8589934592, \"size\": \"400x300\", \"sha256\": \"000fff"
		"0000000000000000000000000000000000000000000000000000000000\"}\n"
		"{\"source\": \"a\", \"output\": \"b\", \"width\": 0, \"height\": 0, "
		"\"bytes\": 0, \"size\": \"1\"}\n"));
}

static void test_manifest_that_is_not_committed_leaves_the_old_one(void **state)
{
	struct error err = { 0 };
	const char *path = tempdir_path(*state, "manifest");
	tempdir_write(*state, "manifest", "old");
	struct scale_manifest *manifest = scale_manifest_open(path, &err);
	assert_non_null(manifest);
	add(manifest);
	scale_manifest_close(manifest);
	assert_true(tempdir_holds(*state, "manifest", "old"));
}

static void test_manifest_that_can_not_be_written_is_an_error(void **state)
{
	struct error err = { 0 };
	const char *path = tempdir_path(*state, "none/manifest");
	assert_null(scale_manifest_open(path, &err));
	assert_non_null(strstr(err.message, "none/manifest"));
}

static void test_notes_are_told_in_words(void **state)
{
	(void)state;
	char text[SCALE_NOTES_TEXT_MAX];
	scale_notes_text(0, text);
	assert_string_equal(text, "");
	scale_notes_text(SCIAME__SCALE_NOTE__SCALE_NOTE_FLATTENED, text);
	assert_string_equal(text, "its transparency became background");
	scale_notes_text(
		SCIAME__SCALE_NOTE__SCALE_NOTE_FLATTENED | SCIAME__SCALE_NOTE__SCALE_NOTE_SALVAGED,
		text);
	assert_string_equal(
		text, "damaged: made from what could be read; its transparency became background");
	scale_notes_text(UINT32_MAX, text); /* all of them have room */
	assert_true(strlen(text) > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_manifest_is_json_lines, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(
			test_manifest_that_is_not_committed_leaves_the_old_one, tempdir_setup,
			tempdir_teardown),
		cmocka_unit_test_setup_teardown(test_manifest_that_can_not_be_written_is_an_error,
			tempdir_setup, tempdir_teardown),
		cmocka_unit_test(test_notes_are_told_in_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
