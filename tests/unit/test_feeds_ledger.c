/* SPDX-License-Identifier: MIT */
/* What a run stores is there for the next one, whole or not at all, and never at others' cost. */
#include "master/kinds/feeds_ledger.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/clock.h"
#include "common/memory.h"
#include "tests/support/tempdir.h"

enum {
	NOW_S = 1700000000,
	DAY_S = 86400,
	ROUNDS = 20,
	WRITERS = 8,      /* runs at once */
	FEEDS = 40,       /* of a run that is interrupted */
	PAGE_BYTES = 4096 /* SQLite's default */
};

#define ENTRIES(hashes, count) ((const struct ledger_entries) { (hashes), (count) })
#define URL "https://example.org/feed"

static const char *ledger_path(void **state)
{
	return tempdir_path(*state, "state/sciame/feeds.sqlite");
}

static struct feeds_ledger *open_ledger(void **state)
{
	struct error err = { 0 };
	struct feeds_ledger *ledger = feeds_ledger_open(ledger_path(state), &err);
	if (!ledger)
		fail_msg("%s", err.message);
	return ledger;
}

/* Checks a call that must work. */
static void check(int status, const struct error *err)
{
	if (status)
		fail_msg("%s", err->message);
}

static void add(struct feeds_ledger *ledger, const char *url, uint64_t entry, int64_t now_s)
{
	struct error err = { 0 };
	const struct ledger_feed feed = { .checked_s = now_s, .http_status = 200 };
	check(feeds_ledger_store(ledger, url, &feed, now_s, &err), &err);
	check(feeds_ledger_add_seen(ledger, url, &ENTRIES(&entry, 1), now_s, &err), &err);
}

static void commit(struct feeds_ledger *ledger)
{
	struct error err = { 0 };
	check(feeds_ledger_commit(ledger, &err), &err);
}

static int64_t seen(struct feeds_ledger *ledger, const char *url, uint64_t entry)
{
	struct error err = { 0 };
	int64_t first_seen_s = -1;
	check(feeds_ledger_seen(ledger, url, &ENTRIES(&entry, 1), &first_seen_s, &err), &err);
	return first_seen_s;
}

static int64_t checked(struct feeds_ledger *ledger, const char *url)
{
	struct error err = { 0 };
	struct ledger_feed feed;
	check(feeds_ledger_load(ledger, url, &feed, &err), &err);
	return feed.checked_s;
}

/* Runs SQL on a file as some other program would. */
static void execute(const char *path, const char *text)
{
	sqlite3 *database;
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	if (sqlite3_exec(database, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(database));
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void test_ledger_remembers_what_was_committed(void **state)
{
	struct error err = { 0 };
	const struct ledger_feed stored = { NOW_S - 5, NOW_S + 60, 3, 503 };
	const uint64_t entries[] = { 0, 7, UINT64_MAX }, asked[] = { UINT64_MAX, 8, 0 };
	int64_t first_seen_s[3];
	struct ledger_feed feed;
	struct feeds_ledger *ledger = open_ledger(state);
	check(feeds_ledger_store(ledger, URL, &stored, NOW_S, &err), &err);
	check(feeds_ledger_add_seen(ledger, URL, &ENTRIES(entries, 3), NOW_S, &err), &err);
	commit(ledger);
	feeds_ledger_close(ledger);
	ledger = open_ledger(state);
	check(feeds_ledger_load(ledger, URL, &feed, &err), &err);
	assert_memory_equal(&feed, &stored, sizeof(feed));
	check(feeds_ledger_seen(ledger, URL, &ENTRIES(asked, 3), first_seen_s, &err), &err);
	assert_int_equal(first_seen_s[0], NOW_S);
	assert_int_equal(first_seen_s[1], 0);
	assert_int_equal(first_seen_s[2], NOW_S);
	feeds_ledger_close(ledger);
}

static void test_ledger_knows_nothing_of_a_new_feed(void **state)
{
	struct error err = { 0 };
	const struct ledger_feed nothing = { 0 };
	struct ledger_feed feed = { 1, 2, 3, 4 };
	struct feeds_ledger *ledger = open_ledger(state);
	check(feeds_ledger_load(ledger, URL, &feed, &err), &err);
	assert_memory_equal(&feed, &nothing, sizeof(feed));
	assert_int_equal(seen(ledger, URL, 7), 0);
	check(feeds_ledger_add_seen(ledger, URL, &ENTRIES(NULL, 0), NOW_S, &err), &err);
	commit(ledger);
	assert_int_equal(seen(ledger, URL, 7), 0);
	feeds_ledger_close(ledger);
}

static void test_ledger_shows_nothing_before_commit(void **state)
{
	struct feeds_ledger *ledger = open_ledger(state);
	add(ledger, URL, 7, NOW_S);
	assert_int_equal(seen(ledger, URL, 7), 0);
	feeds_ledger_close(ledger);
	ledger = open_ledger(state);
	assert_int_equal(seen(ledger, URL, 7), 0);
	assert_int_equal(checked(ledger, URL), 0);
	feeds_ledger_close(ledger);
}

static void test_ledger_keeps_first_time_of_an_entry(void **state)
{
	struct feeds_ledger *ledger = open_ledger(state);
	add(ledger, URL, 7, NOW_S);
	commit(ledger);
	add(ledger, URL, 7, NOW_S + 100);
	add(ledger, URL, 8, NOW_S + 100);
	commit(ledger);
	assert_int_equal(seen(ledger, URL, 7), NOW_S);
	assert_int_equal(seen(ledger, URL, 8), NOW_S + 100);
	assert_int_equal(checked(ledger, URL), NOW_S + 100);
	feeds_ledger_close(ledger);
}

static void test_ledger_forgets_oldest_entries_but_none_just_added(void **state)
{
	struct error err = { 0 };
	uint64_t *entries = xcalloc(LEDGER_SEEN_MAX, sizeof(*entries));
	struct feeds_ledger *ledger = open_ledger(state);
	add(ledger, URL, 1000000, NOW_S);
	add(ledger, URL, 1000001, NOW_S);
	commit(ledger);
	for (uint64_t i = 0; i < LEDGER_SEEN_MAX; i++)
		entries[i] = i;
	/* the first is still in the feed, which makes it one of the youngest */
	entries[0] = 1000000;
	check(feeds_ledger_add_seen(
		      ledger, URL, &ENTRIES(entries, LEDGER_SEEN_MAX), NOW_S + 1, &err),
		&err);
	commit(ledger);
	assert_int_equal(seen(ledger, URL, 1000000), NOW_S);
	assert_int_equal(seen(ledger, URL, 1000001), 0);
	for (uint64_t i = 1; i < LEDGER_SEEN_MAX; i += 997)
		assert_int_equal(seen(ledger, URL, i), NOW_S + 1);
	add(ledger, URL, 77777777, NOW_S + 2);
	commit(ledger);
	assert_int_equal(seen(ledger, URL, 77777777), NOW_S + 2);
	assert_int_equal(seen(ledger, URL, 1000000), 0);
	assert_int_equal(seen(ledger, URL, 1), NOW_S + 1);
	feeds_ledger_close(ledger);
	free(entries);
}

static void test_ledger_forgets_feeds_that_no_run_asked_for(void **state)
{
	const int64_t later_s = NOW_S + (int64_t)LEDGER_KEPT_DAYS * DAY_S;
	struct feeds_ledger *ledger = open_ledger(state);
	add(ledger, "https://example.org/old", 1, NOW_S - 1);
	add(ledger, "https://example.org/kept", 1, NOW_S);
	commit(ledger);
	add(ledger, URL, 1, later_s);
	assert_int_equal(seen(ledger, "https://example.org/old", 1), NOW_S - 1);
	commit(ledger);
	assert_int_equal(seen(ledger, "https://example.org/old", 1), 0);
	assert_int_equal(checked(ledger, "https://example.org/old"), 0);
	assert_int_equal(seen(ledger, "https://example.org/kept", 1), NOW_S);
	feeds_ledger_close(ledger);
}

static void test_ledger_is_for_its_owner_only(void **state)
{
	struct stat status;
	mode_t mask = umask(0);
	struct feeds_ledger *ledger = open_ledger(state);
	(void)umask(mask);
	add(ledger, URL, 7, NOW_S);
	commit(ledger);
	for (const char **name = (const char *[]) { "state", "state/sciame", NULL }; *name;
		name++) {
		assert_int_equal(stat(tempdir_path(*state, *name), &status), 0);
		assert_int_equal(status.st_mode & 0777, 0700);
	}
	assert_int_equal(stat(ledger_path(state), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	if (tempdir_exists(*state, "state/sciame/feeds.sqlite-wal")) {
		assert_int_equal(
			stat(tempdir_path(*state, "state/sciame/feeds.sqlite-wal"), &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
	feeds_ledger_close(ledger);
}

/* Opening must fail with a message of these two parts and leave every byte as it is. */
static void assert_refused(void **state, const char *part)
{
	char before[3 * PAGE_BYTES], after[3 * PAGE_BYTES];
	struct error err = { 0 };
	FILE *file = fopen(ledger_path(state), "re");
	assert_non_null(file);
	size_t size = fread(before, 1, sizeof(before), file);
	assert_int_equal(fclose(file), 0);
	assert_null(feeds_ledger_open(ledger_path(state), &err));
	assert_non_null(strstr(err.message, part));
	assert_non_null(strstr(err.message, ledger_path(state)));
	file = fopen(ledger_path(state), "re");
	assert_non_null(file);
	assert_int_equal(fread(after, 1, sizeof(after), file), size);
	assert_memory_equal(before, after, size);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(tempdir_count(*state, "state/sciame"), 1);
}

static void test_ledger_leaves_a_file_of_text_alone(void **state)
{
	tempdir_write(*state, "state/sciame/feeds.sqlite", "milk, eggs, 2 litres of oil\n");
	assert_refused(state, "is no ledger of feeds");
}

static void test_ledger_leaves_databases_of_others_alone(void **state)
{
	tempdir_make(*state, "state/sciame");
	execute(ledger_path(state), "CREATE TABLE feed (url)");
	assert_refused(state, "is no ledger of feeds");
	execute(ledger_path(state), "PRAGMA application_id = 99; PRAGMA user_version = 1");
	assert_refused(state, "is no ledger of feeds");
}

static void test_ledger_leaves_later_versions_alone(void **state)
{
	feeds_ledger_close(open_ledger(state));
	execute(ledger_path(state), "PRAGMA journal_mode = DELETE; PRAGMA user_version = 2");
	assert_refused(state, "is of version 2, this program knows up to 1");
}

static void test_ledger_refuses_what_is_no_file(void **state)
{
	struct error err = { 0 };
	tempdir_make(*state, "state/sciame/feeds.sqlite");
	assert_null(feeds_ledger_open(ledger_path(state), &err));
	assert_non_null(strstr(err.message, "feeds.sqlite is no ledger of feeds"));
	tempdir_write(*state, "file", "");
	assert_null(feeds_ledger_open(tempdir_path(*state, "file/feeds.sqlite"), &err));
	assert_non_null(strstr(err.message, "file/feeds.sqlite: Not a directory"));
}

static void test_ledger_takes_an_empty_file(void **state)
{
	/* as a run leaves it that was killed right at the start */
	tempdir_write(*state, "state/sciame/feeds.sqlite", "");
	struct feeds_ledger *ledger = open_ledger(state);
	add(ledger, URL, 7, NOW_S);
	commit(ledger);
	feeds_ledger_close(ledger);
}

static void test_ledger_takes_names_that_sqlite_would_not(void **state)
{
	struct error err = { 0 };
	char *folder = getcwd(NULL, 0);
	assert_non_null(folder);
	assert_int_equal(chdir(*state), 0);
	for (const char **name = (const char *[]) { ":memory:", "file:a?mode=ro", NULL }; *name;
		name++) {
		struct feeds_ledger *ledger = feeds_ledger_open(*name, &err);
		check(ledger ? 0 : -1, &err);
		assert_true(tempdir_exists(*state, *name));
		feeds_ledger_close(ledger);
	}
	assert_int_equal(chdir(folder), 0);
	free(folder);
}

static void test_ledger_error_names_feed_whose_entries_are_damaged(void **state)
{
	struct error err = { 0 };
	uint64_t entry = 7;
	int64_t first_seen_s = -1;
	struct feeds_ledger *ledger = open_ledger(state);
	add(ledger, URL, 7, NOW_S);
	add(ledger, "https://example.org/other", 7, NOW_S);
	commit(ledger);
	execute(ledger_path(state), "PRAGMA ignore_check_constraints = 1;"
				    "UPDATE feed SET seen = x'00112233' WHERE url = '" URL "'");
	assert_int_equal(
		feeds_ledger_seen(ledger, URL, &ENTRIES(&entry, 1), &first_seen_s, &err), -1);
	assert_non_null(strstr(err.message, URL " is damaged"));
	assert_int_equal(first_seen_s, 0);
	assert_int_equal(seen(ledger, "https://example.org/other", 7), NOW_S);
	add(ledger, URL, 8, NOW_S + 1);
	commit(ledger);
	assert_int_equal(seen(ledger, URL, 7), 0);
	assert_int_equal(seen(ledger, URL, 8), NOW_S + 1);
	feeds_ledger_close(ledger);
}

static void test_ledger_stores_what_two_runs_add_at_once(void **state)
{
	struct feeds_ledger *one = open_ledger(state), *two = open_ledger(state);
	add(one, URL, 1, NOW_S);
	add(two, URL, 2, NOW_S + 1);
	add(two, URL, 1, NOW_S + 1);
	add(one, "https://example.org/one", 3, NOW_S);
	add(two, "https://example.org/two", 4, NOW_S);
	commit(two);
	commit(one);
	assert_int_equal(seen(one, URL, 1), NOW_S);
	assert_int_equal(seen(one, URL, 2), NOW_S + 1);
	assert_int_equal(seen(one, "https://example.org/two", 4), NOW_S);
	assert_int_equal(seen(two, "https://example.org/one", 3), NOW_S);
	feeds_ledger_close(one);
	feeds_ledger_close(two);
}

static char *writer_url(int writer)
{
	return xasprintf("https://example.org/%d", writer);
}

/* In a child: a whole run. gate: closed by the parent when all children are there. */
static void write_as(const char *path, int writer, int gate)
{
	char byte;
	struct error err = { 0 };
	const uint64_t entries[] = { 1, 100 + (uint64_t)writer };
	(void)!read(gate, &byte, 1);
	struct feeds_ledger *ledger = feeds_ledger_open(path, &err);
	char *url = writer_url(writer);
	if (!ledger || feeds_ledger_add_seen(ledger, url, &ENTRIES(entries, 2), NOW_S, &err) ||
		feeds_ledger_add_seen(ledger, URL, &ENTRIES(entries, 2), NOW_S, &err) ||
		feeds_ledger_commit(ledger, &err)) {
		(void)fprintf(stderr, "%s\n", err.message);
		_exit(1);
	}
	feeds_ledger_close(ledger);
	_exit(0);
}

static void write_at_once(const char *path)
{
	int gate[2], status;
	assert_int_equal(pipe(gate), 0);
	for (int i = 0; i < WRITERS; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			(void)close(gate[1]);
			write_as(path, i, gate[0]);
		}
	}
	(void)close(gate[0]);
	(void)close(gate[1]);
	for (int i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
}

static void test_ledger_stores_all_of_many_first_runs_at_once(void **state)
{
	/* which of them makes the file is a matter of luck */
	for (int round = 0; round < ROUNDS; round++) {
		struct error err = { 0 };
		char *name = xasprintf("%d.sqlite", round);
		char *path = xstrdup(tempdir_path(*state, name));
		write_at_once(path);
		struct feeds_ledger *ledger = feeds_ledger_open(path, &err);
		check(ledger ? 0 : -1, &err);
		for (int i = 0; i < WRITERS; i++) {
			char *url = writer_url(i);
			assert_int_equal(seen(ledger, url, 1), NOW_S);
			assert_int_equal(seen(ledger, URL, 100 + (uint64_t)i), NOW_S);
			free(url);
		}
		feeds_ledger_close(ledger);
		free(path);
		free(name);
	}
}

static void test_ledger_waits_for_a_lock_no_longer_than_said(void **state)
{
	sqlite3 *other;
	struct error err = { 0 };
	struct feeds_ledger *ledger = open_ledger(state);
	add(ledger, URL, 7, NOW_S);
	assert_int_equal(sqlite3_open(ledger_path(state), &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	int64_t start_ms = clock_ms();
	assert_int_equal(feeds_ledger_commit(ledger, &err), -1);
	assert_in_range(clock_ms() - start_ms, LEDGER_BUSY_MS / 2, LEDGER_BUSY_MS * 2);
	assert_non_null(strstr(err.message, "another program holds it for over 5 s"));
	assert_non_null(strstr(err.message, ledger_path(state)));
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	commit(ledger);
	assert_int_equal(seen(ledger, URL, 7), NOW_S);
	feeds_ledger_close(ledger);
}

static void test_ledger_killed_before_commit_remembers_nothing(void **state)
{
	int status;
	feeds_ledger_close(open_ledger(state));
	const char *path = ledger_path(state);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct error err;
		struct feeds_ledger *ledger = feeds_ledger_open(path, &err);
		add(ledger, URL, 7, NOW_S);
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	struct feeds_ledger *ledger = open_ledger(state);
	assert_int_equal(seen(ledger, URL, 7), 0);
	assert_int_equal(checked(ledger, URL), 0);
	add(ledger, URL, 8, NOW_S);
	commit(ledger);
	feeds_ledger_close(ledger);
}

static void add_many(struct feeds_ledger *ledger)
{
	for (int i = 0; i < FEEDS; i++) {
		char *url = writer_url(i);
		add(ledger, url, (uint64_t)i, NOW_S);
		free(url);
	}
}

/* How many of the feeds of add_many there are. */
static int count_many(struct feeds_ledger *ledger)
{
	int count = 0;
	for (int i = 0; i < FEEDS; i++) {
		char *url = writer_url(i);
		bool has_feed = checked(ledger, url) == NOW_S;
		assert_int_equal(has_feed, seen(ledger, url, (uint64_t)i) == NOW_S);
		count += has_feed;
		free(url);
	}
	return count;
}

/* In a child: the write that passes the limit ends the process. */
static void commit_within(const char *path, rlim_t bytes)
{
	struct error err;
	struct feeds_ledger *ledger = feeds_ledger_open(path, &err);
	const struct rlimit limit = { bytes, bytes }, no_core = { 0, 0 };
	add_many(ledger);
	(void)signal(SIGXFSZ, SIG_DFL);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	_exit(feeds_ledger_commit(ledger, &err) ? 1 : 0);
}

static void test_ledger_killed_at_any_write_remembers_all_or_nothing(void **state)
{
	int status = -1;
	/* each round with a new file, until the commit passes */
	for (rlim_t bytes = 0; status != 0; bytes += PAGE_BYTES / 2) {
		char *name = xasprintf("%d.sqlite", (int)bytes);
		struct error err = { 0 };
		char *path = xstrdup(tempdir_path(*state, name));
		struct feeds_ledger *ledger = feeds_ledger_open(path, &err);
		check(ledger ? 0 : -1, &err);
		feeds_ledger_close(ledger);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			commit_within(path, bytes);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (status != 0)
			assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
		ledger = feeds_ledger_open(path, &err);
		check(ledger ? 0 : -1, &err);
		assert_int_equal(count_many(ledger), status == 0 ? FEEDS : 0);
		feeds_ledger_close(ledger);
		free(path);
		free(name);
		assert_true(bytes < 100 * PAGE_BYTES);
	}
}

static void test_ledger_says_when_the_disk_is_full_and_can_try_again(void **state)
{
	struct error err = { 0 };
	struct rlimit before;
	struct feeds_ledger *ledger = open_ledger(state);
	add_many(ledger);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	const struct rlimit limit = { 2 * PAGE_BYTES, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	int status = feeds_ledger_commit(ledger, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(status, -1);
	assert_non_null(strstr(err.message, ledger_path(state)));
	assert_non_null(strstr(err.message, "disk I/O error: File too large"));
	assert_int_equal(count_many(ledger), 0);
	commit(ledger);
	assert_int_equal(count_many(ledger), FEEDS);
	feeds_ledger_close(ledger);
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEDGER_TEST(test_ledger_remembers_what_was_committed),
		LEDGER_TEST(test_ledger_knows_nothing_of_a_new_feed),
		LEDGER_TEST(test_ledger_shows_nothing_before_commit),
		LEDGER_TEST(test_ledger_keeps_first_time_of_an_entry),
		LEDGER_TEST(test_ledger_forgets_oldest_entries_but_none_just_added),
		LEDGER_TEST(test_ledger_forgets_feeds_that_no_run_asked_for),
		LEDGER_TEST(test_ledger_is_for_its_owner_only),
		LEDGER_TEST(test_ledger_leaves_a_file_of_text_alone),
		LEDGER_TEST(test_ledger_leaves_databases_of_others_alone),
		LEDGER_TEST(test_ledger_leaves_later_versions_alone),
		LEDGER_TEST(test_ledger_refuses_what_is_no_file),
		LEDGER_TEST(test_ledger_takes_an_empty_file),
		LEDGER_TEST(test_ledger_takes_names_that_sqlite_would_not),
		LEDGER_TEST(test_ledger_error_names_feed_whose_entries_are_damaged),
		LEDGER_TEST(test_ledger_stores_what_two_runs_add_at_once),
		LEDGER_TEST(test_ledger_stores_all_of_many_first_runs_at_once),
		LEDGER_TEST(test_ledger_waits_for_a_lock_no_longer_than_said),
		LEDGER_TEST(test_ledger_killed_before_commit_remembers_nothing),
		LEDGER_TEST(test_ledger_killed_at_any_write_remembers_all_or_nothing),
		LEDGER_TEST(test_ledger_says_when_the_disk_is_full_and_can_try_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
