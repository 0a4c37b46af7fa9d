/* SPDX-License-Identifier: MIT */
/* The joinable queue: order, limits, waiting with and without a timeout, closing, joining. */
#include "common/queue.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"

enum {
	PATIENCE_MS = 30000, /* longest time that anything here may take */
	PRODUCERS = 3,
	CONSUMERS = 3,
	ITEMS_EACH = 20000,
	BATCH = 7,
};

static char items[64]; /* their addresses are what is put */

static void *item(size_t i)
{
	return &items[i];
}

/* Waits until *waiters of q, one of its counters, is n. */
static void await_waiters(struct queue *q, const unsigned *waiters, unsigned n)
{
	int64_t end = clock_ms() + PATIENCE_MS;
	for (;;) {
		assert_int_equal(pthread_mutex_lock(&q->lock), 0);
		unsigned now = *waiters;
		assert_int_equal(pthread_mutex_unlock(&q->lock), 0);
		if (now == n)
			return;
		assert_true(clock_ms() < end);
		sched_yield();
	}
}

/* One call in a thread of its own. */
struct call {
	struct queue *q;
	void *item;
	int64_t timeout_ms;
	enum queue_status status;
	bool joined;
	pthread_t thread;
};

static void *call_put(void *argument)
{
	struct call *call = argument;
	call->status = queue_put(call->q, call->item, call->timeout_ms);
	return NULL;
}

static void *call_get(void *argument)
{
	struct call *call = argument;
	call->status = queue_get(call->q, &call->item, call->timeout_ms);
	return NULL;
}

static void *call_join(void *argument)
{
	struct call *call = argument;
	call->joined = queue_join(call->q, call->timeout_ms);
	return NULL;
}

static void call_start(struct call *call, void *(*function)(void *))
{
	assert_int_equal(pthread_create(&call->thread, NULL, function, call), 0);
}

static void call_end(struct call *call)
{
	assert_int_equal(pthread_join(call->thread, NULL), 0);
}

static void test_queue_keeps_order_around_the_ring(void **state)
{
	(void)state;
	struct queue q;
	void *got;
	queue_init(&q, 3);
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(queue_put_nowait(&q, item(i)), QUEUE_OK);
		assert_int_equal(queue_put_nowait(&q, item(i + 1)), QUEUE_OK);
		assert_int_equal(queue_get_nowait(&q, &got), QUEUE_OK);
		assert_ptr_equal(got, item(i));
		assert_int_equal(queue_get_nowait(&q, &got), QUEUE_OK);
		assert_ptr_equal(got, item(i + 1));
	}
	queue_release(&q);
}

static void test_queue_is_bounded(void **state)
{
	(void)state;
	struct queue q;
	queue_init(&q, 2);
	assert_true(queue_empty(&q));
	assert_int_equal(queue_put(&q, item(0), -1), QUEUE_OK);
	assert_false(queue_empty(&q));
	assert_false(queue_full(&q));
	assert_int_equal(queue_put(&q, item(1), -1), QUEUE_OK);
	assert_true(queue_full(&q));
	assert_int_equal(queue_put_nowait(&q, item(2)), QUEUE_FULL);
	assert_int_equal(queue_size(&q), 2);
	queue_release(&q);
}

static void test_queue_empty_get_leaves_no_item(void **state)
{
	(void)state;
	struct queue q;
	void *got = item(0);
	queue_init(&q, 1);
	assert_int_equal(queue_get_nowait(&q, &got), QUEUE_EMPTY);
	assert_null(got);
	queue_release(&q);
}

static void test_queue_timeout_is_waited_for(void **state)
{
	(void)state;
	struct queue q;
	void *got;
	queue_init(&q, 1);
	int64_t start = clock_us();
	assert_int_equal(queue_get(&q, &got, 20), QUEUE_EMPTY);
	assert_true(clock_us() - start >= 20000);
	assert_int_equal(queue_put(&q, item(0), 20), QUEUE_OK);
	start = clock_us();
	assert_int_equal(queue_put(&q, item(1), 20), QUEUE_FULL);
	assert_true(clock_us() - start >= 20000);
	start = clock_us();
	assert_false(queue_join(&q, 20));
	assert_true(clock_us() - start >= 20000);
	assert_int_equal(queue_size(&q), 1);
	queue_release(&q);
}

static void test_queue_put_waits_for_a_place(void **state)
{
	(void)state;
	struct queue q;
	void *got;
	queue_init(&q, 1);
	assert_int_equal(queue_put_nowait(&q, item(0)), QUEUE_OK);
	struct call put = { .q = &q, .item = item(1), .timeout_ms = -1 };
	call_start(&put, call_put);
	await_waiters(&q, &q.putters, 1);
	assert_int_equal(queue_get_nowait(&q, &got), QUEUE_OK);
	assert_ptr_equal(got, item(0));
	call_end(&put);
	assert_int_equal(put.status, QUEUE_OK);
	assert_int_equal(queue_get_nowait(&q, &got), QUEUE_OK);
	assert_ptr_equal(got, item(1));
	queue_release(&q);
}

static void test_queue_get_waits_for_an_item(void **state)
{
	(void)state;
	struct queue q;
	queue_init(&q, 1);
	/* INT64_MAX: a timeout must not overflow the clock. */
	struct call get = { .q = &q, .timeout_ms = INT64_MAX };
	call_start(&get, call_get);
	await_waiters(&q, &q.getters, 1);
	assert_int_equal(queue_put_nowait(&q, item(5)), QUEUE_OK);
	call_end(&get);
	assert_int_equal(get.status, QUEUE_OK);
	assert_ptr_equal(get.item, item(5));
	queue_release(&q);
}

static void test_queue_get_many_wakes_all_putters(void **state)
{
	(void)state;
	struct queue q;
	void *got[4];
	queue_init(&q, 2);
	assert_int_equal(queue_get_many(&q, got, 4), 0);
	assert_int_equal(queue_put_nowait(&q, item(0)), QUEUE_OK);
	assert_int_equal(queue_put_nowait(&q, item(1)), QUEUE_OK);
	struct call puts[2] = { { .q = &q, .item = item(2), .timeout_ms = -1 },
		{ .q = &q, .item = item(3), .timeout_ms = -1 } };
	call_start(&puts[0], call_put);
	call_start(&puts[1], call_put);
	await_waiters(&q, &q.putters, 2);
	assert_int_equal(queue_get_many(&q, got, 4), 2);
	assert_ptr_equal(got[0], item(0));
	assert_ptr_equal(got[1], item(1));
	call_end(&puts[0]);
	call_end(&puts[1]);
	assert_int_equal(queue_get_many(&q, got, 1), 1);
	assert_int_equal(queue_size(&q), 1);
	queue_release(&q);
}

static void test_queue_close_wakes_getters_and_putters(void **state)
{
	(void)state;
	struct queue empty, full;
	queue_init(&empty, 1);
	queue_init(&full, 1);
	assert_int_equal(queue_put_nowait(&full, item(0)), QUEUE_OK);
	struct call calls[4] = { { .q = &empty, .timeout_ms = -1 },
		{ .q = &empty, .timeout_ms = -1 },
		{ .q = &full, .item = item(1), .timeout_ms = -1 },
		{ .q = &full, .item = item(2), .timeout_ms = PATIENCE_MS } };
	for (size_t i = 0; i < 4; i++)
		call_start(&calls[i], i < 2 ? call_get : call_put);
	await_waiters(&empty, &empty.getters, 2);
	await_waiters(&full, &full.putters, 2);
	queue_close(&empty);
	queue_close(&full);
	for (size_t i = 0; i < 4; i++) {
		call_end(&calls[i]);
		assert_int_equal(calls[i].status, QUEUE_CLOSED);
	}
	queue_release(&empty);
	queue_release(&full);
}

static void test_queue_closed_drains_and_refuses(void **state)
{
	(void)state;
	struct queue q;
	void *got;
	queue_init(&q, 4);
	assert_int_equal(queue_put_nowait(&q, item(0)), QUEUE_OK);
	assert_int_equal(queue_put_nowait(&q, item(1)), QUEUE_OK);
	queue_close(&q);
	queue_close(&q);
	assert_int_equal(queue_put_nowait(&q, item(2)), QUEUE_CLOSED);
	assert_int_equal(queue_put(&q, item(2), -1), QUEUE_CLOSED);
	assert_int_equal(queue_get(&q, &got, -1), QUEUE_OK);
	assert_ptr_equal(got, item(0));
	assert_int_equal(queue_get_nowait(&q, &got), QUEUE_OK);
	assert_ptr_equal(got, item(1));
	assert_int_equal(queue_get(&q, &got, -1), QUEUE_CLOSED);
	assert_int_equal(queue_get_nowait(&q, &got), QUEUE_CLOSED);
	assert_null(got);
	queue_release(&q);
}

static void test_queue_join_waits_for_work_not_for_emptiness(void **state)
{
	(void)state;
	struct queue q;
	struct error err;
	void *got;
	queue_init(&q, 4);
	assert_true(queue_join(&q, -1));
	assert_int_equal(queue_put_nowait(&q, item(0)), QUEUE_OK);
	assert_int_equal(queue_put_nowait(&q, item(1)), QUEUE_OK);
	struct call joins[2] = { { .q = &q, .timeout_ms = -1 },
		{ .q = &q, .timeout_ms = PATIENCE_MS } };
	call_start(&joins[0], call_join);
	call_start(&joins[1], call_join);
	await_waiters(&q, &q.joiners, 2);
	assert_int_equal(queue_get_nowait(&q, &got), QUEUE_OK);
	assert_int_equal(queue_get_nowait(&q, &got), QUEUE_OK);
	queue_close(&q);
	assert_false(queue_join(&q, 0));
	assert_int_equal(queue_task_done(&q, &err), 0);
	assert_false(queue_join(&q, 0));
	await_waiters(&q, &q.joiners, 2);
	assert_int_equal(queue_task_done(&q, &err), 0);
	call_end(&joins[0]);
	call_end(&joins[1]);
	assert_true(joins[0].joined);
	assert_true(joins[1].joined);
	queue_release(&q);
}

static void test_queue_task_done_too_often_is_an_error(void **state)
{
	(void)state;
	struct queue q;
	struct error err;
	void *got;
	queue_init(&q, 4);
	assert_int_equal(queue_task_done(&q, &err), -1);
	assert_int_equal(err.code, ERROR_USAGE);
	assert_string_equal(err.message, "task_done() called too many times");
	assert_int_equal(queue_put_nowait(&q, item(0)), QUEUE_OK);
	assert_int_equal(queue_put_nowait(&q, item(1)), QUEUE_OK);
	assert_int_equal(queue_get_nowait(&q, &got), QUEUE_OK);
	assert_int_equal(queue_task_done_many(&q, 3, &err), -1);
	assert_false(queue_join(&q, 0)); /* the refused call changed nothing */
	assert_int_equal(queue_task_done_many(&q, 2, &err), 0);
	assert_true(queue_join(&q, 0));
	assert_int_equal(queue_task_done(&q, &err), -1);
	queue_release(&q);
}

static void test_queue_release_accepts_zeroed(void **state)
{
	(void)state;
	struct queue q = { .maximum = 0 };
	queue_release(&q);
	queue_release(NULL);
	queue_init(&q, 1);
	queue_release(&q);
	queue_release(&q);
}

/* Many producers and consumers: every item arrives once, and those of one producer in order. */
struct crowd {
	struct queue q;
	unsigned char seen[PRODUCERS][ITEMS_EACH]; /* their addresses are the items */
	pthread_mutex_t lock;
	size_t mistakes, taken; /* under lock */
};

struct producer {
	struct crowd *crowd;
	size_t number;
};

static void *produce(void *argument)
{
	const struct producer *producer = argument;
	struct crowd *crowd = producer->crowd;
	size_t refused = 0;
	for (size_t i = 0; i < ITEMS_EACH; i++)
		refused += queue_put(&crowd->q, &crowd->seen[producer->number][i], -1) != QUEUE_OK;
	pthread_mutex_lock(&crowd->lock);
	crowd->mistakes += refused;
	pthread_mutex_unlock(&crowd->lock);
	return NULL;
}

/* The next items: one that is waited for, and what else is there. 0: closed. */
static size_t crowd_take(struct crowd *crowd, unsigned char **got)
{
	void *batch[BATCH];
	if (queue_get(&crowd->q, &batch[0], -1) != QUEUE_OK)
		return 0;
	size_t n = 1 + queue_get_many(&crowd->q, batch + 1, BATCH - 1);
	for (size_t i = 0; i < n; i++)
		got[i] = batch[i];
	return n;
}

static void *consume(void *argument)
{
	struct crowd *crowd = argument;
	unsigned char *last[PRODUCERS] = { NULL }, *got[BATCH];
	size_t mistakes = 0, taken = 0;
	for (size_t n; (n = crowd_take(crowd, got)) > 0; taken += n) {
		for (size_t i = 0; i < n; i++) {
			size_t from = (size_t)(got[i] - crowd->seen[0]) / ITEMS_EACH;
			mistakes += last[from] && got[i] <= last[from];
			last[from] = got[i];
			++*got[i];
		}
		struct error err;
		mistakes += queue_task_done_many(&crowd->q, n, &err) != 0;
	}
	pthread_mutex_lock(&crowd->lock);
	crowd->mistakes += mistakes;
	crowd->taken += taken;
	pthread_mutex_unlock(&crowd->lock);
	return NULL;
}

static void test_queue_crowd_loses_and_doubles_nothing(void **state)
{
	(void)state;
	static struct crowd crowd;
	static unsigned char once[PRODUCERS][ITEMS_EACH];
	struct producer producers[PRODUCERS];
	pthread_t threads[PRODUCERS + CONSUMERS];
	memset(once, 1, sizeof(once));
	queue_init(&crowd.q, 16);
	assert_int_equal(pthread_mutex_init(&crowd.lock, NULL), 0);
	for (size_t i = 0; i < CONSUMERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, consume, &crowd), 0);
	for (size_t i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer) { &crowd, i };
		assert_int_equal(
			pthread_create(&threads[CONSUMERS + i], NULL, produce, &producers[i]), 0);
	}
	for (size_t i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_join(threads[CONSUMERS + i], NULL), 0);
	assert_true(queue_join(&crowd.q, PATIENCE_MS));
	queue_close(&crowd.q);
	for (size_t i = 0; i < CONSUMERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(crowd.mistakes, 0);
	assert_int_equal(crowd.taken, PRODUCERS * ITEMS_EACH);
	assert_memory_equal(crowd.seen, once, sizeof(once));
	queue_release(&crowd.q);
	assert_int_equal(pthread_mutex_destroy(&crowd.lock), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue_keeps_order_around_the_ring),
		cmocka_unit_test(test_queue_is_bounded),
		cmocka_unit_test(test_queue_empty_get_leaves_no_item),
		cmocka_unit_test(test_queue_timeout_is_waited_for),
		cmocka_unit_test(test_queue_put_waits_for_a_place),
		cmocka_unit_test(test_queue_get_waits_for_an_item),
		cmocka_unit_test(test_queue_get_many_wakes_all_putters),
		cmocka_unit_test(test_queue_close_wakes_getters_and_putters),
		cmocka_unit_test(test_queue_closed_drains_and_refuses),
		cmocka_unit_test(test_queue_join_waits_for_work_not_for_emptiness),
		cmocka_unit_test(test_queue_task_done_too_often_is_an_error),
		cmocka_unit_test(test_queue_release_accepts_zeroed),
		cmocka_unit_test(test_queue_crowd_loses_and_doubles_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
