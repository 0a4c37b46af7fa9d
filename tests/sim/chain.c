/* SPDX-License-Identifier: MIT */
#include "tests/sim/chain.h"

#include <assert.h>

static void join(struct chain *chain, struct chain_node *nodes, uint32_t before, uint32_t after)
{
	if (before == CHAIN_END)
		chain->first = after;
	else
		nodes[before].next = after;
	if (after == CHAIN_END)
		chain->last = before;
	else
		nodes[after].previous = before;
}

static void insert(struct chain *chain, struct chain_node *nodes, uint32_t before, uint32_t number)
{
	assert(!nodes[number].linked);
	uint32_t after = before == CHAIN_END ? chain->first : nodes[before].next;
	nodes[number].linked = true;
	join(chain, nodes, before, number);
	join(chain, nodes, number, after);
	chain->count++;
}

void chain_init(struct chain *chain)
{
	*chain = (struct chain) { .first = CHAIN_END, .last = CHAIN_END };
}

void chain_push_first(struct chain *chain, struct chain_node *nodes, uint32_t number)
{
	insert(chain, nodes, CHAIN_END, number);
}

void chain_push_last(struct chain *chain, struct chain_node *nodes, uint32_t number)
{
	insert(chain, nodes, chain->last, number);
}

void chain_remove(struct chain *chain, struct chain_node *nodes, uint32_t number)
{
	assert(nodes[number].linked);
	join(chain, nodes, nodes[number].previous, nodes[number].next);
	nodes[number].linked = false;
	chain->count--;
}
