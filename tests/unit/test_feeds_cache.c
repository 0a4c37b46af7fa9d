/* SPDX-License-Identifier: MIT */
/* The last good copy of each feed, and which of its entries are to be shown. */
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
#include "master/kinds/feeds_cache.h"
#include "master/kinds/feeds_digest.h"
#include "tests/support/tempdir.h"

enum { NOW = 1000000000, DAY = 24 * 3600, VERSION = SCIAME__FEED_VERSION__FEED_VERSION_CURRENT };

static struct feeds_cache *open_cache(const char *folder)
{
	struct error err;
	assert_int_equal(setenv("XDG_CACHE_HOME", folder, 1), 0);
	struct feeds_cache *cache = feeds_cache_open(&err);
	assert_non_null(cache);
	return cache;
}

static void put(const struct feeds_cache *cache, const char *name, uint32_t version)
{
	Sciame__Feed feed = SCIAME__FEED__INIT;
	uint8_t bytes[256];
	feed.version = (Sciame__FeedVersion)version;
	feed.title = (char *)"a title";
	size_t size = sciame__feed__pack(&feed, bytes);
	int fd = open(tempdir_path(feeds_cache_folder(cache), name), O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	assert_int_equal(close(fd), 0);
}

static void test_names_differ_with_their_urls(void **state)
{
	char a[CACHE_NAME_SIZE], b[CACHE_NAME_SIZE];
	(void)state;
	feeds_cache_name("http://example.org/a", a);
	feeds_cache_name("http://example.org/b", b);
	assert_int_equal(strlen(a), 32 + strlen(".feed"));
	assert_string_not_equal(a, b);
	feeds_cache_name("http://example.org/a", b);
	assert_string_equal(a, b);
}

static void test_copy_is_read_back(void **state)
{
	struct feeds_cache *cache = open_cache(*state);
	put(cache, "x.feed", VERSION);
	Sciame__Feed *feed = feeds_cache_read(cache, "x.feed");
	assert_non_null(feed);
	assert_string_equal(feed->title, "a title");
	sciame__feed__free_unpacked(feed, NULL);
	feeds_cache_close(cache);
}

/* A copy with so many entries without anything, two bytes each. */
static void put_empty_entries(const char *folder, const char *name, size_t count)
{
	FILE *file = fopen(tempdir_path(folder, name), "w");
	assert_non_null(file);
	assert_int_equal(fwrite("\x08\x01", 1, 2, file), 2); /* version */
	for (size_t i = 0; i < count; i++)
		assert_int_equal(fwrite("\x22\x00", 1, 2, file), 2);
	assert_int_equal(fclose(file), 0);
}

static void test_copy_of_another_version_or_broken_is_none(void **state)
{
	struct feeds_cache *cache = open_cache(*state);
	const char *folder = feeds_cache_folder(cache);
	put(cache, "later.feed", VERSION + 1);
	tempdir_write(folder, "broken.feed", "\xff\xff\xff\xff\xff");
	tempdir_write(folder, "empty.feed", "");
	tempdir_link(folder, "link.feed", "/etc/passwd");
	tempdir_make(folder, "folder.feed");
	assert_int_equal(mkfifo(tempdir_path(folder, "pipe.feed"), 0600), 0);
	put_empty_entries(folder, "entries.feed", 100000);
	put_empty_entries(folder, "memory.feed", 4000000);
	const char *names[] = { "entries.feed", "memory.feed", "later.feed", "broken.feed",
		"empty.feed", "link.feed", "folder.feed", "pipe.feed", "missing.feed" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_null(feeds_cache_read(cache, names[i]));
	feeds_cache_close(cache);
}

static void test_only_what_was_not_used_is_pruned(void **state)
{
	struct feeds_cache *cache = open_cache(*state);
	const char *folder = feeds_cache_folder(cache);
	const struct timespec old[2] = { { .tv_sec = NOW }, { .tv_sec = NOW } };
	const char *names[] = { "used.feed", "old.feed", "other" };
	for (size_t i = 0; i < 3; i++) {
		tempdir_write(folder, names[i], "x");
		assert_int_equal(utimensat(AT_FDCWD, tempdir_path(folder, names[i]), old, 0), 0);
	}
	feeds_cache_touch(cache, "used.feed");
	feeds_cache_prune(cache, NOW + CACHE_KEPT_DAYS * DAY);
	assert_true(tempdir_exists(folder, "old.feed"));
	feeds_cache_prune(cache, NOW + CACHE_KEPT_DAYS * DAY + 1);
	assert_false(tempdir_exists(folder, "old.feed"));
	assert_true(tempdir_exists(folder, "used.feed"));
	assert_true(tempdir_exists(folder, "other"));
	feeds_cache_close(cache);
}

static void test_unusable_cache_is_replaced_for_the_run(void **state)
{
	tempdir_write(*state, "file", "x");
	tempdir_make(*state, "temporary");
	assert_int_equal(setenv("TMPDIR", tempdir_path(*state, "temporary"), 1), 0);
	struct feeds_cache *cache = open_cache(tempdir_path(*state, "file"));
	put(cache, "x.feed", VERSION);
	assert_int_equal(tempdir_count(*state, "temporary"), 1);
	feeds_cache_close(cache);
	assert_int_equal(tempdir_count(*state, "temporary"), 0);
	assert_int_equal(unsetenv("TMPDIR"), 0);
}

/* Five entries, one a day, the oldest first; with dates or without. */
struct sample {
	Sciame__Feed feed;
	Sciame__FeedEntry entries[5], *pointers[5];
	char ids[5][8];
};

static void make_sample(struct sample *s, bool dated)
{
	s->feed = (Sciame__Feed)SCIAME__FEED__INIT;
	s->feed.n_entries = 5;
	s->feed.entries = s->pointers;
	for (size_t i = 0; i < 5; i++) {
		s->entries[i] = (Sciame__FeedEntry)SCIAME__FEED_ENTRY__INIT;
		(void)snprintf(s->ids[i], sizeof(s->ids[i]), "id%zu", i);
		s->entries[i].id = s->ids[i];
		s->entries[i].dated = dated;
		s->entries[i].published_s = NOW - (5 - (int64_t)i) * DAY;
		s->pointers[i] = &s->entries[i];
	}
}

/* The ids of the digest, joined. */
static char *shown(
	const struct sample *s, const struct digest_options *options, struct feeds_ledger *ledger)
{
	const struct digest_known known = { ledger, "u" };
	struct digest digest;
	struct error err;
	char *all = xstrdup("");
	assert_int_equal(feeds_digest_make(&digest, &s->feed, &known, options, &err), 0);
	for (size_t i = 0; i < digest.count; i++) {
		char *longer = xasprintf("%s%s ", all, digest.entries[i].id);
		free(all);
		all = longer;
	}
	feeds_digest_release(&digest);
	return all;
}

static void assert_shown(const struct sample *s, const struct digest_options *options,
	struct feeds_ledger *ledger, const char *expected)
{
	char *ids = shown(s, options, ledger);
	assert_string_equal(ids, expected);
	free(ids);
}

static void test_digest_takes_the_newest_in_the_order_of_the_feed(void **state)
{
	struct sample s;
	struct digest_options options = { .now_s = NOW, .since_s = INT64_MIN };
	(void)state;
	make_sample(&s, true);
	assert_shown(&s, &options, NULL, "id0 id1 id2 id3 id4 ");
	options.limit = 2;
	assert_shown(&s, &options, NULL, "id3 id4 ");
	make_sample(&s, false);
	assert_shown(&s, &options, NULL, "id0 id1 ");
}

static void test_digest_future_date_counts_as_now(void **state)
{
	struct sample s;
	const struct digest_options options = { .limit = 1, .now_s = NOW, .since_s = INT64_MIN };
	(void)state;
	make_sample(&s, true);
	s.entries[0].published_s = NOW;
	s.entries[4].published_s = NOW + 1000 * DAY;
	assert_shown(&s, &options, NULL, "id0 "); /* equal, and the first */
}

static void test_digest_leaves_out_what_is_older(void **state)
{
	struct sample s;
	const struct digest_options options = { .now_s = NOW, .since_s = NOW - 2 * DAY };
	(void)state;
	make_sample(&s, true);
	assert_shown(&s, &options, NULL, "id3 id4 ");
	make_sample(&s, false); /* never seen before: now */
	assert_shown(&s, &options, NULL, "id0 id1 id2 id3 id4 ");
}

/* Notes everything of the sample as shown. */
static void note(struct feeds_ledger *ledger, const struct sample *s)
{
	const struct digest_known known = { ledger, "u" };
	struct digest digest;
	struct error err;
	const struct digest_options all = { .now_s = NOW, .since_s = INT64_MIN };
	const struct ledger_feed feed = { 0 };
	assert_int_equal(feeds_digest_make(&digest, &s->feed, &known, &all, &err), 0);
	assert_int_equal(feeds_ledger_store(ledger, "u", &feed, NOW, &err), 0);
	const struct ledger_entries entries = { digest.identities, digest.count };
	assert_int_equal(feeds_ledger_add_seen(ledger, "u", &entries, NOW, &err), 0);
	assert_int_equal(feeds_ledger_commit(ledger, &err), 0);
	feeds_digest_release(&digest);
}

static void test_digest_new_is_what_was_not_shown(void **state)
{
	struct sample s;
	struct error err;
	const struct digest_options options = {
		.only_new = true, .now_s = NOW, .since_s = INT64_MIN
	};
	struct feeds_ledger *ledger =
		feeds_ledger_open(tempdir_path(*state, "ledger.sqlite"), &err);
	assert_non_null(ledger);
	make_sample(&s, true);
	s.feed.n_entries = 3;
	note(ledger, &s);
	assert_shown(&s, &options, ledger, "");
	s.feed.n_entries = 5;
	assert_shown(&s, &options, ledger, "id3 id4 ");
	feeds_ledger_close(ledger);
}

static void test_digest_tells_entries_apart_that_share_an_id(void **state)
{
	struct sample s;
	struct error err;
	const struct digest_options options = {
		.only_new = true, .now_s = NOW, .since_s = INT64_MIN
	};
	struct feeds_ledger *ledger =
		feeds_ledger_open(tempdir_path(*state, "ledger.sqlite"), &err);
	make_sample(&s, true);
	for (size_t i = 0; i < 5; i++) {
		s.entries[i].title = s.ids[i];
		s.entries[i].id = (char *)"same";
	}
	s.feed.n_entries = 3;
	note(ledger, &s);
	s.feed.n_entries = 5;
	assert_shown(&s, &options, ledger, "same same ");
	feeds_ledger_close(ledger);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_differ_with_their_urls),
		TEST(test_copy_is_read_back),
		TEST(test_copy_of_another_version_or_broken_is_none),
		TEST(test_only_what_was_not_used_is_pruned),
		TEST(test_unusable_cache_is_replaced_for_the_run),
		cmocka_unit_test(test_digest_takes_the_newest_in_the_order_of_the_feed),
		cmocka_unit_test(test_digest_future_date_counts_as_now),
		cmocka_unit_test(test_digest_leaves_out_what_is_older),
		TEST(test_digest_new_is_what_was_not_shown),
		TEST(test_digest_tells_entries_apart_that_share_an_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
