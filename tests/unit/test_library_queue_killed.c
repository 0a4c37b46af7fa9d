/* SPDX-License-Identifier: MIT */
/* The joinable queue, when a process dies inside one of its calls. */
#include <sciame/queue.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/sanitizer.h"
#include "tests/support/step_killer.h"

enum {
	LATE_MS = 20000,
	STEPS_MAX = 1000000,
	STRIDE = SANITIZED ? 7 : 1, /* a sanitizer's own instructions are not what matters */
};

static struct sciame_queue *open_queue(size_t maximum)
{
	struct sciame_queue *queue;
	struct sciame_error err;
	const struct sciame_queue_options options = { maximum, sizeof(int), true };
	if (sciame_queue_open(&queue, &options, &err) != SCIAME_OK)
		fail_msg("%s", err.message);
	return queue;
}

static void put(struct sciame_queue *queue, int item)
{
	assert_int_equal(sciame_queue_put(queue, &item, LATE_MS, NULL), SCIAME_OK);
}

static int get(struct sciame_queue *queue)
{
	int item = -1;
	assert_int_equal(sciame_queue_get(queue, &item, LATE_MS, NULL), SCIAME_OK);
	return item;
}

/* What a call is done on. */
struct victim {
	struct sciame_queue *queue;
	int item;
};

static void call_put(void *argument)
{
	struct victim *victim = argument;
	(void)sciame_queue_put(victim->queue, &victim->item, LATE_MS, NULL);
}

static void call_get(void *argument)
{
	struct victim *victim = argument;
	(void)sciame_queue_get(victim->queue, &victim->item, LATE_MS, NULL);
}

static void call_task_done(void *argument)
{
	struct victim *victim = argument;
	(void)sciame_queue_task_done(victim->queue, NULL);
}

static void call_qsize(void *argument)
{
	struct victim *victim = argument;
	(void)sciame_queue_qsize(victim->queue);
}

/*
 * The queue holds items 1 and 2, and 0 was taken. After the death at any instruction of a call it
 * still works, and the call has happened or not.
 */
static void kill_at_each_step(void (*call)(void *))
{
	bool over = false;
	for (long steps = 0; !over; steps += STRIDE) {
		struct victim victim = { open_queue(4), 7 };
		for (int i = 0; i < 3; i++)
			put(victim.queue, i);
		assert_int_equal(get(victim.queue), 0);
		over = step_kill(NULL, call, &victim, steps);
		size_t size = sciame_queue_qsize(victim.queue);
		assert_true(size == 2 || (call == call_put && size == 3) ||
			    (call == call_get && size == 1));
		assert_int_equal(get(victim.queue), size == 1 ? 2 : 1);
		put(victim.queue, 3);
		int left = 0;
		while (sciame_queue_task_done(victim.queue, NULL) == SCIAME_OK)
			left++;
		int unfinished = call == call_put && size == 3 ? 5 : 4;
		assert_true(left == unfinished || (call == call_task_done && left == 3));
		assert_int_equal(sciame_queue_join(victim.queue, 0, NULL), SCIAME_OK);
		sciame_queue_close(victim.queue);
		assert_true(steps < STEPS_MAX);
	}
}

static void test_killed_inside_put(void **state)
{
	(void)state;
	kill_at_each_step(call_put);
}

static void test_killed_inside_get(void **state)
{
	(void)state;
	kill_at_each_step(call_get);
}

static void test_killed_inside_task_done(void **state)
{
	(void)state;
	kill_at_each_step(call_task_done);
}

static void test_killed_inside_qsize(void **state)
{
	(void)state;
	kill_at_each_step(call_qsize);
}

/* Whoever sleeps in get, put or join and is killed there takes no wake with it. */
static void test_killed_while_waiting(void **state)
{
	(void)state;
	struct sciame_queue *queue = open_queue(1);
	for (int round = 0; round < 20; round++) {
		pid_t victim = fork(), heir = victim > 0 ? fork() : -1;
		if (victim == 0 || heir == 0) {
			int item;
			enum sciame_status status = sciame_queue_get(queue, &item, LATE_MS, NULL);
			_exit(status == SCIAME_OK && item == round ? 0 : 1);
		}
		int status;
		(void)usleep((useconds_t)(round * 100)); /* any moment will do */
		assert_int_equal(kill(victim, SIGKILL), 0);
		put(queue, round);
		assert_int_equal(waitpid(victim, &status, 0), victim);
		if (WIFEXITED(status)) /* it was faster than its death */
			put(queue, round);
		assert_int_equal(waitpid(heir, &status, 0), heir);
		assert_int_equal(status, 0);
	}
	sciame_queue_close(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_inside_put),
		cmocka_unit_test(test_killed_inside_get),
		cmocka_unit_test(test_killed_inside_task_done),
		cmocka_unit_test(test_killed_inside_qsize),
		cmocka_unit_test(test_killed_while_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
