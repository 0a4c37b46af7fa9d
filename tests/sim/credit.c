/* SPDX-License-Identifier: MIT */
#include "tests/sim/credit.h"

#include <math.h>

/* The scheduler keeps the mean in whole parts of a nanosecond. */
static const double tolerance_us = 0.002;

static uint64_t for_mean(uint32_t slots, double mean_us)
{
	double least = slots + 1.0;
	double credits = slots * (1.0 + ceil(250000.0 / mean_us));
	return (uint64_t)fmin(fmax(credits, least), fmax(1024.0, least));
}

void credit_init(struct credit *credit, uint32_t slots)
{
	*credit = (struct credit) { .slots = slots, .low = slots + 1, .high = slots + 1 };
}

void credit_learn(struct credit *credit, uint32_t duration_us)
{
	double duration = duration_us == 0 ? 1.0 : duration_us;
	if (credit->mean_us > 0)
		credit->mean_us += (duration - credit->mean_us) / 16;
	else
		credit->mean_us = duration;
	credit->low = for_mean(credit->slots, credit->mean_us + tolerance_us);
	credit->high = for_mean(credit->slots, credit->mean_us - tolerance_us);
}
