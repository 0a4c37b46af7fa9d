/* SPDX-License-Identifier: MIT */
/*
 * The only file that knows protobuf's form of the envelope. Unpacking allocates from one arena of
 * fixed size: a hostile message (64 KiB of empty submessages grow 76-fold in protobuf-c) runs into
 * its end and is refused, and nothing needs to be freed.
 */
#include "common/wire.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "proto/envelope.pb-c.h"

enum {
	ARENA_SIZE = 256 * 1024,  /* bytes that one message may need once it is unpacked */
	ENVELOPE_OVERHEAD = 256,  /* bytes of an envelope besides its jobs or results, and more */
	ITEM_OVERHEAD = 160,      /* the same of one job or result besides its bytes fields */
	SILENCE_MS_MAX = 3600000, /* an hour: no beat, silence or grace may be longer */
};

struct wire_decoder {
	size_t used;
	struct job jobs[WIRE_BATCH_MAX];
	struct result results[WIRE_BATCH_MAX];
	struct returned returned[WIRE_BATCH_MAX];
	struct running running[WIRE_BATCH_MAX];
	uint8_t arena[ARENA_SIZE];
};

static ProtobufCBinaryData binary(const void *data, size_t size)
{
	return (ProtobufCBinaryData) { .len = size, .data = (uint8_t *)data };
}

static ProtobufCBinaryData binary_text(const char *text)
{
	return binary(text, text ? strlen(text) : 0);
}

/* Counts an item of so many bytes into *total, or says that it no longer fits. */
static bool fits(size_t *total, size_t bytes, size_t taken)
{
	if (taken == WIRE_BATCH_MAX)
		return false;
	if (taken > 0 && *total + bytes + ITEM_OVERHEAD > WIRE_MESSAGE_MAX - ENVELOPE_OVERHEAD)
		return false;
	*total += bytes + ITEM_OVERHEAD;
	return true;
}

static void finish(struct frame *frame, const Sciame__Envelope *envelope)
{
	/* checked before packing: packing itself writes without asking for a limit */
	assert(sciame__envelope__get_packed_size(envelope) <= sizeof(frame->bytes));
	frame->size = sciame__envelope__pack(envelope, frame->bytes);
}

static size_t pack_jobs(struct frame *frame, Sciame__Envelope *envelope, const struct message *m)
{
	Sciame__Job jobs[WIRE_BATCH_MAX], *list[WIRE_BATCH_MAX];
	size_t n = 0, total = 0;
	for (; n < m->count; n++) {
		const struct job *job = &m->jobs[n];
		size_t source = strlen(job->source), target = strlen(job->target);
		if (!fits(&total, source + target + job->parameters_size, n))
			break;
		sciame__job__init(&jobs[n]);
		jobs[n].id = job->id;
		jobs[n].attempt = job->attempt;
		jobs[n].kind = job->kind;
		jobs[n].deadline_ms = job->deadline_ms;
		jobs[n].source = binary(job->source, source);
		jobs[n].target = binary(job->target, target);
		jobs[n].parameters = binary(job->parameters, job->parameters_size);
		jobs[n].alone = job->alone;
		jobs[n].digest = job->digest;
		list[n] = &jobs[n];
	}
	Sciame__Jobs body = SCIAME__JOBS__INIT;
	body.n_jobs = n;
	body.jobs = list;
	envelope->body_case = SCIAME__ENVELOPE__BODY_JOBS;
	envelope->jobs = &body;
	finish(frame, envelope);
	return n;
}

static void result_to_proto(Sciame__Result *to, const struct result *from)
{
	sciame__result__init(to);
	to->job = from->job;
	to->attempt = from->attempt;
	to->code = from->code;
	to->error_number = (uint32_t)from->error_number;
	to->input_bytes = from->input_bytes;
	to->output_bytes = from->output_bytes;
	to->duration_us = from->duration_us;
	to->report = binary(from->report, from->report_size);
	to->detail = binary_text(from->detail);
	to->source_size = from->source_size;
	to->source_mtime_ns = from->source_mtime_ns;
	if (from->has_digest)
		to->source_digest = binary(from->digest, sizeof(from->digest));
}

static size_t pack_results(struct frame *frame, Sciame__Envelope *envelope, const struct message *m)
{
	Sciame__Result results[WIRE_BATCH_MAX], *list[WIRE_BATCH_MAX];
	size_t n = 0, total = 0;
	for (; n < m->count; n++) {
		const struct result *result = &m->results[n];
		if (!fits(&total, result->report_size + strlen(result->detail), n))
			break;
		result_to_proto(&results[n], result);
		list[n] = &results[n];
	}
	Sciame__Results body = SCIAME__RESULTS__INIT;
	body.number = m->number;
	body.n_results = n;
	body.results = list;
	envelope->body_case = SCIAME__ENVELOPE__BODY_RESULTS;
	envelope->results = &body;
	finish(frame, envelope);
	return n;
}

static size_t pack_refused(struct frame *frame, Sciame__Envelope *envelope, const struct message *m)
{
	Sciame__Returned jobs[WIRE_BATCH_MAX], *list[WIRE_BATCH_MAX];
	size_t n = 0;
	for (; n < m->count && n < WIRE_BATCH_MAX; n++) {
		sciame__returned__init(&jobs[n]);
		jobs[n].job = m->returned[n].job;
		jobs[n].attempt = m->returned[n].attempt;
		list[n] = &jobs[n];
	}
	Sciame__Refused body = SCIAME__REFUSED__INIT;
	body.number = m->number;
	body.n_jobs = n;
	body.jobs = list;
	envelope->body_case = SCIAME__ENVELOPE__BODY_REFUSED;
	envelope->refused = &body;
	finish(frame, envelope);
	return n;
}

static size_t pack_beat(struct frame *frame, Sciame__Envelope *envelope, const struct message *m)
{
	Sciame__Running running[WIRE_BATCH_MAX], *list[WIRE_BATCH_MAX];
	size_t n = 0;
	for (; n < m->count && n < WIRE_BATCH_MAX; n++) {
		sciame__running__init(&running[n]);
		running[n].job = m->running[n].job;
		running[n].attempt = m->running[n].attempt;
		running[n].since_ms = m->running[n].since_ms;
		list[n] = &running[n];
	}
	Sciame__Beat body = SCIAME__BEAT__INIT;
	body.number = m->number;
	body.queued = m->queued;
	body.received = m->received;
	body.draining = m->draining;
	body.n_running = n;
	body.running = list;
	envelope->body_case = SCIAME__ENVELOPE__BODY_BEAT;
	envelope->beat = &body;
	finish(frame, envelope);
	return n;
}

static void pack_hello(struct frame *frame, Sciame__Envelope *envelope, const struct message *m)
{
	Sciame__Hello body = SCIAME__HELLO__INIT;
	body.instance = binary(&m->instance, WIRE_ID_SIZE);
	body.name = binary_text(m->text);
	body.build = binary_text(m->build);
	body.lanes = m->lanes;
	body.pid = m->pid;
	envelope->body_case = SCIAME__ENVELOPE__BODY_HELLO;
	envelope->hello = &body;
	finish(frame, envelope);
}

static void pack_welcome(struct frame *frame, Sciame__Envelope *envelope, const struct message *m)
{
	Sciame__Welcome body = SCIAME__WELCOME__INIT;
	body.channel = m->channel;
	body.beat_ms = m->beat_ms;
	body.silence_ms = m->silence_ms;
	body.grace_ms = m->grace_ms;
	body.state = (Sciame__RunState)m->state;
	envelope->body_case = SCIAME__ENVELOPE__BODY_WELCOME;
	envelope->welcome = &body;
	finish(frame, envelope);
}

static void pack_state(struct frame *frame, Sciame__Envelope *envelope, const struct message *m)
{
	Sciame__State body = SCIAME__STATE__INIT;
	body.number = m->number;
	body.state = (Sciame__RunState)m->state;
	envelope->body_case = SCIAME__ENVELOPE__BODY_STATE;
	envelope->state = &body;
	finish(frame, envelope);
}

static void pack_ready(struct frame *frame, Sciame__Envelope *envelope, const struct message *m)
{
	Sciame__Ready body = SCIAME__READY__INIT;
	body.channel = m->channel;
	envelope->body_case = SCIAME__ENVELOPE__BODY_READY;
	envelope->ready = &body;
	finish(frame, envelope);
}

static void pack_ack(struct frame *frame, Sciame__Envelope *envelope, const struct message *m)
{
	Sciame__Ack body = SCIAME__ACK__INIT;
	body.number = m->number;
	envelope->body_case = SCIAME__ENVELOPE__BODY_ACK;
	envelope->ack = &body;
	finish(frame, envelope);
}

static void pack_goodbye(struct frame *frame, Sciame__Envelope *envelope, const struct message *m)
{
	Sciame__Goodbye body = SCIAME__GOODBYE__INIT;
	body.why = binary_text(m->text);
	body.code = m->code;
	envelope->body_case = SCIAME__ENVELOPE__BODY_GOODBYE;
	envelope->goodbye = &body;
	finish(frame, envelope);
}

static void pack_reject(struct frame *frame, Sciame__Envelope *envelope, const struct message *m)
{
	Sciame__Reject body = SCIAME__REJECT__INIT;
	body.why = binary_text(m->text);
	envelope->body_case = SCIAME__ENVELOPE__BODY_REJECT;
	envelope->reject = &body;
	finish(frame, envelope);
}

static void pack_evict(struct frame *frame, Sciame__Envelope *envelope, const struct message *m)
{
	Sciame__Evict body = SCIAME__EVICT__INIT;
	body.why = binary_text(m->text);
	envelope->body_case = SCIAME__ENVELOPE__BODY_EVICT;
	envelope->evict = &body;
	finish(frame, envelope);
}

size_t wire_pack(struct frame *frame, const struct message *m)
{
	Sciame__Envelope envelope = SCIAME__ENVELOPE__INIT;
	envelope.proto = WIRE_VERSION;
	envelope.run = binary(&m->header.run, WIRE_ID_SIZE);
	envelope.session = binary(&m->header.session, WIRE_ID_SIZE);
	envelope.epoch = m->header.epoch;
	switch (m->type) {
	case MESSAGE_JOBS:
		return pack_jobs(frame, &envelope, m);
	case MESSAGE_RESULTS:
		return pack_results(frame, &envelope, m);
	case MESSAGE_REFUSED:
		return pack_refused(frame, &envelope, m);
	case MESSAGE_BEAT:
		return pack_beat(frame, &envelope, m);
	case MESSAGE_HELLO:
		pack_hello(frame, &envelope, m);
		return 0;
	case MESSAGE_WELCOME:
		pack_welcome(frame, &envelope, m);
		return 0;
	case MESSAGE_READY:
		pack_ready(frame, &envelope, m);
		return 0;
	case MESSAGE_STATE:
		pack_state(frame, &envelope, m);
		return 0;
	case MESSAGE_ACK:
		pack_ack(frame, &envelope, m);
		return 0;
	case MESSAGE_GOODBYE:
		pack_goodbye(frame, &envelope, m);
		return 0;
	case MESSAGE_REJECT:
		pack_reject(frame, &envelope, m);
		return 0;
	case MESSAGE_EVICT:
		pack_evict(frame, &envelope, m);
		return 0;
	}
	abort(); /* a type that is none of the above was never a message */
}

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
		};
		if (job->id == 0 || job->attempt == 0)
			return refuse(err, "a job without number or attempt");
		if (!job->source || !job->target)
			return refuse(err, "a job's source or target");
		if (job->parameters_size > JOB_PARAMETERS_MAX)
			return refuse(err, "a job's parameters are too long");
	}
	m->count = body->n_jobs;
	m->jobs = d->jobs;
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
	return 0;
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
	m->count = body->n_running;
	m->running = d->running;
	return 0;
}

static int unpack_hello(const Sciame__Hello *body, struct message *m, struct error *err)
{
	m->text = text_field(body->name, WIRE_NAME_MAX);
	m->build = text_field(body->build, WIRE_NAME_MAX);
	m->lanes = body->lanes;
	m->pid = body->pid;
	if (!m->text || !m->build || !id_field(body->instance, &m->instance))
		return refuse(err, "a name in Hello");
	if (m->lanes < 1 || m->lanes > WIRE_LANES_MAX)
		return refuse(err, "count of lanes in Hello");
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

static int unpack_body(struct wire_decoder *d, const Sciame__Envelope *envelope, struct message *m,
	struct error *err)
{
	switch (envelope->body_case) {
	case SCIAME__ENVELOPE__BODY_HELLO:
		m->type = MESSAGE_HELLO;
		return unpack_hello(envelope->hello, m, err);
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
