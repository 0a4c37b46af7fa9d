/* SPDX-License-Identifier: MIT */
/* SplitMix64: one word of state, good enough to draw faults with. */
#include "tests/sim/dice.h"

#include <assert.h>

static uint64_t roll(struct dice *dice)
{
	dice->state += UINT64_C(0x9E3779B97F4A7C15);
	uint64_t z = dice->state;
	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

void dice_init(struct dice *dice, uint64_t seed)
{
	dice->state = seed;
}

uint64_t dice_between(struct dice *dice, uint64_t low, uint64_t high)
{
	assert(low <= high);
	return low + roll(dice) % (high - low + 1);
}

uint64_t dice_magnitude(struct dice *dice, uint64_t low, uint64_t high)
{
	assert(low >= 1);
	assert(low <= high);
	uint32_t doublings = 0;
	while (high >> doublings > low)
		doublings++;
	uint64_t from = low << dice_between(dice, 0, doublings);
	if (from > high)
		from = high;
	return dice_between(dice, from, from > high / 2 ? high : from * 2);
}

bool dice_chance(struct dice *dice, uint32_t per_mille)
{
	return roll(dice) % 1000 < per_mille;
}
