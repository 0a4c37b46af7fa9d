/* SPDX-License-Identifier: MIT */
/*
 * ZeroMQ sockets as this program uses them: which pattern, who binds, which limits. The reasons
 * for each option are measured in proto/README.md.
 *
 * From the address of a master (common/endpoint.h) come the three kinds of endpoints: results
 * (PUSH -> PULL), state (PUB -> SUB) and one channel for each worker's session (PUSH -> PULL). The
 * master binds all of them, workers connect. Over TCP all of them are encrypted once their context
 * has keys (CURVE, RFC 26 of ZeroMQ); who is let in, common/gate.h decides.
 */
#ifndef SCIAME_COMMON_SOCKET_H
#define SCIAME_COMMON_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/keys.h"
#include "common/wire.h"

enum {
	SOCKET_TOPIC_MAX = 1 + WIRE_ID_SIZE, /* bytes: 'A' for all, or 'W' and a session */
	SOCKET_LARGE_MAX = (1 << 20) + 4096, /* bytes of a message of the depot */
	SOCKET_PEER_MAX = 64,                /* bytes of what ZeroMQ calls a routing id */
	SOCKET_DOMAIN_MAX = 32, /* bytes of the name that a gate knows a socket by, with the NUL */
};

struct socket_context;
struct socket;

/* NULL and *err when ZeroMQ can't start. close(NULL) is fine; it waits for what lingers. */
struct socket_context *socket_context_open(struct error *err);
void socket_context_close(struct socket_context *context);

/*
 * From now on each socket over TCP that is opened in the context encrypts and proves who it is.
 * master_key: what the master's public key must be; NULL in the master itself, which needs a gate
 * in the same context: without one it refuses everybody.
 */
void socket_context_secure(
	struct socket_context *context, const struct key_pair *own, const char *master_key);

/* Removes a private folder with the sockets in it: 0, or -1 when it stays. */
int socket_remove(const char *folder);

enum socket_role {
	SOCKET_MASTER_RESULTS, /* PULL, binds */
	SOCKET_MASTER_STATE,   /* PUB, binds */
	SOCKET_MASTER_CHANNEL, /* PUSH, binds */
	SOCKET_WORKER_RESULTS, /* PUSH, connects; what is queued survives close for 2 s */
	SOCKET_WORKER_STATE,   /* SUB, connects */
	SOCKET_WORKER_CHANNEL, /* PULL, connects, never again after a disconnect */
	SOCKET_MASTER_DEPOT,   /* ROUTER, binds; for socket_send_large and socket_receive_large */
	SOCKET_WORKER_DEPOT,   /* DEALER, connects; the same */
};

/*
 * For the gate alone: ZeroMQ's own context; who comes and goes at a socket and what goes wrong, as
 * events at an endpoint. Their reader connects first and reads until the socket is closed: ZeroMQ's
 * only thread for I/O waits when about 2,000 are unread, or when nobody is there to read.
 */
void *socket_context_raw(const struct socket_context *context);
int socket_monitor(struct socket *socket, const char *endpoint, struct error *err);

/*
 * channel: its number (endpoint_make); ignored for other roles. NULL and *err on failure. To a gate
 * the master's sockets are "results", "state" and "channel-NUMBER".
 */
struct socket *socket_open(struct socket_context *context, enum socket_role role,
	const char *address, uint32_t channel, struct error *err);
void socket_close(struct socket *socket);
/* The same, and nothing that is still queued leaves: close waits for none of it. */
void socket_abandon(struct socket *socket);

/* 1 sent, 0 nobody is there or the other side is full, -1 failed. */
int socket_send(struct socket *socket, const struct frame *frame, struct error *err);

/* The same for SOCKET_MASTER_STATE: only subscribers of the topic get it. */
int socket_publish(struct socket *socket, const void *topic, size_t topic_size,
	const struct frame *frame, struct error *err);

/* Whether a channel of the master has somebody at its other end right now. */
bool socket_writable(struct socket *socket);

/* 1 received, 0 nothing there, -1 failed. Messages too long or of several parts are dropped. */
int socket_receive(struct socket *socket, struct frame *frame, struct error *err);

/* Who sent a large message, and gets the answer. */
struct socket_peer {
	size_t size;
	uint8_t bytes[SOCKET_PEER_MAX];
};

/*
 * Messages of the depot, up to SOCKET_LARGE_MAX bytes. peer: the master's other side, NULL in the
 * worker. 1 sent, 0 nobody is there or the other side is full, -1 failed.
 */
int socket_send_large(struct socket *socket, const struct socket_peer *peer, const void *bytes,
	size_t size, struct error *err);
/* 1 received, 0 nothing there, -1 failed. buffer has SOCKET_LARGE_MAX bytes. */
int socket_receive_large(struct socket *socket, struct socket_peer *peer, void *buffer,
	size_t *size, struct error *err);

/* By what name the gate let in the sender of the frame received last; "" where there is no gate. */
const char *socket_sender(const struct socket *socket);

/* For SOCKET_WORKER_STATE: whose messages to get. */
int socket_subscribe(
	struct socket *socket, const void *topic, size_t topic_size, struct error *err);

struct poll_item {
	struct socket *socket; /* or NULL, then fd */
	int fd;
	bool for_sending; /* wait until it can be written instead of read */
	bool ready;       /* set by socket_poll; also for an error or a hang-up */
};

/* Waits until an item is ready or the time is over (-1: no limit). EINTR counts as time over. */
int socket_poll(struct poll_item *items, size_t count, int64_t timeout_ms, struct error *err);

#endif
