/* SPDX-License-Identifier: MIT */
/* Keys and their files: what is made, what is kept, what is refused and in which words. */
#include "common/keys.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "tests/support/tempdir.h"

/* Made by `sciame keygen` once, and known to nobody's master. */
#define PUBLIC_A "d?C@YI$ZzQK>PpO?}.W#:6pKnb&:<R@Vbh&xP0Pu"
#define SECRET_A "T9(s&mqZSkrRG{L:o7[f-eo]@*zf1J}U{K}+t-J."
#define PUBLIC_B "*m]Rvt1DOP7]on}{M}ejcUbXYPVjrCtyw>yj&q[>"
#define PAIR_A "public " PUBLIC_A "\nsecret " SECRET_A "\n"

static size_t make(const char *folder, char *name)
{
	struct error err = { 0 };
	size_t made;
	if (keys_make(tempdir_path(folder, "keys"), &name, name ? 1 : 0, &made, &err))
		fail_msg("%s", err.message);
	return made;
}

static void assert_make_fails(const char *folder, char *name, const char *words)
{
	struct error err = { 0 };
	size_t made;
	assert_int_equal(keys_make(tempdir_path(folder, "keys"), &name, 1, &made, &err), -1);
	if (!strstr(err.message, words))
		fail_msg("\"%s\" is not in: %s", words, err.message);
}

static void assert_read_fails(const char *path, const char *words)
{
	struct error err = { 0 };
	struct key_pair pair, none = { 0 };
	memset(&pair, 0, sizeof(pair));
	assert_int_equal(keys_read(&pair, path, &err), -1);
	assert_int_equal(err.code, ERROR_USAGE);
	if (!strstr(err.message, words) || !strstr(err.message, path))
		fail_msg("\"%s\" is not in: %s", words, err.message);
	assert_memory_equal(&pair, &none, sizeof(pair)); /* no half of a key stays */
}

static mode_t mode_of(const char *folder, const char *name)
{
	struct stat status;
	assert_int_equal(stat(tempdir_path(folder, name), &status), 0);
	return status.st_mode & 07777;
}

static void write_key(const char *folder, const char *text, mode_t mode)
{
	tempdir_write(folder, "a.key", text);
	assert_int_equal(chmod(tempdir_path(folder, "a.key"), mode), 0);
}

static void test_keys_made_are_read_and_allowed(void **state)
{
	struct error err = { 0 };
	struct key_pair master, worker;
	char known[KEYS_TEXT_SIZE];
	assert_int_equal(make(*state, (char *)"worker"), 2);
	assert_int_equal(keys_read(&master, tempdir_path(*state, "keys/master.key"), &err), 0);
	assert_int_equal(keys_read(&worker, tempdir_path(*state, "keys/worker.key"), &err), 0);
	assert_int_equal(keys_read_public(known, tempdir_path(*state, "keys/master.pub"), &err), 0);
	assert_string_equal(known, master.public_key);
	assert_string_not_equal(master.secret_key, worker.secret_key);
	struct allowed_keys *allowed =
		allowed_keys_read(tempdir_path(*state, "keys/allowed"), &err);
	assert_non_null(allowed);
	assert_string_equal(allowed_keys_find(allowed, worker.public_key), "worker");
	assert_null(allowed_keys_find(allowed, master.public_key));
	assert_true(allowed_keys_have(allowed, "worker"));
	assert_false(allowed_keys_have(allowed, "master"));
	allowed_keys_free(allowed);
	assert_int_equal(tempdir_count(*state, "keys"), 4); /* and nothing else */
}

static void test_keys_modes_do_not_follow_the_umask(void **state)
{
	const mode_t masks[] = { 0, 0077, 0377 };
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		char *folder = tempdir_new();
		tempdir_make(folder, "keys");
		mode_t before = umask(masks[i]);
		size_t made = make(folder, (char *)"worker");
		(void)umask(before);
		assert_int_equal(made, 2);
		assert_int_equal(mode_of(folder, "keys/master.key"), 0600);
		assert_int_equal(mode_of(folder, "keys/worker.key"), 0600);
		assert_int_equal(mode_of(folder, "keys/master.pub"), 0644);
		assert_int_equal(mode_of(folder, "keys/allowed"), 0644);
		tempdir_free(folder);
	}
	assert_int_equal(make(*state, NULL), 1);
	assert_int_equal(mode_of(*state, "keys"), 0700);
}

/* The text of all files, to see that none has changed. */
static char *contents(const char *folder, const char *name)
{
	char *text = xcalloc(1, 4096);
	FILE *file = fopen(tempdir_path(folder, name), "re");
	assert_non_null(file);
	assert_true(fread(text, 1, 4095, file) > 0);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void test_keys_that_are_there_are_kept(void **state)
{
	static const char *const names[] = { "keys/master.key", "keys/master.pub", "keys/one.key" };
	char *before[3];
	assert_int_equal(make(*state, (char *)"one"), 2);
	for (size_t i = 0; i < 3; i++)
		before[i] = contents(*state, names[i]);
	char *list = contents(*state, "keys/allowed");
	assert_int_equal(make(*state, (char *)"one"), 0);
	assert_true(tempdir_holds(*state, "keys/allowed", list));
	assert_int_equal(make(*state, (char *)"two"), 1);
	for (size_t i = 0; i < 3; i++) {
		assert_true(tempdir_holds(*state, names[i], before[i]));
		free(before[i]);
	}
	char *longer = contents(*state, "keys/allowed");
	assert_memory_equal(longer, list, strlen(list)); /* one line more */
	assert_string_equal(longer + strlen(longer) - 5, " two\n");
	free(longer);
	free(list);
}

static void test_keys_half_made_are_completed(void **state)
{
	struct error err = { 0 };
	struct key_pair master;
	char known[KEYS_TEXT_SIZE];
	assert_int_equal(make(*state, (char *)"w"), 2);
	assert_int_equal(keys_read(&master, tempdir_path(*state, "keys/master.key"), &err), 0);
	assert_int_equal(unlink(tempdir_path(*state, "keys/master.pub")), 0);
	assert_int_equal(unlink(tempdir_path(*state, "keys/allowed")), 0);
	assert_int_equal(make(*state, (char *)"w"), 0);
	assert_int_equal(keys_read_public(known, tempdir_path(*state, "keys/master.pub"), &err), 0);
	assert_string_equal(known, master.public_key);
	struct allowed_keys *allowed =
		allowed_keys_read(tempdir_path(*state, "keys/allowed"), &err);
	assert_non_null(allowed);
	assert_true(allowed_keys_have(allowed, "w"));
	allowed_keys_free(allowed);
}

/* What a keygen left that was killed is removed, but not what another one writes right now. */
static void test_keys_temporaries_of_the_dead_are_swept(void **state)
{
	tempdir_write(*state, "keys/.sciame-0000000000000001-0-0.tmp", "public");
	tempdir_write(*state, "keys/.sciame-0000000000000002-0-0.tmp", "public");
	int fd = open(tempdir_path(*state, "keys/.sciame-0000000000000002-0-0.tmp"),
		O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(make(*state, NULL), 1);
	assert_false(tempdir_exists(*state, "keys/.sciame-0000000000000001-0-0.tmp"));
	assert_true(tempdir_exists(*state, "keys/.sciame-0000000000000002-0-0.tmp"));
	assert_int_equal(close(fd), 0);
}

static void test_keys_of_two_callers_at_once_are_refused(void **state)
{
	tempdir_make(*state, "keys");
	int fd = open(tempdir_path(*state, "keys"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_make_fails(*state, (char *)"w", "another keygen works in it");
	assert_int_equal(close(fd), 0);
	assert_int_equal(make(*state, (char *)"w"), 2);
}

static void test_keys_that_do_not_fit_together_are_an_error(void **state)
{
	assert_int_equal(make(*state, (char *)"w"), 2);
	char *public_key = contents(*state, "keys/master.pub");
	tempdir_write(*state, "keys/master.pub", "public " PUBLIC_A "\n");
	assert_make_fails(*state, (char *)"w", "master.pub does not belong to master.key");
	tempdir_write(*state, "keys/master.pub", public_key);
	assert_int_equal(unlink(tempdir_path(*state, "keys/w.key")), 0);
	assert_make_fails(*state, (char *)"w", "names 'w', but its key is not here");
	assert_false(tempdir_exists(*state, "keys/w.key"));
	tempdir_write(*state, "keys/w.key", PAIR_A);
	assert_int_equal(chmod(tempdir_path(*state, "keys/w.key"), 0600), 0);
	assert_make_fails(*state, (char *)"w", "'w' is listed with another key");
	tempdir_write(*state, "keys/allowed", PUBLIC_A " v\n");
	assert_make_fails(*state, (char *)"w", "the key of 'w' is listed as 'v'");
	assert_int_equal(unlink(tempdir_path(*state, "keys/master.key")), 0);
	assert_make_fails(*state, (char *)"w", "it is not the master's");
	assert_true(tempdir_holds(*state, "keys/master.pub", public_key));
	assert_false(tempdir_exists(*state, "keys/master.key"));
	free(public_key);
}

static void test_keys_list_gets_a_line_of_its_own(void **state)
{
	struct error err = { 0 };
	tempdir_write(*state, "keys/allowed", PUBLIC_A " v"); /* its last line is not ended */
	assert_int_equal(make(*state, (char *)"w"), 2);
	struct allowed_keys *allowed =
		allowed_keys_read(tempdir_path(*state, "keys/allowed"), &err);
	assert_non_null(allowed);
	assert_true(allowed_keys_have(allowed, "v") && allowed_keys_have(allowed, "w"));
	allowed_keys_free(allowed);
}

static void test_keys_names_are_plain(void **state)
{
	static const char *const bad[] = { "", ".", "..", ".a", "-a", "a/b", "a b", "a\n",
		"\xc3\xa4", "master",
		"0123456789012345678901234567890123456789012345678901234567890123" };
	static const char *const good[] = { "a", "A.b_c-9", "masters",
		"012345678901234567890123456789012345678901234567890123456789012" };
	struct error err;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(keys_check_name(bad[i], &err), -1);
		assert_int_equal(err.code, ERROR_USAGE);
		assert_make_fails(*state, (char *)bad[i], "can't be a worker's name");
	}
	assert_false(tempdir_exists(*state, "keys")); /* nothing was begun */
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(keys_check_name(good[i], &err), 0);
}

static void test_keys_readable_by_others_are_refused(void **state)
{
	static const mode_t bad[] = { 0604, 0602, 0601, 0620, 0610, 0644, 0666, 0444, 0777 };
	static const mode_t good[] = { 0600, 0400, 0640, 0440, 0700 };
	struct error err = { 0 };
	struct key_pair pair;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_key(*state, PAIR_A, bad[i]);
		assert_read_fails(tempdir_path(*state, "a.key"), "chmod 600 it");
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(unlink(tempdir_path(*state, "a.key")), 0);
		write_key(*state, PAIR_A, good[i]);
		assert_int_equal(keys_read(&pair, tempdir_path(*state, "a.key"), &err), 0);
		assert_string_equal(pair.secret_key, SECRET_A);
	}
	keys_clear(&pair);
	assert_string_equal(pair.secret_key, "");
}

static void test_keys_of_others_are_refused(void **state)
{
	if (geteuid() != 0)
		skip(); /* nobody else can give a file away */
	write_key(*state, PAIR_A, 0600);
	assert_int_equal(chown(tempdir_path(*state, "a.key"), 12345, (gid_t)-1), 0);
	assert_read_fails(tempdir_path(*state, "a.key"), "belongs to somebody else");
}

static void test_keys_that_are_no_files_are_refused(void **state)
{
	assert_read_fails(tempdir_path(*state, "none.key"), "No such file");
	tempdir_make(*state, "folder.key");
	assert_read_fails(tempdir_path(*state, "folder.key"), "not a file of keys");
	assert_int_equal(mkfifo(tempdir_path(*state, "fifo.key"), 0600), 0);
	assert_read_fails(tempdir_path(*state, "fifo.key"), "not a file of keys");
	assert_read_fails("/dev/zero", "not a file of keys");
	write_key(*state, "", 0600);
	assert_int_equal(truncate(tempdir_path(*state, "a.key"), 2 << 20), 0);
	assert_read_fails(tempdir_path(*state, "a.key"), "not a file of keys");
	assert_int_equal(truncate(tempdir_path(*state, "a.key"), 100), 0); /* NULs */
	assert_read_fails(tempdir_path(*state, "a.key"), "not a file of keys");
}

static void test_keys_content_is_checked(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"public " PUBLIC_A "\n",
		"secret " SECRET_A "\n",
		("public " PUBLIC_A "x\nsecret " SECRET_A "\n"),
		"public\nsecret\n",
		("public " PUBLIC_A "\nsecret " PUBLIC_A),
		"x" PAIR_A,
		"# " PAIR_A,
		("public " PUBLIC_A "\nsecret T9(s"),
		("public \"\"\"\"\"\nsecret " SECRET_A),
	};
	struct error err = { 0 };
	struct key_pair pair;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_key(*state, bad[i], 0600);
		assert_read_fails(tempdir_path(*state, "a.key"), "key ");
	}
	write_key(*state, "public " PUBLIC_B "\nsecret " SECRET_A "\n", 0600);
	assert_read_fails(tempdir_path(*state, "a.key"), "its two halves don't belong together");
	write_key(*state, "# of the public \r\nsecret " SECRET_A "\r\n\npublic " PUBLIC_A, 0600);
	assert_int_equal(keys_read(&pair, tempdir_path(*state, "a.key"), &err), 0);
	assert_string_equal(pair.public_key, PUBLIC_A);
}

static struct allowed_keys *read_list(const char *folder, const char *text, struct error *err)
{
	*err = (struct error) { 0 };
	tempdir_write(folder, "allowed", text);
	return allowed_keys_read(tempdir_path(folder, "allowed"), err);
}

static void test_keys_list_with_comments_is_read(void **state)
{
	struct error err;
	struct allowed_keys *allowed = read_list(*state,
		"# friends\n\n  \t\n" PUBLIC_A " a\r\n\t" PUBLIC_B "\tb-2 \n#" PUBLIC_A " c\n",
		&err);
	assert_non_null(allowed);
	assert_string_equal(allowed_keys_find(allowed, PUBLIC_A), "a");
	assert_string_equal(allowed_keys_find(allowed, PUBLIC_B), "b-2");
	assert_null(allowed_keys_find(allowed, SECRET_A));
	assert_null(allowed_keys_find(allowed, ""));
	assert_false(allowed_keys_have(allowed, "c"));
	allowed_keys_free(allowed);
	allowed = read_list(*state, "", &err); /* nobody */
	assert_non_null(allowed);
	assert_null(allowed_keys_find(allowed, PUBLIC_A));
	allowed_keys_free(allowed);
}

static void test_keys_list_errors_name_file_and_line(void **state)
{
	static const char *const bad[] = {
		"\n" PUBLIC_A "\n",
		"#\n" PUBLIC_A " a b\n",
		(PUBLIC_A " a\n" PUBLIC_B " a\n"),
		(PUBLIC_A " a\n" PUBLIC_A " b\n"),
		"\nshort a\n",
		"#\n" PUBLIC_A "x a\n",
		"\n" PUBLIC_A " .a\n",
		"\n" PUBLIC_A " master\n",
		"\n" PUBLIC_A " a/b\n",
	};
	struct error err;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(read_list(*state, bad[i], &err));
		assert_int_equal(err.code, ERROR_USAGE);
		assert_non_null(strstr(err.message, "/allowed, line 2: "));
	}
}

static void test_keys_list_that_anybody_may_write_is_refused(void **state)
{
	struct error err;
	char key[KEYS_TEXT_SIZE];
	tempdir_write(*state, "allowed", "public " PUBLIC_A "\n");
	assert_int_equal(chmod(tempdir_path(*state, "allowed"), 0646), 0);
	assert_null(allowed_keys_read(tempdir_path(*state, "allowed"), &err));
	assert_non_null(strstr(err.message, "may be changed by anybody"));
	assert_int_equal(keys_read_public(key, tempdir_path(*state, "allowed"), &err), -1);
	assert_int_equal(chmod(tempdir_path(*state, "allowed"), 0664), 0);
	assert_int_equal(keys_read_public(key, tempdir_path(*state, "allowed"), &err), 0);
	assert_string_equal(key, PUBLIC_A);
}

/* As many as are allowed, each with a key of its own, and then one more. */
static void test_keys_list_has_a_limit(void **state)
{
	struct error err;
	size_t size = (KEYS_ALLOWED_MAX + 1) * (size_t)(KEYS_TEXT_SIZE + 6), used = 0;
	char *text = xcalloc(1, size + 1);
	for (unsigned i = 0; i < KEYS_ALLOWED_MAX; i++)
		used += (size_t)snprintf(
			text + used, size - used, "%.36s%04u %u\n", PUBLIC_A, i, i);
	struct allowed_keys *allowed = read_list(*state, text, &err);
	assert_non_null(allowed);
	assert_true(allowed_keys_have(allowed, "4095"));
	allowed_keys_free(allowed);
	tempdir_write(*state, "keys/allowed", text);
	assert_make_fails(*state, (char *)"w", "no room for more than 4096 keys");
	assert_false(tempdir_exists(*state, "keys/w.key"));
	(void)snprintf(text + used, size - used, "%s more\n", PUBLIC_B);
	assert_null(read_list(*state, text, &err));
	assert_int_equal(err.code, ERROR_LIMIT);
	free(text);
}

static void test_keys_folder_that_is_a_file_is_an_error(void **state)
{
	tempdir_write(*state, "keys", "a file");
	assert_make_fails(*state, (char *)"w", "Not a directory");
	assert_true(tempdir_holds(*state, "keys", "a file"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_keys_made_are_read_and_allowed),
		CASE(test_keys_modes_do_not_follow_the_umask),
		CASE(test_keys_that_are_there_are_kept),
		CASE(test_keys_half_made_are_completed),
		CASE(test_keys_temporaries_of_the_dead_are_swept),
		CASE(test_keys_of_two_callers_at_once_are_refused),
		CASE(test_keys_that_do_not_fit_together_are_an_error),
		CASE(test_keys_list_gets_a_line_of_its_own),
		CASE(test_keys_names_are_plain),
		CASE(test_keys_readable_by_others_are_refused),
		CASE(test_keys_of_others_are_refused),
		CASE(test_keys_that_are_no_files_are_refused),
		CASE(test_keys_content_is_checked),
		CASE(test_keys_list_with_comments_is_read),
		CASE(test_keys_list_errors_name_file_and_line),
		CASE(test_keys_list_that_anybody_may_write_is_refused),
		CASE(test_keys_list_has_a_limit),
		CASE(test_keys_folder_that_is_a_file_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
