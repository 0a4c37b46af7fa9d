/* SPDX-License-Identifier: MIT */
/*
 * What strangers and broken peers do to the master: counted, and told at most once a minute, so
 * that no flood of theirs becomes one of the log.
 */
#ifndef SCIAME_MASTER_COMPLAINTS_H
#define SCIAME_MASTER_COMPLAINTS_H

#include <stdint.h>

#include "common/error.h"
#include "common/gate.h"

/* Zeroed at first. */
struct complaints {
	uint64_t malformed; /* messages that made no sense */
	uint64_t foreign;   /* messages in the name of somebody else's session */
	struct gate_counts gate;
	struct error last; /* why the last malformed one was dropped */
	int64_t say_at_ms; /* not before */
};

void complaints_malformed(struct complaints *complaints, const struct error *why);
void complaints_foreign(struct complaints *complaints);
void complaints_refused(struct complaints *complaints, const struct gate_counts *counts);

/*
 * One line about all since the last one, if there was anything and the minute is over; now_ms -1:
 * also if it is not, for there will be no other.
 */
void complaints_say(struct complaints *complaints, int64_t now_ms);

#endif
