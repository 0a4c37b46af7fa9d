/* SPDX-License-Identifier: MIT */
/*
 * ZeroMQ sockets as this program uses them: which pattern, who binds, which limits. The reasons
 * for each option are measured in proto/README.md.
 *
 * An address names a master: "ipc:DIRECTORY" (a private 0700 folder that holds the sockets).
 * From it come the three kinds of endpoints: results (PUSH -> PULL), state (PUB -> SUB) and one
 * channel for each worker's session (PUSH -> PULL). The master binds all of them, workers connect.
 */
#ifndef SCIAME_COMMON_SOCKET_H
#define SCIAME_COMMON_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/wire.h"

enum {
	SOCKET_TOPIC_MAX = 1 + WIRE_ID_SIZE, /* bytes: 'A' for all, or 'W' and a session */
	SOCKET_ADDRESS_MAX = 80, /* bytes of an ipc address with the NUL: sun_path holds 108 */
};

struct socket_context;
struct socket;

/* NULL and *err when ZeroMQ can't start. close(NULL) is fine; it waits for what lingers. */
struct socket_context *socket_context_open(struct error *err);
void socket_context_close(struct socket_context *context);

/* Removes the private folder of an address with the sockets in it: 0, or -1 when it stays. */
int socket_remove(const char *address);

enum socket_role {
	SOCKET_MASTER_RESULTS, /* PULL, binds */
	SOCKET_MASTER_STATE,   /* PUB, binds */
	SOCKET_MASTER_CHANNEL, /* PUSH, binds */
	SOCKET_WORKER_RESULTS, /* PUSH, connects; what is queued survives close for 2 s */
	SOCKET_WORKER_STATE,   /* SUB, connects */
	SOCKET_WORKER_CHANNEL, /* PULL, connects, never again after a disconnect */
};

/* channel: its number; ignored for other roles. NULL and *err on failure. */
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
