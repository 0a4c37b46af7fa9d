/* SPDX-License-Identifier: MIT */
/* The only reader of clocks. All times of the program are CLOCK_MONOTONIC, the same in every
 * process of one host, but for what is kept from run to run. */
#ifndef SCIAME_COMMON_CLOCK_H
#define SCIAME_COMMON_CLOCK_H

#include <stdint.h>

int64_t clock_ms(void);
int64_t clock_us(void);

/* The time of day, in seconds since 1970 UTC. It may jump. */
int64_t clock_wall_s(void);

#endif
