/* SPDX-License-Identifier: MIT */
/*
 * What the session's own files share. Nobody else includes this.
 *
 *   session.c        the conversation: what the master says, reports, beats
 *   session_join.c   how a session begins, ends, and begins again
 */
#ifndef SCIAME_WORKER_SESSION_STATE_H
#define SCIAME_WORKER_SESSION_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/endpoint.h"
#include "worker/session.h"

enum { SESSION_HELLO_FIRST_MS = 2 }; /* the first Hello is repeated after this */

/* One packed report, kept until the master has it. */
struct kept {
	struct kept *next;
	uint64_t number;
	bool sent;
	size_t size;
	uint8_t bytes[];
};

struct session {
	struct socket_context *context;
	struct socket *results, *state, *channel;
	char address[ENDPOINT_ADDRESS_MAX];
	struct wire_header header;
	struct wire_id instance;
	struct wire_decoder *decoder;
	struct session_options options; /* but for the address and the keys, which are copied */
	uint32_t channel_number, beat_ms, silence_ms, grace_ms;
	bool active, again;              /* again: it is not the first join */
	bool depot;                      /* of the master that it joined last */
	char refusal[ERROR_MESSAGE_MAX]; /* why, the last time; told once */
	int64_t joining_ms;              /* since when */
	int64_t opened_ms;               /* when its sockets were opened */
	int64_t active_ms, heard_ms;     /* since when; the last word of the master */
	bool finished;                   /* its last word was that the run is done */
	int64_t hello_ms, hello_wait_ms; /* when; the wait after it, or its upper limit */
	int64_t beat_at_ms, resend_at_ms;
	uint64_t beats, reports, received; /* numbers given so far; jobs */
	struct wire_id saved_run;          /* of the last session that was active */
	uint32_t saved_epoch;              /* the same: each numbers its own jobs */
	struct result *saved;              /* successes that its master may not know of */
	size_t saved_count;
	unsigned strikes;
	struct kept *first, **last;
	size_t results_count, refused_count;
	struct result waiting[WIRE_BATCH_MAX];
	struct returned refused[WIRE_BATCH_MAX];
	struct frame frame;
};

/* 1 sent, 0 nobody is there, -1 failed. */
int session_send(struct session *session, struct message *message, struct error *err);
void session_drop_report(struct session *session);

/* Of a session with a number of its own. */
int session_open_sockets(struct session *session, struct error *err);

/* Says Hello when that is due. */
int session_join(struct session *session, int64_t now_ms, struct error *err);
bool session_is_orphan(const struct session *session, int64_t now_ms);

/* 1: the session has just become active. */
int session_on_welcome(struct session *session, const struct message *message, struct error *err);
int session_on_reject(struct session *session, const struct message *message, struct error *err);

#endif
