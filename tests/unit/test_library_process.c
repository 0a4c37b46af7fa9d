/* SPDX-License-Identifier: MIT */
/* Processes that are started once, named, and joined. */
#include <sciame/array.h>
#include <sciame/process.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SOON_MS = 20, LATE_MS = 20000 };

static struct sciame_process *start(const struct sciame_process_options *options)
{
	struct sciame_process *process;
	struct sciame_error err;
	if (sciame_process_start(&process, options, &err) != SCIAME_OK)
		fail_msg("%s", err.message);
	return process;
}

static int ended(struct sciame_process *process)
{
	int code = 1000;
	assert_int_equal(sciame_process_join(process, LATE_MS, NULL), SCIAME_OK);
	assert_true(sciame_process_exit_code(process, &code));
	sciame_process_close(process);
	return code;
}

static int give(void *argument)
{
	return *(int *)argument;
}

static int die(void *argument)
{
	(void)raise(*(int *)argument);
	return 0;
}

static void test_functions_end_with_their_result(void **state)
{
	(void)state;
	for (int code = 0; code < 260; code += 37) {
		struct sciame_process *process = start(&(struct sciame_process_options) {
			.name = "giver", .function = give, .argument = &code });
		assert_string_equal(sciame_process_name(process), "giver");
		assert_true(sciame_process_pid(process) > 1);
		assert_int_equal(ended(process), code & 0xff);
	}
	static const int signals[] = { SIGKILL, SIGTERM, SIGUSR1 };
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		int number = signals[i];
		struct sciame_process *process = start(
			&(struct sciame_process_options) { .function = die, .argument = &number });
		assert_memory_equal(sciame_process_name(process), "process-", 8);
		assert_int_equal(ended(process), -number);
	}
}

static void test_programs_get_their_descriptors(void **state)
{
	(void)state;
	int first[2], second[2];
	char text[16] = "";
	assert_int_equal(pipe2(first, O_CLOEXEC), 0);
	assert_int_equal(pipe2(second, O_CLOEXEC), 0);
	/* the numbers that they get may be each other's */
	const int descriptors[] = { second[1], first[1] };
	char *const arguments[] = { (char *)"sh", (char *)"-c",
		(char *)"printf three >&3; printf four >&4; exit 5", NULL };
	struct sciame_process *process = start(&(struct sciame_process_options) {
		.arguments = arguments, .descriptors = descriptors, .descriptors_count = 2 });
	assert_int_equal(ended(process), 5);
	assert_int_equal(read(second[0], text, sizeof(text)), 5);
	assert_memory_equal(text, "three", 5);
	assert_int_equal(read(first[0], text, sizeof(text)), 4);
	assert_memory_equal(text, "four", 4);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(close(first[i]), 0);
		assert_int_equal(close(second[i]), 0);
	}
}

/* Whatever numbers they have: each of them once stands where another one goes. */
static void test_descriptors_may_have_each_others_numbers(void **state)
{
	(void)state;
	char *const arguments[] = { (char *)"sh", (char *)"-c",
		(char *)"printf 3 >&3; printf 4 >&4; printf 5 >&5", NULL };
	for (int turn = 0; turn < 6; turn++) {
		int pipes[3][2], descriptors[3];
		for (int i = 0; i < 3; i++) {
			assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
			int number = 3 + (i + turn) % 6; /* 3 to 8 */
			descriptors[i] = fcntl(pipes[i][1], F_DUPFD_CLOEXEC, number);
			assert_true(descriptors[i] >= number);
			assert_int_equal(close(pipes[i][1]), 0);
		}
		struct sciame_process *process =
			start(&(struct sciame_process_options) { .arguments = arguments,
				.descriptors = descriptors,
				.descriptors_count = 3 });
		assert_int_equal(ended(process), 0);
		for (int i = 0; i < 3; i++) {
			char text[4];
			assert_int_equal(close(descriptors[i]), 0);
			assert_int_equal(read(pipes[i][0], text, sizeof(text)), 1);
			assert_int_equal(text[0], '3' + i);
			assert_int_equal(close(pipes[i][0]), 0);
		}
	}
}

static void test_what_can_not_be_started_is_said(void **state)
{
	(void)state;
	struct sciame_process *process;
	struct sciame_error err;
	char *const arguments[] = { (char *)"/nowhere/at/all", NULL };
	struct sciame_process_options options = { .arguments = arguments };
	assert_int_equal(sciame_process_start(&process, &options, &err), SCIAME_SYSTEM);
	assert_int_equal(err.number, ENOENT);
	assert_string_equal(err.message, "start /nowhere/at/all: No such file or directory");
	assert_null(process);
	options = (struct sciame_process_options) { .name = "nothing" };
	assert_int_equal(sciame_process_start(&process, &options, NULL), SCIAME_MISUSED);
	options = (struct sciame_process_options) { .function = give, .arguments = arguments };
	assert_int_equal(sciame_process_start(&process, &options, NULL), SCIAME_MISUSED);
}

static int sleep_long(void *argument)
{
	(void)argument;
	(void)pause();
	return 0;
}

static void test_joining_ends_in_time(void **state)
{
	(void)state;
	int code;
	struct sciame_error err;
	struct sciame_process *process = start(
		&(struct sciame_process_options) { .name = "sleeper", .function = sleep_long });
	assert_int_equal(sciame_process_join(process, 0, NULL), SCIAME_TIMED_OUT);
	assert_int_equal(sciame_process_join(process, SOON_MS, &err), SCIAME_TIMED_OUT);
	assert_string_equal(err.message, "sleeper still runs");
	assert_false(sciame_process_exit_code(process, &code));
	assert_int_equal(sciame_process_signal(process, SIGTERM, NULL), SCIAME_OK);
	assert_int_equal(sciame_process_join(process, LATE_MS, NULL), SCIAME_OK);
	assert_int_equal(sciame_process_signal(process, SIGTERM, &err), SCIAME_MISUSED);
	assert_string_equal(err.message, "sleeper has ended");
	assert_int_equal(ended(process), -SIGTERM);
}

static struct sciame_process *itself, *sibling;

static int join_wrongly(void *argument)
{
	struct sciame_error err;
	(void)argument;
	if (sciame_process_join(itself, 0, &err) != SCIAME_MISUSED ||
		strcmp(err.message, "cannot join current process") != 0)
		return 1;
	if (sciame_process_join(sibling, 0, &err) != SCIAME_MISUSED ||
		strcmp(err.message, "can only join a child process") != 0)
		return 2;
	return 0;
}

static void test_only_children_can_be_joined(void **state)
{
	(void)state;
	sibling = start(&(struct sciame_process_options) { .function = sleep_long });
	assert_int_equal(
		sciame_process_start(&itself,
			&(struct sciame_process_options) { .function = join_wrongly }, NULL),
		SCIAME_OK);
	assert_int_equal(ended(itself), 0);
	assert_int_equal(sciame_process_signal(sibling, SIGKILL, NULL), SCIAME_OK);
	assert_int_equal(ended(sibling), -SIGKILL);
}

/* Its thread ends before it does, and then the whole process: only the latter counts. */
static void test_daemons_end_with_their_parent_whatever_happens(void **state)
{
	(void)state;
	int alive[2];
	char byte;
	assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
	pid_t parent = fork();
	if (parent == 0) {
		struct sciame_process *daemon;
		const struct sciame_process_options options = { .function = sleep_long,
			.daemon = true };
		if (sciame_process_start(&daemon, &options, NULL) != SCIAME_OK)
			_exit(1);
		(void)raise(SIGKILL);
	}
	int status;
	assert_int_equal(close(alive[1]), 0);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_true(WIFSIGNALED(status));
	/* the daemon has inherited the other end: this waits for its end */
	assert_int_equal(read(alive[0], &byte, 1), 0);
	assert_int_equal(close(alive[0]), 0);
}

static void test_closing_kills_daemons_and_no_others(void **state)
{
	(void)state;
	int alive[2][2];
	char byte;
	pid_t pid = 0;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe2(alive[i], O_CLOEXEC), 0);
		struct sciame_process *process = start(&(struct sciame_process_options) {
			.function = sleep_long, .daemon = i == 0 });
		pid = sciame_process_pid(process);
		assert_int_equal(close(alive[i][1]), 0);
		sciame_process_close(process);
	}
	assert_int_equal(read(alive[0][0], &byte, 1), 0);
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(read(alive[1][0], &byte, 1), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(close(alive[i][0]), 0);
	sciame_process_close(NULL);
}

static int count_up(void *argument)
{
	struct sciame_array *counter = argument;
	if (sciame_array_lock(counter, SCIAME_FOREVER, NULL) != SCIAME_OK)
		return 1;
	*(int *)sciame_array_items(counter) += 1;
	return sciame_array_unlock(counter, NULL) != SCIAME_OK;
}

static void test_many_at_once(void **state)
{
	(void)state;
	struct sciame_process *processes[40];
	struct sciame_array *counter;
	const struct sciame_array_options options = { 'i', 1, true };
	assert_int_equal(sciame_array_open(&counter, &options, NULL), SCIAME_OK);
	for (int i = 0; i < 40; i++)
		processes[i] = start(&(struct sciame_process_options) {
			.function = count_up, .argument = counter });
	for (int i = 0; i < 40; i++)
		assert_int_equal(ended(processes[i]), 0);
	assert_int_equal(*(int *)sciame_array_items(counter), 40);
	sciame_array_close(counter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions_end_with_their_result),
		cmocka_unit_test(test_programs_get_their_descriptors),
		cmocka_unit_test(test_descriptors_may_have_each_others_numbers),
		cmocka_unit_test(test_what_can_not_be_started_is_said),
		cmocka_unit_test(test_joining_ends_in_time),
		cmocka_unit_test(test_only_children_can_be_joined),
		cmocka_unit_test(test_daemons_end_with_their_parent_whatever_happens),
		cmocka_unit_test(test_closing_kills_daemons_and_no_others),
		cmocka_unit_test(test_many_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
