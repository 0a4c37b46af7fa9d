/* SPDX-License-Identifier: MIT */
/* All the chance that there is in the simulator: the same seed rolls the same numbers. */
#ifndef SCIAME_TESTS_SIM_DICE_H
#define SCIAME_TESTS_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

void dice_init(struct dice *dice, uint64_t seed);

/* low to high, both possible, all alike likely. */
uint64_t dice_between(struct dice *dice, uint64_t low, uint64_t high);

/* low to high, both 1 or more, every order of magnitude alike likely. */
uint64_t dice_magnitude(struct dice *dice, uint64_t low, uint64_t high);

/* True this often in a thousand. */
bool dice_chance(struct dice *dice, uint32_t per_mille);

#endif
