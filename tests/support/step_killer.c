/* SPDX-License-Identifier: MIT */
#include "tests/support/step_killer.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The child stops itself before and after the call. */
__attribute__((noreturn)) static void be_child(
	void (*prepare)(void *), void (*call)(void *), void *argument)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(1);
	if (prepare)
		prepare(argument);
	(void)raise(SIGSTOP);
	call(argument);
	(void)raise(SIGSTOP);
	_exit(0);
}

static void wait_stop(pid_t child, int *signal_number)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSTOPPED(status));
	*signal_number = WSTOPSIG(status);
}

bool step_kill(void (*prepare)(void *), void (*call)(void *), void *argument, long steps)
{
	int number = 0;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		be_child(prepare, call, argument);
	wait_stop(child, &number);
	assert_int_equal(number, SIGSTOP);
	bool over = false;
	for (long i = 0; i < steps && !over; i++) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
		wait_stop(child, &number);
		over = number == SIGSTOP;
	}
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	return over;
}
