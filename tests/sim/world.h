/* SPDX-License-Identifier: MIT */
/*
 * One seed's run: virtual workers, lanes, network and enumerator around a real scheduler, in
 * virtual time. First faults happen as the plan has drawn them; then comes the calm, and the
 * run must end within a bound of time and of events that follows from what is left to do.
 */
#ifndef SCIAME_TESTS_SIM_WORLD_H
#define SCIAME_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

struct verdict {
	uint64_t events;
	char broken[256]; /* the rule that was broken and how; empty: all hold */
};

struct verdict world_run(uint64_t seed, bool trace);

#endif
