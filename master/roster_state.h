/* SPDX-License-Identifier: MIT */
/*
 * What the roster's own files share. Nobody else includes this.
 *
 *   roster.c         the conversation: what workers say, what they are told
 *   roster_seats.c   who is there: sessions, processes, connections
 *   roster_answer.c  who is there, for people
 */
#ifndef SCIAME_MASTER_ROSTER_STATE_H
#define SCIAME_MASTER_ROSTER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"
#include "master/complaints.h"
#include "master/entrance.h"
#include "master/roster.h"

/* A process of a worker, so that its sessions are known as such. */
struct node {
	struct wire_id instance;
	uint32_t number;    /* 0: none */
	const char *banned; /* why, or NULL */
};

struct seat {
	struct member member; /* number 0: the seat is free */
	struct wire_id session, instance;
	struct entrance *entrance; /* where it came in, and what it says has to come in */
	struct channel channel;
	uint64_t seen, acked; /* reports */
	int64_t welcomed_ms;
	int64_t broken_ms; /* since when its channel has no peer; 0: it has, or had none yet */
	int64_t called_ms; /* when it was told last that its connection broke */
	bool connected;    /* its channel had a peer once */
	bool superseded;   /* its process has another session */
	size_t given, capacity;
	struct job *outbox;  /* the oldest first; what they point to is in */
	struct job **copies; /* these, one for each */
	/* for people */
	char build[WIRE_NAME_MAX];
	uint32_t load, running, queued; /* as its last beat has it */
	uint64_t done;
	bool draining;
};

/* Whether its connection has been broken for so long that all that it had sent is read. */
bool roster_is_cut_off(const struct seat *seat, int64_t now_ms);

struct roster {
	struct roster_options options;
	struct entrance *entrances[ROSTER_ENTRANCES_MAX];
	struct wire_header header;
	struct wire_decoder *decoder;
	enum run_state run_state;
	uint64_t states; /* numbers given so far */
	uint32_t last_number, last_node;
	int64_t beat_at_ms, look_at_ms, expect_until_ms, refresh_at_ms;
	struct complaints complaints;
	struct roster_peak peak;
	size_t count; /* seats in use are below this */
	struct seat seats[ROSTER_MEMBERS_MAX];
	char host[WIRE_NAME_MAX];
	struct node nodes[ROSTER_NODES_MAX]; /* a ring: the oldest makes room */
	struct frame frame;
};

struct seat *roster_seat(struct roster *roster, uint32_t number);
struct seat *roster_session(struct roster *roster, const struct wire_id *session);
struct node *roster_node(struct roster *roster, const struct wire_id *instance);

/*
 * A new session: a seat, and a channel of its own that `sender` alone may use. NULL and *err when
 * there is no room.
 */
struct seat *roster_admit(struct roster *roster, const struct message *hello,
	struct entrance *entrance, struct error *err);
void roster_release(struct seat *seat);

/* The seat's member takes part from now on. */
void roster_activate(struct roster *roster, struct seat *seat);

/* Says something to one session at the entrance where it came in. */
int roster_tell_one(struct roster *roster, struct entrance *entrance, const struct wire_id *session,
	struct message *message, struct error *err);

/* Answers an Ask of this session. */
int roster_answer(struct roster *roster, struct entrance *entrance, const struct wire_id *session,
	struct error *err);

#endif
