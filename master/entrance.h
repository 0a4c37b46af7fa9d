/* SPDX-License-Identifier: MIT */
/*
 * One address at which workers join: the master's sockets there, who may use them, and the channels
 * that are free. A run has one in a private folder for the worker of its own host, one of TCP for
 * those that --listen invites, or both.
 */
#ifndef SCIAME_MASTER_ENTRANCE_H
#define SCIAME_MASTER_ENTRANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/gate.h"
#include "common/keys.h"
#include "common/socket.h"

struct entrance_options {
	const char *address;         /* common/endpoint.h; borrowed until entrance_close */
	const struct key_pair *keys; /* the master's, or NULL: nobody is asked for any */
	const char *allowed;         /* with keys: the file that lists who is let in */
	bool depot;                  /* files travel over it, too */
	uint32_t channels;           /* TCP: sessions at a time, to ENDPOINT_CHANNELS_MAX */
};

struct entrance;

/* A session's way in. */
struct channel {
	struct socket *socket;
	uint32_t port; /* of TCP, counted from the first of the channels */
};

struct entrance *entrance_open(const struct entrance_options *options, struct error *err);
/* After its channels. NULL is fine. */
void entrance_close(struct entrance *entrance);

/* Whether it is one of TCP. */
bool entrance_is_remote(const struct entrance *entrance);

struct socket *entrance_results(const struct entrance *entrance);
struct socket *entrance_state(const struct entrance *entrance);
/* SOCKET_MASTER_DEPOT, or NULL. */
struct socket *entrance_depot(const struct entrance *entrance);

/*
 * A channel for a session: number is its own and never used twice; only `sender` (socket_sender)
 * may connect to it. Of ports the one that has rested longest is taken.
 */
int entrance_open_channel(struct entrance *entrance, uint32_t number, const char *sender,
	struct channel *channel, struct error *err);
void entrance_close_channel(struct entrance *entrance, struct channel *channel);

/*
 * Once a second: reads the list of allowed keys again if it has changed, 1 then; -1: it can't be
 * read, and the old one stays in force.
 */
int entrance_refresh(struct entrance *entrance, struct error *err);
/* Whether who came by this name may (still) be here. */
bool entrance_allows(struct entrance *entrance, const char *sender);

/* What was refused since the last time; all zero where nobody is asked for a key. */
void entrance_take_counts(struct entrance *entrance, struct gate_counts *counts);

#endif
