/* SPDX-License-Identifier: MIT */
#include "tests/cluster/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

void flow_put(
	struct flow *flow, enum packet_type type, int64_t due_us, const void *data, size_t size)
{
	assert((size > 0) == (type == PACKET_DATA));
	struct packet *packet = xmalloc(sizeof(*packet) + size);
	/* a delay that was made shorter must not let later bytes overtake earlier ones */
	if (flow->last && flow->last->due_us > due_us)
		due_us = flow->last->due_us;
	*packet = (struct packet) { .due_us = due_us, .type = type, .size = size };
	if (size > 0)
		memcpy(packet->data, data, size);
	if (flow->last)
		flow->last->next = packet;
	else
		flow->first = packet;
	flow->last = packet;
	flow->held += sizeof(*packet) + size;
}

void flow_take(struct flow *flow, size_t size)
{
	struct packet *packet = flow->first;
	assert(packet);
	assert(size <= packet->size - packet->taken);
	packet->taken += size;
	if (packet->taken < packet->size)
		return;
	flow->first = packet->next;
	if (!flow->first)
		flow->last = NULL;
	flow->held -= sizeof(*packet) + packet->size;
	free(packet);
}

void flow_clear(struct flow *flow)
{
	while (flow->first)
		flow_take(flow, flow->first->size - flow->first->taken);
}
