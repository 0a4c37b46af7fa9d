/* SPDX-License-Identifier: MIT */
/* Every limit of a message (common/wire.h): at it taken, beyond it refused with the reason. */
#include "common/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "proto/envelope.pb-c.h"

enum { HOUR_MS = 3600000 }; /* the longest time that a Welcome may name */

static const struct message valid_hello = {
	.type = MESSAGE_HELLO,
	.text = "host",
	.build = "0.1.0",
	.lanes = WIRE_LANES_MAX,
};
static const struct message valid_welcome = {
	.type = MESSAGE_WELCOME,
	.beat_ms = HOUR_MS - 1,
	.silence_ms = HOUR_MS,
	.grace_ms = HOUR_MS,
	.state = RUN_DONE,
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

static void pack_refused(const struct message *m, const char *why)
{
	(void)wire_pack(&frame, m);
	assert_refused(why);
}

/* An envelope that wire_pack would never make, written by protobuf-c itself. */
static void pack_envelope(Sciame__Envelope *envelope)
{
	assert_true(sciame__envelope__get_packed_size(envelope) <= sizeof(frame.bytes));
	frame.size = sciame__envelope__pack(envelope, frame.bytes);
}

static Sciame__Envelope valid_envelope(void)
{
	Sciame__Envelope envelope = SCIAME__ENVELOPE__INIT;
	envelope.proto = WIRE_VERSION;
	return envelope;
}

static void test_wire_other_version_is_named(void **state)
{
	(void)state;
	static Sciame__Ack ack = SCIAME__ACK__INIT;
	Sciame__Envelope envelope = valid_envelope();
	envelope.body_case = SCIAME__ENVELOPE__BODY_ACK;
	envelope.ack = &ack;
	envelope.proto = 1;
	pack_envelope(&envelope);
	assert_refused("the other side speaks version 1 of the protocol, this one version 2");
	envelope.proto = 0;
	pack_envelope(&envelope);
	assert_refused("version 0");
}

static void test_wire_envelope_without_known_body_is_refused(void **state)
{
	(void)state;
	frame.size = 0;
	assert_refused("version 0"); /* no bytes are an envelope of zeroes */
	Sciame__Envelope envelope = valid_envelope();
	pack_envelope(&envelope);
	assert_refused("of no known type");
	/* field 99, an empty message: from a later version */
	memcpy(frame.bytes + frame.size, "\x9A\x06\x00", 3);
	frame.size += 3;
	assert_refused("of no known type");
}

static void test_wire_ids_have_sixteen_bytes_or_none(void **state)
{
	(void)state;
	static uint8_t bytes[17];
	static Sciame__Ack ack = SCIAME__ACK__INIT;
	static const size_t wrong[] = { 1, 15, 17 };
	for (size_t i = 0; i < 3; i++) {
		Sciame__Envelope envelope = valid_envelope();
		envelope.body_case = SCIAME__ENVELOPE__BODY_ACK;
		envelope.ack = &ack;
		envelope.run = (ProtobufCBinaryData) { wrong[i], bytes };
		pack_envelope(&envelope);
		assert_refused("run or session");
		envelope.session = envelope.run;
		envelope.run.len = 0;
		pack_envelope(&envelope);
		assert_refused("run or session");
	}
}

static void pack_jobs(Sciame__Job *job, size_t count)
{
	static Sciame__Job *list[WIRE_BATCH_MAX + 1];
	Sciame__Jobs body = SCIAME__JOBS__INIT;
	Sciame__Envelope envelope = valid_envelope();
	for (size_t i = 0; i < count; i++)
		list[i] = job;
	body.n_jobs = count;
	body.jobs = list;
	envelope.body_case = SCIAME__ENVELOPE__BODY_JOBS;
	envelope.jobs = &body;
	pack_envelope(&envelope);
}

static Sciame__Job valid_job(void)
{
	Sciame__Job job = SCIAME__JOB__INIT;
	job.id = job.attempt = 1;
	return job;
}

static void test_wire_count_of_jobs_is_limited(void **state)
{
	(void)state;
	Sciame__Job job = valid_job();
	pack_jobs(&job, WIRE_BATCH_MAX);
	assert_taken();
	pack_jobs(&job, WIRE_BATCH_MAX + 1);
	assert_refused("count of jobs");
	pack_jobs(&job, 0);
	assert_refused("count of jobs");
}

static void test_wire_job_without_number_is_refused(void **state)
{
	(void)state;
	Sciame__Job job = valid_job();
	job.id = 0;
	pack_jobs(&job, 1);
	assert_refused("a job without number or attempt");
	job = valid_job();
	job.attempt = 0;
	pack_jobs(&job, 1);
	assert_refused("a job without number or attempt");
}

static void test_wire_job_fields_are_limited(void **state)
{
	(void)state;
	static uint8_t bytes[JOB_PARAMETERS_MAX + 1];
	memset(bytes, 'x', sizeof(bytes));
	Sciame__Job job = valid_job();
	job.source = (ProtobufCBinaryData) { JOB_LOCATION_MAX - 1, bytes };
	job.target = job.source;
	job.parameters = (ProtobufCBinaryData) { JOB_PARAMETERS_MAX, bytes };
	pack_jobs(&job, 1);
	assert_taken();
	assert_int_equal(strlen(got.jobs[0].source), JOB_LOCATION_MAX - 1);
	job.parameters.len++;
	pack_jobs(&job, 1);
	assert_refused("a job's parameters are too long");
	job.parameters.len = 0;
	job.source.len++;
	pack_jobs(&job, 1);
	assert_refused("a job's source or target");
	job.source.len = 0;
	job.target.len++;
	pack_jobs(&job, 1);
	assert_refused("a job's source or target");
}

static void test_wire_zero_byte_in_path_is_refused(void **state)
{
	(void)state;
	Sciame__Job job = valid_job();
	job.source = (ProtobufCBinaryData) { 9, (uint8_t *)"source:\0x" };
	pack_jobs(&job, 1);
	assert_refused("a job's source or target");
	job.target = (ProtobufCBinaryData) { 9, (uint8_t *)"target:x\0" };
	job.source.len = 0;
	pack_jobs(&job, 1);
	assert_refused("a job's source or target");
}

static void test_wire_labels_are_limited(void **state)
{
	(void)state;
	static uint8_t bytes[JOB_LABEL_MAX];
	ProtobufCBinaryData labels[JOB_OUTPUTS_MAX + 1];
	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 0; i <= JOB_OUTPUTS_MAX; i++)
		labels[i] = (ProtobufCBinaryData) { JOB_LABEL_MAX - 1, bytes };
	Sciame__Job job = valid_job();
	job.target = (ProtobufCBinaryData) { 8, (uint8_t *)"target:x" };
	job.labels = labels;
	job.n_labels = JOB_OUTPUTS_MAX;
	pack_jobs(&job, WIRE_BATCH_MAX / 2);
	assert_taken();
	assert_int_equal(got.jobs[0].labels_count, JOB_OUTPUTS_MAX);
	assert_int_equal(strlen(got.jobs[0].labels[15]), JOB_LABEL_MAX - 1);
	job.n_labels++;
	pack_jobs(&job, 1);
	assert_refused("count of a job's labels");
	job.n_labels = 1;
	job.target.len = 0;
	pack_jobs(&job, 1);
	assert_refused("count of a job's labels");
	job.target.len = 8;
	labels[0].len++;
	pack_jobs(&job, 1);
	assert_refused("a job's label");
	labels[0] = (ProtobufCBinaryData) { 3, (uint8_t *)"a\0b" };
	pack_jobs(&job, 1);
	assert_refused("a job's label");
}

static void pack_results(uint64_t number, Sciame__Result *result, size_t count)
{
	static Sciame__Result *list[WIRE_BATCH_MAX + 1];
	Sciame__Results body = SCIAME__RESULTS__INIT;
	Sciame__Envelope envelope = valid_envelope();
	for (size_t i = 0; i < count; i++)
		list[i] = result;
	body.number = number;
	body.n_results = count;
	body.results = list;
	envelope.body_case = SCIAME__ENVELOPE__BODY_RESULTS;
	envelope.results = &body;
	pack_envelope(&envelope);
}

static void test_wire_results_are_limited(void **state)
{
	(void)state;
	static uint8_t bytes[RESULT_REPORT_MAX + RESULT_DETAIL_MAX];
	memset(bytes, 'x', sizeof(bytes));
	Sciame__Result result = SCIAME__RESULT__INIT;
	result.job = result.attempt = 1;
	result.detail = (ProtobufCBinaryData) { RESULT_DETAIL_MAX - 1, bytes };
	result.report = (ProtobufCBinaryData) { RESULT_REPORT_MAX, bytes };
	pack_results(1, &result, 1);
	assert_taken();
	pack_results(0, &result, 1);
	assert_refused("count or number of results");
	pack_results(1, &result, 0);
	assert_refused("count or number of results");
	result.detail.len++;
	pack_results(1, &result, 1);
	assert_refused("a result's detail or report");
	result.detail.len = 0;
	result.report.len++;
	pack_results(1, &result, 1);
	assert_refused("a result's detail or report");
	result.report.len = 0;
	result.detail = (ProtobufCBinaryData) { 3, (uint8_t *)"a\0b" };
	pack_results(1, &result, 1);
	assert_refused("a result's detail or report");
	result.detail.len = 0;
	pack_results(1, &result, WIRE_BATCH_MAX + 1);
	assert_refused("count or number of results");
}

static void test_wire_digest_has_its_size_or_none(void **state)
{
	(void)state;
	static uint8_t bytes[JOB_DIGEST_SIZE + 1];
	Sciame__Result result = SCIAME__RESULT__INIT;
	result.job = result.attempt = 1;
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		result.source_digest = (ProtobufCBinaryData) { size, bytes };
		pack_results(1, &result, 1);
		if (size != 0 && size != JOB_DIGEST_SIZE)
			assert_refused("a result's digest");
		else
			assert_taken();
	}
}

static void test_wire_outputs_are_limited(void **state)
{
	(void)state;
	static uint8_t bytes[JOB_DIGEST_SIZE + 1];
	Sciame__Output output = SCIAME__OUTPUT__INIT, *list[JOB_OUTPUTS_MAX + 1];
	Sciame__Result result = SCIAME__RESULT__INIT;
	result.job = result.attempt = 1;
	for (size_t i = 0; i <= JOB_OUTPUTS_MAX; i++)
		list[i] = &output;
	result.outputs = list;
	result.n_outputs = JOB_OUTPUTS_MAX;
	pack_results(1, &result, WIRE_BATCH_MAX);
	assert_taken();
	assert_int_equal(got.results[63].outputs_count, JOB_OUTPUTS_MAX);
	result.n_outputs++;
	pack_results(1, &result, 1);
	assert_refused("count of a result's outputs");
	result.n_outputs = 1;
	result.code = ERROR_INPUT;
	pack_results(1, &result, 1);
	assert_refused("count of a result's outputs");
	result.code = ERROR_NONE;
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		output.digest = (ProtobufCBinaryData) { size, bytes };
		pack_results(1, &result, 1);
		if (size != 0 && size != JOB_DIGEST_SIZE)
			assert_refused("an output's digest");
		else
			assert_taken();
	}
}

static void test_wire_result_names_job_and_known_code(void **state)
{
	(void)state;
	Sciame__Result result = SCIAME__RESULT__INIT;
	result.attempt = 1;
	pack_results(1, &result, 1);
	assert_refused("a result's job");
	result.job = 1;
	result.code = ERROR_CODES;
	pack_results(1, &result, 1);
	assert_refused("code");
	result.code = UINT32_MAX;
	pack_results(1, &result, 1);
	assert_refused("code");
	result.code = ERROR_CODES - 1;
	result.error_number = UINT32_MAX;
	pack_results(1, &result, 1);
	assert_taken();
	assert_true(got.results[0].error_number >= 0);
}

static void test_wire_hello_is_limited(void **state)
{
	(void)state;
	char name[WIRE_NAME_MAX + 1];
	memset(name, 'x', sizeof(name));
	name[WIRE_NAME_MAX - 1] = '\0';
	struct message m = valid_hello;
	m.text = m.build = name;
	(void)wire_pack(&frame, &m);
	assert_taken();
	name[WIRE_NAME_MAX - 1] = 'x';
	name[WIRE_NAME_MAX] = '\0';
	m.build = "";
	pack_refused(&m, "a name in Hello");
	m.text = "";
	m.build = name;
	pack_refused(&m, "a name in Hello");
	m = valid_hello;
	m.lanes = 0;
	pack_refused(&m, "count of lanes in Hello");
	m.lanes = WIRE_LANES_MAX + 1;
	pack_refused(&m, "count of lanes in Hello");
}

static void test_wire_welcome_and_state_are_limited(void **state)
{
	(void)state;
	struct message m = valid_welcome;
	m.beat_ms = 0;
	pack_refused(&m, "times in Welcome");
	m.beat_ms = HOUR_MS + 1;
	pack_refused(&m, "times in Welcome");
	m = valid_welcome;
	m.silence_ms = HOUR_MS + 1;
	pack_refused(&m, "times in Welcome");
	m = valid_welcome;
	m.grace_ms = HOUR_MS + 1;
	pack_refused(&m, "times in Welcome");
	/* a silence that no beat could break */
	m = valid_welcome;
	m.silence_ms = m.beat_ms;
	pack_refused(&m, "times in Welcome");
	m.silence_ms = 0;
	pack_refused(&m, "times in Welcome");
	static const int states[] = { 0, RUN_HALTING + 1, -1 };
	for (size_t i = 0; i < 3; i++) {
		m = valid_welcome;
		m.state = (enum run_state)states[i];
		pack_refused(&m, "state of the run");
		m = (struct message) { .type = MESSAGE_STATE };
		m.state = (enum run_state)states[i];
		pack_refused(&m, "state of the run");
	}
}

static void test_wire_last_words_are_limited(void **state)
{
	(void)state;
	char why[ERROR_MESSAGE_MAX + 1];
	memset(why, 'x', sizeof(why));
	why[ERROR_MESSAGE_MAX] = '\0';
	struct message m = { .type = MESSAGE_GOODBYE, .text = "" };
	m.code = ERROR_CODES;
	pack_refused(&m, "reason in Goodbye");
	m.code = ERROR_NONE;
	m.text = why;
	pack_refused(&m, "reason in Goodbye");
	m = (struct message) { .type = MESSAGE_REJECT, .text = why };
	m.text = why;
	pack_refused(&m, "reason in Reject");
	m.type = MESSAGE_EVICT;
	pack_refused(&m, "reason in Evict");
	why[ERROR_MESSAGE_MAX - 1] = '\0';
	(void)wire_pack(&frame, &m);
	assert_taken();
	m.type = MESSAGE_REJECT;
	(void)wire_pack(&frame, &m);
	assert_taken();
}

static void test_wire_refused_and_beat_are_limited(void **state)
{
	(void)state;
	const struct returned returned = { 1, 1 };
	struct message m = { .type = MESSAGE_REFUSED, .count = 1, .returned = &returned };
	m.number = 0;
	pack_refused(&m, "count or number of refused jobs");
	m.number = 1;
	m.count = 0;
	pack_refused(&m, "count or number of refused jobs");
	static Sciame__Running running = SCIAME__RUNNING__INIT;
	Sciame__Running *list[WIRE_BATCH_MAX + 1];
	Sciame__Beat beat = SCIAME__BEAT__INIT;
	Sciame__Envelope envelope = valid_envelope();
	for (size_t i = 0; i <= WIRE_BATCH_MAX; i++)
		list[i] = &running;
	beat.n_running = WIRE_BATCH_MAX + 1;
	beat.running = list;
	envelope.body_case = SCIAME__ENVELOPE__BODY_BEAT;
	envelope.beat = &beat;
	pack_envelope(&envelope);
	assert_refused("count of running jobs");
}

static void test_wire_frame_beyond_the_limit_is_refused(void **state)
{
	(void)state;
	struct message m = { .type = MESSAGE_ACK };
	(void)wire_pack(&frame, &m);
	frame.size = WIRE_MESSAGE_MAX + 1;
	assert_refused("too long");
	frame.size = SIZE_MAX;
	assert_refused("too long");
}

/* More jobs than a message takes, each with all the labels that it may have. */
static void test_wire_packs_the_labels_of_a_batch(void **state)
{
	(void)state;
	struct job jobs[WIRE_BATCH_MAX + 8];
	size_t count = sizeof(jobs) / sizeof(*jobs);
	for (size_t i = 0; i < count; i++) {
		jobs[i] = (struct job) { .id = i + 1,
			.attempt = 1,
			.source = "s:a",
			.target = "t:{size}",
			.labels_count = JOB_OUTPUTS_MAX };
		for (int j = 0; j < JOB_OUTPUTS_MAX; j++)
			jobs[i].labels[j] = "1";
	}
	const struct message message = { .type = MESSAGE_JOBS, .jobs = jobs, .count = count };
	assert_int_equal(wire_pack(&frame, &message), WIRE_BATCH_MAX);
	assert_taken();
	assert_int_equal(got.count, WIRE_BATCH_MAX);
	assert_int_equal(got.jobs[WIRE_BATCH_MAX - 1].labels_count, JOB_OUTPUTS_MAX);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_wire_other_version_is_named),
		CASE(test_wire_envelope_without_known_body_is_refused),
		CASE(test_wire_ids_have_sixteen_bytes_or_none),
		CASE(test_wire_count_of_jobs_is_limited),
		CASE(test_wire_job_without_number_is_refused),
		CASE(test_wire_job_fields_are_limited),
		CASE(test_wire_zero_byte_in_path_is_refused),
		CASE(test_wire_labels_are_limited),
		CASE(test_wire_packs_the_labels_of_a_batch),
		CASE(test_wire_results_are_limited),
		CASE(test_wire_digest_has_its_size_or_none),
		CASE(test_wire_outputs_are_limited),
		CASE(test_wire_result_names_job_and_known_code),
		CASE(test_wire_hello_is_limited),
		CASE(test_wire_welcome_and_state_are_limited),
		CASE(test_wire_last_words_are_limited),
		CASE(test_wire_refused_and_beat_are_limited),
		CASE(test_wire_frame_beyond_the_limit_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
