/* SPDX-License-Identifier: MIT */
/*
 * The workers that take part and the conversation with each (proto/README.md, master's side).
 *
 *   member: NEW --Hello--> WELCOMED --Ready--> ACTIVE --roster_drop--> gone
 *
 *     roster_receive(roster, &message, &member)   one thing that a worker said
 *     roster_give(roster, member, job)            a job for it; roster_flush sends them
 *     roster_tell(roster, state)                  the state of the run, repeated with each beat
 *     roster_tick(roster, now)                    beats and acknowledgements
 */
#ifndef SCIAME_MASTER_ROSTER_H
#define SCIAME_MASTER_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"
#include "common/socket.h"
#include "common/wire.h"

enum {
	ROSTER_MEMBERS_MAX = 1024,
	ROSTER_POLL_ITEMS = 2,
};

struct roster;

struct member {
	uint32_t number; /* 1, 2, 3 ... never used twice in a run */
	uint32_t lanes;
	bool active;
	char name[WIRE_NAME_MAX];
};

struct roster_options {
	const char *address; /* to bind; borrowed */
	uint32_t grace_ms;   /* told to workers */
};

struct roster *roster_open(const struct roster_options *options, struct error *err);
void roster_close(struct roster *roster);

/* Fills ROSTER_POLL_ITEMS items. */
void roster_poll(const struct roster *roster, struct poll_item *items);

/*
 * 1: *message (borrowed until the next call) from *member: READY (it has just become active),
 * RESULTS, REFUSED, BEAT or GOODBYE, each exactly once and in order. 0 nothing there, -1 failed.
 */
int roster_receive(
	struct roster *roster, struct message *message, struct member **member, struct error *err);

/* job is borrowed until it was sent or the member dropped: jobs leave in order. */
void roster_give(struct roster *roster, uint32_t member, const struct job *job);

/* Sends what was given, as far as the workers are connected. */
int roster_flush(struct roster *roster, struct error *err);

/*
 * A member that has not taken what was given to it for silence_ms: its channel is broken, and it
 * can only be lost. 0: there is none.
 */
uint32_t roster_stuck(const struct roster *roster, int64_t now_ms);

/* Ends the conversation with a member; what it had not been sent is forgotten. */
void roster_drop(struct roster *roster, uint32_t member);

/* All members' numbers, active or not yet, into list (ROSTER_MEMBERS_MAX); returns how many. */
size_t roster_members(const struct roster *roster, uint32_t *list);

int roster_tell(struct roster *roster, enum run_state state, struct error *err);
int roster_tick(struct roster *roster, int64_t now_ms, struct error *err);
int64_t roster_deadline_ms(const struct roster *roster);

#endif
