/* SPDX-License-Identifier: MIT */
/*
 * The part of the worker's loop that hands jobs to lanes and makes results of what comes back:
 * queue -> store_open, store_create -> lane -> store_commit -> session_report.
 *
 * Lanes are started when there is something for them to do. One that dies or hangs is replaced;
 * only the job that it was running is blamed, what it had not started goes back to the front of
 * the queue.
 */
#ifndef SCIAME_WORKER_LOOP_LANES_H
#define SCIAME_WORKER_LOOP_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"
#include "common/socket.h"
#include "common/wire.h"
#include "worker/session.h"
#include "worker/settings.h"
#include "worker/transfer.h"

struct lanes;
struct carried;
struct carriers;
struct work;

/*
 * session: where results are reported; carriers: how outputs leave that are no files here; both
 * borrowed. NULL and *err when a root can't be served.
 */
struct lanes *lanes_open(const struct settings *settings, struct session *session,
	const struct carriers *carriers, struct error *err);

/* Kills what still runs and removes its temporary files. */
void lanes_close(struct lanes *lanes);

size_t lanes_count(const struct lanes *lanes);
/* Fills lanes_count items. */
void lanes_poll(const struct lanes *lanes, struct poll_item *items);

/* Takes a copy of a job into the queue. */
void lanes_add(struct lanes *lanes, const struct job *job);

/* The same for one whose input was fetched: both belong to the lanes from now on. */
void lanes_add_fetched(struct lanes *lanes, struct job *job, struct transfer *transfer);

/* The same for one whose input was brought: job and descriptor belong to the lanes. */
void lanes_add_carried(struct lanes *lanes, struct job *job, const struct carried *carried);
/* Bytes that were brought and are here. */
uint64_t lanes_carried_bytes(const struct lanes *lanes);

/* The next one done whose outputs are to be taken away; the caller frees it. Or NULL. */
struct work *lanes_take_outgoing(struct lanes *lanes, struct result *result);
bool lanes_have_outgoing(const struct lanes *lanes);

/* A job of this kind will come: one more lane may start meanwhile. */
void lanes_expect(struct lanes *lanes, uint32_t kind);

/* Collects from the lanes that are ready (items of lanes_poll), buries, restarts, hands out. */
int lanes_step(
	struct lanes *lanes, const struct poll_item *items, int64_t now_ms, struct error *err);

/* When a job is overdue, or -1. */
int64_t lanes_deadline_ms(struct lanes *lanes);

/* The time until now counts for no job's deadline. */
void lanes_forgive(struct lanes *lanes, int64_t now_ms);

/*
 * Refuses what no lane has begun; what runs is finished, and what is fetched from now on is done.
 * May be called again.
 */
int lanes_stop(struct lanes *lanes, struct error *err);
/* The same, but what has been fetched counts as begun. */
int lanes_drain(struct lanes *lanes, struct error *err);
/* After either: kills what runs and reports it as canceled; refuses what is queued. */
int lanes_kill(struct lanes *lanes, struct error *err);
/* After either: kills what runs and refuses it: nobody is to blame. */
int lanes_abandon(struct lanes *lanes, struct error *err);
/* Nothing is queued or in the hands of any lane. */
bool lanes_done(const struct lanes *lanes);
/* Kills the lanes and drops everything without a word; then all is as after lanes_open. */
void lanes_fence(struct lanes *lanes);

/* Whether a suspect has begun of which no beat has told yet. */
bool lanes_have_news(const struct lanes *lanes);

/* Fills count, running and queued of a beat; running has space for WIRE_BATCH_MAX. */
void lanes_describe(
	struct lanes *lanes, struct message *beat, struct running *running, int64_t now_ms);

#endif
