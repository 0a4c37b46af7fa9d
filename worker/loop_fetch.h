/* SPDX-License-Identifier: MIT */
/*
 * The part of the worker's loop that fetches what jobs want from the network: queue -> transfer ->
 * lanes_add_fetched, or the job's result when there is nothing to read. At most so many transfers
 * at once, and so many from one host; a host that is slow holds up nobody else.
 */
#ifndef SCIAME_WORKER_LOOP_FETCH_H
#define SCIAME_WORKER_LOOP_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"
#include "common/socket.h"
#include "worker/loop_lanes.h"
#include "worker/session.h"
#include "worker/settings.h"

enum {
	/*
	 * A transfer that takes longer counts no more among those that may run at once, and so many
	 * may be slow: dead hosts cost their own time and nobody else's.
	 */
	FETCH_SLOW_MS = 2000,
	FETCH_SLOW_MAX = 64,
};

struct fetches;

/* session, lanes: where results and inputs go, borrowed. */
struct fetches *fetches_open(
	const struct settings *settings, struct session *session, struct lanes *lanes);
void fetches_close(struct fetches *f);

/* Whether this is a job for fetches_add. */
bool fetches_wanted(const struct job *job);
/* Takes a copy of a job into the queue. */
int fetches_add(struct fetches *f, const struct job *job, struct error *err);

/* What to wait for: an item for socket_poll, and a time (or -1). */
void fetches_poll(const struct fetches *f, struct poll_item *item);
int64_t fetches_deadline_ms(const struct fetches *f);
/* Hands on what has ended and begins what may begin. */
int fetches_step(struct fetches *f, int64_t now_ms, struct error *err);

/* Refuses what has not begun; nothing more begins, what runs is finished. */
int fetches_stop(struct fetches *f, struct error *err);
/* Ends what runs and reports it as canceled. */
int fetches_kill(struct fetches *f, struct error *err);
/* Ends what runs and refuses it, as what has not begun. */
int fetches_abandon(struct fetches *f, struct error *err);
/* Ends and drops everything without a word; then all is as after fetches_open. */
void fetches_fence(struct fetches *f);
/* Nothing runs. */
bool fetches_idle(const struct fetches *f);
/* Jobs that wait or run. */
size_t fetches_count(const struct fetches *f);

#endif
