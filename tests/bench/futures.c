/* SPDX-License-Identifier: MIT */
/*
 * futures COUNT LANES: empty jobs through an executor, one in flight at a time, then COUNT at once.
 * Prints a line of JSON: microseconds from submit to result (p50, p99), futures a second, and bytes
 * of this process for each future while all are waiting and while all are done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sciame/sciame.h>

#include "common/clock.h"

enum { ALONE = 20000, WARM = 1000 };

static void check(enum sciame_status status, const struct sciame_error *err)
{
	if (status == SCIAME_OK)
		return;
	(void)fprintf(stderr, "futures: %s\n", err->message);
	exit(1);
}

/* Bytes of this process that are in memory. */
static double resident(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	if (!file || fscanf(file, "%*d %ld", &pages) != 1)
		exit(1);
	(void)fclose(file); /* only read */
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static int64_t run_one(struct sciame_executor *executor)
{
	const struct sciame_job job = { .kind = "noop" };
	struct sciame_future *future;
	struct sciame_error err;
	int64_t start_us = clock_us();
	check(sciame_submit(executor, &job, &future, &err), &err);
	check(sciame_future_result(future, SCIAME_FOREVER, NULL, &err), &err);
	int64_t took_us = clock_us() - start_us;
	sciame_future_release(future);
	return took_us;
}

int main(int argc, char **argv)
{
	static int64_t alone[ALONE];
	size_t count = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	const struct sciame_executor_options options = { .lanes = argc == 3 ? atoi(argv[2]) : 0 };
	const struct sciame_job job = { .kind = "noop" };
	struct sciame_executor *executor;
	struct sciame_counts counts;
	struct sciame_error err;
	if (count == 0 || options.lanes < 1)
		return 2;
	check(sciame_executor_open(&executor, &options, &err), &err);
	for (size_t i = 0; i < WARM; i++)
		(void)run_one(executor);
	for (size_t i = 0; i < ALONE; i++)
		alone[i] = run_one(executor);
	qsort(alone, ALONE, sizeof(alone[0]), compare);
	struct sciame_future **futures = calloc(count, sizeof(struct sciame_future *));
	if (!futures)
		return 1;
	memset(futures, 1, count * sizeof(struct sciame_future *)); /* counted from here on */
	double before = resident(), most = before;
	int64_t start_us = clock_us();
	for (size_t i = 0; i < count; i++) {
		check(sciame_submit(executor, &job, &futures[i], &err), &err);
		if (i % 65536 == 0 || i == count - 1)
			most = resident() > most ? resident() : most;
	}
	check(sciame_wait(futures, count, SCIAME_ALL, SCIAME_FOREVER, &counts), &err);
	double seconds = (double)(clock_us() - start_us) / 1e6, after = resident();
	(void)printf("{\"p50_us\": %lld, \"p99_us\": %lld, \"per_second\": %.0f, \"done\": %zu, "
		     "\"bytes_at_most\": %.0f, \"bytes_done\": %.0f}\n",
		(long long)alone[ALONE / 2], (long long)alone[ALONE / 100 * 99],
		(double)count / seconds, counts.done, (most - before) / (double)count,
		(after - before) / (double)count);
	size_t failed = 0;
	for (size_t i = 0; i < count; i++) {
		failed += sciame_future_result(futures[i], 0, NULL, &err) != SCIAME_OK;
		sciame_future_release(futures[i]);
	}
	if (failed)
		(void)fprintf(stderr, "futures: %zu failed: %s\n", failed, err.message);
	free(futures);
	sciame_executor_close(executor);
	return counts.done == count && failed == 0 ? 0 : 1;
}
