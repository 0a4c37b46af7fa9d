/* SPDX-License-Identifier: MIT */
/* Shared arrays with real processes: exact counting, holders that are killed, hostile headers. */
#include "common/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PROCESSES = 4, ROUNDS = 20000, PATIENCE_S = 60 };

static void create(struct shared_array *a, size_t item_size, size_t count, unsigned flags)
{
	struct error err;
	if (shared_array_create(a, item_size, count, flags, &err) < 0)
		fail_msg("%s", err.message);
}

/* Runs body(a) in a forked process, which exits with its result. */
static pid_t fork_with(struct shared_array *a, int (*body)(struct shared_array *a))
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(PATIENCE_S); /* a child that hangs is a failure of the test */
		_exit(body(a));
	}
	return pid;
}

static int await(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void assert_exits(pid_t pid, int code)
{
	int status = await(pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
}

static void test_shared_items_are_zero_and_apart(void **state)
{
	(void)state;
	struct shared_array a;
	create(&a, 24, 5, 0);
	assert_int_equal(shared_array_count(&a), 5);
	assert_int_equal(shared_array_item_size(&a), 24);
	assert_int_equal((uintptr_t)shared_array_item(&a, 0) % SHARED_ALIGNMENT, 0);
	for (size_t i = 0; i < 5; i++) {
		unsigned char *item = shared_array_item(&a, i);
		for (size_t j = 0; j < 24; j++)
			assert_int_equal(item[j], 0);
		memset(item, (int)i + 1, 24);
	}
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(((unsigned char *)shared_array_item(&a, i))[23], i + 1);
	shared_array_close(&a);
}

static void test_shared_too_large_is_refused(void **state)
{
	(void)state;
	struct shared_array a;
	struct error err;
	assert_int_equal(shared_array_create(&a, SHARED_BYTES_MAX, 2, 0, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(shared_array_create(&a, SIZE_MAX / 2 + 2, 2, 0, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_null(a.header);
	shared_array_close(&a);
}

/* Adds by reading, adding and writing, as the header says that it must not be done unlocked. */
static int count_locked(struct shared_array *a)
{
	for (int i = 0; i < ROUNDS; i++) {
		if (shared_array_lock(a) != 0)
			return 1;
		volatile uint64_t *counter = shared_array_item(a, 0);
		uint64_t read = *counter;
		*counter = read + 1;
		shared_array_unlock(a);
	}
	return 0;
}

/* The same in a process that got the array by its descriptor. */
static int count_opened(struct shared_array *a)
{
	struct shared_array opened;
	struct error err;
	if (shared_array_open(&opened, a->fd, &err) < 0)
		return 2;
	int result = count_locked(&opened);
	shared_array_close(&opened);
	return result;
}

static void test_shared_counting_with_the_lock_is_exact(void **state)
{
	(void)state;
	struct shared_array a;
	pid_t pids[PROCESSES];
	create(&a, sizeof(uint64_t), 1, 0);
	for (size_t i = 0; i < PROCESSES; i++)
		pids[i] = fork_with(&a, i % 2 ? count_locked : count_opened);
	for (size_t i = 0; i < PROCESSES; i++)
		assert_exits(pids[i], 0);
	assert_int_equal(*(uint64_t *)shared_array_item(&a, 0), PROCESSES * ROUNDS);
	shared_array_close(&a);
}

/* Two writers in one process, in the order that loses an update: the contract's example. */
static void test_shared_adding_without_the_lock_loses_updates(void **state)
{
	(void)state;
	struct shared_array one, other;
	struct error err;
	create(&one, sizeof(uint64_t), 1, 0);
	assert_int_equal(shared_array_open(&other, one.fd, &err), 0);
	volatile uint64_t *a = shared_array_item(&one, 0), *b = shared_array_item(&other, 0);
	uint64_t read_by_a = *a, read_by_b = *b;
	*a = read_by_a + 1;
	*b = read_by_b + 1;
	assert_int_equal(*a, 1); /* and not 2 */
	shared_array_close(&other);
	shared_array_close(&one);
}

/* Locks, says so in the first item, and stays. */
static int hold_for_ever(struct shared_array *a)
{
	(void)shared_array_lock(a);
	__atomic_store_n((uint64_t *)shared_array_item(a, 0), 1, __ATOMIC_RELEASE);
	while (pause() < 0)
		continue;
	return 0;
}

static void kill_a_holder(struct shared_array *a)
{
	uint64_t *held = shared_array_item(a, 0);
	__atomic_store_n(held, 0, __ATOMIC_RELEASE);
	pid_t holder = fork_with(a, hold_for_ever);
	while (!__atomic_load_n(held, __ATOMIC_ACQUIRE))
		assert_int_equal(waitpid(holder, NULL, WNOHANG), 0);
	assert_int_equal(kill(holder, SIGKILL), 0);
	assert_true(WIFSIGNALED(await(holder)));
}

static void test_shared_killed_holder_blocks_nobody(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags <= SHARED_RECURSIVE; flags++) {
		struct shared_array a;
		create(&a, sizeof(uint64_t), 1, flags);
		(void)alarm(PATIENCE_S);
		for (int round = 0; round < 3; round++) {
			kill_a_holder(&a);
			assert_int_equal(shared_array_lock(&a), 1);
			shared_array_unlock(&a);
			assert_int_equal(shared_array_lock(&a), 0);
			shared_array_unlock(&a);
		}
		(void)alarm(0);
		shared_array_close(&a);
	}
}

/* The one that waits while the holder dies gets the lock too. */
static int lock_once(struct shared_array *a)
{
	*(uint64_t *)shared_array_item(a, 1) = 1;
	int died = shared_array_lock(a);
	shared_array_unlock(a);
	return died;
}

static void test_shared_waiter_of_a_killed_holder_is_told(void **state)
{
	(void)state;
	struct shared_array a;
	create(&a, sizeof(uint64_t), 2, 0);
	uint64_t *held = shared_array_item(&a, 0);
	pid_t holder = fork_with(&a, hold_for_ever);
	while (!__atomic_load_n(held, __ATOMIC_ACQUIRE))
		assert_int_equal(waitpid(holder, NULL, WNOHANG), 0);
	pid_t waiter = fork_with(&a, lock_once);
	while (!__atomic_load_n((uint64_t *)shared_array_item(&a, 1), __ATOMIC_ACQUIRE))
		assert_int_equal(waitpid(waiter, NULL, WNOHANG), 0);
	assert_int_equal(kill(holder, SIGKILL), 0);
	assert_true(WIFSIGNALED(await(holder)));
	assert_exits(waiter, 1);
	shared_array_close(&a);
}

/* What an assertion in a child looks like, without a core file. */
static void assert_aborts(struct shared_array *a, int (*body)(struct shared_array *a))
{
	int status = await(fork_with(a, body));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static int prepare_abort(void)
{
	struct rlimit none = { 0, 0 };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	(void)signal(SIGABRT, SIG_DFL); /* cmocka's handler would go on with the tests */
	return dup2(null, STDERR_FILENO) < 0 || setrlimit(RLIMIT_CORE, &none) < 0;
}

static int lock_twice(struct shared_array *a)
{
	if (prepare_abort() != 0)
		return 1;
	(void)shared_array_lock(a);
	(void)shared_array_lock(a);
	return 0;
}

static int unlock_unheld(struct shared_array *a)
{
	if (prepare_abort() != 0)
		return 1;
	shared_array_unlock(a);
	return 0;
}

static int item_past_the_end(struct shared_array *a)
{
	if (prepare_abort() != 0)
		return 1;
	return shared_array_item(a, 1) == NULL;
}

static void test_shared_misuse_is_an_assertion(void **state)
{
	(void)state;
	struct shared_array a;
	create(&a, sizeof(uint64_t), 1, 0);
	assert_aborts(&a, lock_twice);
	assert_aborts(&a, unlock_unheld);
	assert_aborts(&a, item_past_the_end);
	shared_array_close(&a);
}

static void test_shared_recursive_lock_counts(void **state)
{
	(void)state;
	struct shared_array a;
	create(&a, sizeof(uint64_t), 2, SHARED_RECURSIVE);
	assert_exits(fork_with(&a, lock_twice), 0);
	assert_int_equal(shared_array_lock(&a), 1); /* that child left without an unlock */
	assert_int_equal(shared_array_lock(&a), 0);
	shared_array_unlock(&a);
	shared_array_unlock(&a); /* an assertion, had the first one freed the lock */
	assert_exits(fork_with(&a, lock_once), 0);
	shared_array_close(&a);
}

static void test_shared_size_is_sealed(void **state)
{
	(void)state;
	struct shared_array a;
	create(&a, 8, 1, 0);
	assert_int_equal(ftruncate(a.fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(a.fd, 1 << 20), -1);
	assert_int_equal(fcntl(a.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	shared_array_close(&a);
}

static void assert_open_refused(int fd, enum error_code code, const char *message)
{
	struct shared_array a;
	struct error err;
	assert_int_equal(shared_array_open(&a, fd, &err), -1);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.message, message));
	assert_null(a.header);
	shared_array_close(&a);
}

static void test_shared_open_refuses_other_descriptors(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_open_refused(-1, ERROR_IO, "look at shared memory");
	assert_open_refused(ends[0], ERROR_PROTOCOL, "no sealed shared memory");
	int unsealed = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	assert_open_refused(unsealed, ERROR_PROTOCOL, "no sealed shared memory");
	assert_int_equal(
		fcntl(unsealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
	assert_open_refused(unsealed, ERROR_PROTOCOL, "wrong size, 0 bytes");
	assert_int_equal(close(unsealed), 0);
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(close(ends[1]), 0);
}

static void test_shared_open_refuses_spoilt_headers(void **state)
{
	(void)state;
	static const struct {
		size_t word;
		uint64_t value;
		const char *message;
	} cases[] = { { 0, 1, "not of this build" }, { 1, 0, "not of this build" },
		{ 2, 9, "can't hold 3 items of 9 bytes" }, { 2, 0, "can't hold" },
		{ 3, 4, "can't hold 4 items" }, { 3, 0, "can't hold" },
		/* 2^61 + 3 items of 8 bytes overflow to the size of 3 */
		{ 3, (1ULL << 61) + 3, "can't hold" } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct shared_array a;
		create(&a, 8, 3, 0);
		((uint64_t *)(void *)a.header)[cases[i].word] = cases[i].value;
		assert_open_refused(a.fd, ERROR_PROTOCOL, cases[i].message);
		shared_array_close(&a);
	}
}

static void test_shared_close_accepts_zeroed_and_twice(void **state)
{
	(void)state;
	struct shared_array a = { .fd = 0 };
	shared_array_close(NULL);
	shared_array_close(&a);
	assert_true(fcntl(0, F_GETFD) >= 0); /* a zeroed one owns no descriptor 0 */
	create(&a, 1, 1, 0);
	int fd = a.fd;
	shared_array_close(&a);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	shared_array_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared_items_are_zero_and_apart),
		cmocka_unit_test(test_shared_too_large_is_refused),
		cmocka_unit_test(test_shared_counting_with_the_lock_is_exact),
		cmocka_unit_test(test_shared_adding_without_the_lock_loses_updates),
		cmocka_unit_test(test_shared_killed_holder_blocks_nobody),
		cmocka_unit_test(test_shared_waiter_of_a_killed_holder_is_told),
		cmocka_unit_test(test_shared_misuse_is_an_assertion),
		cmocka_unit_test(test_shared_recursive_lock_counts),
		cmocka_unit_test(test_shared_size_is_sealed),
		cmocka_unit_test(test_shared_open_refuses_other_descriptors),
		cmocka_unit_test(test_shared_open_refuses_spoilt_headers),
		cmocka_unit_test(test_shared_close_accepts_zeroed_and_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
