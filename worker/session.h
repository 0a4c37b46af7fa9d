/* SPDX-License-Identifier: MIT */
/*
 * The worker's side of the conversation with one master (proto/README.md): joins, receives jobs
 * and the state of the run, and keeps every report until the master has acknowledged it.
 *
 *   JOINING --Welcome, Ready--> ACTIVE --session_goodbye--> closed
 *      ^                          |
 *      \------session_rejoin------/   silence, an eviction, a stop of the whole process
 *
 *     session_poll(session, items)        which sockets to wait for
 *     while (session_receive(...) > 0)    jobs and states, one message at a time
 *     session_report / session_refuse     what became of jobs; session_flush sends them
 *     session_tick(session, now)          Hello, Beat and what must be sent again
 */
#ifndef SCIAME_WORKER_SESSION_H
#define SCIAME_WORKER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"
#include "common/keys.h"
#include "common/socket.h"
#include "common/wire.h"

enum { SESSION_POLL_ITEMS = 2 };

struct session;

struct session_options {
	const char *address; /* of the master (common/endpoint.h), copied */
	uint32_t lanes;
	int64_t orphan_ms; /* without a Welcome for so long it gives up; 0 is no limit */
	const struct key_pair
		*keys; /* with master_key, what the other side has to prove; or NULL */
	const char *master_key;
	const char *const *roots; /* names of the folders that are served; borrowed */
	size_t roots_count;
	bool patient; /* a master that refuses it is asked again: the next one may not */
};

/* NULL and *err on failure. */
struct session *session_open(const struct session_options *options, struct error *err);
void session_close(struct session *session);

/* Fills SESSION_POLL_ITEMS items. */
void session_poll(const struct session *session, struct poll_item *items);

/*
 * 1 and a message (borrowed until the next call), 0 nothing there, -1 the session is over: the
 * master refused it (and it is not patient), or the network failed. The messages: WELCOME (the
 * session has just become active, in this state of the run), STATE, JOBS, EVICT (it has ended for
 * the master).
 */
int session_receive(struct session *session, struct message *message, struct error *err);

bool session_is_active(const struct session *session);
/*
 * A socket to the master's depot, which the caller closes, where files travel over it in this run:
 * 1; 0: they don't; -1 failed. To be closed before the session is.
 */
int session_open_depot(struct session *session, struct socket **socket, struct error *err);
/* Run and epoch of an active session. */
const struct wire_header *session_header(const struct session *session);
uint32_t session_grace_ms(const struct session *session);

/*
 * After how long without a word, or without having run, an active session must be given up: a
 * little before the master does so and gives its jobs to others. 0 while it joins.
 */
int64_t session_silence_max_ms(const struct session *session);
bool session_is_silent(const struct session *session, int64_t now_ms);
/* For so long nobody could listen: it does not count as silence. */
void session_forgive(struct session *session, int64_t still_ms);

/*
 * Joins again with a new session. Of the reports that were not acknowledged the successes are kept
 * and reported again if the next Welcome is of the same run and epoch (each start of the master
 * numbers jobs anew); all others are dropped.
 */
int session_rejoin(struct session *session, int64_t now_ms, struct error *err);

/* Reports leave in the order in which they were given, 64 to a message. */
int session_report(struct session *session, const struct result *result, struct error *err);
int session_refuse(struct session *session, uint64_t job, uint32_t attempt, struct error *err);
int session_flush(struct session *session, struct error *err);

/*
 * Sends what is due besides beats; -1 also when no master has answered for orphan_ms. A beat
 * (count, running, queued, draining, load) is made by the caller.
 */
int session_tick(struct session *session, int64_t now_ms, struct error *err);
int64_t session_deadline_ms(const struct session *session);
bool session_beat_due(const struct session *session, int64_t now_ms);
/* The next beat is due now. */
void session_beat_soon(struct session *session);
int session_beat(
	struct session *session, int64_t now_ms, const struct message *beat, struct error *err);

/* Says goodbye with a reason (code ERROR_NONE: all is well). Nothing may be sent afterwards. */
int session_goodbye(struct session *session, const struct error *why, struct error *err);

#endif
