/* SPDX-License-Identifier: MIT */
/* What a lane does, as the worker sees it: across descriptors, processes and a stop. */
#include "worker/board.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"

static struct board board;
static struct error err;

static int setup(void **state)
{
	(void)state;
	return board_create(&board, &err);
}

static int teardown(void **state)
{
	(void)state;
	board_close(&board);
	return 0;
}

static void test_board_starts_empty(void **state)
{
	(void)state;
	assert_int_equal(board_read(&board).job, 0);
}

static void test_board_shows_the_job_and_since_when(void **state)
{
	(void)state;
	int64_t before = clock_ms();
	assert_true(board_start(&board, UINT64_MAX, 7));
	struct board_entry entry = board_read(&board);
	assert_int_equal(entry.job, UINT64_MAX);
	assert_int_equal(entry.attempt, 7);
	assert_true(entry.since_ms >= before && entry.since_ms <= clock_ms());
	board_end(&board);
	assert_int_equal(board_read(&board).job, 0);
	assert_true(board_start(&board, 5, 1));
	assert_int_equal(board_read(&board).job, 5);
}

static void test_board_stop_lets_nothing_new_start(void **state)
{
	(void)state;
	assert_true(board_start(&board, 1, 1));
	board_stop(&board);
	assert_int_equal(board_read(&board).job, 1); /* what runs, runs */
	board_end(&board);
	assert_false(board_start(&board, 3, 1));
	assert_int_equal(board_read(&board).job, 0);
}

static void test_board_resume_takes_the_stop_back(void **state)
{
	(void)state;
	board_stop(&board);
	assert_false(board_start(&board, 3, 1));
	board_resume(&board);
	assert_true(board_start(&board, 3, 1));
	assert_int_equal(board_read(&board).job, 3);
}

static void test_board_is_one_for_both_processes(void **state)
{
	(void)state;
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct board own;
		if (board_open(&own, board_fd(&board), &err) || !board_start(&own, 9, 4))
			_exit(1);
		abort(); /* as a lane that dies in its job */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(board_read(&board).job, 9);
	assert_int_equal(board_read(&board).attempt, 4);
	board_stop(&board);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct board own;
		bool opened = board_open(&own, board_fd(&board), &err) == 0;
		_exit(opened && !board_start(&own, 1, 1) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_board_open_refuses_what_is_none(void **state)
{
	(void)state;
	struct board own;
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(board_open(&own, pipes[0], &err), -1);
	assert_true(err.message[0] != '\0');
	assert_int_equal(close(pipes[0]), 0);
	assert_int_equal(close(pipes[1]), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_board_starts_empty),
		CASE(test_board_shows_the_job_and_since_when),
		CASE(test_board_stop_lets_nothing_new_start),
		CASE(test_board_resume_takes_the_stop_back),
		CASE(test_board_is_one_for_both_processes),
		CASE(test_board_open_refuses_what_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
