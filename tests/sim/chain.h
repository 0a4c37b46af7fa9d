/* SPDX-License-Identifier: MIT */
/*
 * Lists of the numbers 0, 1 ... count - 1. Chains that share their nodes share their numbers:
 * each number is in at most one of them.
 */
#ifndef SCIAME_TESTS_SIM_CHAIN_H
#define SCIAME_TESTS_SIM_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#define CHAIN_END UINT32_MAX

struct chain_node {
	uint32_t previous, next;
	bool linked;
};

struct chain {
	uint32_t first, last; /* CHAIN_END: empty */
	uint32_t count;
};

void chain_init(struct chain *chain);
void chain_push_first(struct chain *chain, struct chain_node *nodes, uint32_t number);
void chain_push_last(struct chain *chain, struct chain_node *nodes, uint32_t number);

/* number is in this chain. */
void chain_remove(struct chain *chain, struct chain_node *nodes, uint32_t number);

#endif
