/* SPDX-License-Identifier: MIT */
#include "common/depot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/job.h"
#include "common/memory.h"
#include "proto/depot.pb-c.h"

enum {
	VERSION = 2,                          /* as in depot.proto */
	ARENA_SIZE = SOCKET_LARGE_MAX + 4096, /* nothing of it is larger unpacked than packed */
};

/* What unpacking allocates; emptied as a whole. */
struct depot_decoder {
	size_t used;
	uint8_t arena[ARENA_SIZE];
};

struct depot_decoder *depot_decoder_new(void)
{
	return xmalloc(sizeof(struct depot_decoder));
}

void depot_decoder_free(struct depot_decoder *decoder)
{
	free(decoder);
}

static void *arena_alloc(void *data, size_t size)
{
	struct depot_decoder *decoder = data;
	size_t need = (size + 15) & ~(size_t)15;
	if (size >= ARENA_SIZE || need > ARENA_SIZE - decoder->used)
		return NULL;
	uint8_t *block = decoder->arena + decoder->used;
	decoder->used += need;
	return block;
}

static void arena_free(void *data, void *block)
{
	(void)data;
	(void)block; /* the arena is emptied as a whole */
}

static ProtobufCBinaryData binary(const void *data, size_t size)
{
	return (ProtobufCBinaryData) { .len = size, .data = (uint8_t *)data };
}

size_t depot_pack(uint8_t *buffer, const struct depot_message *m)
{
	Sciame__DepotMessage body = SCIAME__DEPOT_MESSAGE__INIT;
	assert(m->size <= DEPOT_PIECE_MAX);
	body.proto = VERSION;
	body.act = (Sciame__DepotAct)m->act;
	body.run = binary(&m->run, WIRE_ID_SIZE);
	body.epoch = m->epoch;
	body.job = m->job;
	body.attempt = m->attempt;
	body.offset = m->offset;
	body.total = m->total;
	body.mtime_ns = m->mtime_ns;
	body.data = binary(m->data, m->size);
	body.output = m->output;
	body.width = m->width;
	body.height = m->height;
	if (m->act == DEPOT_FAILED) {
		size_t length = strlen(m->why.message);
		body.code = m->why.code;
		body.error_number = (uint32_t)m->why.number;
		body.detail = binary(m->why.message,
			length < RESULT_DETAIL_MAX ? length : RESULT_DETAIL_MAX - 1);
	}
	assert(sciame__depot_message__get_packed_size(&body) <= SOCKET_LARGE_MAX);
	return sciame__depot_message__pack(&body, buffer);
}

static int refuse(struct error *err, const char *what)
{
	return error_set(err, ERROR_PROTOCOL, "malformed message of the depot: %s", what);
}

static int unpack_why(const Sciame__DepotMessage *body, struct error *why, struct error *err)
{
	const ProtobufCBinaryData *detail = &body->detail;
	if (body->code == ERROR_NONE || body->code >= ERROR_CODES)
		return refuse(err, "code");
	if (detail->len >= RESULT_DETAIL_MAX || memchr(detail->data, 0, detail->len))
		return refuse(err, "detail");
	(void)error_set(why, (enum error_code)body->code, "%.*s", (int)detail->len,
		(const char *)detail->data);
	why->number = (int)(body->error_number & 0xFFFF);
	return 0;
}

static int unpack_body(const Sciame__DepotMessage *body, struct depot_message *m, struct error *err)
{
	if (body->act < SCIAME__DEPOT_ACT__DEPOT_ACT_GET ||
		body->act > SCIAME__DEPOT_ACT__DEPOT_ACT_FAILED)
		return refuse(err, "act");
	*m = (struct depot_message) {
		.act = (enum depot_act)body->act,
		.epoch = body->epoch,
		.job = body->job,
		.attempt = body->attempt,
		.offset = body->offset,
		.total = body->total,
		.mtime_ns = body->mtime_ns,
		.data = body->data.data,
		.size = body->data.len,
		.output = body->output,
		.width = body->width,
		.height = body->height,
	};
	if (body->run.len != WIRE_ID_SIZE)
		return refuse(err, "run");
	memcpy(&m->run, body->run.data, WIRE_ID_SIZE);
	if (m->job == 0 || m->attempt == 0 || m->size > DEPOT_PIECE_MAX)
		return refuse(err, "job, attempt or size");
	if (m->output >= JOB_OUTPUTS_MAX)
		return refuse(err, "output");
	if (m->total > INT64_MAX || m->offset > INT64_MAX)
		return refuse(err, "offset or total");
	if ((m->act == DEPOT_PIECE || m->act == DEPOT_PUT) &&
		(m->offset > m->total || m->size > m->total - m->offset))
		return refuse(err, "a piece beyond the end");
	return m->act == DEPOT_FAILED ? unpack_why(body, &m->why, err) : 0;
}

int depot_unpack(struct depot_decoder *decoder, const uint8_t *bytes, size_t size,
	struct depot_message *message, struct error *err)
{
	ProtobufCAllocator arena = { arena_alloc, arena_free, decoder };
	decoder->used = 0;
	const Sciame__DepotMessage *body = sciame__depot_message__unpack(&arena, size, bytes);
	if (!body)
		return refuse(err, "it is none");
	if (body->proto != VERSION)
		return refuse(err, "of another version");
	return unpack_body(body, message, err);
}
