/* SPDX-License-Identifier: MIT */
/* Lists of pictures: which bytes are a name, which names are refused, and that each comes once. */
#include "master/kinds/scale_list.h"

#include <fcntl.h>
#include <pthread.h>
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
#include "tests/support/tempdir.h"

static void write_list(const char *folder, const char *bytes, size_t size)
{
	FILE *file = fopen(tempdir_path(folder, "list"), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static struct scale_list *open_list(const char *folder, bool ends_with_nul)
{
	struct error err;
	const struct scale_list_options options = { tempdir_path(folder, "list"),
		tempdir_path(folder, "in"), ends_with_nul };
	tempdir_make(folder, "in");
	struct scale_list *list = scale_list_open(&options, &err);
	assert_non_null(list);
	return list;
}

static void assert_next(struct scale_list *list, const char *expected)
{
	struct error err = { 0 };
	const char *path;
	if (scale_list_next(list, &path, &err) != 1)
		fail_msg("no %s: %s", expected, err.message);
	assert_string_equal(path, expected);
}

static void assert_refused(struct scale_list *list, const char *message)
{
	struct error err = { 0 };
	const char *path;
	assert_int_equal(scale_list_next(list, &path, &err), -1);
	if (!strstr(err.message, message))
		fail_msg("'%s' instead of '%s'", err.message, message);
}

static void assert_end(struct scale_list *list)
{
	struct error err;
	const char *path;
	assert_int_equal(scale_list_next(list, &path, &err), 0);
	assert_int_equal(scale_list_next(list, &path, &err), 0);
}

static void test_list_gives_each_line_once(void **state)
{
	const char text[] = "a.jpg\n\nb/c.png\n./a.jpg\nb//./c.png\n\xFF x\n[shrink=8]";
	write_list(*state, text, strlen(text));
	struct scale_list *list = open_list(*state, false);
	assert_next(list, "a.jpg");
	assert_next(list, "b/c.png");
	assert_next(list, "\xFF x");
	assert_next(list, "[shrink=8]"); /* the last line may lack its end */
	assert_end(list);
	scale_list_close(list);
}

static void test_list_of_names_with_nuls_may_have_newlines(void **state)
{
	const char text[] = "a\nb.jpg\0c.jpg";
	write_list(*state, text, sizeof(text));
	struct scale_list *list = open_list(*state, true);
	assert_next(list, "a\nb.jpg");
	assert_next(list, "c.jpg");
	assert_end(list);
	scale_list_close(list);
}

static void test_list_refuses_what_is_not_below_the_source(void **state)
{
	char *text = xasprintf("../a\na/../b\n/etc/passwd\n.\n%s/x.jpg\n%sx\n%s\nok\n",
		tempdir_path(*state, "in"), tempdir_path(*state, "in"), tempdir_path(*state, "in"));
	write_list(*state, text, strlen(text));
	free(text);
	struct scale_list *list = open_list(*state, false);
	assert_refused(list, "../a: a name with '..'");
	assert_refused(list, "a/../b: a name with '..'");
	assert_refused(list, "/etc/passwd: not below the source");
	assert_refused(list, ".: not below the source");
	assert_next(list, "x.jpg");
	assert_refused(list, "inx: not below the source");
	assert_refused(list, "in: not below the source");
	assert_next(list, "ok");
	assert_end(list);
	scale_list_close(list);
}

static void test_list_refuses_a_nul_in_a_line(void **state)
{
	const char text[] = "a\0b\nc\n";
	write_list(*state, text, sizeof(text) - 1);
	struct scale_list *list = open_list(*state, false);
	assert_refused(list, "a: followed by a NUL");
	assert_next(list, "c");
	assert_end(list);
	scale_list_close(list);
}

static void test_list_goes_on_after_a_name_that_is_too_long(void **state)
{
	enum { MOST = SCALE_LIST_NAME_MAX - 1, TEXT = 300000 };
	char *text = xmalloc(TEXT);
	memset(text, 'a', TEXT);
	text[MOST] = '\n';                   /* fits */
	text[MOST * 2 + 2] = '\n';           /* one more */
	memcpy(text + TEXT - 3, "\nz\n", 3); /* many times the buffer */
	write_list(*state, text, TEXT);
	text[MOST] = '\0';
	struct scale_list *list = open_list(*state, false);
	assert_next(list, text);
	assert_refused(list, "a name of more than 8191 bytes");
	assert_refused(list, "a name of more than 8191 bytes");
	assert_next(list, "z");
	assert_end(list);
	scale_list_close(list);
	free(text);
}

static void test_list_that_is_kept_can_be_read_again(void **state)
{
	struct error err;
	const char text[] = "a\nb\na\n";
	write_list(*state, text, strlen(text));
	struct scale_list *list = open_list(*state, false);
	assert_int_equal(scale_list_keep(list, &err), 0);
	write_list(*state, "x\n", 2); /* too late */
	for (int i = 0; i < 3; i++) {
		assert_next(list, "a");
		assert_next(list, "b");
		assert_end(list);
		assert_int_equal(scale_list_rewind(list, &err), 0);
	}
	scale_list_close(list);
}

static void test_list_needs_its_file(void **state)
{
	struct error err;
	const struct scale_list_options options = { "none", *state, false };
	assert_null(scale_list_open(&options, &err));
	assert_int_equal(err.code, ERROR_USAGE);
	assert_string_equal(err.message, "--files-from none: No such file or directory");
}

static void *stop(void *list)
{
	scale_list_stop(list);
	return NULL;
}

static void test_list_that_waits_can_be_stopped(void **state)
{
	pthread_t thread;
	struct error err;
	const char *path;
	assert_int_equal(mkfifo(tempdir_path(*state, "list"), 0600), 0);
	int writer = open(tempdir_path(*state, "list"), O_RDWR | O_CLOEXEC);
	assert_true(writer >= 0);
	struct scale_list *list = open_list(*state, false);
	assert_int_equal(write(writer, "a\nhalf", 6), 6);
	assert_next(list, "a");
	assert_int_equal(pthread_create(&thread, NULL, stop, list), 0);
	assert_int_equal(scale_list_next(list, &path, &err), 0); /* half a name is none */
	assert_int_equal(pthread_join(thread, NULL), 0);
	scale_list_close(list);
	assert_int_equal(close(writer), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_list_gives_each_line_once),
		TEST(test_list_of_names_with_nuls_may_have_newlines),
		TEST(test_list_refuses_what_is_not_below_the_source),
		TEST(test_list_refuses_a_nul_in_a_line),
		TEST(test_list_goes_on_after_a_name_that_is_too_long),
		TEST(test_list_that_is_kept_can_be_read_again),
		TEST(test_list_needs_its_file),
		TEST(test_list_that_waits_can_be_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
