/* SPDX-License-Identifier: MIT */
/* Listing folders: what is found, what is left out, and that one bad folder stops nothing. */
#include "common/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "tests/support/tempdir.h"

enum { LISTED_MAX = 32, STEPS_MAX = 100 };

static const struct tree_options everything = { .without = -1 };

/* What a listing came to: files in the order of strcmp, and the reasons that it gave. */
struct listing {
	size_t files, errors;
	char *file[LISTED_MAX];
	struct error error[LISTED_MAX];
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(struct listing *l, const char *folder, const struct tree_options *options)
{
	struct error err;
	const char *path;
	*l = (struct listing) { 0 };
	struct tree *tree = tree_open(folder, options, &err);
	assert_non_null(tree);
	for (int i = 0;; i++) {
		assert_true(i < STEPS_MAX);
		int status = tree_next(tree, &path, &err);
		if (status == 0)
			break;
		assert_true(l->files < LISTED_MAX && l->errors < LISTED_MAX);
		if (status > 0)
			l->file[l->files++] = xstrdup(path);
		else
			l->error[l->errors++] = err;
	}
	assert_int_equal(tree_next(tree, &path, &err), 0); /* the end stays the end */
	tree_close(tree);
	qsort(l->file, l->files, sizeof(*l->file), compare);
}

static void listing_release(struct listing *l)
{
	while (l->files > 0)
		free(l->file[--l->files]);
}

/* Exactly these files (in the order of strcmp, NULL at the end) and so many errors. */
static void assert_listed(const char *folder, const struct tree_options *options,
	const char *const *files, size_t errors)
{
	struct listing l;
	size_t i = 0;
	list(&l, folder, options);
	for (; files[i] && i < l.files; i++)
		assert_string_equal(l.file[i], files[i]);
	assert_null(files[i]);
	assert_int_equal(l.files, i);
	assert_int_equal(l.errors, errors);
	listing_release(&l);
}

static void test_tree_lists_all_below_but_dots(void **state)
{
	const char *folder = *state;
	tempdir_write(folder, "b", "");
	tempdir_write(folder, "a/a", "");
	tempdir_write(folder, "a/z/deep/er", "");
	tempdir_write(folder, ".hidden", "");
	tempdir_write(folder, ".git/config", "");
	tempdir_write(folder, "a/.sciame-1-1-1.tmp", "");
	tempdir_make(folder, "empty");
	assert_listed(folder, &everything, (const char *[]) { "a/a", "a/z/deep/er", "b", NULL }, 0);
}

static void test_tree_of_empty_folder_has_nothing(void **state)
{
	assert_listed(*state, &everything, (const char *[]) { NULL }, 0);
}

static void test_tree_leaves_out_the_named_folder_by_any_name(void **state)
{
	const char *folder = *state;
	tempdir_write(folder, "a", "");
	tempdir_write(folder, "out/put/a", "");
	tempdir_write(folder, "out/b", "");
	tempdir_link(folder, "alias", "out/put/../../out");
	const struct tree_options options = {
		.without = open(tempdir_path(folder, "out"), O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	assert_true(options.without >= 0);
	assert_listed(folder, &options, (const char *[]) { "a", NULL }, 0);
	assert_int_equal(close(options.without), 0);
}

static void test_tree_follows_links_to_folders_and_files(void **state)
{
	const char *folder = *state;
	tempdir_write(folder, "tree/a", "");
	tempdir_write(folder, "elsewhere/b", "");
	tempdir_link(folder, "tree/link", "../elsewhere");
	tempdir_link(folder, "tree/file", "../elsewhere/b");
	assert_listed(tempdir_path(folder, "tree"), &everything,
		(const char *[]) { "a", "file", "link/b", NULL }, 0);
}

static void test_tree_reports_loop_and_lists_the_rest(void **state)
{
	const char *folder = *state;
	struct listing l;
	tempdir_write(folder, "a/b/c", "");
	tempdir_write(folder, "z", "");
	tempdir_link(folder, "a/b/up", "..");
	tempdir_link(folder, "a/top", "..");
	tempdir_link(folder, "a/self", "self");
	list(&l, folder, &everything);
	assert_int_equal(l.files, 3);
	assert_string_equal(l.file[0], "a/b/c");
	assert_string_equal(l.file[1], "a/self"); /* it can't be opened: the worker says so */
	assert_string_equal(l.file[2], "z");
	assert_int_equal(l.errors, 2);
	bool up_first = strstr(l.error[0].message, "a/b/up") != NULL;
	assert_string_equal(
		l.error[!up_first].message, "a/b/up: a link to a folder that contains it");
	assert_string_equal(
		l.error[up_first].message, "a/top: a link to a folder that contains it");
	listing_release(&l);
}

static void test_tree_broken_link_is_a_file(void **state)
{
	const char *folder = *state;
	tempdir_link(folder, "broken", "nowhere");
	assert_listed(folder, &everything, (const char *[]) { "broken", NULL }, 0);
}

static void test_tree_names_are_bytes(void **state)
{
	const char *folder = *state;
	char longest[256] = "";
	memset(longest, 'x', 255);
	tempdir_write(folder, "\xFF\xFE/\x80.jpg", "");
	tempdir_write(folder, "new\nline", "");
	tempdir_write(folder, "-dash", "");
	tempdir_write(folder, "a=b:c", "");
	tempdir_write(folder, longest, "");
	assert_listed(folder, &everything,
		(const char *[]) {
			"-dash", "a=b:c", "new\nline", longest, "\xFF\xFE/\x80.jpg", NULL },
		0);
}

static void test_tree_unreadable_folder_is_named(void **state)
{
	const char *folder = *state;
	struct listing l;
	if (geteuid() == 0)
		skip(); /* root reads everything */
	tempdir_write(folder, "a", "");
	tempdir_write(folder, "locked/b", "");
	assert_int_equal(chmod(tempdir_path(folder, "locked"), 0), 0);
	list(&l, folder, &everything);
	assert_int_equal(l.files, 1);
	assert_int_equal(l.errors, 1);
	assert_int_equal(l.error[0].code, ERROR_IO);
	assert_int_equal(l.error[0].number, EACCES);
	assert_string_equal(l.error[0].message, "locked: open folder: Permission denied");
	listing_release(&l);
}

static void test_tree_open_names_what_is_no_folder(void **state)
{
	const char *folder = *state;
	struct error err;
	tempdir_write(folder, "file", "");
	assert_null(tree_open(tempdir_path(folder, "file"), &everything, &err));
	assert_int_equal(err.number, ENOTDIR);
	assert_null(tree_open(tempdir_path(folder, "none"), &everything, &err));
	assert_int_equal(err.code, ERROR_IO);
	assert_non_null(strstr(err.message, "/none: No such file or directory"));
	tree_close(NULL);
}

/* So many folders in one another, each of them "name", a file "f" in the last. */
static void make_chain(const char *folder, const char *name, size_t count)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(mkdirat(fd, name, 0777), 0);
		int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		assert_int_equal(close(fd), 0);
		fd = next;
	}
	int file = openat(fd, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	assert_true(file >= 0);
	assert_int_equal(close(file), 0);
	assert_int_equal(close(fd), 0);
}

static void assert_one_error(const char *folder, const char *message)
{
	struct listing l;
	list(&l, folder, &everything);
	assert_int_equal(l.errors, 1);
	assert_int_equal(l.error[0].code, ERROR_LIMIT);
	if (!strstr(l.error[0].message, message))
		fail_msg("'%s' does not say '%s'", l.error[0].message, message);
	assert_int_equal(l.files, 1);
	assert_string_equal(l.file[0], "z");
	listing_release(&l);
}

static void test_tree_deepest_folder_allowed_is_listed(void **state)
{
	struct listing l;
	make_chain(*state, "d", TREE_DEPTH_MAX - 1);
	list(&l, *state, &everything);
	assert_int_equal(l.errors, 0);
	assert_int_equal(l.files, 1);
	assert_int_equal(strlen(l.file[0]), 2 * (TREE_DEPTH_MAX - 1) + 1);
	listing_release(&l);
}

static void test_tree_too_deep_folder_is_reported_with_the_reason(void **state)
{
	tempdir_write(*state, "z", "");
	make_chain(*state, "d", TREE_DEPTH_MAX);
	assert_one_error(*state, "more than 256 folders within folders");
}

static void test_tree_too_long_path_is_reported_with_the_reason(void **state)
{
	char name[256] = "";
	memset(name, 'n', 255);
	tempdir_write(*state, "z", "");
	make_chain(*state, name, 16); /* 16 * 256 bytes with the slashes, then "f" and the NUL */
	assert_one_error(*state, "longer than 4095 bytes");
}

static void test_tree_longest_path_allowed_is_listed(void **state)
{
	struct listing l;
	char name[256] = "";
	memset(name, 'n', 254);
	make_chain(*state, name, 16); /* 16 * 255 bytes with the slashes, and "f" */
	list(&l, *state, &everything);
	assert_int_equal(l.errors, 0);
	assert_int_equal(l.files, 1);
	assert_int_equal(strlen(l.file[0]), 16 * 255 + 1);
	listing_release(&l);
}

static int refuse_b(void *context, const char *path, struct error *err)
{
	size_t *asked = context;
	++*asked;
	if (strcmp(path, "a/b") != 0)
		return 0;
	return error_set(err, ERROR_INPUT, "%s: not today", path);
}

static void test_tree_may_enter_keeps_a_folder_out(void **state)
{
	const char *folder = *state;
	size_t asked = 0;
	struct listing l;
	const struct tree_options options = {
		.without = -1, .may_enter = refuse_b, .context = &asked
	};
	tempdir_write(folder, "a/b/c/file", "");
	tempdir_write(folder, "a/file", "");
	tempdir_write(folder, "b/file", "");
	list(&l, folder, &options);
	assert_int_equal(asked, 3); /* a, a/b, b: not the top, not a/b/c */
	assert_int_equal(l.files, 2);
	assert_string_equal(l.file[0], "a/file");
	assert_string_equal(l.file[1], "b/file");
	assert_int_equal(l.errors, 1);
	assert_int_equal(l.error[0].code, ERROR_INPUT);
	assert_string_equal(l.error[0].message, "a/b: not today");
	listing_release(&l);
}

static void test_tree_close_in_the_middle_leaves_no_descriptor(void **state)
{
	const char *folder = *state, *path;
	struct error err;
	tempdir_write(folder, "a/b/c/file", "");
	int before = dup(0);
	assert_int_equal(close(before), 0);
	struct tree *tree = tree_open(folder, &everything, &err);
	assert_non_null(tree);
	assert_int_equal(tree_next(tree, &path, &err), 1);
	tree_close(tree);
	int after = dup(0);
	assert_int_equal(close(after), 0);
	assert_int_equal(before, after);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)

static bool wants_no_b(void *context, const char *path, bool folder)
{
	size_t *asked = context;
	(*asked)++;
	return strcmp(path, "b") != 0 && (folder || !strstr(path, "png"));
}

static void test_tree_leaves_out_what_is_not_wanted(void **state)
{
	const char *folder = *state;
	size_t asked = 0;
	const struct tree_options options = {
		.without = -1, .wants = wants_no_b, .context = &asked
	};
	tempdir_write(folder, "a/b", "");
	tempdir_write(folder, "a/c.png", "");
	tempdir_write(folder, "b/c", "");
	assert_listed(folder, &options, (const char *[]) { "a/b", NULL }, 0);
	assert_int_equal(asked, 4); /* a folder that is not wanted is not entered */
}

static void test_tree_leaves_out_links_when_asked(void **state)
{
	const char *folder = *state;
	const struct tree_options options = { .without = -1, .skip_links = true };
	tempdir_write(folder, "a/b", "");
	tempdir_link(folder, "a/loop", "..");
	tempdir_link(folder, "broken", "nowhere");
	tempdir_link(folder, "file", "a/b");
	tempdir_link(folder, "folder", "a");
	assert_listed(folder, &options, (const char *[]) { "a/b", NULL }, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_tree_leaves_out_what_is_not_wanted),
		CASE(test_tree_leaves_out_links_when_asked),
		CASE(test_tree_lists_all_below_but_dots),
		CASE(test_tree_of_empty_folder_has_nothing),
		CASE(test_tree_leaves_out_the_named_folder_by_any_name),
		CASE(test_tree_follows_links_to_folders_and_files),
		CASE(test_tree_reports_loop_and_lists_the_rest),
		CASE(test_tree_broken_link_is_a_file),
		CASE(test_tree_names_are_bytes),
		CASE(test_tree_unreadable_folder_is_named),
		CASE(test_tree_open_names_what_is_no_folder),
		CASE(test_tree_deepest_folder_allowed_is_listed),
		CASE(test_tree_too_deep_folder_is_reported_with_the_reason),
		CASE(test_tree_too_long_path_is_reported_with_the_reason),
		CASE(test_tree_longest_path_allowed_is_listed),
		CASE(test_tree_may_enter_keeps_a_folder_out),
		CASE(test_tree_close_in_the_middle_leaves_no_descriptor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
