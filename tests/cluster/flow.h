/* SPDX-License-Identifier: MIT */
/*
 * One direction of a connection on its way through the proxy: bytes, and how they end, each with
 * the time when it may go on. Order is kept: nothing becomes due before what came earlier. There
 * are no sockets here.
 */
#ifndef SCIAME_TESTS_CLUSTER_FLOW_H
#define SCIAME_TESTS_CLUSTER_FLOW_H

#include <stddef.h>
#include <stdint.h>

enum packet_type {
	PACKET_DATA,
	PACKET_CLOSE, /* the source sends no more: FIN */
	PACKET_BREAK, /* the source is gone: RST */
};

struct packet {
	struct packet *next;
	int64_t due_us;
	enum packet_type type;
	size_t size, taken; /* taken: of the front, by flow_take */
	char data[];
};

/* A zeroed flow is empty. */
struct flow {
	struct packet *first, *last;
	size_t held; /* bytes of memory in use */
};

/* Copies size bytes of data (none but in PACKET_DATA). */
void flow_put(
	struct flow *flow, enum packet_type type, int64_t due_us, const void *data, size_t size);

/* size bytes of the first packet have gone on; with the last of them the packet is dropped. */
void flow_take(struct flow *flow, size_t size);

void flow_clear(struct flow *flow);

#endif
