/* SPDX-License-Identifier: MIT */
/*
 * The worker's side of the conversation with one master (proto/README.md): joins, receives jobs
 * and the state of the run, and keeps every report until the master has acknowledged it.
 *
 *   JOINING --Welcome, Ready--> ACTIVE --session_goodbye--> closed
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
#include "common/socket.h"
#include "common/wire.h"

enum { SESSION_POLL_ITEMS = 2 };

struct session;

/* address: of the master (common/socket.h), copied. NULL and *err on failure. */
struct session *session_open(const char *address, uint32_t lanes, struct error *err);
void session_close(struct session *session);

/* Fills SESSION_POLL_ITEMS items. */
void session_poll(const struct session *session, struct poll_item *items);

/*
 * 1 and a JOBS or STATE message (borrowed until the next call), 0 nothing there, -1 the session is
 * over: the master refused it, or the network failed.
 */
int session_receive(struct session *session, struct message *message, struct error *err);

bool session_is_active(const struct session *session);
uint32_t session_grace_ms(const struct session *session);

/* Reports leave in the order in which they were given, 64 to a message. */
int session_report(struct session *session, const struct result *result, struct error *err);
int session_refuse(struct session *session, uint64_t job, uint32_t attempt, struct error *err);
int session_flush(struct session *session, struct error *err);

/* Sends what is due besides beats. A beat (count, running, queued) is made by the caller. */
int session_tick(struct session *session, int64_t now_ms, struct error *err);
int64_t session_deadline_ms(const struct session *session);
bool session_beat_due(const struct session *session, int64_t now_ms);
int session_beat(
	struct session *session, int64_t now_ms, const struct message *beat, struct error *err);

/* Says goodbye with a reason (code ERROR_NONE: all is well). Nothing may be sent afterwards. */
int session_goodbye(struct session *session, const struct error *why, struct error *err);

#endif
