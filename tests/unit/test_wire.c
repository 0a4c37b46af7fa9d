/* SPDX-License-Identifier: MIT */
/* Messages there and back, and that no bytes whatever do harm. */
#include "common/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"
#include "tests/support/wire_example.h"

enum {
	TYPES = MESSAGE_MEMBERS + 1,
	MUTATIONS = 10000,
	REPORT_OF_THE_COMMAND = 64, /* more than any of its kinds gives */
};

static struct frame frame;
static struct wire_decoder *decoder;
static struct message got;
static struct error err;

static int setup(void **state)
{
	(void)state;
	decoder = wire_decoder_new();
	memset(&got, 0xA5, sizeof(got));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wire_decoder_free(decoder);
	wire_decoder_free(NULL);
	return 0;
}

static void assert_taken(void)
{
	if (wire_unpack(decoder, &frame, &got, &err))
		fail_msg("%s", err.message);
}

/* The frame is refused, and the message says why. */
static void assert_refused(const char *why)
{
	err = (struct error) { 0 };
	assert_int_equal(wire_unpack(decoder, &frame, &got, &err), -1);
	assert_int_equal(err.code, ERROR_PROTOCOL);
	if (!strstr(err.message, why))
		fail_msg("'%s' does not say '%s'", err.message, why);
}

static void test_wire_every_type_survives_the_way(void **state)
{
	(void)state;
	for (int type = 0; type < TYPES; type++) {
		struct message sent = wire_example((enum message_type)type);
		bool batch = type != MESSAGE_HELLO && type != MESSAGE_MEMBERS;
		assert_int_equal(wire_pack(&frame, &sent), batch ? sent.count : 0);
		assert_taken();
		wire_example_assert_equal(&sent, &got);
	}
}

/* A run only moves forward, and a late number does not mean a late state. */
static void test_wire_states_of_a_run_have_an_order(void **state)
{
	(void)state;
	static const enum run_state order[] = { RUN_RUNNING, RUN_HALTING, RUN_CANCELING,
		RUN_CANCELING_NOW, RUN_DONE };
	for (int i = 0; i < 5; i++)
		assert_int_equal(run_state_rank(order[i]), i + 1);
}

static void test_wire_missing_texts_and_ids_come_as_empty(void **state)
{
	(void)state;
	struct message hello = { .type = MESSAGE_HELLO, .lanes = 1 };
	assert_int_equal(wire_pack(&frame, &hello), 0);
	assert_taken();
	assert_string_equal(got.text, "");
	assert_string_equal(got.build, "");
	struct message beat = { .type = MESSAGE_BEAT };
	assert_int_equal(wire_pack(&frame, &beat), 0);
	assert_taken();
	assert_int_equal(got.count, 0);
}

static void test_wire_batches_are_bounded_by_count(void **state)
{
	(void)state;
	static struct job jobs[WIRE_BATCH_MAX + 1];
	static struct result results[WIRE_BATCH_MAX + 1];
	static struct returned returned[WIRE_BATCH_MAX + 1];
	static struct running running[WIRE_BATCH_MAX + 1];
	for (size_t i = 0; i <= WIRE_BATCH_MAX; i++) {
		jobs[i] = (struct job) { .id = i + 1, .attempt = 1, .source = "", .target = "" };
		results[i] = (struct result) { .job = i + 1, .attempt = 1 };
		returned[i] = (struct returned) { i + 1, 1 };
		running[i] = (struct running) { i + 1, 1, 1 };
	}
	struct message batches[] = {
		{ .type = MESSAGE_JOBS, .jobs = jobs },
		{ .type = MESSAGE_RESULTS, .number = 1, .results = results },
		{ .type = MESSAGE_REFUSED, .number = 1, .returned = returned },
		{ .type = MESSAGE_BEAT, .number = 1, .running = running },
	};
	for (size_t i = 0; i < sizeof(batches) / sizeof(*batches); i++) {
		batches[i].count = WIRE_BATCH_MAX + 1;
		assert_int_equal(wire_pack(&frame, &batches[i]), WIRE_BATCH_MAX);
		assert_taken();
		batches[i].count = WIRE_BATCH_MAX;
		wire_example_assert_equal(&batches[i], &got);
	}
}

static void make_longest(struct result results[WIRE_BATCH_MAX], uint32_t report_size)
{
	for (size_t i = 0; i < WIRE_BATCH_MAX; i++) {
		memset(&results[i], 0xFF, sizeof(results[i]));
		results[i].code = ERROR_START;
		results[i].has_digest = true;
		results[i].error_number = 0xFFFF;
		results[i].report_size = report_size;
		results[i].detail[RESULT_DETAIL_MAX - 1] = '\0';
	}
}

/* The longest that the command's kinds give: a whole batch still fits into one message. */
static void test_wire_longest_results_fit_into_one_message(void **state)
{
	(void)state;
	static struct result results[WIRE_BATCH_MAX];
	make_longest(results, REPORT_OF_THE_COMMAND);
	struct message m = { .type = MESSAGE_RESULTS,
		.number = UINT64_MAX,
		.count = WIRE_BATCH_MAX,
		.results = results };
	assert_int_equal(wire_pack(&frame, &m), WIRE_BATCH_MAX);
	assert_taken();
	wire_example_assert_equal(&m, &got);
}

/* Of kinds of one's own: a batch is several messages, and all of it arrives. */
static void test_wire_longest_reports_are_bounded_by_bytes(void **state)
{
	(void)state;
	static struct result results[WIRE_BATCH_MAX];
	size_t messages = 0;
	make_longest(results, RESULT_REPORT_MAX);
	for (size_t done = 0; done < WIRE_BATCH_MAX; messages++) {
		struct message m = { .type = MESSAGE_RESULTS,
			.number = UINT64_MAX,
			.count = WIRE_BATCH_MAX - done,
			.results = results + done };
		m.count = wire_pack(&frame, &m);
		assert_in_range(m.count, 1, WIRE_BATCH_MAX - done);
		assert_taken();
		wire_example_assert_equal(&m, &got);
		done += m.count;
	}
	assert_in_range(messages, 2, 4);
}

/* Of these a batch is several messages, each within all limits. */
static void test_wire_results_with_many_outputs_are_bounded_by_bytes(void **state)
{
	(void)state;
	static struct result results[WIRE_BATCH_MAX];
	for (int digest = 0; digest < 2; digest++) {
		for (size_t i = 0; i < WIRE_BATCH_MAX; i++) {
			results[i] = (struct result) { .job = UINT64_MAX, .attempt = UINT32_MAX };
			for (int k = 0; k < JOB_OUTPUTS_MAX; k++)
				result_produced(
					&results[i], &(struct produced) { .bytes = UINT64_MAX,
							     .width = UINT32_MAX,
							     .height = UINT32_MAX,
							     .has_digest = digest != 0 });
		}
		size_t messages = 0;
		for (size_t done = 0; done < WIRE_BATCH_MAX; messages++) {
			struct message m = { .type = MESSAGE_RESULTS,
				.number = UINT64_MAX,
				.count = WIRE_BATCH_MAX - done,
				.results = results + done };
			m.count = wire_pack(&frame, &m);
			assert_in_range(m.count, 1, WIRE_BATCH_MAX - done);
			assert_in_range(frame.size, 1, WIRE_MESSAGE_MAX);
			assert_taken();
			wire_example_assert_equal(&m, &got);
			done += m.count;
		}
		assert_in_range(messages, 2, 4);
	}
}

static void test_wire_outputs_of_a_failure_do_not_travel(void **state)
{
	(void)state;
	struct result result = { .job = 1, .attempt = 1 };
	result_produced(&result, &(struct produced) { .bytes = 1 });
	result.code = ERROR_INPUT;
	struct message m = { .type = MESSAGE_RESULTS, .number = 1, .count = 1, .results = &result };
	(void)wire_pack(&frame, &m);
	assert_taken();
	assert_int_equal(got.results[0].outputs_count, 0);
}

static void test_wire_jobs_are_bounded_by_bytes(void **state)
{
	(void)state;
	static uint8_t bytes[JOB_PARAMETERS_MAX];
	static struct job jobs[WIRE_BATCH_MAX];
	char source[JOB_LOCATION_MAX], target[JOB_LOCATION_MAX];
	memset(source, 's', sizeof(source) - 1);
	memset(target, 't', sizeof(target) - 1);
	char label[JOB_LABEL_MAX];
	memset(label, 'l', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	source[sizeof(source) - 1] = target[sizeof(target) - 1] = '\0';
	for (size_t size = 0; size <= sizeof(bytes); size += sizeof(bytes) / 64) {
		for (size_t i = 0; i < WIRE_BATCH_MAX; i++)
			jobs[i] = (struct job) { .id = i + 1,
				.attempt = 1,
				.kind = 1,
				.deadline_ms = 1,
				.source = i % 2 ? source : "",
				.target = target,
				.parameters = bytes,
				.parameters_size = size,
				.alone = true,
				.digest = true,
				.labels = { label, "", label },
				.labels_count = i % 3 == 0 ? 3 : 0 };
		for (size_t done = 0; done < WIRE_BATCH_MAX;) {
			struct message m = { .type = MESSAGE_JOBS,
				.count = WIRE_BATCH_MAX - done,
				.jobs = jobs + done };
			size_t taken = wire_pack(&frame, &m);
			assert_in_range(taken, 1, WIRE_BATCH_MAX - done);
			assert_in_range(frame.size, 1, WIRE_MESSAGE_MAX);
			assert_taken();
			m.count = taken;
			wire_example_assert_equal(&m, &got);
			done += taken;
		}
	}
}

static void test_wire_trailing_garbage_is_refused(void **state)
{
	(void)state;
	for (int type = 0; type < TYPES; type++) {
		struct message m = wire_example((enum message_type)type);
		(void)wire_pack(&frame, &m);
		memset(frame.bytes + frame.size, 0xFF, 8);
		frame.size += 8;
		assert_refused("not an envelope");
	}
}

static bool job_is_within_limits(const struct job *job)
{
	return job->id && job->attempt && strlen(job->source) < JOB_LOCATION_MAX &&
	       strlen(job->target) < JOB_LOCATION_MAX &&
	       job->parameters_size <= JOB_PARAMETERS_MAX &&
	       (job->parameters_size == 0 || job->parameters);
}

static bool result_is_within_limits(const struct result *result)
{
	return result->job && result->code < ERROR_CODES &&
	       result->report_size <= RESULT_REPORT_MAX &&
	       memchr(result->detail, 0, RESULT_DETAIL_MAX) && result->error_number >= 0;
}

/* Reads everything that the message points to, so that a sanitizer sees it too. */
static void assert_within_limits(const struct message *m)
{
	unsigned sum = 0;
	assert_in_range(m->count, 0, WIRE_BATCH_MAX);
	assert_true(m->code < ERROR_CODES);
	assert_true(!m->text || strlen(m->text) < ERROR_MESSAGE_MAX);
	assert_true(!m->build || strlen(m->build) < WIRE_NAME_MAX);
	assert_in_range(m->lanes, 0, WIRE_LANES_MAX);
	assert_true(m->state >= 0 && m->state <= RUN_HALTING);
	for (size_t i = 0; i < m->count; i++) {
		assert_true(!m->jobs || job_is_within_limits(&m->jobs[i]));
		assert_true(!m->results || result_is_within_limits(&m->results[i]));
		for (size_t k = 0; m->jobs && k < m->jobs[i].parameters_size; k++)
			sum += m->jobs[i].parameters[k];
	}
	assert_true(sum < UINT32_MAX);
}

/* In memory that ends with the frame, so that a sanitizer sees one byte too far. True: taken. */
static bool unpack_anything(void)
{
	struct frame *exact = xmalloc(offsetof(struct frame, bytes) + frame.size);
	exact->size = frame.size;
	memcpy(exact->bytes, frame.bytes, frame.size);
	err = (struct error) { 0 };
	int status = wire_unpack(decoder, exact, &got, &err);
	free(exact);
	if (status == 0) {
		assert_within_limits(&got);
		return true;
	}
	assert_int_equal(err.code, ERROR_PROTOCOL);
	assert_true(err.message[0] != '\0');
	return false;
}

/* A whole body has its length before it, and nothing follows it: no cut message is whole. */
static void test_wire_message_cut_at_every_byte_is_refused(void **state)
{
	(void)state;
	for (int type = 0; type < TYPES; type++) {
		struct message m = wire_example((enum message_type)type);
		(void)wire_pack(&frame, &m);
		size_t size = frame.size;
		for (frame.size = 0; frame.size < size; frame.size++)
			assert_false(unpack_anything());
	}
}

static uint64_t next_random(uint64_t *seed)
{
	/* xorshift64*, Vigna 2016 */
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 2685821657736338717u;
}

/* Changes, inserts, removes or doubles some bytes. */
static void mutate(uint64_t *seed)
{
	size_t at = (size_t)(next_random(seed) % frame.size);
	size_t length = (size_t)(next_random(seed) % 16 + 1);
	length = at + length > frame.size ? frame.size - at : length;
	switch (next_random(seed) % 4) {
	case 0:
		frame.bytes[at] = (uint8_t)next_random(seed);
		break;
	case 1:
		frame.bytes[at] ^= (uint8_t)(1u << next_random(seed) % 8);
		break;
	case 2:
		memmove(frame.bytes + at, frame.bytes + at + length, frame.size - at - length);
		frame.size -= length;
		break;
	case 3:
		memmove(frame.bytes + at + length, frame.bytes + at, frame.size - at);
		frame.size += length;
		break;
	}
}

static void test_wire_mutated_messages_do_no_harm(void **state)
{
	(void)state;
	uint64_t seed = 20240229;
	int taken = 0;
	for (int i = 0; i < MUTATIONS; i++) {
		struct message m = wire_example((enum message_type)(i % TYPES));
		(void)wire_pack(&frame, &m);
		uint64_t times = next_random(&seed) % 4 + 1;
		for (uint64_t k = 0; k < times && frame.size > 0; k++)
			mutate(&seed);
		taken += unpack_anything();
	}
	/* neither kind is so rare that the test would show nothing of it */
	assert_in_range(taken, MUTATIONS / 20, MUTATIONS - MUTATIONS / 20);
}

/* Two envelopes in a row are one: a body that comes twice is merged, another one replaces it. */
static void test_wire_joined_messages_do_no_harm(void **state)
{
	(void)state;
	static struct frame first;
	for (int i = 0; i < TYPES * TYPES; i++) {
		struct message a = wire_example((enum message_type)(i / TYPES));
		struct message b = wire_example((enum message_type)(i % TYPES));
		(void)wire_pack(&first, &a);
		(void)wire_pack(&frame, &b);
		memmove(frame.bytes + first.size, frame.bytes, frame.size);
		memcpy(frame.bytes, first.bytes, first.size);
		frame.size += first.size;
		assert_true(unpack_anything() || i / TYPES == i % TYPES);
	}
}

static size_t put_varint(uint8_t *bytes, size_t value)
{
	size_t size = 0;
	for (; value >= 0x80; value >>= 7)
		bytes[size++] = (uint8_t)(value | 0x80);
	bytes[size++] = (uint8_t)value;
	return size;
}

/* An envelope whose body (a field's number) is nothing but empty submessages of one field. */
static void pack_bomb(unsigned body, unsigned field)
{
	const size_t room = WIRE_MESSAGE_MAX - 16;
	memcpy(frame.bytes, (uint8_t[]) { 8, WIRE_VERSION }, 2);
	frame.size = 2;
	frame.size += put_varint(frame.bytes + frame.size, body << 3 | 2);
	frame.size += put_varint(frame.bytes + frame.size, room);
	for (size_t i = 0; i < room; i += 2) {
		frame.bytes[frame.size++] = (uint8_t)(field << 3 | 2);
		frame.bytes[frame.size++] = 0;
	}
}

static void test_wire_bomb_of_empty_submessages_is_refused(void **state)
{
	(void)state;
	static const unsigned bodies[][2] = { { 15, 1 }, { 16, 2 }, { 18, 2 }, { 14, 3 } };
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		pack_bomb(bodies[i][0], bodies[i][1]);
		assert_refused("larger than allowed when unpacked");
	}
	/* the decoder is as good as new afterwards */
	struct message m = wire_example(MESSAGE_JOBS);
	(void)wire_pack(&frame, &m);
	assert_taken();
	wire_example_assert_equal(&m, &got);
}

/* Unknown fields are kept by protobuf-c, one allocation for each. */
static void test_wire_bomb_of_unknown_fields_is_refused(void **state)
{
	(void)state;
	pack_bomb(17, 9);
	assert_refused("larger than allowed when unpacked");
}

static void test_wire_bomb_of_nested_lengths_is_refused(void **state)
{
	(void)state;
	static const uint8_t huge[] = { 8, 1, 15 << 3 | 2, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F };
	memcpy(frame.bytes, huge, sizeof(huge));
	frame.size = sizeof(huge);
	assert_refused("not an envelope");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_wire_every_type_survives_the_way),
		CASE(test_wire_states_of_a_run_have_an_order),
		CASE(test_wire_missing_texts_and_ids_come_as_empty),
		CASE(test_wire_batches_are_bounded_by_count),
		CASE(test_wire_longest_results_fit_into_one_message),
		CASE(test_wire_longest_reports_are_bounded_by_bytes),
		CASE(test_wire_results_with_many_outputs_are_bounded_by_bytes),
		CASE(test_wire_outputs_of_a_failure_do_not_travel),
		CASE(test_wire_jobs_are_bounded_by_bytes),
		CASE(test_wire_trailing_garbage_is_refused),
		CASE(test_wire_message_cut_at_every_byte_is_refused),
		CASE(test_wire_mutated_messages_do_no_harm),
		CASE(test_wire_joined_messages_do_no_harm),
		CASE(test_wire_bomb_of_empty_submessages_is_refused),
		CASE(test_wire_bomb_of_unknown_fields_is_refused),
		CASE(test_wire_bomb_of_nested_lengths_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
