/* SPDX-License-Identifier: MIT */
/* Numbers in shared memory, with a lock that survives its owner. */
#include <sciame/array.h>

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#include <cmocka.h>

#include "common/sanitizer.h"
#include "tests/support/step_killer.h"

enum {
	SOON_MS = 20,
	LATE_MS = 20000,
	PROCESSES = 4,
	EACH = 5000,
	STRIDE = SANITIZED ? 17 : 1, /* a sanitizer's own instructions are not what matters */
};

static struct sciame_array *open_array(char typecode, size_t count, bool locked)
{
	struct sciame_array *array;
	struct sciame_error err;
	const struct sciame_array_options options = { typecode, count, locked };
	if (sciame_array_open(&array, &options, &err) != SCIAME_OK)
		fail_msg("%s", err.message);
	return array;
}

static void test_types_are_those_of_pythons_codes(void **state)
{
	(void)state;
	static const struct {
		char typecode;
		size_t size;
	} types[] = { { 'b', 1 }, { 'B', 1 }, { 'c', 1 }, { 'u', sizeof(wchar_t) },
		{ 'h', sizeof(short) }, { 'H', sizeof(short) }, { 'i', sizeof(int) },
		{ 'I', sizeof(int) }, { 'l', sizeof(long) }, { 'L', sizeof(long) },
		{ 'q', sizeof(long long) }, { 'Q', sizeof(long long) }, { 'f', sizeof(float) },
		{ 'd', sizeof(double) } };
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct sciame_array *array = open_array(types[i].typecode, 1000, false);
		uint8_t *bytes = sciame_array_items(array);
		assert_int_equal(sciame_array_typecode(array), types[i].typecode);
		assert_int_equal(sciame_array_count(array), 1000);
		assert_int_equal((uintptr_t)bytes % 64, 0);
		for (size_t j = 0; j < 1000 * types[i].size; j++)
			assert_int_equal(bytes[j], 0);
		memset(bytes, 0xA5, 1000 * types[i].size);
		sciame_array_close(array);
	}
	sciame_array_close(NULL);
}

static void test_what_can_not_be_made_is_said(void **state)
{
	(void)state;
	struct sciame_array *array;
	struct sciame_error err;
	struct sciame_array_options options = { 'x', 1, false };
	assert_int_equal(sciame_array_open(&array, &options, &err), SCIAME_MISUSED);
	assert_string_equal(err.message, "no type has the code 'x'");
	options = (struct sciame_array_options) { 'i', 0, false };
	assert_int_equal(sciame_array_open(&array, &options, NULL), SCIAME_MISUSED);
	options = (struct sciame_array_options) { 'd', SIZE_MAX, false };
	assert_int_equal(sciame_array_open(&array, &options, &err), SCIAME_LIMIT);
	assert_null(array);
}

static void test_locks_know_who_holds_them(void **state)
{
	(void)state;
	struct sciame_error err;
	struct sciame_array *array = open_array('i', 1, true);
	struct sciame_array *bare = open_array('i', 1, false);
	assert_int_equal(sciame_array_unlock(array, &err), SCIAME_MISUSED);
	assert_string_equal(err.message, "the lock is not held by this thread");
	assert_int_equal(sciame_array_lock(array, 0, NULL), SCIAME_OK);
	assert_int_equal(sciame_array_lock(array, LATE_MS, NULL), SCIAME_OK); /* recursive */
	assert_int_equal(sciame_array_unlock(array, NULL), SCIAME_OK);
	assert_int_equal(sciame_array_unlock(array, NULL), SCIAME_OK);
	assert_int_equal(sciame_array_unlock(array, NULL), SCIAME_MISUSED);
	assert_int_equal(sciame_array_lock(bare, 0, &err), SCIAME_MISUSED);
	assert_string_equal(err.message, "the array has no lock");
	assert_int_equal(sciame_array_unlock(bare, NULL), SCIAME_MISUSED);
	sciame_array_close(array);
	sciame_array_close(bare);
}

/* What the lock is for: nothing is lost with it. That something is without can't be relied on. */
static void add_up(struct sciame_array *array)
{
	long long *value = sciame_array_items(array);
	for (int i = 0; i < EACH; i++) {
		assert_int_equal(sciame_array_lock(array, SCIAME_FOREVER, NULL), SCIAME_OK);
		*value += 1;
		assert_int_equal(sciame_array_unlock(array, NULL), SCIAME_OK);
	}
}

static void test_processes_lose_no_update_with_the_lock(void **state)
{
	(void)state;
	struct sciame_array *array = open_array('q', 1, true);
	pid_t children[PROCESSES];
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		if (children[i] != 0)
			continue;
		struct sciame_array *mine = array;
		if (i % 2 && sciame_array_attach(&mine, sciame_array_fd(array), NULL))
			_exit(1);
		add_up(mine);
		_exit(0);
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(*(long long *)sciame_array_items(array), PROCESSES * EACH);
	sciame_array_close(array);
}

static void test_attaching_checks_what_it_finds(void **state)
{
	(void)state;
	struct sciame_array *array = open_array('h', 3, true), *other;
	((short *)sciame_array_items(array))[2] = -5;
	assert_int_equal(sciame_array_attach(&other, sciame_array_fd(array), NULL), SCIAME_OK);
	assert_int_equal(sciame_array_typecode(other), 'h');
	assert_int_equal(sciame_array_count(other), 3);
	assert_int_equal(((short *)sciame_array_items(other))[2], -5);
	sciame_array_close(other);
	char *head = (char *)sciame_array_items(array) - 64; /* the code, in front of the numbers */
	assert_int_equal(*head, 'h');
	static const char wrong[] = { 'x', 'd', 'b', 0 };
	for (size_t i = 0; i < sizeof(wrong); i++) {
		*head = wrong[i];
		enum sciame_status status =
			sciame_array_attach(&other, sciame_array_fd(array), NULL);
		if (status == SCIAME_OK) /* three of them fit the same memory */
			sciame_array_close(other);
		else
			assert_int_equal(status, SCIAME_PROTOCOL);
	}
	int file = memfd_create("foreign", MFD_CLOEXEC);
	assert_int_equal(sciame_array_attach(&other, file, NULL), SCIAME_PROTOCOL);
	assert_int_equal(close(file), 0);
	sciame_array_close(array);
}

static void lock_and_die(struct sciame_array *array)
{
	(void)sciame_array_lock(array, SCIAME_FOREVER, NULL);
	(void)raise(SIGKILL);
}

static void test_the_next_owner_is_told(void **state)
{
	(void)state;
	struct sciame_error err;
	struct sciame_array *array = open_array('i', 2, true);
	pid_t child = fork();
	if (child == 0)
		lock_and_die(array);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(sciame_array_lock(array, LATE_MS, &err), SCIAME_OWNER_DIED);
	assert_string_equal(err.message, "the last owner of the lock died with it");
	assert_int_equal(sciame_array_unlock(array, NULL), SCIAME_OK);
	assert_int_equal(sciame_array_lock(array, LATE_MS, NULL), SCIAME_OK);
	assert_int_equal(sciame_array_unlock(array, NULL), SCIAME_OK);
	sciame_array_close(array);
}

static void call_lock_and_unlock(void *argument)
{
	(void)sciame_array_lock(argument, LATE_MS, NULL);
	(void)sciame_array_unlock(argument, NULL);
}

static void test_killed_inside_lock_and_unlock(void **state)
{
	(void)state;
	bool over = false;
	int told = 0;
	for (long steps = 0; !over; steps += STRIDE) {
		struct sciame_array *array = open_array('i', 1, true);
		over = step_kill(NULL, call_lock_and_unlock, array, steps);
		enum sciame_status status = sciame_array_lock(array, LATE_MS, NULL);
		assert_true(status == SCIAME_OK || status == SCIAME_OWNER_DIED);
		told += status == SCIAME_OWNER_DIED;
		assert_int_equal(sciame_array_unlock(array, NULL), SCIAME_OK);
		sciame_array_close(array);
	}
	assert_true(told > 0);
}

/* Held by the child until the pipe says that it may go. */
static void test_waiting_for_a_lock_ends_in_time(void **state)
{
	(void)state;
	int held[2], go[2];
	char byte = 0;
	struct sciame_array *array = open_array('i', 1, true);
	assert_int_equal(pipe(held), 0);
	assert_int_equal(pipe(go), 0);
	pid_t child = fork();
	if (child == 0) {
		(void)sciame_array_lock(array, SCIAME_FOREVER, NULL);
		bool good = write(held[1], &byte, 1) == 1 && read(go[0], &byte, 1) == 1;
		_exit(!good || sciame_array_unlock(array, NULL) != SCIAME_OK);
	}
	assert_int_equal(read(held[0], &byte, 1), 1);
	assert_int_equal(sciame_array_lock(array, 0, NULL), SCIAME_TIMED_OUT);
	assert_int_equal(sciame_array_lock(array, SOON_MS, NULL), SCIAME_TIMED_OUT);
	assert_int_equal(write(go[1], &byte, 1), 1);
	assert_int_equal(sciame_array_lock(array, LATE_MS, NULL), SCIAME_OK);
	assert_int_equal(sciame_array_unlock(array, NULL), SCIAME_OK);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(close(held[i]), 0);
		assert_int_equal(close(go[i]), 0);
	}
	sciame_array_close(array);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types_are_those_of_pythons_codes),
		cmocka_unit_test(test_what_can_not_be_made_is_said),
		cmocka_unit_test(test_locks_know_who_holds_them),
		cmocka_unit_test(test_processes_lose_no_update_with_the_lock),
		cmocka_unit_test(test_attaching_checks_what_it_finds),
		cmocka_unit_test(test_the_next_owner_is_told),
		cmocka_unit_test(test_killed_inside_lock_and_unlock),
		cmocka_unit_test(test_waiting_for_a_lock_ends_in_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
