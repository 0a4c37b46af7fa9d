/* SPDX-License-Identifier: MIT */
#include "tests/support/wire_example.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/endpoint.h"

enum { HOUR_MS = 3600000 }; /* the longest time that a Welcome may name */

static const uint8_t parameters[] = { 8, 0, 255, 10 };

static const struct job example_jobs[] = {
	{ .id = 1,
		.attempt = 1,
		.kind = 2,
		.deadline_ms = 60000,
		.source = "source:a/b.jpg",
		.target = "target:a/b.jpg",
		.parameters = parameters,
		.parameters_size = 4,
		.alone = true },
	{ .id = 3,
		.attempt = 1,
		.source = "source:a",
		.target = "target:{size}",
		.labels = { "", "400", "65535x65535" },
		.labels_count = 3 },
	{ .id = UINT64_MAX,
		.attempt = UINT32_MAX,
		.kind = UINT32_MAX,
		.deadline_ms = UINT32_MAX,
		.source = "",
		.target = "",
		.digest = true,
		.preserve = true },
};

static const struct result example_results[] = {
	{ .job = 1,
		.attempt = 1,
		.input_bytes = 1,
		.output_bytes = UINT64_MAX,
		.duration_us = UINT32_MAX,
		.report_size = 3,
		.report = { 0, 1, 2 },
		.source_size = UINT64_MAX,
		.source_mtime_ns = INT64_MIN,
		.has_digest = true,
		.digest = { 0, 255, 0 },
		.outputs_count = 3,
		.outputs = { { .bytes = 0 },
			{ .bytes = UINT64_MAX, .width = UINT32_MAX, .height = UINT32_MAX },
			{ .has_digest = true, .digest = { 255, 0, 1 } } } },
	{ .job = UINT64_MAX,
		.attempt = 2,
		.code = ERROR_START,
		.error_number = 13,
		.detail = "open \xFF\n: Permission denied",
		.source_mtime_ns = INT64_MAX },
};

static const struct returned example_returned[] = { { 1, 1 }, { UINT64_MAX, UINT32_MAX } };
static const struct running example_running[] = { { 1, 1, 0 }, { UINT64_MAX, 2, UINT32_MAX } };

static const char *const example_roots[] = { "source", "target" };
static const struct wire_member example_members[] = {
	{ .name = "h\xC3\xB6st", .build = "0.1.0", .key = "worker" },
	{ .name = "",
		.build = "",
		.key = "",
		.pid = UINT32_MAX,
		.lanes = 1,
		.load = 2,
		.running = 3,
		.queued = 4,
		.seconds = 5,
		.done = UINT64_MAX,
		.draining = true },
};

static void fill_single(struct message *m)
{
	switch (m->type) {
	case MESSAGE_HELLO:
		m->instance.bytes[15] = 9;
		m->text = "h\xC3\xB6st";
		m->build = "0.1.0";
		m->lanes = WIRE_LANES_MAX;
		m->pid = UINT32_MAX;
		m->count = 2;
		m->roots = example_roots;
		return;
	case MESSAGE_WELCOME:
		m->channel = UINT32_MAX;
		m->beat_ms = 1;
		m->silence_ms = HOUR_MS;
		m->grace_ms = HOUR_MS;
		m->state = RUN_DONE;
		m->port = ENDPOINT_CHANNELS_MAX - 1;
		m->depot = true;
		return;
	case MESSAGE_READY:
		m->channel = 3;
		return;
	case MESSAGE_STATE:
		m->number = UINT64_MAX;
		m->state = RUN_RUNNING;
		return;
	case MESSAGE_ACK:
		m->number = UINT64_MAX;
		return;
	case MESSAGE_GOODBYE:
		m->text = "no lane starts";
		m->code = ERROR_START;
		return;
	case MESSAGE_REJECT:
		m->text = "it is version 0, the master 1";
		return;
	case MESSAGE_EVICT:
		m->text = "nothing was heard of it";
		return;
	default:
		return;
	}
}

static void fill_batch(struct message *m)
{
	switch (m->type) {
	case MESSAGE_BEAT:
		m->number = 5;
		m->queued = 6;
		m->received = UINT64_MAX;
		m->draining = true;
		m->load = 250;
		m->count = 2;
		m->running = example_running;
		return;
	case MESSAGE_JOBS:
		m->count = 3;
		m->jobs = example_jobs;
		return;
	case MESSAGE_RESULTS:
		m->number = 8;
		m->count = 2;
		m->results = example_results;
		return;
	case MESSAGE_REFUSED:
		m->number = 1;
		m->count = 2;
		m->returned = example_returned;
		return;
	case MESSAGE_MEMBERS:
		m->number = 1;
		m->last = true;
		m->count = 2;
		m->members = example_members;
		return;
	default:
		return;
	}
}

struct message wire_example(enum message_type type)
{
	struct message m = {
		.type = type,
		.header = { { { 1, 2, 3 } }, { { 0, 0, 255 } }, 7 },
	};
	fill_single(&m);
	fill_batch(&m);
	return m;
}

static void assert_text_equal(const char *a, const char *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (a)
		assert_string_equal(a, b);
}

static void assert_job_equal(const struct job *a, const struct job *b)
{
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->attempt, b->attempt);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->deadline_ms, b->deadline_ms);
	assert_string_equal(a->source, b->source);
	assert_string_equal(a->target, b->target);
	assert_int_equal(a->parameters_size, b->parameters_size);
	if (a->parameters_size)
		assert_memory_equal(a->parameters, b->parameters, a->parameters_size);
	assert_int_equal(a->alone, b->alone);
	assert_int_equal(a->digest, b->digest);
	assert_int_equal(a->preserve, b->preserve);
	assert_int_equal(a->labels_count, b->labels_count);
	for (uint32_t i = 0; i < a->labels_count; i++)
		assert_string_equal(a->labels[i], b->labels[i]);
}

static void assert_outputs_equal(const struct result *a, const struct result *b)
{
	assert_int_equal(a->outputs_count, b->outputs_count);
	for (uint32_t i = 0; i < a->outputs_count; i++) {
		const struct produced *one = &a->outputs[i], *other = &b->outputs[i];
		assert_int_equal(one->bytes, other->bytes);
		assert_int_equal(one->width, other->width);
		assert_int_equal(one->height, other->height);
		assert_int_equal(one->has_digest, other->has_digest);
		if (one->has_digest)
			assert_memory_equal(one->digest, other->digest, sizeof(one->digest));
	}
}

static void assert_result_equal(const struct result *a, const struct result *b)
{
	assert_int_equal(a->job, b->job);
	assert_int_equal(a->attempt, b->attempt);
	assert_int_equal(a->code, b->code);
	assert_int_equal(a->error_number, b->error_number);
	assert_int_equal(a->input_bytes, b->input_bytes);
	assert_int_equal(a->output_bytes, b->output_bytes);
	assert_int_equal(a->duration_us, b->duration_us);
	assert_int_equal(a->report_size, b->report_size);
	assert_memory_equal(a->report, b->report, a->report_size);
	assert_string_equal(a->detail, b->detail);
	assert_true(a->source_size == b->source_size);
	assert_true(a->source_mtime_ns == b->source_mtime_ns);
	assert_int_equal(a->has_digest, b->has_digest);
	if (a->has_digest)
		assert_memory_equal(a->digest, b->digest, sizeof(a->digest));
	/* what failed has none */
	if (a->code == ERROR_NONE || b->code == ERROR_NONE)
		assert_outputs_equal(a, b);
}

static void assert_member_equal(const struct wire_member *a, const struct wire_member *b)
{
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->build, b->build);
	assert_string_equal(a->key, b->key);
	assert_int_equal(a->pid, b->pid);
	assert_int_equal(a->lanes, b->lanes);
	assert_int_equal(a->load, b->load);
	assert_int_equal(a->running, b->running);
	assert_int_equal(a->queued, b->queued);
	assert_int_equal(a->seconds, b->seconds);
	assert_true(a->done == b->done);
	assert_int_equal(a->draining, b->draining);
}

static void assert_item_equal(const struct message *a, const struct message *b, size_t i)
{
	if (a->jobs)
		assert_job_equal(&a->jobs[i], &b->jobs[i]);
	if (a->results)
		assert_result_equal(&a->results[i], &b->results[i]);
	if (a->returned) {
		assert_int_equal(a->returned[i].job, b->returned[i].job);
		assert_int_equal(a->returned[i].attempt, b->returned[i].attempt);
	}
	if (a->roots)
		assert_string_equal(a->roots[i], b->roots[i]);
	if (a->members)
		assert_member_equal(&a->members[i], &b->members[i]);
	if (a->running) {
		assert_int_equal(a->running[i].job, b->running[i].job);
		assert_int_equal(a->running[i].attempt, b->running[i].attempt);
		assert_int_equal(a->running[i].since_ms, b->running[i].since_ms);
	}
}

void wire_example_assert_equal(const struct message *a, const struct message *b)
{
	assert_int_equal(a->type, b->type);
	assert_memory_equal(&a->header.run, &b->header.run, WIRE_ID_SIZE);
	assert_memory_equal(&a->header.session, &b->header.session, WIRE_ID_SIZE);
	assert_int_equal(a->header.epoch, b->header.epoch);
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->state, b->state);
	assert_memory_equal(&a->instance, &b->instance, WIRE_ID_SIZE);
	assert_text_equal(a->text, b->text);
	assert_text_equal(a->build, b->build);
	assert_int_equal(a->lanes, b->lanes);
	assert_int_equal(a->channel, b->channel);
	assert_int_equal(a->beat_ms, b->beat_ms);
	assert_int_equal(a->silence_ms, b->silence_ms);
	assert_int_equal(a->grace_ms, b->grace_ms);
	assert_int_equal(a->queued, b->queued);
	assert_int_equal(a->received, b->received);
	assert_int_equal(a->draining, b->draining);
	assert_int_equal(a->pid, b->pid);
	assert_int_equal(a->port, b->port);
	assert_int_equal(a->depot, b->depot);
	assert_int_equal(a->load, b->load);
	assert_int_equal(a->last, b->last);
	assert_int_equal(a->code, b->code);
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++)
		assert_item_equal(a, b, i);
}
