/* SPDX-License-Identifier: MIT */
/*
 * Messages of every type whose n-th allocation fails while they are unpacked, for n = 1, 2, 3 ...
 * until it passes, and that are cut at every length: refused with a reason or right, and the
 * decoder is as good as new for the next one. The allocator is put between by the linker (--wrap).
 */
#include "common/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/envelope.pb-c.h"

enum {
	N_MAX = 2000, /* allocations of one message; more would mean that it never passes */
	ITEMS = 3,    /* jobs, results ... in a message */
	TYPES = MESSAGE_MEMBERS + 1,
};

static unsigned left; /* allocations until one fails; 0: none will */
static bool failed;
static const ProtobufCAllocator *real_allocator;

/* The linker's names: what is called instead, and the real one. */
Sciame__Envelope *__wrap_sciame__envelope__unpack(
	ProtobufCAllocator *allocator, size_t size, const uint8_t *bytes);
Sciame__Envelope *__real_sciame__envelope__unpack(
	ProtobufCAllocator *allocator, size_t size, const uint8_t *bytes);

static void *allocate(void *data, size_t size)
{
	if (left > 0 && --left == 0) {
		failed = true;
		return NULL;
	}
	return real_allocator->alloc(data, size);
}

Sciame__Envelope *__wrap_sciame__envelope__unpack(
	ProtobufCAllocator *allocator, size_t size, const uint8_t *bytes)
{
	ProtobufCAllocator faulty = { allocate, allocator->free, allocator->allocator_data };
	real_allocator = allocator;
	return __real_sciame__envelope__unpack(&faulty, size, bytes);
}

static struct message sample(enum message_type type)
{
	static const struct job jobs[ITEMS] = {
		{ .id = 1, .attempt = 1, .source = "source:a", .target = "target:a" },
		{ .id = 2,
			.attempt = 2,
			.source = "source:b",
			.target = "",
			.parameters = (const uint8_t *)"size",
			.parameters_size = 4,
			.alone = true },
		{ .id = 3,
			.attempt = 1,
			.source = "",
			.target = "target:{size}",
			.deadline_ms = 500,
			.labels = { "400", "200x100" },
			.labels_count = 2 },
	};
	static const struct result results[ITEMS] = {
		{ .job = 1,
			.attempt = 1,
			.input_bytes = 1000,
			.report_size = 2,
			.report = { 8, 1 },
			.outputs_count = 2,
			.outputs = { { .bytes = 7 }, { .has_digest = true, .width = 9 } } },
		{ .job = 2, .attempt = 1, .code = ERROR_INPUT, .detail = "not an image" },
		{ .job = 3, .attempt = 9, .has_digest = true, .digest = { 1, 2, 3 } },
	};
	static const struct returned returned[ITEMS] = { { 1, 1 }, { 2, 1 }, { 3, 7 } };
	static const char *const roots[ITEMS] = { "source", "target", "cache" };
	static const struct wire_member members[ITEMS] = {
		{ .name = "a", .build = "1.0", .key = "" },
		{ .name = "b", .build = "1.0", .key = "b", .lanes = 4, .done = 1 },
		{ .name = "c", .build = "1.0", .key = "c", .draining = true },
	};
	static const struct running running[ITEMS] = { { 1, 1, 10 }, { 2, 1, 20 }, { 3, 7, 30 } };
	struct message message = {
		.type = type,
		.number = 5,
		.state = RUN_RUNNING,
		.text = "some words",
		.build = "1.0",
		.lanes = 4,
		.channel = 2,
		.beat_ms = 1000,
		.silence_ms = 5000,
		.grace_ms = 2000,
		.queued = 7,
		.received = 9,
		.count = ITEMS,
		.jobs = jobs,
		.results = results,
		.returned = returned,
		.running = running,
		.roots = roots,
		.members = members,
		.last = true,
	};
	memset(&message.header.run, 1, sizeof(message.header.run));
	memset(&message.header.session, 2, sizeof(message.header.session));
	memset(&message.instance, 3, sizeof(message.instance));
	message.header.epoch = 1;
	return message;
}

/* The message as it was packed, as far as its type carries it. */
static void assert_whole(const struct message *message, enum message_type type)
{
	assert_int_equal(message->type, type);
	assert_int_equal(message->header.epoch, 1);
	assert_int_equal(message->header.run.bytes[0], 1);
	switch (type) {
	case MESSAGE_JOBS:
		assert_int_equal(message->count, ITEMS);
		assert_string_equal(message->jobs[1].source, "source:b");
		assert_memory_equal(message->jobs[1].parameters, "size", 4);
		assert_string_equal(message->jobs[2].labels[1], "200x100");
		break;
	case MESSAGE_RESULTS:
		assert_int_equal(message->count, ITEMS);
		assert_string_equal(message->results[1].detail, "not an image");
		assert_int_equal(message->results[0].outputs[1].width, 9);
		break;
	case MESSAGE_HELLO:
		assert_string_equal(message->roots[2], "cache");
		assert_string_equal(message->text, "some words");
		break;
	case MESSAGE_MEMBERS:
		assert_int_equal(message->count, ITEMS);
		assert_string_equal(message->members[1].name, "b");
		assert_int_equal(message->members[1].done, 1);
		break;
	case MESSAGE_GOODBYE:
	case MESSAGE_REJECT:
	case MESSAGE_EVICT:
		assert_string_equal(message->text, "some words");
		break;
	case MESSAGE_WELCOME:
	case MESSAGE_READY:
	case MESSAGE_STATE:
	case MESSAGE_BEAT:
	case MESSAGE_ACK:
	case MESSAGE_REFUSED:
	case MESSAGE_ASK:
		break;
	}
}

static void unpack_whole(
	struct wire_decoder *decoder, const struct frame *frame, enum message_type type)
{
	struct message message;
	struct error err;
	if (wire_unpack(decoder, frame, &message, &err))
		fail_msg("type %d: %s", (int)type, err.message);
	assert_whole(&message, type);
}

/* True when an allocation failed. */
static bool survives(
	struct wire_decoder *decoder, const struct frame *frame, enum message_type type, unsigned n)
{
	struct message message;
	struct error err = { 0 };
	left = n;
	failed = false;
	int status = wire_unpack(decoder, frame, &message, &err);
	left = 0;
	if (failed) {
		assert_int_equal(status, -1);
		assert_int_equal(err.code, ERROR_PROTOCOL);
		assert_string_equal(err.message, "malformed message: not an envelope, or larger "
						 "than allowed when unpacked");
	} else {
		assert_int_equal(status, 0);
		assert_whole(&message, type);
	}
	unpack_whole(decoder, frame, type);
	return failed;
}

static void test_wire_survives_each_failing_allocation(void **state)
{
	static struct frame frame;
	struct wire_decoder *decoder = wire_decoder_new();
	(void)state;
	for (int type = 0; type < TYPES; type++) {
		struct message message = sample((enum message_type)type);
		unsigned n = 1;
		(void)wire_pack(&frame, &message);
		while (n < N_MAX && survives(decoder, &frame, (enum message_type)type, n))
			n++;
		assert_true(n > 3 && n < N_MAX); /* at least the envelope, its ids and its body */
	}
	wire_decoder_free(decoder);
}

/* What follows the cut is noise, which must not be read as if it belonged to the message. */
static void unpack_cut(struct wire_decoder *decoder, const struct frame *frame, size_t size)
{
	static struct frame cut;
	struct message message;
	struct error err = { 0 };
	memset(cut.bytes, 0xA5, sizeof(cut.bytes));
	memcpy(cut.bytes, frame->bytes, size);
	cut.size = size;
	if (wire_unpack(decoder, &cut, &message, &err)) {
		assert_int_equal(err.code, ERROR_PROTOCOL);
		assert_true(err.message[0] != '\0');
		return;
	}
	/* a cut between two fields may leave a message: never more of it than there was */
	assert_true(message.count <= ITEMS);
	assert_true(!message.text || strlen(message.text) <= strlen("some words"));
}

static void test_wire_survives_messages_cut_at_every_length(void **state)
{
	static struct frame frame;
	struct wire_decoder *decoder = wire_decoder_new();
	(void)state;
	for (int type = 0; type < TYPES; type++) {
		struct message message = sample((enum message_type)type);
		(void)wire_pack(&frame, &message);
		for (size_t size = 0; size < frame.size; size++)
			unpack_cut(decoder, &frame, size);
		unpack_whole(decoder, &frame, (enum message_type)type);
	}
	wire_decoder_free(decoder);
}

static void test_wire_packs_the_same_into_memory_that_was_used(void **state)
{
	static struct frame clean, used;
	(void)state;
	for (int type = 0; type < TYPES; type++) {
		struct message message = sample((enum message_type)type);
		memset(&clean, 0, sizeof(clean));
		memset(&used, 0xA5, sizeof(used));
		assert_int_equal(wire_pack(&clean, &message), wire_pack(&used, &message));
		assert_int_equal(clean.size, used.size);
		assert_memory_equal(clean.bytes, used.bytes, clean.size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire_survives_each_failing_allocation),
		cmocka_unit_test(test_wire_survives_messages_cut_at_every_length),
		cmocka_unit_test(test_wire_packs_the_same_into_memory_that_was_used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
