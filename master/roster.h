/* SPDX-License-Identifier: MIT */
/*
 * The workers that take part and the conversation with each (proto/README.md, master's side).
 *
 *   member: NEW --Hello--> WELCOMED --Ready--> ACTIVE --roster_gone, roster_drop--> gone
 *
 *     roster_receive(roster, &message, &member)   one thing that a worker said
 *     roster_give(roster, member, job)            a job for it; roster_flush sends them
 *     roster_tell(roster, state)                  the state of the run, repeated with each beat
 *     roster_tick(roster, now)                    beats and acknowledgements
 *     roster_gone(roster, now, &blame)            one whose connection has dropped
 */
#ifndef SCIAME_MASTER_ROSTER_H
#define SCIAME_MASTER_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"
#include "common/keys.h"
#include "common/socket.h"
#include "common/wire.h"
#include "master/entrance.h"

enum {
	ROSTER_MEMBERS_MAX = 1024,
	ROSTER_ENTRANCES_MAX = 2,
	ROSTER_POLL_ITEMS = ROSTER_ENTRANCES_MAX + 1,
	ROSTER_NODES_MAX = 4096, /* processes of workers that are remembered */
};

struct roster;

struct member {
	uint32_t number; /* 1, 2, 3 ... never used twice in a run */
	uint32_t node;   /* 1, 2, 3 ... the same for all sessions of one process */
	uint32_t lanes;
	uint32_t pid;
	bool active;
	bool remote;              /* it came over TCP */
	char name[WIRE_NAME_MAX]; /* of its host */
	char key[KEYS_NAME_MAX];  /* the name of its key, "" without one */
};

struct roster_options {
	/* where to join; what they point to is borrowed until roster_close */
	struct entrance_options entrances[ROSTER_ENTRANCES_MAX];
	size_t entrances_count;
	uint32_t grace_ms;  /* told to workers */
	struct wire_id run; /* what has this id belongs together, over all epochs */
	uint32_t epoch;     /* 1, one more for each start of the master in a run */
	/* "NAME=FOLDER": who does not serve a root of each name is not let in where there is no
	 * depot; borrowed */
	char *const *roots;
	size_t roots_count;
};

struct roster *roster_open(const struct roster_options *options, struct error *err);
void roster_close(struct roster *roster);

/* Fills ROSTER_POLL_ITEMS items. */
void roster_poll(const struct roster *roster, struct poll_item *items);

/*
 * 1: *message (borrowed until the next call) from *member: READY (it has just become active),
 * RESULTS, REFUSED, BEAT or GOODBYE, each exactly once and in order. *member NULL: RESULTS of a
 * session of this epoch that has ended; they may come again. 0 nothing there, -1 failed.
 */
int roster_receive(
	struct roster *roster, struct message *message, struct member **member, struct error *err);

/* Jobs leave in order; job is copied, for it may be settled before it is sent. */
void roster_give(struct roster *roster, uint32_t member, const struct job *job);

/* Sends what was given, as far as the workers are connected. */
int roster_flush(struct roster *roster, struct error *err);

/*
 * The next active member that has gone and is to be dropped, or NULL. *blame: its connection broke,
 * and what it had sent has arrived; else its process has joined anew. Looks from time to time
 * only, or at each call when somebody is expected to go (roster_expect_gone).
 */
const struct member *roster_gone(struct roster *roster, int64_t now_ms, bool *blame);
void roster_expect_gone(struct roster *roster);

/* Tells a member that its session has ended for the master. It is to be dropped as well. */
int roster_evict(struct roster *roster, uint32_t member, const char *why, struct error *err);

/* The process of this member is not let in again. why: borrowed, a constant. */
void roster_ban(struct roster *roster, uint32_t member, const char *why);

/* Ends the conversation with a member; what it had not been sent is forgotten. */
void roster_drop(struct roster *roster, uint32_t member);

/*
 * How many members are active, and how many of them came over TCP; and how many processes and lanes
 * were so at once, at the most.
 */
size_t roster_count(const struct roster *roster);
size_t roster_count_remote(const struct roster *roster);
struct roster_peak {
	uint32_t workers, lanes;
};
struct roster_peak roster_peak(const struct roster *roster);

/* The member with this number, or NULL. */
const struct member *roster_find(const struct roster *roster, uint32_t number);
/* The member, active or not yet, that is process pid of this host, or NULL. */
const struct member *roster_find_local(const struct roster *roster, uint32_t pid);

/* The depot's socket of the entrance that has one, or NULL. */
struct socket *roster_depot(const struct roster *roster);

int roster_tell(struct roster *roster, enum run_state state, struct error *err);
int roster_tick(struct roster *roster, int64_t now_ms, struct error *err);
int64_t roster_deadline_ms(const struct roster *roster);

#endif
