/* SPDX-License-Identifier: MIT */
/*
 * How many jobs a worker may hold, computed from the formula of proto/README.md ("Credits") and
 * not from the scheduler's source: in floating point, as a range that allows for the rounding
 * of either side.
 */
#ifndef SCIAME_TESTS_SIM_CREDIT_H
#define SCIAME_TESTS_SIM_CREDIT_H

#include <stdint.h>

struct credit {
	uint32_t slots;
	double mean_us; /* 0 before the first result */
	uint64_t low, high;
};

void credit_init(struct credit *credit, uint32_t slots);
void credit_learn(struct credit *credit, uint32_t duration_us);

#endif
