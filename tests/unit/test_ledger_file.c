/* SPDX-License-Identifier: MIT */
/* A file is never harmed or replaced, and what was committed outlives every crash. */
#include "master/ledger.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/memory.h"
#include "tests/support/deadline.h"
#include "tests/support/ledger_sample.h"
#include "tests/support/tempdir.h"

enum {
	MANY = 20000, /* outcomes: more than LEDGER_AHEAD_MAX */
	PAGE_BYTES = 4096,
	KILLS = 30,
	KILL_US_MAX = 300000, /* latest moment of a kill */
	CUT_BYTES = 512,      /* the log is cut at each multiple of it, */
	CUT_TAIL = 65536,     /* in its last part */
};

static const char *ledger_file(void **state)
{
	return tempdir_path(*state, "run.db");
}

static struct ledger *open_ledger(void **state)
{
	return ledger_sample_open(ledger_file(state));
}

/* Opening fails with this message, which follows the path, and the usual advice. */
static void assert_refused(void **state, const char *before, const char *after)
{
	struct error err = { 0 };
	struct ledger *ledger = NULL;
	struct ledger_options options = ledger_sample_command;
	options.path = ledger_file(state);
	char *message =
		xasprintf("%s%s%s; choose a file with --ledger FILE, or go without: --no-ledger",
			before, options.path, after);
	assert_int_equal(ledger_open(&ledger, &options, &err), -1);
	assert_string_equal(err.message, message);
	assert_int_equal(err.code, ERROR_START);
	assert_null(ledger);
	free(message);
}

static void execute(void **state, const char *text)
{
	sqlite3 *database;
	assert_int_equal(sqlite3_open(ledger_file(state), &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

/* A process that opens the ledger, does something and waits to be killed. */
static pid_t start_holder(void **state, int ready[2])
{
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid > 0) {
		char byte;
		close(ready[1]);
		assert_int_equal(read(ready[0], &byte, 1), 1);
		return pid;
	}
	struct ledger *ledger;
	struct error err;
	struct ledger_options options = ledger_sample_command;
	options.path = ledger_file(state);
	if (ledger_open(&ledger, &options, &err) || write(ready[1], "", 1) != 1)
		_exit(1);
	for (;;)
		(void)pause();
}

static void end_holder(pid_t pid, int ready[2])
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
}

static void test_ledger_names_the_run_that_holds_it(void **state)
{
	int ready[2];
	char host[256];
	struct error err;
	struct ledger *ledger;
	struct ledger_options options = ledger_sample_command;
	pid_t pid = start_holder(state, ready);
	options.path = ledger_file(state);
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	char *message = xasprintf("ledger %s: in use by another run (process %d on %s)",
		options.path, (int)pid, host);
	assert_int_equal(ledger_open(&ledger, &options, &err), -1);
	assert_string_equal(err.message, message);
	assert_int_equal(err.code, ERROR_START);
	end_holder(pid, ready);
	ledger = open_ledger(state);
	assert_true(ledger_past(ledger)->resuming);
	ledger_sample_close(ledger, true);
	free(message);
}

static void test_ledger_refuses_what_is_none(void **state)
{
	tempdir_write(*state, "run.db", "These are the notes of last summer, and no ledger.\n");
	assert_refused(state, "", " is no ledger");
	assert_true(tempdir_holds(
		*state, "run.db", "These are the notes of last summer, and no ledger.\n"));
}

static void test_ledger_refuses_another_programs_database(void **state)
{
	execute(state, "CREATE TABLE other (x); INSERT INTO other VALUES (1)");
	assert_refused(state, "", " is no ledger");
	assert_int_equal(ledger_sample_ask(ledger_file(state), "SELECT x FROM other"), 1);
}

static void test_ledger_refuses_a_newer_version(void **state)
{
	ledger_sample_close(open_ledger(state), true);
	execute(state, "PRAGMA user_version = 3");
	assert_refused(state, "ledger ", " is of version 3, this program knows up to 2");
}

static void test_ledger_refuses_a_missing_folder(void **state)
{
	struct error err;
	struct ledger *ledger;
	struct ledger_options options = ledger_sample_command;
	options.path = tempdir_path(*state, "none/run.db");
	assert_int_equal(ledger_open(&ledger, &options, &err), -1);
	assert_non_null(strstr(err.message, "open ledger "));
	assert_non_null(strstr(err.message, "No such file or directory; choose a file with"));
}

static void test_ledger_refuses_a_folder(void **state)
{
	tempdir_make(*state, "run.db");
	assert_refused(state, "open ledger ", ": Is a directory");
}

static void test_ledger_refuses_a_folder_that_may_not_be_written(void **state)
{
	if (geteuid() == 0)
		skip(); /* root may write everywhere */
	assert_int_equal(chmod(*state, 0500), 0);
	assert_refused(state, "open ledger ", ": Permission denied");
	assert_int_equal(chmod(*state, 0700), 0);
}

/* Overwrites pages of the file from the second on. */
static void damage(void **state)
{
	char noise[PAGE_BYTES];
	struct stat status;
	memset(noise, 0x5A, sizeof(noise));
	int fd = open(ledger_file(state), O_RDWR | O_CLOEXEC);
	assert_int_equal(fstat(fd, &status), 0);
	for (off_t at = PAGE_BYTES; at < status.st_size; at += PAGE_BYTES)
		assert_int_equal(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
	assert_int_equal(close(fd), 0);
}

static void test_ledger_refuses_a_damaged_file(void **state)
{
	struct error err;
	struct ledger *ledger = open_ledger(state);
	struct ledger_options options = ledger_sample_command;
	ledger_sample_settle(ledger, 0);
	ledger_sample_close(ledger, false);
	damage(state);
	options.path = ledger_file(state);
	assert_int_equal(ledger_open(&ledger, &options, &err), -1);
	assert_non_null(strstr(err.message, "run.db is damaged: "));
	assert_non_null(strstr(err.message, "--no-ledger"));
	assert_true(tempdir_exists(*state, "run.db"));
}

/* Only the pages of jobs: nothing but the check after a crash reads them on opening. */
static void test_ledger_checks_a_file_whose_run_did_not_end(void **state)
{
	struct error err;
	struct ledger *ledger = open_ledger(state);
	struct ledger_options options = ledger_sample_command;
	for (unsigned i = 0; i < MANY; i++)
		ledger_sample_settle(ledger, i);
	ledger_sample_close(ledger, false);
	int fd = open(ledger_file(state), O_RDWR | O_CLOEXEC);
	char noise[PAGE_BYTES];
	memset(noise, 0x5A, sizeof(noise));
	assert_int_equal(pwrite(fd, noise, sizeof(noise), 100 * PAGE_BYTES), sizeof(noise));
	assert_int_equal(close(fd), 0);
	options.path = ledger_file(state);
	assert_int_equal(ledger_open(&ledger, &options, &err), -1);
	assert_non_null(strstr(err.message, "run.db is damaged: "));
}

/*
 * Settles jobs from where the file ends, for ever. *settled counts them, in memory that outlives
 * the process.
 */
static void settle_for_ever(const char *path, atomic_uint *settled)
{
	struct error err;
	struct ledger *ledger;
	struct ledger_options options = ledger_sample_command;
	options.path = path;
	if (ledger_open(&ledger, &options, &err))
		_exit(1);
	atomic_store(settled, (unsigned)ledger_past(ledger)->done);
	for (;;) {
		unsigned number = atomic_fetch_add(settled, 1);
		ledger_sample_settle(ledger, number);
		if (number % 64 == 0) /* slower than the disk, for some batches to be small */
			(void)usleep(1000);
	}
}

static void sleep_us(long us)
{
	const struct timespec time = { 0, us * 1000 };
	(void)nanosleep(&time, NULL); /* the moment of a kill may be any */
}

/* What a reader sees is on disk: so much must be there afterwards. -1: the file is not made yet. */
static int64_t committed(const char *path)
{
	int64_t count = -1;
	sqlite3 *database;
	sqlite3_stmt *statement = NULL;
	if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
		sqlite3_prepare_v2(database, "SELECT done FROM run", -1, &statement, NULL) ==
			SQLITE_OK &&
		sqlite3_step(statement) == SQLITE_ROW)
		count = sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement);
	(void)sqlite3_close(database);
	return count;
}

static atomic_uint *shared_counter(void)
{
	void *memory = mmap(NULL, sizeof(atomic_uint), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(memory != MAP_FAILED);
	return memory;
}

static void kill_child(pid_t pid)
{
	int status;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_ledger_loses_only_the_last_batch_when_killed(void **state)
{
	const char *path = ledger_file(state);
	atomic_uint *settled = shared_counter();
	unsigned before = 0;
	for (int i = 0; i < KILLS; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			settle_for_ever(path, settled);
		sleep_us((long)i * KILL_US_MAX / KILLS);
		int64_t seen = committed(path);
		kill_child(pid);
		unsigned held = ledger_sample_check(path);
		assert_true((int64_t)held >= seen);
		assert_true(held >= before);
		/* one batch on its way, one that was filled meanwhile */
		assert_true(atomic_load(settled) <= held + 2 * LEDGER_AHEAD_MAX);
		before = held;
	}
	assert_true(before > 0);
	struct ledger *ledger = ledger_sample_open(path);
	assert_int_equal(ledger_past(ledger)->done, before);
	ledger_sample_close(ledger, true);
	assert_int_equal(munmap(settled, sizeof(*settled)), 0);
}

static void test_ledger_writes_without_being_closed(void **state)
{
	const char *path = ledger_file(state);
	int64_t end = deadline_start();
	struct ledger *ledger = ledger_sample_open(path);
	ledger_sample_settle(ledger, 0);
	/*
	 * In a process of its own, as closing a file here would drop the ledger's locks; and in a
	 * new program, as the thread may hold SQLite's own locks at the moment of the fork.
	 */
	for (int status = 1; status != 0;) {
		deadline_check(end);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			(void)execl("/proc/self/exe", "test_ledger_file", path, NULL);
			_exit(1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	ledger_sample_close(ledger, true);
}

struct bytes {
	char *data;
	size_t size;
};

static struct bytes read_file(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	struct bytes bytes = { xmalloc((size_t)status.st_size), (size_t)status.st_size };
	assert_int_equal(read(fd, bytes.data, bytes.size), bytes.size);
	assert_int_equal(close(fd), 0);
	return bytes;
}

static void write_file(const char *path, struct bytes bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes.data, bytes.size), bytes.size);
	assert_int_equal(close(fd), 0);
}

/* Leaves a file and a log of several batches, as a killed process does. */
static void make_log(const char *path)
{
	atomic_uint *settled = shared_counter();
	int64_t end = deadline_start();
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		settle_for_ever(path, settled);
	while (committed(path) < 3000) {
		deadline_check(end);
		sleep_us(1000);
	}
	kill_child(pid);
	assert_int_equal(munmap(settled, sizeof(*settled)), 0);
}

static void test_ledger_is_sound_wherever_its_log_is_cut(void **state)
{
	make_log(ledger_file(state));
	struct bytes file = read_file(ledger_file(state));
	struct bytes log = read_file(tempdir_path(*state, "run.db-wal"));
	size_t first = log.size > CUT_TAIL ? log.size - CUT_TAIL : 0;
	unsigned least = UINT32_MAX, most = 0, before = 0;
	for (size_t size = first; size <= log.size; size += CUT_BYTES) {
		const char *path = tempdir_path(*state, "cut.db");
		write_file(path, file);
		write_file(tempdir_path(*state, "cut.db-wal"), (struct bytes) { log.data, size });
		struct ledger *ledger = ledger_sample_open(path);
		assert_int_equal(ledger_past(ledger)->epoch, 2);
		ledger_sample_close(ledger, false);
		unsigned held = ledger_sample_check(path);
		assert_true(held >= before);
		before = held;
		least = held < least ? held : least;
		most = held > most ? held : most;
	}
	assert_true(least < most); /* else nothing was cut off */
	free(file.data);
	free(log.data);
}

/* The errors of a full disk come from SQLite while it runs, and again from closing it. */
static void test_ledger_tells_of_a_full_disk(void **state)
{
	struct error err;
	int64_t end = deadline_start();
	tempdir_make(*state, "small");
	const char *disk = tempdir_path(*state, "small");
	if (mount("none", disk, "tmpfs", 0, "size=1m"))
		skip(); /* not root, or in a container that may not */
	struct ledger *ledger = ledger_sample_open(tempdir_path(*state, "small/run.db"));
	unsigned settled = 0;
	while (ledger_check(ledger, &err) == 0) {
		deadline_check(end);
		ledger_sample_settle(ledger, settled++);
	}
	assert_non_null(strstr(err.message, "small/run.db: the disk is full"));
	assert_int_equal(ledger_close(ledger, true, &err), -1);
	assert_non_null(strstr(err.message, "small/run.db: the disk is full"));
	/* there is no room to look at it where it is */
	struct bytes file = read_file(tempdir_path(*state, "small/run.db"));
	struct bytes log = { NULL, 0 };
	if (tempdir_exists(*state, "small/run.db-wal"))
		log = read_file(tempdir_path(*state, "small/run.db-wal"));
	assert_int_equal(umount(disk), 0);
	write_file(ledger_file(state), file);
	write_file(tempdir_path(*state, "run.db-wal"), log);
	unsigned held = ledger_sample_check(ledger_file(state));
	assert_true(held > 0 && held < settled);
	free(file.data);
	free(log.data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)

/* With an argument: whether the ledger of that name has one outcome. */
int main(int argc, char **argv)
{
	if (argc == 2)
		return committed(argv[1]) == 1 ? 0 : 1;
	const struct CMUnitTest tests[] = {
		TEST(test_ledger_names_the_run_that_holds_it),
		TEST(test_ledger_refuses_what_is_none),
		TEST(test_ledger_refuses_another_programs_database),
		TEST(test_ledger_refuses_a_newer_version),
		TEST(test_ledger_refuses_a_missing_folder),
		TEST(test_ledger_refuses_a_folder),
		TEST(test_ledger_refuses_a_folder_that_may_not_be_written),
		TEST(test_ledger_refuses_a_damaged_file),
		TEST(test_ledger_checks_a_file_whose_run_did_not_end),
		TEST(test_ledger_loses_only_the_last_batch_when_killed),
		TEST(test_ledger_writes_without_being_closed),
		TEST(test_ledger_is_sound_wherever_its_log_is_cut),
		TEST(test_ledger_tells_of_a_full_disk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
