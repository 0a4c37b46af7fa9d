/* SPDX-License-Identifier: MIT */
/*
 * A roster and a worker that says what the test wants. Whatever fails here ends the test: these are
 * cmocka assertions.
 */
#ifndef SCIAME_TESTS_SUPPORT_STAGE_H
#define SCIAME_TESTS_SUPPORT_STAGE_H

#include <stdint.h>

#include "common/error.h"
#include "common/socket.h"
#include "common/wire.h"
#include "master/roster.h"

enum { STAGE_GRACE_MS = 1234 };

/* A worker's sockets without the worker. */
struct actor {
	struct wire_header header;
	struct wire_id instance;
	struct socket *results, *state, *channel;
};

struct stage {
	char *folder, *address;
	struct roster *roster;
	struct socket_context *context;
	struct wire_decoder *decoder;
	struct actor actor;
	struct frame frame;
	struct message message; /* received last */
	struct member *member;  /* from whom */
	struct error err;
};

/* cmocka's. */
int stage_setup(void **state);
int stage_teardown(void **state);

void actor_open(struct stage *f, struct actor *actor);
void actor_close(struct actor *actor);

/* Something that a worker says. */
void stage_say(struct stage *f, struct actor *actor, struct message message);
/* The next thing that the roster lets through. */
void stage_await_roster(struct stage *f);
/* Everything that was said before has been seen: the next that comes is this beat. */
void stage_await_nothing_but_beat(struct stage *f, struct actor *actor);
/* The next message on one of the worker's sockets. */
void stage_await_socket(struct stage *f, struct socket *socket);
/* What the roster says next, without the Welcomes that were not waited for. */
void stage_await_state(struct stage *f, enum message_type type);
/* Says Hello until the answer comes: the first answers may go where nobody listens yet. */
void stage_greet(struct stage *f, struct actor *actor, const char *build);
/* Until the worker is a member. */
void stage_join(struct stage *f, struct actor *actor);
/* A success of the job with this number, as the report with this number. */
void stage_say_results(struct stage *f, uint64_t number);

#endif
