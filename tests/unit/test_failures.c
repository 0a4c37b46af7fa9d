/* SPDX-License-Identifier: MIT */
/* What failed is counted, logged and told again at the end, whatever the names. */
#include "master/failures.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"

enum { SEEN_MAX = 8 };

/* stderr is a pipe during each test, so that what is logged can be looked at. */
struct fixture {
	int stderr_before, log;
	struct failures *failures;
	size_t count;
	char name[SEEN_MAX][64], reason[SEEN_MAX][64];
	char text[8192]; /* of the log */
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	int pipes[2];
	assert_int_equal(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
	f->stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_int_equal(dup2(pipes[1], STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(close(pipes[1]), 0);
	f->log = pipes[0];
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	failures_close(f->failures);
	failures_close(NULL);
	assert_int_equal(dup2(f->stderr_before, STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(close(f->stderr_before), 0);
	assert_int_equal(close(f->log), 0);
	free(f);
	return 0;
}

static const char *read_log(struct fixture *f)
{
	ssize_t size = read(f->log, f->text, sizeof(f->text) - 1);
	f->text[size > 0 ? size : 0] = '\0';
	return f->text;
}

static void see(void *context, const char *name, const char *reason)
{
	struct fixture *f = context;
	assert_true(f->count < SEEN_MAX);
	(void)snprintf(f->name[f->count], sizeof(f->name[0]), "%s", name);
	(void)snprintf(f->reason[f->count], sizeof(f->reason[0]), "%s", reason);
	f->count++;
}

static void replay(struct fixture *f)
{
	f->count = 0;
	failures_each(f->failures, see, f);
}

static void assert_seen(const struct fixture *f, size_t i, const char *name, const char *reason)
{
	assert_true(i < f->count);
	assert_string_equal(f->name[i], name);
	assert_string_equal(f->reason[i], reason);
}

static void test_failures_none(void **state)
{
	struct fixture *f = *state;
	f->failures = failures_open();
	assert_int_equal(failures_count(f->failures), 0);
	replay(f);
	assert_int_equal(f->count, 0);
	assert_string_equal(read_log(f), "");
}

static void test_failures_come_back_in_order(void **state)
{
	struct fixture *f = *state;
	f->failures = failures_open();
	failures_add(f->failures, "a.jpg", "broken");
	failures_add(f->failures, "", "folder: Permission denied");
	failures_add(f->failures, "a.jpg", "");
	assert_int_equal(failures_count(f->failures), 3);
	for (int i = 0; i < 2; i++) {
		replay(f);
		assert_int_equal(f->count, 3);
		assert_seen(f, 0, "a.jpg", "broken");
		assert_seen(f, 1, "", "folder: Permission denied");
		assert_seen(f, 2, "a.jpg", "");
	}
	failures_add(f->failures, "b.jpg", "late");
	replay(f);
	assert_int_equal(f->count, 4);
	assert_seen(f, 3, "b.jpg", "late");
}

static void test_failures_are_logged_at_once(void **state)
{
	struct fixture *f = *state;
	f->failures = failures_open();
	failures_add(f->failures, "a.jpg", "broken");
	failures_add(f->failures, "", "folder: gone");
	assert_string_equal(read_log(f), "sciame: a.jpg: broken\nsciame: folder: gone\n");
}

static void test_failures_names_are_bytes(void **state)
{
	struct fixture *f = *state;
	f->failures = failures_open();
	failures_add(f->failures, "\xFF\n\t\x1B[2J.jpg", "no \xFF text");
	failures_add(f->failures, "%s%n", "%d");
	replay(f);
	assert_seen(f, 0, "\xFF\n\t\x1B[2J.jpg", "no \xFF text");
	assert_seen(f, 1, "%s%n", "%d");
	/* but the terminal gets none of them raw */
	const char *log = read_log(f);
	assert_null(strchr(log, '\x1B'));
	assert_null(strchr(log, '\xFF'));
	assert_int_equal(strcspn(log, "\n") + 1, strlen(log) - strlen("sciame: %s%n: %d\n"));
}

static void test_failures_many_keep_memory_flat(void **state)
{
	struct fixture *f = *state;
	f->failures = failures_open();
	for (int i = 0; i < 20000; i++)
		failures_add(f->failures, "a-name-of-some-length.jpg", "the reason");
	assert_int_equal(failures_count(f->failures), 20000);
}

static size_t occurrences(const char *text, const char *word)
{
	size_t count = 0;
	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
		count++;
	return count;
}

/* So many failures while this limit is 0: all counted and logged, none kept. */
static void with_limit(struct fixture *f, unsigned resource, size_t failures)
{
	struct rlimit before, none;
	assert_int_equal(getrlimit(resource, &before), 0);
	none = (struct rlimit) { 0, before.rlim_max };
	assert_int_equal(setrlimit(resource, &none), 0);
	f->failures = failures_open();
	for (size_t i = 0; i < failures; i++)
		failures_add(f->failures, "a.jpg", "broken");
	replay(f);
	assert_int_equal(setrlimit(resource, &before), 0);
	assert_int_equal(failures_count(f->failures), failures);
	assert_int_equal(f->count, 0);
	const char *log = read_log(f);
	assert_int_equal(occurrences(log, "sciame: a.jpg: broken\n"), failures);
	assert_int_equal(occurrences(log, "failures are not listed again at the end"), 1);
}

static void test_failures_without_a_file_are_counted_and_it_is_said_once(void **state)
{
	with_limit(*state, RLIMIT_NOFILE, 3);
}

static void test_failures_without_room_are_counted_and_it_is_said_once(void **state)
{
	/* a full disk: fewer than a buffer, and so many that writing fails in between */
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	with_limit(*state, RLIMIT_FSIZE, 2);
	struct fixture *f = *state;
	failures_close(f->failures);
	with_limit(f, RLIMIT_FSIZE, 300);
	assert_true(signal(SIGXFSZ, before) != SIG_ERR);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_failures_none),
		CASE(test_failures_come_back_in_order),
		CASE(test_failures_are_logged_at_once),
		CASE(test_failures_names_are_bytes),
		CASE(test_failures_many_keep_memory_flat),
		CASE(test_failures_without_a_file_are_counted_and_it_is_said_once),
		CASE(test_failures_without_room_are_counted_and_it_is_said_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
