/* SPDX-License-Identifier: MIT */
/*
 * Who may connect to the master's sockets of one context: the handler of ZAP (RFC 27 of ZeroMQ), a
 * thread of its own, so that strangers never wait for, or hold up, the master's loop. It lets in
 * who proves to have an allowed key, by the mechanism CURVE and by no other; on "channel-N" only
 * the name that the channel was given to. What it refuses it counts, and so are connections that
 * fail before a key was shown.
 *
 *     gate_open (before any socket that it guards) ... gate_watch(gate, socket) ...
 *     gate_assign(gate, channel, name) ... gate_refresh each second ... gate_close (after them)
 */
#ifndef SCIAME_COMMON_GATE_H
#define SCIAME_COMMON_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/keys.h"
#include "common/socket.h"

struct gate;

/* What was refused since the last gate_counts. */
struct gate_counts {
	uint64_t strangers;   /* keys that nobody allowed, or another mechanism than CURVE */
	uint64_t misdirected; /* allowed, but at another one's channel */
	uint64_t broken;      /* ended or took too long before they had proved anything (also who
			       * left first over the mechanism); where nothing more can be
			       * accepted, one for as long as that lasts */
	char last[64];        /* address of the stranger refused last, or "" */
};

/* allowed: the file with the list, kept by name. NULL and *err on failure. */
struct gate *gate_open(struct socket_context *context, const char *allowed, struct error *err);
/* After the sockets that it guards, before their context. NULL is fine. */
void gate_close(struct gate *gate);

/*
 * Counts what fails at this socket of the master, too. Of what is no ZeroMQ at all, those that end
 * while somebody else gets in may be missed.
 */
int gate_watch(struct gate *gate, struct socket *socket, struct error *err);

/* Channel `channel` may be used by this name only; NULL: by nobody. Channels begin with nobody. */
void gate_assign(struct gate *gate, uint32_t channel, const char *name);

/*
 * Reads the list again if its file has changed; 1: it has. A list that can't be read leaves the
 * old one in force: -1 and *err, once; it is tried again each time.
 */
int gate_refresh(struct gate *gate, struct error *err);

/* Whether this name is (still) allowed. */
bool gate_allows(struct gate *gate, const char *name);

void gate_take_counts(struct gate *gate, struct gate_counts *counts);

#endif
