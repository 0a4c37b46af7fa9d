/* SPDX-License-Identifier: MIT */
/* The joinable queue, between threads and between processes. */
#include <sciame/queue.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SOON_MS = 20, LATE_MS = 20000 };

static struct sciame_queue *open_queue(size_t maximum, bool shared)
{
	struct sciame_queue *queue;
	struct sciame_error err;
	const struct sciame_queue_options options = { maximum, sizeof(int), shared };
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

static void test_items_come_in_their_order(void **state)
{
	(void)state;
	struct sciame_queue *queue = open_queue(3, false);
	assert_int_equal(sciame_queue_fd(queue), -1);
	assert_true(sciame_queue_empty(queue));
	for (int i = 0; i < 20; i++) {
		put(queue, i);
		if (i >= 2) {
			assert_true(sciame_queue_full(queue));
			assert_int_equal(get(queue), i - 2);
		}
		assert_false(sciame_queue_empty(queue));
	}
	assert_int_equal(sciame_queue_qsize(queue), 2);
	sciame_queue_close(queue);
}

static void test_what_can_not_be_made_is_said(void **state)
{
	(void)state;
	struct sciame_queue *queue;
	struct sciame_error err;
	struct sciame_queue_options options = { .maximum = 0, .item_size = 1 };
	assert_int_equal(sciame_queue_open(&queue, &options, &err), SCIAME_MISUSED);
	assert_int_equal(err.status, SCIAME_MISUSED);
	assert_string_equal(err.message, "a queue of no items, or of empty ones");
	assert_null(queue);
	options = (struct sciame_queue_options) { .maximum = SIZE_MAX, .item_size = 8 };
	assert_int_equal(sciame_queue_open(&queue, &options, NULL), SCIAME_LIMIT);
	assert_int_equal(sciame_queue_attach(&queue, STDIN_FILENO, &err), SCIAME_PROTOCOL);
	assert_null(queue);
}

static void test_B34_task_done_called_too_many_times(void **state)
{
	(void)state;
	struct sciame_error err;
	struct sciame_queue *queue = open_queue(2, false);
	put(queue, 1);
	assert_int_equal(get(queue), 1);
	assert_int_equal(sciame_queue_task_done(queue, &err), SCIAME_OK);
	assert_int_equal(sciame_queue_task_done(queue, &err), SCIAME_MISUSED);
	assert_string_equal(err.message, "task_done() called too many times");
	assert_int_equal(sciame_queue_join(queue, 0, NULL), SCIAME_OK);
	sciame_queue_close(queue);
}

static void *take_two(void *argument)
{
	struct sciame_queue *queue = argument;
	for (int i = 0; i < 2; i++) {
		(void)get(queue);
		assert_int_equal(sciame_queue_task_done(queue, NULL), SCIAME_OK);
	}
	return NULL;
}

static void test_B35_join_waits_for_done_not_for_empty(void **state)
{
	(void)state;
	struct sciame_error err;
	pthread_t thread;
	struct sciame_queue *queue = open_queue(4, false);
	for (int i = 0; i < 3; i++)
		put(queue, i);
	for (int i = 0; i < 3; i++)
		assert_int_equal(get(queue), i);
	assert_true(sciame_queue_empty(queue));
	assert_int_equal(sciame_queue_join(queue, SOON_MS, &err), SCIAME_TIMED_OUT);
	assert_string_equal(err.message, "3 items are not done");
	assert_int_equal(sciame_queue_task_done(queue, NULL), SCIAME_OK);
	put(queue, 4);
	put(queue, 5);
	assert_int_equal(sciame_queue_task_done(queue, NULL), SCIAME_OK);
	assert_int_equal(sciame_queue_task_done(queue, NULL), SCIAME_OK);
	assert_int_equal(pthread_create(&thread, NULL, take_two, queue), 0);
	assert_int_equal(sciame_queue_join(queue, SCIAME_FOREVER, NULL), SCIAME_OK);
	assert_int_equal(pthread_join(thread, NULL), 0);
	sciame_queue_close(queue);
}

static void *put_third(void *argument)
{
	put(argument, 3);
	return NULL;
}

static void test_B36_put_on_a_full_queue_blocks(void **state)
{
	(void)state;
	int item = 9;
	pthread_t thread;
	struct sciame_error err;
	struct sciame_queue *queue = open_queue(2, false);
	put(queue, 1);
	put(queue, 2);
	assert_int_equal(sciame_queue_put_nowait(queue, &item, &err), SCIAME_FULL);
	assert_string_equal(err.message, "the queue is full");
	assert_int_equal(sciame_queue_put(queue, &item, SOON_MS, NULL), SCIAME_FULL);
	assert_int_equal(pthread_create(&thread, NULL, put_third, queue), 0);
	assert_int_equal(get(queue), 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(get(queue), 2);
	assert_int_equal(get(queue), 3);
	assert_int_equal(sciame_queue_get_nowait(queue, &item, &err), SCIAME_EMPTY);
	assert_string_equal(err.message, "the queue is empty");
	assert_int_equal(sciame_queue_get(queue, &item, SOON_MS, NULL), SCIAME_EMPTY);
	sciame_queue_close(queue);
}

enum { PRODUCERS = 3, CONSUMERS = 3, EACH = 2000 };

static void produce(struct sciame_queue *queue)
{
	for (int i = 1; i <= EACH; i++)
		put(queue, i);
}

/* Takes until it gets a 0; the sum goes into the other queue. */
static void consume(struct sciame_queue *queue, struct sciame_queue *sums)
{
	int sum = 0;
	for (int item = get(queue); item != 0; item = get(queue)) {
		sum += item;
		assert_int_equal(sciame_queue_task_done(queue, NULL), SCIAME_OK);
	}
	assert_int_equal(sciame_queue_task_done(queue, NULL), SCIAME_OK);
	put(sums, sum);
}

static void check_sums(struct sciame_queue *queue, struct sciame_queue *sums)
{
	int sum = 0;
	assert_int_equal(sciame_queue_join(queue, LATE_MS, NULL), SCIAME_OK);
	for (int i = 0; i < CONSUMERS; i++)
		put(queue, 0);
	for (int i = 0; i < CONSUMERS; i++)
		sum += get(sums);
	assert_int_equal(sum, PRODUCERS * (EACH * (EACH + 1) / 2));
	assert_int_equal(sciame_queue_join(queue, LATE_MS, NULL), SCIAME_OK);
}

static struct {
	struct sciame_queue *queue, *sums;
} crowd;

static void *produce_thread(void *unused)
{
	(void)unused;
	produce(crowd.queue);
	return NULL;
}

static void *consume_thread(void *unused)
{
	(void)unused;
	consume(crowd.queue, crowd.sums);
	return NULL;
}

static void test_many_threads_lose_nothing(void **state)
{
	(void)state;
	pthread_t threads[PRODUCERS + CONSUMERS];
	crowd.queue = open_queue(7, false);
	crowd.sums = open_queue(CONSUMERS, false);
	for (int i = 0; i < PRODUCERS + CONSUMERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
					 i < PRODUCERS ? produce_thread : consume_thread, NULL),
			0);
	for (int i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	check_sums(crowd.queue, crowd.sums);
	for (int i = PRODUCERS; i < PRODUCERS + CONSUMERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	sciame_queue_close(crowd.queue);
	sciame_queue_close(crowd.sums);
}

static void wait_child(pid_t child)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* One half of the processes uses what it inherited, the other half what it attached. */
static void test_many_processes_lose_nothing(void **state)
{
	(void)state;
	pid_t producers[PRODUCERS], consumers[CONSUMERS];
	struct sciame_queue *queue = open_queue(7, true), *sums = open_queue(CONSUMERS, true);
	for (int i = 0; i < PRODUCERS + CONSUMERS; i++) {
		pid_t child = fork();
		*(i < PRODUCERS ? &producers[i] : &consumers[i - PRODUCERS]) = child;
		if (child != 0)
			continue;
		struct sciame_queue *mine = queue;
		if (i % 2 && sciame_queue_attach(&mine, sciame_queue_fd(queue), NULL))
			_exit(1);
		if (i < PRODUCERS)
			produce(mine);
		else
			consume(mine, sums);
		_exit(0);
	}
	for (int i = 0; i < PRODUCERS; i++)
		wait_child(producers[i]);
	check_sums(queue, sums);
	for (int i = 0; i < CONSUMERS; i++)
		wait_child(consumers[i]);
	sciame_queue_close(queue);
	sciame_queue_close(sums);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_items_come_in_their_order),
		cmocka_unit_test(test_what_can_not_be_made_is_said),
		cmocka_unit_test(test_B34_task_done_called_too_many_times),
		cmocka_unit_test(test_B35_join_waits_for_done_not_for_empty),
		cmocka_unit_test(test_B36_put_on_a_full_queue_blocks),
		cmocka_unit_test(test_many_threads_lose_nothing),
		cmocka_unit_test(test_many_processes_lose_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
