/* SPDX-License-Identifier: MIT */
/* --halt: when so many jobs have failed that the rest is not worth it (as GNU parallel has it). */
#ifndef SCIAME_MASTER_HALT_H
#define SCIAME_MASTER_HALT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

enum { HALT_PERCENT_FAILURES_MIN = 3 }; /* a percentage of fewer failures says nothing */

enum halt_when {
	HALT_NEVER,
	HALT_SOON, /* what runs is finished */
	HALT_NOW,  /* what runs is ended */
};

struct halt {
	enum halt_when when;
	uint64_t failures; /* so many; 0: percent counts */
	uint32_t percent;  /* of the jobs settled so far, 1 to 100 */
};

/* "never", "soon,fail=3", "now,fail=10%". ERROR_USAGE with a message that has the text. */
int halt_parse(struct halt *halt, const char *text, struct error *err);

bool halt_reached(const struct halt *halt, uint64_t failed, uint64_t settled);

#endif
