/* SPDX-License-Identifier: MIT */
/* Plain structs -> protobuf's form of the envelope -> bytes. The way back is in wire_unpack.c. */
#include "common/wire.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "proto/envelope.pb-c.h"

enum {
	ENVELOPE_OVERHEAD = 256, /* bytes of an envelope besides its jobs or results, and more */
	ITEM_OVERHEAD = 160,     /* the same of one job or result besides its bytes fields */
	LABEL_OVERHEAD = 2,      /* the same of a label besides its bytes */
	OUTPUT_OVERHEAD = 28,    /* the same of an output of a result besides its digest */
};

/* A batch of one always fits. */
_Static_assert(ENVELOPE_OVERHEAD + ITEM_OVERHEAD + 2 * JOB_LOCATION_MAX + JOB_PARAMETERS_MAX +
			       JOB_OUTPUTS_MAX * (LABEL_OVERHEAD + JOB_LABEL_MAX) <=
		       WIRE_MESSAGE_MAX,
	"a job fits a message");
_Static_assert(ENVELOPE_OVERHEAD + ITEM_OVERHEAD + RESULT_REPORT_MAX + RESULT_DETAIL_MAX +
			       JOB_OUTPUTS_MAX * (OUTPUT_OVERHEAD + JOB_DIGEST_SIZE + 2) <=
		       WIRE_MESSAGE_MAX,
	"a result fits a message");

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

/* Fills `to` and returns the bytes that the labels take in a message. */
static size_t labels_to_proto(ProtobufCBinaryData to[JOB_OUTPUTS_MAX], const struct job *job)
{
	size_t total = 0;
	for (uint32_t i = 0; i < job->labels_count; i++) {
		to[i] = binary_text(job->labels[i]);
		total += to[i].len + LABEL_OVERHEAD;
	}
	return total;
}

static size_t pack_jobs(struct frame *frame, Sciame__Envelope *envelope, const struct message *m)
{
	Sciame__Job jobs[WIRE_BATCH_MAX], *list[WIRE_BATCH_MAX];
	ProtobufCBinaryData labels[WIRE_BATCH_MAX][JOB_OUTPUTS_MAX];
	size_t n = 0, total = 0;
	for (; n < m->count && n < WIRE_BATCH_MAX; n++) {
		const struct job *job = &m->jobs[n];
		size_t source = strlen(job->source), target = strlen(job->target);
		size_t labels_size = labels_to_proto(labels[n], job);
		if (!fits(&total, source + target + job->parameters_size + labels_size, n))
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
		jobs[n].preserve = job->preserve;
		jobs[n].n_labels = job->labels_count;
		jobs[n].labels = labels[n];
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

/* The outputs of a batch of results. */
struct outputs_space {
	Sciame__Output outputs[WIRE_BATCH_MAX * JOB_OUTPUTS_MAX];
	Sciame__Output *list[WIRE_BATCH_MAX * JOB_OUTPUTS_MAX];
	size_t used;
};

/* What failed has made nothing. */
static uint32_t count_outputs(const struct result *result)
{
	return result->code == ERROR_NONE ? result->outputs_count : 0;
}

/* The bytes that they take in a message, at most. */
static size_t measure_outputs(const struct result *result)
{
	size_t total = 0;
	for (uint32_t i = 0; i < count_outputs(result); i++) {
		total += OUTPUT_OVERHEAD;
		if (result->outputs[i].has_digest)
			total += JOB_DIGEST_SIZE + 2;
	}
	return total;
}

static void outputs_to_proto(
	struct outputs_space *space, Sciame__Result *to, const struct result *from)
{
	to->n_outputs = count_outputs(from);
	to->outputs = space->list + space->used;
	for (size_t i = 0; i < to->n_outputs; i++) {
		const struct produced *produced = &from->outputs[i];
		Sciame__Output *output = &space->outputs[space->used];
		sciame__output__init(output);
		output->bytes = produced->bytes;
		output->width = produced->width;
		output->height = produced->height;
		if (produced->has_digest)
			output->digest = binary(produced->digest, sizeof(produced->digest));
		space->list[space->used++] = output;
	}
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
	struct outputs_space outputs;
	outputs.used = 0;
	size_t n = 0, total = 0;
	for (; n < m->count; n++) {
		const struct result *result = &m->results[n];
		size_t size = result->report_size + strlen(result->detail);
		if (!fits(&total, size + measure_outputs(result), n))
			break;
		result_to_proto(&results[n], result);
		outputs_to_proto(&outputs, &results[n], result);
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
	body.load = m->load;
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
	ProtobufCBinaryData roots[WIRE_ROOTS_MAX];
	body.instance = binary(&m->instance, WIRE_ID_SIZE);
	body.name = binary_text(m->text);
	body.build = binary_text(m->build);
	body.lanes = m->lanes;
	body.pid = m->pid;
	for (; body.n_roots < m->count && body.n_roots < WIRE_ROOTS_MAX; body.n_roots++)
		roots[body.n_roots] = binary_text(m->roots[body.n_roots]);
	body.roots = roots;
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
	body.port = m->port;
	body.depot = m->depot;
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

static void pack_ask(struct frame *frame, Sciame__Envelope *envelope)
{
	Sciame__Ask body = SCIAME__ASK__INIT;
	envelope->body_case = SCIAME__ENVELOPE__BODY_ASK;
	envelope->ask = &body;
	finish(frame, envelope);
}

static void member_to_proto(Sciame__Member *to, const struct wire_member *from)
{
	sciame__member__init(to);
	to->name = binary_text(from->name);
	to->pid = from->pid;
	to->lanes = from->lanes;
	to->build = binary_text(from->build);
	to->load = from->load;
	to->running = from->running;
	to->queued = from->queued;
	to->done = from->done;
	to->seconds = from->seconds;
	to->key = binary_text(from->key);
	to->draining = from->draining;
}

static void pack_members(struct frame *frame, Sciame__Envelope *envelope, const struct message *m)
{
	Sciame__Member members[WIRE_MEMBERS_MAX], *list[WIRE_MEMBERS_MAX];
	Sciame__Members body = SCIAME__MEMBERS__INIT;
	for (; body.n_members < m->count && body.n_members < WIRE_MEMBERS_MAX; body.n_members++) {
		member_to_proto(&members[body.n_members], &m->members[body.n_members]);
		list[body.n_members] = &members[body.n_members];
	}
	body.number = (uint32_t)m->number;
	body.last = m->last;
	body.members = list;
	envelope->body_case = SCIAME__ENVELOPE__BODY_MEMBERS;
	envelope->members = &body;
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
	case MESSAGE_ASK:
		pack_ask(frame, &envelope);
		return 0;
	case MESSAGE_MEMBERS:
		pack_members(frame, &envelope, m);
		return 0;
	}
	abort(); /* a type that is none of the above was never a message */
}
