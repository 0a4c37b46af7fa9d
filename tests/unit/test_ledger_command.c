/* SPDX-License-Identifier: MIT */
/* What people and scripts are told of a ledger, also while a run holds it, and where it lies. */
#include "master/ledger_command.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "master/ledger_place.h"
#include "tests/support/ledger_sample.h"
#include "tests/support/tempdir.h"

enum { OUTPUT_MAX = 65536, ARGUMENTS_MAX = 8 };

struct fixture {
	char *folder;
	char *path; /* of the ledger */
	char output[OUTPUT_MAX];
	struct error err;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->folder = tempdir_new();
	f->path = xstrdup(tempdir_path(f->folder, "run.db"));
	*state = f;
	return setenv("XDG_STATE_HOME", tempdir_path(f->folder, "state"), 1);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	tempdir_free(f->folder);
	free(f->path);
	free(f);
	return 0;
}

static void settle(
	struct ledger *ledger, const char *source, enum ledger_outcome outcome, const char *reason)
{
	struct ledger_entry entry = ledger_sample_entry(source);
	entry.outcome = outcome;
	entry.reason = reason;
	entry.attempts = outcome == LEDGER_QUARANTINED ? 3 : 1;
	ledger_settle(ledger, &entry);
}

/* Four sources, and a failure of an older run that is done now. */
static void make_ledger(const char *path)
{
	struct ledger *ledger = ledger_sample_open(path);
	settle(ledger, "source:old", LEDGER_FAILED, "old");
	ledger_sample_close(ledger, true);
	ledger = ledger_sample_open(path);
	settle(ledger, "source:a", LEDGER_DONE, "");
	settle(ledger, "source:b\xff", LEDGER_FAILED, "not an image");
	settle(ledger, "source:c\n", LEDGER_QUARANTINED, "lane ended by SIGSEGV");
	ledger_listed(ledger, 1234, true);
	ledger_sample_close(ledger, true);
}

/* Runs the words as a command; what it prints is in f->output. */
static int command(struct fixture *f, const char *words)
{
	char *copy = xasprintf("ledger %s", words), *rest = NULL;
	char *arguments[ARGUMENTS_MAX + 1] = { NULL };
	int count = 0;
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		arguments[count++] = word;
	const char *name = tempdir_path(f->folder, "stdout");
	int saved = dup(STDOUT_FILENO);
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && saved >= 0);
	assert_int_equal(fflush(stdout), 0);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	int status = ledger_command(count, arguments, &f->err);
	assert_int_equal(fflush(stdout), 0);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	ssize_t size = pread(fd, f->output, sizeof(f->output) - 1, 0);
	assert_true(size >= 0);
	f->output[size] = '\0';
	close(fd);
	close(saved);
	free(copy);
	return status;
}

static void ask(struct fixture *f, const char *words)
{
	char *whole = xasprintf("%s --ledger %s", words, f->path);
	if (command(f, whole))
		fail_msg("%s: %s", words, f->err.message);
	free(whole);
}

static void assert_said(const struct fixture *f, const char *text)
{
	if (!strstr(f->output, text))
		fail_msg("'%s' is not in:\n%s", text, f->output);
}

static void test_ledger_show_tells_of_the_last_run(void **state)
{
	struct fixture *f = *state;
	make_ledger(f->path);
	ask(f, "show");
	assert_said(f, "command  scale of sciame 1.0\nsource   /photos\ntarget   /thumbs\n");
	assert_said(f, "jobs     1 of 1,234 done, 1 failed, 1 quarantined\n");
	assert_non_null(strstr(f->output, "ended    20"));
}

static void test_ledger_show_has_json(void **state)
{
	struct fixture *f = *state;
	make_ledger(f->path);
	ask(f, "show --json");
	assert_said(f, "{\"kind\": \"scale\", \"source\": \"/photos\", \"target\": \"/thumbs\"");
	assert_said(f, "\"listed\": 1234, \"listing_ended\": true, \"done\": 1, \"failed\": 1,"
		       " \"quarantined\": 1}\n");
}

static void test_ledger_failed_names_what_failed_last(void **state)
{
	struct fixture *f = *state;
	make_ledger(f->path);
	ask(f, "failed");
	assert_string_equal(f->output,
		"$'b\\xFF': not an image (1 attempt)\n"
		"$'c\\n': quarantined: lane ended by SIGSEGV (3 attempts)\n");
}

static void test_ledger_export_has_every_source(void **state)
{
	struct fixture *f = *state;
	size_t lines = 0;
	make_ledger(f->path);
	ask(f, "export --json");
	for (const char *at = f->output; *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 4);
	assert_said(
		f, "{\"source\": \"source:a\", \"target\": \"target:t\", \"outcome\": \"done\"");
	assert_said(f, "\"source_base64\": \"c291cmNlOmL/\"");
	assert_said(f, "\"reason\": \"old\"");
	assert_said(f, "\"last_run\": false");
}

static void test_ledger_is_shown_while_a_run_holds_it(void **state)
{
	struct fixture *f = *state;
	struct ledger *ledger = ledger_sample_open(f->path);
	ask(f, "show");
	assert_said(f, "ended    no: process ");
	assert_said(f, "jobs     0 of at least 0 done");
	ledger_sample_close(ledger, true);
}

static void test_ledger_refuses_wrong_words(void **state)
{
	static const char *const words[] = { "", "show", "list x", "show a b", "show --ledger x y",
		"export --ledger x --nope" };
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_int_equal(command(f, words[i]), -1);
		assert_int_equal(f->err.code, ERROR_USAGE);
	}
	make_ledger(f->path);
	char *export = xasprintf("export --ledger %s", f->path);
	assert_int_equal(command(f, export), -1);
	assert_int_equal(f->err.code, ERROR_USAGE);
	free(export);
}

static void test_ledger_that_is_missing_is_an_error(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(command(f, "show --ledger none.db"), -1);
	assert_int_equal(f->err.code, ERROR_IO);
	assert_string_equal(f->err.message, "ledger none.db: No such file or directory");
}

static void test_ledger_help_lists_its_words(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(command(f, "--help"), 0);
	assert_said(f, "usage: sciame ledger show|failed|export [options] [TARGET]");
}

static void test_ledger_of_a_target_is_found_by_any_of_its_names(void **state)
{
	struct fixture *f = *state;
	struct stat status;
	tempdir_make(f->folder, "my thumbs");
	tempdir_link(f->folder, "link", "my thumbs");
	char *place = ledger_make_place(tempdir_path(f->folder, "my thumbs"), &f->err);
	char *same = ledger_place(tempdir_path(f->folder, "link"), &f->err);
	char *other = ledger_place(tempdir_path(f->folder, "not there"), &f->err);
	assert_non_null(place);
	assert_string_equal(place, same);
	assert_non_null(other);
	assert_string_not_equal(place, other);
	assert_non_null(strstr(place, "state/sciame/runs/my_thumbs-"));
	assert_int_equal(stat(tempdir_path(f->folder, "state/sciame/runs"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	make_ledger(place);
	char *words = xasprintf("show %s", tempdir_path(f->folder, "link"));
	assert_int_equal(command(f, words), 0);
	assert_said(f, "command  scale");
	free(words);
	free(place);
	free(same);
	free(other);
}

static void test_ledger_place_is_the_same_before_and_after_the_target_is_made(void **state)
{
	struct fixture *f = *state;
	char *before = ledger_place(tempdir_path(f->folder, "new/"), &f->err);
	tempdir_make(f->folder, "new");
	char *after = ledger_place(tempdir_path(f->folder, "new"), &f->err);
	assert_string_equal(before, after);
	assert_null(ledger_place(tempdir_path(f->folder, "none/new"), &f->err));
	free(before);
	free(after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ledger_show_tells_of_the_last_run),
		TEST(test_ledger_show_has_json),
		TEST(test_ledger_failed_names_what_failed_last),
		TEST(test_ledger_export_has_every_source),
		TEST(test_ledger_is_shown_while_a_run_holds_it),
		TEST(test_ledger_refuses_wrong_words),
		TEST(test_ledger_that_is_missing_is_an_error),
		TEST(test_ledger_help_lists_its_words),
		TEST(test_ledger_of_a_target_is_found_by_any_of_its_names),
		TEST(test_ledger_place_is_the_same_before_and_after_the_target_is_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
