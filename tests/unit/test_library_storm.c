/* SPDX-License-Identifier: MIT */
/*
 * Everything at once: threads that submit, cancel, wait and let go, callbacks that submit again,
 * and a shutdown in the middle of it. Every future ends, and is told of once.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/errands.h"

enum { THREADS = 4, ROUNDS = 40, FUTURES = 24, SEED = 20 };

struct storm {
	struct sciame_executor *executor;
	atomic_size_t submitted, told, refused;
};

struct thread {
	struct storm *storm;
	unsigned seed;
	bool failed; /* cmocka's assertions are for the main thread only */
};

static void count(void *context, struct sciame_future *future)
{
	struct storm *storm = context;
	(void)future;
	atomic_fetch_add(&storm->told, 1);
}

static struct sciame_future *submit(struct storm *storm);

/* From the executor's thread, or from that which cancels. */
static void submit_again(void *context, struct sciame_future *future)
{
	(void)future;
	sciame_future_release(submit(context));
}

/* NULL: it takes no more. */
static struct sciame_future *submit(struct storm *storm)
{
	struct sciame_future *future = NULL;
	const struct sciame_job job = { .kind = "noop" };
	if (sciame_submit(storm->executor, &job, &future, NULL) != SCIAME_OK) {
		atomic_fetch_add(&storm->refused, 1);
		return NULL;
	}
	atomic_fetch_add(&storm->submitted, 1);
	sciame_future_on_done(future, count, storm);
	return future;
}

/* All are done when it is over, however they are waited for. */
static bool wait_for_all(struct sciame_future *const *futures, size_t n, unsigned *seed)
{
	struct sciame_completed *completed;
	struct sciame_future *future;
	struct sciame_counts counts;
	size_t seen = 0;
	enum sciame_when when = (enum sciame_when)(rand_r(seed) % 3);
	if (sciame_wait(futures, n, when, rand_r(seed) % 3, &counts) != SCIAME_OK ||
		counts.done + counts.not_done != n)
		return false;
	if (sciame_as_completed(&completed, futures, n, ERRANDS_LATE_MS, NULL) != SCIAME_OK)
		return false;
	while (sciame_completed_next(completed, &future, NULL) == SCIAME_OK)
		seen += sciame_future_done(future);
	sciame_completed_close(completed);
	return seen == n;
}

static void *run(void *argument)
{
	struct thread *t = argument;
	for (int round = 0; round < ROUNDS && !t->failed; round++) {
		struct sciame_future *futures[FUTURES];
		size_t n = 0;
		for (size_t i = 0; i < FUTURES; i++) {
			futures[n] = submit(t->storm);
			if (!futures[n])
				continue;
			if (rand_r(&t->seed) % 4 == 0)
				sciame_future_on_done(futures[n], submit_again, t->storm);
			if (rand_r(&t->seed) % 4 == 0)
				(void)sciame_future_cancel(futures[n]);
			n++;
		}
		if (rand_r(&t->seed) % 2 == 0)
			t->failed = !wait_for_all(futures, n, &t->seed);
		for (size_t i = 0; i < n; i++)
			sciame_future_release(futures[i]);
	}
	return NULL;
}

/* early: it is shut down while the others go on; cancel: with what has not begun. */
static void storm(unsigned seed, bool early, bool cancel)
{
	struct storm storm = { .executor = errands_open(2) };
	struct thread threads[THREADS];
	pthread_t ids[THREADS];
	for (unsigned i = 0; i < THREADS; i++) {
		threads[i] = (struct thread) { &storm, seed * THREADS + i, false };
		assert_int_equal(pthread_create(&ids[i], NULL, run, &threads[i]), 0);
	}
	while (early && atomic_load(&storm.told) < (size_t)ROUNDS * FUTURES / 4)
		sciame_future_release(submit(&storm));
	if (early)
		assert_int_equal(sciame_executor_shutdown(storm.executor, seed % 2, cancel, NULL),
			SCIAME_OK);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(ids[i], NULL), 0);
		assert_false(threads[i].failed);
	}
	sciame_executor_close(storm.executor);
	assert_int_equal(atomic_load(&storm.told), atomic_load(&storm.submitted));
	if (early)
		assert_true(atomic_load(&storm.refused) > 0);
}

static void test_all_of_it_comes_to_an_end(void **state)
{
	(void)state;
	storm(SEED, false, false);
}

static void test_a_shutdown_in_the_middle(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++)
		storm(SEED + 1 + i, true, i % 3 == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it_comes_to_an_end),
		cmocka_unit_test(test_a_shutdown_in_the_middle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
