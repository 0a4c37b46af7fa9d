/* SPDX-License-Identifier: MIT */
/*
 * What the scheduler costs a job with so many workers: farm WORKERS LANES JOBS. Each worker ends
 * its jobs in the order in which they came, all of them at the same speed; time is virtual.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "master/scheduler.h"

enum { JOB_MS = 50, BEAT_MS = 1000, QUEUE_MAX = SCHEDULER_CREDITS_MAX };

/* What a worker holds: a ring. */
struct worker {
	uint64_t jobs[QUEUE_MAX];
	uint32_t attempts[QUEUE_MAX];
	uint32_t first, count;
	uint64_t received;
};

struct farm {
	struct scheduler *scheduler;
	struct actions actions;
	struct worker *workers;
	uint32_t count;
	uint64_t wanted, found, jobs, settled, steps;
	int64_t now_ms;
};

static void step(struct farm *farm, struct event event)
{
	event.now_ms = farm->now_ms;
	farm->steps++;
	scheduler_step(farm->scheduler, &event, &farm->actions);
	for (size_t i = 0; i < farm->actions.count; i++) {
		const struct action *action = &farm->actions.items[i];
		if (action->type == ACTION_ENUMERATE)
			farm->wanted += action->count;
		if (action->type == ACTION_SETTLE)
			farm->settled++;
		if (action->type != ACTION_SEND)
			continue;
		struct worker *worker = &farm->workers[action->worker - 1];
		uint32_t at = (worker->first + worker->count++) % QUEUE_MAX;
		worker->jobs[at] = action->job;
		worker->attempts[at] = action->attempt;
		worker->received++;
	}
}

static void find(struct farm *farm)
{
	while (farm->wanted > 0 && farm->found < farm->jobs) {
		farm->wanted--;
		step(farm, (struct event) { .type = EVENT_FOUND, .job = ++farm->found });
		if (farm->found == farm->jobs)
			step(farm, (struct event) { .type = EVENT_EXHAUSTED });
	}
}

/* As many jobs as a worker does in JOB_MS. */
static void work(struct farm *farm, uint32_t number, uint32_t lanes)
{
	struct worker *worker = &farm->workers[number - 1];
	for (uint32_t i = 0; i < lanes && worker->count > 0; i++) {
		uint32_t at = worker->first;
		worker->first = (worker->first + 1) % QUEUE_MAX;
		worker->count--;
		step(farm, (struct event) { .type = EVENT_RESULT,
				   .worker = number,
				   .job = worker->jobs[at],
				   .attempt = worker->attempts[at],
				   .duration_us = JOB_MS * 1000 });
	}
	if (farm->now_ms % BEAT_MS == 0)
		step(farm, (struct event) { .type = EVENT_BEAT,
				   .worker = number,
				   .received = worker->received });
}

static double seconds(void)
{
	struct timespec now;
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now))
		abort();
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint32_t number(const char *text)
{
	long value = strtol(text, NULL, 10);
	if (value < 1 || value > 100000000) {
		(void)fprintf(stderr, "farm: not a number from 1 to 100000000: %s\n", text);
		exit(2);
	}
	return (uint32_t)value;
}

int main(int argc, char **argv)
{
	struct scheduler_options options = { .retries = 2, .twins = true, .target_wait_ms = 30000 };
	if (argc != 4) {
		(void)fprintf(stderr, "usage: farm WORKERS LANES JOBS\n");
		return 2;
	}
	struct farm farm = { .count = number(argv[1]), .jobs = number(argv[3]) };
	uint32_t lanes = number(argv[2]);
	farm.scheduler = scheduler_new(&options);
	farm.workers = calloc(farm.count, sizeof(*farm.workers));
	if (!farm.workers || farm.count > SCHEDULER_WORKERS_MAX)
		return 2;
	double start = seconds();
	for (uint32_t i = 1; i <= farm.count; i++)
		step(&farm, (struct event) { .type = EVENT_HELLO,
				    .worker = i,
				    .node = i,
				    .slots = lanes,
				    .lanes = lanes });
	while (farm.settled < farm.jobs) {
		find(&farm);
		farm.now_ms += JOB_MS;
		for (uint32_t i = 1; i <= farm.count; i++)
			work(&farm, i, lanes);
	}
	double spent = seconds() - start;
	(void)printf("%u workers of %u lanes, %llu jobs: %.3f us of CPU a job, %.2f M events/s, "
		     "%.1f s of virtual time (ideal %.1f)\n",
		farm.count, lanes, (unsigned long long)farm.jobs, spent * 1e6 / (double)farm.jobs,
		(double)farm.steps / spent / 1e6, (double)farm.now_ms / 1000.0,
		(double)farm.jobs * JOB_MS / 1000.0 / farm.count / lanes);
	scheduler_free(farm.scheduler);
	actions_release(&farm.actions);
	free(farm.workers);
	return 0;
}
