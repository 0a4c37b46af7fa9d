/* SPDX-License-Identifier: MIT */
/*
 * A master with keys and a gate at ports of loopback, for the tests of the gate; friends that come
 * as workers do, and strangers that come as they like. Whatever fails here ends the test.
 */
#ifndef SCIAME_TESTS_SUPPORT_GATED_H
#define SCIAME_TESTS_SUPPORT_GATED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/endpoint.h"
#include "common/gate.h"

struct gated {
	char *folder, *list, *address;
	uint32_t port;
	struct key_pair master, alice, bob, stranger; /* alice and bob are allowed */
	struct socket_context *context;
	struct gate *gate;
	struct socket *results, *state;
	struct gate_counts counts; /* all so far */
	uint64_t refused;          /* of any sort */
	struct frame frame;
	struct error err;
};

/* cmocka's. Ungated: keys and a context, but neither gate nor sockets. Channel 1 is alice's. */
int gated_setup(void **state);
int gated_setup_ungated(void **state);
int gated_teardown(void **state);
/* The master's results and state at new ports. */
void gated_open_sockets(struct gated *f);

/* Fails with f->err where status is negative. */
void gated_must(const struct gated *f, int status);
/* Waits a moment for the socket. */
void gated_wait_step(struct gated *f, struct socket *socket, bool for_sending);
void gated_send(struct gated *f, struct socket *socket, const char *text);
void gated_receives(struct gated *f, struct socket *socket, const char *text);
/* Adds to f->counts; waits until one of them, or `refused`, is large enough. */
void gated_take_counts(struct gated *f);
void gated_wait_for(struct gated *f, const uint64_t *count, uint64_t enough);

/* Somebody with keys, by the same code that workers use. */
struct friend
{
	struct socket_context *context;
	struct socket *socket;
};

struct friend friend_open(
	struct gated *f, enum socket_role role, const struct key_pair *own, uint32_t channel);
void friend_close(struct friend friend);
/* A friend's message is the next one that arrives, in his name. */
void gated_gets_in(struct gated *f, const struct key_pair *own, const char *name);

/* A raw socket of somebody who keeps to none of our rules. */
struct stranger {
	void *context, *socket;
};

struct stranger stranger_open(int type);
void stranger_curve(
	struct stranger s, const char *public_key, const char *secret_key, const char *server_key);
void stranger_connect(struct gated *f, struct stranger s, enum endpoint_part part);
void stranger_close(struct stranger s);

#endif
