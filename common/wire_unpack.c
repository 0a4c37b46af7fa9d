/* SPDX-License-Identifier: MIT */
/*
 * Bytes -> protobuf's form of the envelope -> plain structs, with every limit. Unpacking allocates
 * from one arena of fixed size: a hostile message (64 KiB of empty submessages grow 76-fold in
 * protobuf-c) runs into its end and is refused, and nothing needs to be freed.
 */
#include "common/wire.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/endpoint.h"
#include "common/memory.h"
#include "proto/envelope.pb-c.h"

enum {
	ARENA_SIZE = 256 * 1024,  /* bytes that one message may need once it is unpacked */
	SILENCE_MS_MAX = 3600000, /* an hour: no beat, silence or grace may be longer */
};

struct wire_decoder {
	size_t used;
	struct job jobs[WIRE_BATCH_MAX];
	struct result results[WIRE_BATCH_MAX];
	struct returned returned[WIRE_BATCH_MAX];
	struct running running[WIRE_BATCH_MAX];
	struct wire_member members[WIRE_MEMBERS_MAX];
	const char *roots[WIRE_ROOTS_MAX];
	uint8_t arena[ARENA_SIZE];
};

/* Every block is followed by a zero byte, so that a bytes field is a C string where it stands. */
static void *arena_alloc(void *data, size_t size)
{
	struct wire_decoder *decoder = data;
	if (size >= sizeof(decoder->arena))
		return NULL;
	size_t need = (size + 1 + 15) & ~(size_t)15;
	if (need > sizeof(decoder->arena) - decoder->used)
		return NULL;
	uint8_t *block = decoder->arena + decoder->used;
	decoder->used += need;
	block[size] = 0;
	return block;
}

static void arena_free(void *data, void *block)
{
	(void)data;
	(void)block; /* the arena is emptied as a whole */
}

static int refuse(struct error *err, const char *what)
{
	return error_set(err, ERROR_PROTOCOL, "malformed message: %s", what);
}

/* The field as text of at most max bytes with its NUL, or NULL. */
static const char *text_field(ProtobufCBinaryData field, size_t max)
{
	if (field.len == 0)
		return "";
	if (field.len >= max || memchr(field.data, 0, field.len))
		return NULL;
	return (const char *)field.data;
}

static bool id_field(ProtobufCBinaryData field, struct wire_id *id)
{
	memset(id, 0, sizeof(*id));
	if (field.len != WIRE_ID_SIZE)
		return field.len == 0;
	memcpy(id, field.data, WIRE_ID_SIZE);
	return true;
}

static int unpack_labels(const Sciame__Job *from, struct job *to, struct error *err)
{
	if (from->n_labels > JOB_OUTPUTS_MAX || (from->n_labels > 0 && from->target.len == 0))
		return refuse(err, "count of a job's labels");
	for (size_t i = 0; i < from->n_labels; i++) {
		to->labels[i] = text_field(from->labels[i], JOB_LABEL_MAX);
		if (!to->labels[i])
			return refuse(err, "a job's label");
	}
	to->labels_count = (uint32_t)from->n_labels;
	return 0;
}

static int unpack_jobs(
	struct wire_decoder *d, const Sciame__Jobs *body, struct message *m, struct error *err)
{
	if (body->n_jobs < 1 || body->n_jobs > WIRE_BATCH_MAX)
		return refuse(err, "count of jobs");
	for (size_t i = 0; i < body->n_jobs; i++) {
		const Sciame__Job *from = body->jobs[i];
		struct job *job = &d->jobs[i];
		*job = (struct job) {
			.id = from->id,
			.attempt = from->attempt,
			.kind = from->kind,
			.deadline_ms = from->deadline_ms,
			.source = text_field(from->source, JOB_LOCATION_MAX),
			.target = text_field(from->target, JOB_LOCATION_MAX),
			.parameters = from->parameters.data,
			.parameters_size = from->parameters.len,
			.alone = from->alone,
			.digest = from->digest,
			.preserve = from->preserve,
		};
		if (job->id == 0 || job->attempt == 0)
			return refuse(err, "a job without number or attempt");
		if (!job->source || !job->target)
			return refuse(err, "a job's source or target");
		if (job->parameters_size > JOB_PARAMETERS_MAX)
			return refuse(err, "a job's parameters are too long");
		if (unpack_labels(from, job, err))
			return -1;
	}
	m->count = body->n_jobs;
	m->jobs = d->jobs;
	return 0;
}

static int unpack_outputs(const Sciame__Result *from, struct result *to, struct error *err)
{
	if (from->n_outputs > JOB_OUTPUTS_MAX || (from->n_outputs > 0 && from->code != ERROR_NONE))
		return refuse(err, "count of a result's outputs");
	for (size_t i = 0; i < from->n_outputs; i++) {
		const Sciame__Output *output = from->outputs[i];
		struct produced *produced = &to->outputs[i];
		if (output->digest.len != 0 && output->digest.len != JOB_DIGEST_SIZE)
			return refuse(err, "an output's digest");
		produced->bytes = output->bytes;
		produced->width = output->width;
		produced->height = output->height;
		produced->has_digest = output->digest.len > 0;
		if (produced->has_digest)
			memcpy(produced->digest, output->digest.data, JOB_DIGEST_SIZE);
	}
	to->outputs_count = (uint32_t)from->n_outputs;
	return 0;
}

static int unpack_result(const Sciame__Result *from, struct result *to, struct error *err)
{
	const char *detail = text_field(from->detail, RESULT_DETAIL_MAX);
	if (from->job == 0 || from->attempt == 0 || from->code >= ERROR_CODES)
		return refuse(err, "a result's job, attempt or code");
	if (!detail || from->report.len > RESULT_REPORT_MAX)
		return refuse(err, "a result's detail or report");
	if (from->source_digest.len != 0 && from->source_digest.len != JOB_DIGEST_SIZE)
		return refuse(err, "a result's digest");
	to->job = from->job;
	to->attempt = from->attempt;
	to->code = (enum error_code)from->code;
	to->error_number = (int)(from->error_number & 0xFFFF);
	to->input_bytes = from->input_bytes;
	to->output_bytes = from->output_bytes;
	to->duration_us = from->duration_us;
	to->report_size = (uint32_t)from->report.len;
	if (from->report.len)
		memcpy(to->report, from->report.data, from->report.len);
	memcpy(to->detail, detail, strlen(detail) + 1);
	to->source_size = from->source_size;
	to->source_mtime_ns = from->source_mtime_ns;
	to->has_digest = from->source_digest.len > 0;
	if (to->has_digest)
		memcpy(to->digest, from->source_digest.data, JOB_DIGEST_SIZE);
	return unpack_outputs(from, to, err);
}

static int unpack_results(
	struct wire_decoder *d, const Sciame__Results *body, struct message *m, struct error *err)
{
	if (body->n_results < 1 || body->n_results > WIRE_BATCH_MAX || body->number == 0)
		return refuse(err, "count or number of results");
	for (size_t i = 0; i < body->n_results; i++) {
		if (unpack_result(body->results[i], &d->results[i], err))
			return -1;
	}
	m->number = body->number;
	m->count = body->n_results;
	m->results = d->results;
	return 0;
}

static int unpack_refused(
	struct wire_decoder *d, const Sciame__Refused *body, struct message *m, struct error *err)
{
	if (body->n_jobs < 1 || body->n_jobs > WIRE_BATCH_MAX || body->number == 0)
		return refuse(err, "count or number of refused jobs");
	for (size_t i = 0; i < body->n_jobs; i++)
		d->returned[i] = (struct returned) { body->jobs[i]->job, body->jobs[i]->attempt };
	m->number = body->number;
	m->count = body->n_jobs;
	m->returned = d->returned;
	return 0;
}

static int unpack_beat(
	struct wire_decoder *d, const Sciame__Beat *body, struct message *m, struct error *err)
{
	if (body->n_running > WIRE_BATCH_MAX)
		return refuse(err, "count of running jobs");
	for (size_t i = 0; i < body->n_running; i++) {
		const Sciame__Running *from = body->running[i];
		d->running[i] = (struct running) { from->job, from->attempt, from->since_ms };
	}
	m->number = body->number;
	m->queued = body->queued;
	m->received = body->received;
	m->draining = body->draining;
	m->load = body->load;
	m->count = body->n_running;
	m->running = d->running;
	return 0;
}

static int unpack_hello(
	struct wire_decoder *d, const Sciame__Hello *body, struct message *m, struct error *err)
{
	m->text = text_field(body->name, WIRE_NAME_MAX);
	m->build = text_field(body->build, WIRE_NAME_MAX);
	m->lanes = body->lanes;
	m->pid = body->pid;
	if (!m->text || !m->build || !id_field(body->instance, &m->instance))
		return refuse(err, "a name in Hello");
	if (m->lanes < 1 || m->lanes > WIRE_LANES_MAX)
		return refuse(err, "count of lanes in Hello");
	if (body->n_roots > WIRE_ROOTS_MAX)
		return refuse(err, "count of roots in Hello");
	for (size_t i = 0; i < body->n_roots; i++) {
		d->roots[i] = text_field(body->roots[i], WIRE_ROOT_NAME_MAX);
		if (!d->roots[i])
			return refuse(err, "a root in Hello");
	}
	m->count = body->n_roots;
	m->roots = d->roots;
	return 0;
}

static int unpack_state(Sciame__RunState from, struct message *m, struct error *err)
{
	if (from < SCIAME__RUN_STATE__RUN_STATE_RUNNING ||
		from > SCIAME__RUN_STATE__RUN_STATE_HALTING)
		return refuse(err, "state of the run");
	m->state = (enum run_state)from;
	return 0;
}

static int unpack_welcome(const Sciame__Welcome *body, struct message *m, struct error *err)
{
	m->channel = body->channel;
	m->beat_ms = body->beat_ms;
	m->silence_ms = body->silence_ms;
	m->grace_ms = body->grace_ms;
	/* a silence no longer than a beat would be broken by nobody */
	if (m->beat_ms < 1 || m->beat_ms >= m->silence_ms || m->silence_ms > SILENCE_MS_MAX ||
		m->grace_ms > SILENCE_MS_MAX)
		return refuse(err, "times in Welcome");
	m->depot = body->depot;
	m->port = body->port;
	if (m->port >= ENDPOINT_CHANNELS_MAX)
		return refuse(err, "port in Welcome");
	return unpack_state(body->state, m, err);
}

static int unpack_goodbye(const Sciame__Goodbye *body, struct message *m, struct error *err)
{
	m->text = text_field(body->why, ERROR_MESSAGE_MAX);
	if (!m->text || body->code >= ERROR_CODES)
		return refuse(err, "reason in Goodbye");
	m->code = (enum error_code)body->code;
	return 0;
}

static int unpack_member(const Sciame__Member *from, struct wire_member *to, struct error *err)
{
	*to = (struct wire_member) {
		.name = text_field(from->name, WIRE_NAME_MAX),
		.build = text_field(from->build, WIRE_NAME_MAX),
		.key = text_field(from->key, WIRE_NAME_MAX),
		.pid = from->pid,
		.lanes = from->lanes,
		.load = from->load,
		.running = from->running,
		.queued = from->queued,
		.seconds = from->seconds,
		.done = from->done,
		.draining = from->draining,
	};
	return to->name && to->build && to->key ? 0 : refuse(err, "a name in Members");
}

static int unpack_members(
	struct wire_decoder *d, const Sciame__Members *body, struct message *m, struct error *err)
{
	if (body->n_members > WIRE_MEMBERS_MAX || body->number == 0)
		return refuse(err, "count or number of members");
	for (size_t i = 0; i < body->n_members; i++) {
		if (unpack_member(body->members[i], &d->members[i], err))
			return -1;
	}
	m->number = body->number;
	m->last = body->last;
	m->count = body->n_members;
	m->members = d->members;
	return 0;
}

static int unpack_body(struct wire_decoder *d, const Sciame__Envelope *envelope, struct message *m,
	struct error *err)
{
	switch (envelope->body_case) {
	case SCIAME__ENVELOPE__BODY_HELLO:
		m->type = MESSAGE_HELLO;
		return unpack_hello(d, envelope->hello, m, err);
	case SCIAME__ENVELOPE__BODY_WELCOME:
		m->type = MESSAGE_WELCOME;
		return unpack_welcome(envelope->welcome, m, err);
	case SCIAME__ENVELOPE__BODY_READY:
		m->type = MESSAGE_READY;
		m->channel = envelope->ready->channel;
		return 0;
	case SCIAME__ENVELOPE__BODY_STATE:
		m->type = MESSAGE_STATE;
		m->number = envelope->state->number;
		return unpack_state(envelope->state->state, m, err);
	case SCIAME__ENVELOPE__BODY_BEAT:
		m->type = MESSAGE_BEAT;
		return unpack_beat(d, envelope->beat, m, err);
	case SCIAME__ENVELOPE__BODY_JOBS:
		m->type = MESSAGE_JOBS;
		return unpack_jobs(d, envelope->jobs, m, err);
	case SCIAME__ENVELOPE__BODY_RESULTS:
		m->type = MESSAGE_RESULTS;
		return unpack_results(d, envelope->results, m, err);
	case SCIAME__ENVELOPE__BODY_ACK:
		m->type = MESSAGE_ACK;
		m->number = envelope->ack->number;
		return 0;
	case SCIAME__ENVELOPE__BODY_REFUSED:
		m->type = MESSAGE_REFUSED;
		return unpack_refused(d, envelope->refused, m, err);
	case SCIAME__ENVELOPE__BODY_GOODBYE:
		m->type = MESSAGE_GOODBYE;
		return unpack_goodbye(envelope->goodbye, m, err);
	case SCIAME__ENVELOPE__BODY_REJECT:
		m->type = MESSAGE_REJECT;
		m->text = text_field(envelope->reject->why, ERROR_MESSAGE_MAX);
		return m->text ? 0 : refuse(err, "reason in Reject");
	case SCIAME__ENVELOPE__BODY_EVICT:
		m->type = MESSAGE_EVICT;
		m->text = text_field(envelope->evict->why, ERROR_MESSAGE_MAX);
		return m->text ? 0 : refuse(err, "reason in Evict");
	case SCIAME__ENVELOPE__BODY_ASK:
		m->type = MESSAGE_ASK;
		return 0;
	case SCIAME__ENVELOPE__BODY_MEMBERS:
		m->type = MESSAGE_MEMBERS;
		return unpack_members(d, envelope->members, m, err);
	case SCIAME__ENVELOPE__BODY__NOT_SET:
	case _SCIAME__ENVELOPE__BODY__CASE_IS_INT_SIZE:
		break;
	}
	return refuse(err, "of no known type");
}

int run_state_rank(enum run_state state)
{
	static const int ranks[] = {
		[RUN_RUNNING] = 1,
		[RUN_HALTING] = 2,
		[RUN_CANCELING] = 3,
		[RUN_CANCELING_NOW] = 4,
		[RUN_DONE] = 5,
	};
	return ranks[state];
}

struct wire_decoder *wire_decoder_new(void)
{
	return xcalloc(1, sizeof(struct wire_decoder));
}

void wire_decoder_free(struct wire_decoder *decoder)
{
	free(decoder);
}

int wire_unpack(struct wire_decoder *decoder, const struct frame *frame, struct message *message,
	struct error *err)
{
	ProtobufCAllocator arena = { arena_alloc, arena_free, decoder };
	if (frame->size > WIRE_MESSAGE_MAX)
		return refuse(err, "too long");
	decoder->used = 0;
	const Sciame__Envelope *envelope =
		sciame__envelope__unpack(&arena, frame->size, frame->bytes);
	if (!envelope)
		return refuse(err, "not an envelope, or larger than allowed when unpacked");
	if (envelope->proto != WIRE_VERSION)
		return error_set(err, ERROR_PROTOCOL,
			"the other side speaks version %u of the protocol, this one version %d",
			envelope->proto, WIRE_VERSION);
	*message = (struct message) { .header.epoch = envelope->epoch };
	if (!id_field(envelope->run, &message->header.run) ||
		!id_field(envelope->session, &message->header.session))
		return refuse(err, "run or session");
	return unpack_body(decoder, envelope, message, err);
}
