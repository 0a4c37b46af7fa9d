/* SPDX-License-Identifier: MIT */
/* Seeds that once broke a rule, and what they found: they are run first, so none comes back. */
#ifndef SCIAME_TESTS_SIM_SEEDS_H
#define SCIAME_TESTS_SIM_SEEDS_H

#include <stddef.h>
#include <stdint.h>

struct seed {
	uint64_t number;
	const char *found;
};

extern const struct seed seeds[];
extern const size_t seeds_count;

#endif
