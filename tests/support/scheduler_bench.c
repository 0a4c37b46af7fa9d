/* SPDX-License-Identifier: MIT */
#include "tests/support/scheduler_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_NODE = 100 };

int bench_setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	if (!bench)
		return -1;
	bench_options(bench, (struct scheduler_options) { .target_wait_ms = 30000 });
	*state = bench;
	return 0;
}

int bench_teardown(void **state)
{
	struct bench *bench = *state;
	scheduler_free(bench->scheduler);
	actions_release(&bench->actions);
	free(bench);
	return 0;
}

void bench_options(struct bench *bench, struct scheduler_options options)
{
	scheduler_free(bench->scheduler);
	bench->scheduler = scheduler_new(&options);
}

static int describe_send(const struct action *a, char *text, size_t size)
{
	return snprintf(text, size, "send %" PRIu64 ">%" PRIu32 ".%" PRIu32 "%s%s", a->job,
		a->worker, a->attempt, a->alone ? "!" : "", a->twin ? "=" : "");
}

static int describe(const struct action *a, char *text, size_t size)
{
	static const char *const reasons[] = {
		[EVICT_SILENT] = "silent", [EVICT_DEAF] = "deaf", [EVICT_SICK] = "sick"
	};
	switch (a->type) {
	case ACTION_ENUMERATE:
		return snprintf(text, size, "enumerate %" PRIu32, a->count);
	case ACTION_SEND:
		return describe_send(a, text, size);
	case ACTION_SETTLE:
		return snprintf(text, size, "settle %" PRIu64 ".%" PRIu32 "=%d", a->job, a->attempt,
			(int)a->code);
	case ACTION_BLAME:
		return snprintf(text, size, "blame %" PRIu64 ".%" PRIu32 "@%" PRIu32 "#%" PRIu32,
			a->job, a->attempt, a->worker, a->count);
	case ACTION_DELAY:
		return snprintf(text, size, "delay %" PRIu64 ".%" PRIu32, a->job, a->attempt);
	case ACTION_REST:
		return snprintf(text, size, "rest %" PRIu32 " %" PRIu32, a->worker, a->count);
	case ACTION_PAUSE:
		return snprintf(text, size, "pause");
	case ACTION_RESUME:
		return snprintf(text, size, "resume");
	case ACTION_ABORT:
		return snprintf(text, size, "abort");
	case ACTION_EVICT:
		return snprintf(text, size, "evict %" PRIu32 " %s", a->worker, reasons[a->reason]);
	case ACTION_FORGET:
		return snprintf(text, size, "forget %" PRIu32, a->worker);
	case ACTION_HALT:
		return snprintf(text, size, "halt");
	case ACTION_CANCEL:
		return snprintf(text, size, "cancel");
	case ACTION_FINISH:
		return snprintf(text, size, "finish");
	}
	return -1;
}

const char *bench_step(struct bench *bench, struct event event)
{
	size_t used = 0;
	bench->line[0] = '\0';
	event.now_ms = bench->now_ms;
	scheduler_step(bench->scheduler, &event, &bench->actions);
	for (size_t i = 0; i < bench->actions.count; i++) {
		if (i > 0) {
			memcpy(bench->line + used, ", ", 3);
			used += 2;
		}
		size_t room = sizeof(bench->line) - used - 2;
		int length = describe(&bench->actions.items[i], bench->line + used, room);
		assert_true(length > 0 && (size_t)length < room);
		used += (size_t)length;
	}
	return bench->line;
}

const char *found(struct bench *bench, uint64_t job)
{
	return bench_step(bench, (struct event) { .type = EVENT_FOUND, .job = job });
}

const char *exhausted(struct bench *bench)
{
	return bench_step(bench, (struct event) { .type = EVENT_EXHAUSTED });
}

const char *hello(struct bench *bench, uint32_t worker, uint32_t slots)
{
	return bench_step(bench, (struct event) { .type = EVENT_HELLO,
					 .worker = worker,
					 .node = FIRST_NODE + worker,
					 .slots = slots,
					 .lanes = slots });
}

const char *heard(struct bench *bench, uint32_t worker)
{
	return bench_step(bench, (struct event) { .type = EVENT_HEARD, .worker = worker });
}

const char *beat(struct bench *bench, uint32_t worker, uint64_t received)
{
	return bench_step(bench,
		(struct event) { .type = EVENT_BEAT, .worker = worker, .received = received });
}

const char *started(struct bench *bench, uint32_t worker, uint64_t job, uint32_t attempt)
{
	return bench_step(bench,
		(struct event) {
			.type = EVENT_STARTED, .worker = worker, .job = job, .attempt = attempt });
}

const char *died(struct bench *bench, uint32_t worker)
{
	return bench_step(
		bench, (struct event) { .type = EVENT_LOST, .worker = worker, .blame = true });
}

const char *left(struct bench *bench, uint32_t worker)
{
	return bench_step(bench, (struct event) { .type = EVENT_LOST, .worker = worker });
}

const char *drain(struct bench *bench, uint32_t worker)
{
	return bench_step(bench, (struct event) { .type = EVENT_DRAIN, .worker = worker });
}

const char *cancel(struct bench *bench)
{
	return bench_step(bench, (struct event) { .type = EVENT_CANCEL });
}

const char *halt(struct bench *bench)
{
	return bench_step(bench, (struct event) { .type = EVENT_HALT });
}

const char *late(struct bench *bench, uint64_t job, uint32_t attempt)
{
	return bench_step(
		bench, (struct event) { .type = EVENT_LATE, .job = job, .attempt = attempt });
}

const char *tick(struct bench *bench, int64_t now_ms)
{
	bench->now_ms = now_ms;
	return bench_step(bench, (struct event) { .type = EVENT_TICK });
}

struct event result(uint32_t worker, uint64_t job, uint32_t attempt, enum error_code code)
{
	return (struct event) { .type = EVENT_RESULT,
		.worker = worker,
		.job = job,
		.attempt = attempt,
		.code = code,
		.duration_us = 1000000 };
}

struct event returned(uint32_t worker, uint64_t job, uint32_t attempt)
{
	return (struct event) {
		.type = EVENT_RETURNED, .worker = worker, .job = job, .attempt = attempt
	};
}
