/* SPDX-License-Identifier: MIT */
/*
 * What a worker and the master's depot say to each other about the files of a job, as bytes and
 * back: proto/depot.proto <-> a plain struct, with every limit.
 */
#ifndef SCIAME_COMMON_DEPOT_H
#define SCIAME_COMMON_DEPOT_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/socket.h"
#include "common/wire.h"

enum {
	DEPOT_PIECE_MAX = 1 << 20, /* bytes of a file in one message */
	DEPOT_WINDOW = 4,          /* pieces of one file that may be on their way */
};

/* The same numbers as DepotAct in depot.proto. */
enum depot_act {
	DEPOT_GET = 1,
	DEPOT_PIECE = 2,
	DEPOT_PUT = 3,
	DEPOT_STORED = 4,
	DEPOT_FAILED = 5,
};

struct depot_message {
	enum depot_act act;
	struct wire_id
		run; /* with the epoch: whose job it is; each start of a master numbers its own */
	uint32_t epoch;
	uint64_t job;
	uint32_t attempt;
	uint64_t offset;     /* GET, PIECE, PUT: of the piece; STORED: bytes that have arrived */
	uint64_t total;      /* PIECE, PUT, STORED: bytes of the whole file */
	int64_t mtime_ns;    /* PIECE */
	const uint8_t *data; /* PIECE, PUT; borrowed */
	size_t size;
	uint32_t output;        /* PUT, and what answers it: which of the job's outputs */
	uint32_t width, height; /* PUT, its last piece: of a picture */
	struct error why;       /* FAILED */
};

/* Returns the bytes used of the buffer, which has SOCKET_LARGE_MAX. */
size_t depot_pack(uint8_t *buffer, const struct depot_message *message);

struct depot_decoder;
struct depot_decoder *depot_decoder_new(void);
void depot_decoder_free(struct depot_decoder *decoder);

/* What *message points to is the decoder's until the next call. */
int depot_unpack(struct depot_decoder *decoder, const uint8_t *bytes, size_t size,
	struct depot_message *message, struct error *err);

#endif
