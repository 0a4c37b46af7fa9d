/* SPDX-License-Identifier: MIT */
/*
 * A master that says what the test wants, and the session of a worker that listens to it. Whatever
 * fails here ends the test: these are cmocka assertions.
 */
#ifndef SCIAME_TESTS_SUPPORT_PUPPET_H
#define SCIAME_TESTS_SUPPORT_PUPPET_H

#include <stdint.h>

#include "common/error.h"
#include "common/socket.h"
#include "common/wire.h"
#include "master/roster.h"
#include "worker/session.h"

enum {
	PUPPET_LANES = 5,
	PUPPET_CHANNEL = 3,
	PUPPET_SILENCE_MS = 5000,
	PUPPET_ORPHAN_MS = 3600000, /* in no test but the one that is about it */
	PUPPET_LATER_MS = 60000,    /* after this everything is due, even when it was just done */
};

struct puppet {
	char *folder, *address;
	struct session *session;
	struct socket_context *context; /* of the puppet master, as all to wire_decoder */
	struct socket *results, *state, *channel;
	struct wire_header header; /* the session's, once it has said Hello */
	struct wire_decoder *decoder;
	struct roster *roster; /* or the real one */
	int64_t ahead_ms;      /* of the clock, see tick_later */
	struct member *member;
	struct frame frame;
	struct message message; /* received last, by whoever */
	struct error err;
};

/* cmocka's setup: a puppet and a session that looks for it, or neither yet; and their end. */
int puppet_setup(void **state);
int puppet_prepare(void **state);
int puppet_teardown(void **state);
/* After puppet_prepare; f->session is NULL when that fails. */
void puppet_open_session(struct puppet *f);

/* The next message from the session, which is given the time to send it. */
void puppet_await_worker(struct puppet *f);
/* The next message that the session lets through. */
void puppet_await_session(struct puppet *f);
void puppet_await_hello(struct puppet *f);
/* The next message of an active session, without the Readys that answer a repeated Welcome. */
void puppet_await_active(struct puppet *f);
void puppet_await_report(struct puppet *f, enum message_type type, uint64_t number);
/* Everything that was sent before has been seen: the next that comes is this beat. */
void puppet_await_nothing_but_beat(struct puppet *f);

/* Says something to the session alone; nobody there is no failure. */
void puppet_tell(struct puppet *f, struct message message);
void puppet_tell_all(struct puppet *f, enum run_state run_state);
/* What the puppet says to a Hello. */
struct message puppet_welcome(void);
void puppet_give(struct puppet *f, uint64_t id);

/* Welcomes until the session is active: the first may go where nobody listens yet. */
void puppet_join_run(struct puppet *f);
/* The same in a new run. */
void puppet_join(struct puppet *f);

/* Time flies: whatever is repeated without an answer is due. */
void puppet_tick_later(struct puppet *f);
void puppet_report(struct puppet *f, uint64_t job);
void puppet_flush(struct puppet *f);

#endif
