/* SPDX-License-Identifier: MIT */
/* Inputs and outputs below roots: nothing outside is touched, nothing is visible half done. */
#include "common/store.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "tests/support/tempdir.h"

/* FOLDER/in is the root "source", FOLDER/out the root "target". */
struct fixture {
	char *folder;
	struct store *store;
	struct input input;
	struct output output;
	struct job job; /* that output borrows */
	struct error err;
};

static struct store *new_store(const char *folder, const struct store_options *options)
{
	struct error err;
	struct store *store = store_new(options);
	static const char *const names[][2] = { { "source", "in" }, { "target", "out" } };
	for (size_t i = 0; i < 2; i++) {
		char *root = xasprintf("%s=%s", names[i][0], tempdir_path(folder, names[i][1]));
		assert_int_equal(store_add_root(store, root, &err), 0);
		free(root);
	}
	return store;
}

static int setup_with(void **state, struct store_options options)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->folder = tempdir_new();
	tempdir_make(f->folder, "in");
	tempdir_make(f->folder, "out");
	f->store = new_store(f->folder, &options);
	f->input.fd = -1;
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, (struct store_options) { .sync = false });
}

static int setup_sync(void **state)
{
	return setup_with(state, (struct store_options) { .sync = true });
}

static int setup_links(void **state)
{
	return setup_with(state, (struct store_options) { .follow_links = true });
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	input_close(&f->input);
	store_free(f->store);
	tempdir_free(f->folder);
	free(f);
	return 0;
}

static int create_first(
	struct store *store, const struct job *job, struct output *output, struct error *err)
{
	static const struct input none = { .fd = -1 };
	return store_create(store, &(struct store_request) { job, 0, &none }, output, err);
}

static int commit(struct store *store, struct output *output, uint64_t bytes, struct error *err)
{
	return store_commit(store, output, &(struct produced) { .bytes = bytes }, err);
}

static int create(struct fixture *f, const char *target)
{
	f->job = (struct job) { .id = 7, .attempt = 1, .source = "", .target = target };
	const struct store_request request = { &f->job, 0, &f->input };
	return store_create(f->store, &request, &f->output, &f->err);
}

static void write_output(struct fixture *f, const char *text)
{
	ssize_t size = (ssize_t)strlen(text);
	assert_int_equal(write(f->output.fd, text, strlen(text)), size);
}

static int put(struct fixture *f, const char *target, const char *text)
{
	if (create(f, target))
		return -1;
	write_output(f, text);
	return commit(f->store, &f->output, strlen(text), &f->err);
}

static void assert_put(struct fixture *f, const char *target, const char *text)
{
	if (put(f, target, text))
		fail_msg("%s: %s", target, f->err.message);
}

static void assert_error(const struct fixture *f, enum error_code code, const char *message)
{
	assert_string_equal(f->err.message, message);
	assert_int_equal(f->err.code, code);
}

static void test_store_commits_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(create(f, "target:a"), 0);
	write_output(f, "abc");
	assert_false(tempdir_exists(f->folder, "out/a"));
	assert_int_equal(commit(f->store, &f->output, 3, &f->err), 0);
	assert_true(tempdir_holds(f->folder, "out/a", "abc"));
	assert_int_equal(tempdir_count(f->folder, "out"), 1);
	store_discard(&f->output); /* it is settled: nothing happens */
	assert_true(tempdir_exists(f->folder, "out/a"));
}

static void test_store_commit_replaces_older_output(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "out/a", "older and longer");
	assert_int_equal(create(f, "target:a"), 0);
	write_output(f, "new");
	assert_true(tempdir_holds(f->folder, "out/a", "older and longer"));
	assert_int_equal(commit(f->store, &f->output, 3, &f->err), 0);
	assert_true(tempdir_holds(f->folder, "out/a", "new"));
	assert_int_equal(tempdir_count(f->folder, "out"), 1);
}

static void test_store_discard_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "out/a", "older");
	assert_int_equal(create(f, "target:a"), 0);
	write_output(f, "new");
	store_discard(&f->output);
	store_discard(&f->output);
	assert_true(tempdir_holds(f->folder, "out/a", "older"));
	assert_int_equal(tempdir_count(f->folder, "out"), 1);
}

static void test_store_wrong_byte_count_is_refused(void **state)
{
	struct fixture *f = *state;
	static const uint64_t wrong[] = { 0, 2, 4, UINT64_MAX };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(create(f, "target:a"), 0);
		write_output(f, "abc");
		assert_int_equal(commit(f->store, &f->output, wrong[i], &f->err), -1);
		assert_int_equal(f->err.code, ERROR_IO);
		assert_int_equal(tempdir_count(f->folder, "out"), 0);
	}
	assert_error(f, ERROR_IO, "the output has 3 bytes instead of 18446744073709551615");
}

static void test_store_output_may_be_empty(void **state)
{
	struct fixture *f = *state;
	assert_put(f, "target:a", "");
	assert_true(tempdir_holds(f->folder, "out/a", ""));
}

static void test_store_empty_location_is_no_file(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(store_open(f->store, "", &f->input, &f->err), 0);
	assert_int_equal(f->input.fd, -1);
	assert_int_equal(create(f, ""), 0);
	assert_int_equal(f->output.fd, -1);
	assert_int_equal(commit(f->store, &f->output, 0, &f->err), 0);
	store_discard(&f->output);
}

static void test_store_opens_input(void **state)
{
	struct fixture *f = *state;
	char got[4];
	tempdir_write(f->folder, "in/a/b", "abc");
	assert_int_equal(store_open(f->store, "source:a/b", &f->input, &f->err), 0);
	assert_int_equal(read(f->input.fd, got, sizeof(got)), 3);
	assert_memory_equal(got, "abc", 3);
	input_close(&f->input);
	assert_int_equal(f->input.fd, -1);
	assert_int_equal(store_open(f->store, "source:a/none", &f->input, &f->err), -1);
	assert_error(f, ERROR_IO, "open: No such file or directory");
	assert_int_equal(f->input.fd, -1);
}

static void test_store_refuses_all_but_plain_paths(void **state)
{
	struct fixture *f = *state;
	static const char *const paths[] = { "", "/", "/etc/passwd", "a/", "a//b", "//", ".", "./a",
		"a/.", "..", "../out/a", "a/../../out/a", "a/..", "/..", "a/./b" };
	tempdir_write(f->folder, "in/a/b", "");
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		for (int output = 0; output < 2; output++) {
			char location[64];
			(void)snprintf(location, sizeof(location), "source:%s", paths[i]);
			int status = output ? create(f, location)
					    : store_open(f->store, location, &f->input, &f->err);
			assert_int_equal(status, -1);
			assert_int_equal(f->err.code, ERROR_INPUT);
			assert_non_null(strstr(f->err.message, "not a path below a root: "));
		}
	}
	/* but dots within a name are just dots */
	assert_put(f, "target:..a/b../...", "abc");
	assert_true(tempdir_holds(f->folder, "out/..a/b../...", "abc"));
}

static void test_store_refuses_unknown_roots(void **state)
{
	struct fixture *f = *state;
	static const char *const roots[] = { "other:a", ":a", "sourc:a", "sources:a", "Source:a" };
	tempdir_write(f->folder, "in/a", "");
	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		assert_int_equal(store_open(f->store, roots[i], &f->input, &f->err), -1);
		assert_int_equal(create(f, roots[i]), -1);
		assert_int_equal(f->err.code, ERROR_INPUT);
	}
	assert_int_equal(create(f, "other:a"), -1);
	assert_error(f, ERROR_INPUT, "this worker serves no root 'other'");
	assert_int_equal(create(f, "a"), -1);
	assert_error(f, ERROR_INPUT, "not a path below a root: a");
}

static void test_store_root_is_name_and_folder(void **state)
{
	struct fixture *f = *state;
	static const char *const wrong[] = { "", "name", "=/", "a:b=/",
		"a-name-of-more-than-thirty-one-b=/" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(store_add_root(f->store, wrong[i], &f->err), -1);
		assert_int_equal(f->err.code, ERROR_USAGE);
	}
	assert_int_equal(store_add_root(f->store, "name", &f->err), -1);
	assert_error(f, ERROR_USAGE, "--root takes NAME=FOLDER, not 'name'");
	assert_int_equal(store_add_root(f->store, "n=/dev/null", &f->err), -1);
	assert_error(f, ERROR_IO, "open folder /dev/null: Not a directory");
	for (int i = 2; i < STORE_ROOTS_MAX; i++)
		assert_int_equal(store_add_root(f->store, "n=/", &f->err), 0);
	assert_int_equal(store_add_root(f->store, "n=/", &f->err), -1);
	assert_int_equal(f->err.code, ERROR_LIMIT);
}

static void make_links_out(const struct fixture *f)
{
	tempdir_write(f->folder, "elsewhere/a", "abc");
	tempdir_link(f->folder, "in/file", "../elsewhere/a");
	tempdir_link(f->folder, "in/folder", "../elsewhere");
	tempdir_link(f->folder, "out/folder", "../elsewhere");
	tempdir_make(f->folder, "out/within");
	tempdir_link(f->folder, "out/inner", "within");
}

static void test_store_refuses_links_out_of_the_root(void **state)
{
	struct fixture *f = *state;
	make_links_out(f);
	static const char *const inputs[] = { "source:file", "source:folder/a" };
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(store_open(f->store, inputs[i], &f->input, &f->err), -1);
		assert_error(f, ERROR_INPUT, "a link that leads out of the served folder");
	}
	static const char *const outputs[] = { "target:folder/b", "target:folder/new/b" };
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(create(f, outputs[i]), -1);
		assert_int_equal(f->err.number, EXDEV);
	}
	assert_int_equal(tempdir_count(f->folder, "elsewhere"), 1);
	assert_put(f, "target:inner/b", "abc");
	assert_true(tempdir_holds(f->folder, "out/within/b", "abc"));
}

static void test_store_follows_links_out_when_told(void **state)
{
	struct fixture *f = *state;
	make_links_out(f);
	assert_int_equal(store_open(f->store, "source:file", &f->input, &f->err), 0);
	input_close(&f->input);
	assert_int_equal(store_open(f->store, "source:folder/a", &f->input, &f->err), 0);
	assert_put(f, "target:folder/new/b", "abc");
	assert_true(tempdir_holds(f->folder, "elsewhere/new/b", "abc"));
}

/* A link where the output is to be: it is replaced, what it points to is not touched. */
static void test_store_replaces_link_not_what_it_names(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "elsewhere", "keep");
	tempdir_link(f->folder, "out/a", "../elsewhere");
	assert_put(f, "target:a", "new");
	assert_true(tempdir_holds(f->folder, "elsewhere", "keep"));
	assert_true(tempdir_holds(f->folder, "out/a", "new"));
}

static void test_store_refuses_all_but_regular_files(void **state)
{
	struct fixture *f = *state;
	static const char *const inputs[] = { "source:fifo", "source:folder" };
	assert_int_equal(mkfifo(tempdir_path(f->folder, "in/fifo"), 0666), 0);
	tempdir_make(f->folder, "in/folder");
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(store_open(f->store, inputs[i], &f->input, &f->err), -1);
		assert_error(f, ERROR_INPUT, "not a regular file");
		assert_int_equal(f->input.fd, -1);
	}
	tempdir_link(f->folder, "in/loop", "loop");
	assert_int_equal(store_open(f->store, "source:loop", &f->input, &f->err), -1);
	assert_int_equal(f->err.number, ELOOP);
}

static void test_store_makes_missing_folders(void **state)
{
	struct fixture *f = *state;
	assert_put(f, "target:a/b/c/d", "1");
	assert_put(f, "target:a/b/e/f", "2");
	assert_put(f, "target:a/g", "3");
	assert_true(tempdir_holds(f->folder, "out/a/b/c/d", "1"));
	assert_true(tempdir_holds(f->folder, "out/a/b/e/f", "2"));
	assert_true(tempdir_holds(f->folder, "out/a/g", "3"));
	tempdir_write(f->folder, "out/file", "");
	assert_int_equal(create(f, "target:file/a"), -1);
	assert_int_equal(f->err.number, ENOTDIR);
	assert_int_equal(create(f, "target:file/a/b"), -1);
	assert_int_equal(f->err.number, ENOTDIR);
}

static void test_store_output_over_folder_is_refused(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "out/a/b", "");
	assert_int_equal(put(f, "target:a", "abc"), -1);
	assert_error(f, ERROR_IO, "rename: Is a directory");
	assert_int_equal(tempdir_count(f->folder, "out"), 1);
	assert_true(tempdir_exists(f->folder, "out/a/b"));
}

static void test_store_output_never_replaces_its_source(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "in/a", "original");
	assert_int_equal(store_open(f->store, "source:a", &f->input, &f->err), 0);
	assert_int_equal(put(f, "source:a", "new"), -1);
	assert_error(f, ERROR_INPUT, "the output would replace its source");
	assert_int_equal(
		link(tempdir_path(f->folder, "in/a"), tempdir_path(f->folder, "out/hard")), 0);
	assert_int_equal(put(f, "target:hard", "new"), -1);
	assert_error(f, ERROR_INPUT, "the output would replace its source");
	assert_true(tempdir_holds(f->folder, "in/a", "original"));
	assert_int_equal(tempdir_count(f->folder, "in"), 1);
	assert_int_equal(tempdir_count(f->folder, "out"), 1);
}

/* Another process that holds the lock of a temporary until its pipe is closed. */
struct holder {
	pid_t pid;
	int pipe;
};

static struct holder hold(const char *path)
{
	int ready[2], end[2];
	char byte = 0;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(end[1]); /* else the child would wait for itself */
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		if (fd < 0 || flock(fd, LOCK_EX) || write(ready[1], &byte, 1) != 1)
			_exit(1);
		_exit(read(end[0], &byte, 1) == 0 ? 0 : 1);
	}
	assert_int_equal(close(ready[1]), 0);
	assert_int_equal(close(end[0]), 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(close(ready[0]), 0);
	return (struct holder) { pid, end[1] };
}

static void release(struct holder holder)
{
	int status;
	assert_int_equal(close(holder.pipe), 0);
	assert_int_equal(waitpid(holder.pid, &status, 0), holder.pid);
	assert_int_equal(status, 0);
}

static void test_store_sweeps_what_dead_processes_left(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "out/a/.sciame-0123456789abcdef-1-1.tmp", "stale");
	tempdir_write(f->folder, "out/a/.sciame-1-2-1.tmp", "stale");
	tempdir_write(f->folder, "out/a/.sciame-note", "of the user");
	tempdir_write(f->folder, "out/a/other.tmp", "of the user");
	struct holder holder = hold(tempdir_path(f->folder, "out/a/.sciame-1-3-1.tmp"));
	assert_put(f, "target:a/b", "abc");
	assert_false(tempdir_exists(f->folder, "out/a/.sciame-0123456789abcdef-1-1.tmp"));
	assert_false(tempdir_exists(f->folder, "out/a/.sciame-1-2-1.tmp"));
	assert_true(tempdir_exists(f->folder, "out/a/.sciame-1-3-1.tmp"));
	assert_int_equal(tempdir_count(f->folder, "out/a"), 4);
	release(holder);
	/* the next run finds the lock gone */
	struct store *next = new_store(f->folder, &(struct store_options) { .sync = false });
	const struct job job = { .id = 1, .attempt = 1, .source = "", .target = "target:a/c" };
	assert_int_equal(create_first(next, &job, &f->output, &f->err), 0);
	assert_false(tempdir_exists(f->folder, "out/a/.sciame-1-3-1.tmp"));
	store_discard(&f->output);
	store_free(next);
}

/* Two workers with one target: the second's sweep leaves the first's outputs alone. */
static void test_store_sweeps_no_output_of_a_living_neighbour(void **state)
{
	struct fixture *f = *state;
	struct output theirs;
	struct store *other = new_store(f->folder, &(struct store_options) { .sync = false });
	const struct job job = { .id = 7, .attempt = 1, .source = "", .target = "target:theirs" };
	assert_int_equal(create_first(other, &job, &theirs, &f->err), 0);
	assert_put(f, "target:ours", "abc");
	assert_int_equal(write(theirs.fd, "abcd", 4), 4);
	assert_int_equal(commit(other, &theirs, 4, &f->err), 0);
	assert_true(tempdir_holds(f->folder, "out/theirs", "abcd"));
	store_free(other);
}

static void test_store_attempts_of_one_job_do_not_meet(void **state)
{
	struct fixture *f = *state;
	struct output first, second;
	const struct job job = { .id = 7, .attempt = 1, .source = "", .target = "target:a" };
	struct job again = job;
	again.attempt = 2;
	assert_int_equal(create_first(f->store, &job, &first, &f->err), 0);
	assert_int_equal(create_first(f->store, &again, &second, &f->err), 0);
	assert_int_equal(write(second.fd, "abc", 3), 3);
	store_discard(&first);
	assert_int_equal(commit(f->store, &second, 3, &f->err), 0);
	assert_true(tempdir_holds(f->folder, "out/a", "abc"));
}

static void test_store_many_folders_one_after_another(void **state)
{
	struct fixture *f = *state;
	char target[32];
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < STORE_FOLDERS_MAX + 10; i++) {
			(void)snprintf(target, sizeof(target), "target:%d/%d", i, round);
			assert_put(f, target, "abc");
		}
	}
	for (int i = 0; i < STORE_FOLDERS_MAX + 10; i++) {
		(void)snprintf(target, sizeof(target), "out/%d", i);
		assert_int_equal(tempdir_count(f->folder, target), 2);
	}
}

/* Outputs in work keep their folders open, however many these are. */
static void test_store_many_folders_at_once(void **state)
{
	enum { AT_ONCE = 2 * STORE_FOLDERS_MAX };
	struct fixture *f = *state;
	static struct output outputs[AT_ONCE];
	static struct job jobs[AT_ONCE];
	static char targets[AT_ONCE][32];
	for (int i = 0; i < AT_ONCE; i++) {
		(void)snprintf(targets[i], sizeof(targets[i]), "target:%d/a", i);
		jobs[i] =
			(struct job) { .id = 7, .attempt = 1, .source = "", .target = targets[i] };
		assert_int_equal(create_first(f->store, &jobs[i], &outputs[i], &f->err), 0);
	}
	for (int i = 0; i < AT_ONCE; i += 2)
		assert_int_equal(commit(f->store, &outputs[i], 0, &f->err), 0);
	assert_put(f, "target:0/b", "abc");
	for (int i = 1; i < AT_ONCE; i += 2)
		store_discard(&outputs[i]);
	assert_true(tempdir_exists(f->folder, "out/126/a"));
	assert_int_equal(tempdir_count(f->folder, "out/127"), 0);
	assert_true(tempdir_holds(f->folder, "out/0/b", "abc"));
}

static void test_store_failed_outputs_release_their_folders(void **state)
{
	struct fixture *f = *state;
	char target[32];
	for (int i = 0; i < 2 * STORE_FOLDERS_MAX; i++) {
		(void)snprintf(target, sizeof(target), "out/%d/a/b", i);
		tempdir_write(f->folder, target, "");
		(void)snprintf(target, sizeof(target), "target:%d/a", i);
		assert_int_equal(put(f, target, "abc"), -1);
	}
	int fd = dup(0);
	assert_true(fd < STORE_FOLDERS_MAX + 20); /* no descriptor of a failed one stayed open */
	assert_int_equal(close(fd), 0);
}

static void test_store_names_may_have_255_bytes(void **state)
{
	struct fixture *f = *state;
	char name[300], location[310], path[310];
	memset(name, 0xC3, 255);
	name[255] = '\0';
	(void)snprintf(location, sizeof(location), "target:%s", name);
	(void)snprintf(path, sizeof(path), "out/%s", name);
	assert_put(f, location, "abc");
	assert_true(tempdir_holds(f->folder, path, "abc"));
	(void)snprintf(location, sizeof(location), "target:%sx", name);
	assert_int_equal(put(f, location, "abc"), -1);
	assert_int_equal(f->err.number, ENAMETOOLONG);
	assert_int_equal(tempdir_count(f->folder, "out"), 1);
}

static void test_store_outputs_have_the_mode_that_umask_gives(void **state)
{
	struct fixture *f = *state;
	struct stat status;
	mode_t old = umask(027);
	assert_put(f, "target:new/a", "abc");
	umask(old);
	assert_int_equal(stat(tempdir_path(f->folder, "out/new/a"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_int_equal(stat(tempdir_path(f->folder, "out/new"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0750);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_store_commits_whole_or_not_at_all),
		cmocka_unit_test_setup_teardown(
			test_store_commit_replaces_older_output, setup_sync, teardown),
		CASE(test_store_discard_leaves_nothing),
		CASE(test_store_wrong_byte_count_is_refused),
		CASE(test_store_output_may_be_empty),
		CASE(test_store_empty_location_is_no_file),
		CASE(test_store_opens_input),
		CASE(test_store_refuses_all_but_plain_paths),
		CASE(test_store_refuses_unknown_roots),
		CASE(test_store_root_is_name_and_folder),
		CASE(test_store_refuses_links_out_of_the_root),
		cmocka_unit_test_setup_teardown(
			test_store_follows_links_out_when_told, setup_links, teardown),
		CASE(test_store_replaces_link_not_what_it_names),
		CASE(test_store_refuses_all_but_regular_files),
		CASE(test_store_makes_missing_folders),
		CASE(test_store_output_over_folder_is_refused),
		CASE(test_store_output_never_replaces_its_source),
		CASE(test_store_sweeps_what_dead_processes_left),
		CASE(test_store_sweeps_no_output_of_a_living_neighbour),
		CASE(test_store_attempts_of_one_job_do_not_meet),
		CASE(test_store_many_folders_one_after_another),
		CASE(test_store_many_folders_at_once),
		CASE(test_store_failed_outputs_release_their_folders),
		CASE(test_store_names_may_have_255_bytes),
		CASE(test_store_outputs_have_the_mode_that_umask_gives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
