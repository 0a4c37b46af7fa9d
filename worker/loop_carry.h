/* SPDX-License-Identifier: MIT */
/*
 * The part of the worker's loop that has inputs brought and outputs taken away (worker/carrier.h):
 *
 *     carries_add -> input comes -> lanes_add_carried
 *     lanes_take_outgoing -> outputs go, one after the other -> session_report
 *
 * What is in memory is bounded: no further input is sent for while CARRIES_BYTES_MAX are here.
 */
#ifndef SCIAME_WORKER_LOOP_CARRY_H
#define SCIAME_WORKER_LOOP_CARRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"
#include "common/socket.h"
#include "worker/carrier.h"
#include "worker/loop_lanes.h"
#include "worker/session.h"

enum {
	CARRIES_BYTES_MAX = 64 * 1024 * 1024, /* beyond this no further input is begun */
	CARRIES_COMING_MAX = 64,              /* inputs at once, unless lanes are as many */
	CARRIES_POLL_ITEMS = CARRIERS_MAX * CARRIER_POLL_ITEMS,
};

struct carries;

/* carriers, session, lanes: borrowed. */
struct carries *carries_open(
	const struct carriers *carriers, struct session *session, struct lanes *lanes);
void carries_close(struct carries *c);

/* Whether this is a job for carries_add: its input is none of this host's. */
bool carries_wanted(const struct carries *c, const struct job *job);
/* Takes a copy of a job into the queue. */
void carries_add(struct carries *c, const struct job *job);

/* Fills CARRIES_POLL_ITEMS items. */
void carries_poll(const struct carries *c, struct poll_item *items);
int64_t carries_deadline_ms(const struct carries *c);
int carries_step(struct carries *c, int64_t now_ms, struct error *err);

/* Refuses what no lane has yet; outputs still go. */
int carries_stop(struct carries *c, struct error *err);
/* Reports outputs that are on their way as canceled. */
int carries_kill(struct carries *c, struct error *err);
/* Refuses them. */
int carries_abandon(struct carries *c, struct error *err);
/* Drops everything without a word; then all is as after carries_open. */
void carries_fence(struct carries *c);
/* No output is on its way. */
bool carries_idle(const struct carries *c);
/* Jobs whose input waits or comes, or whose outputs go. */
size_t carries_count(const struct carries *c);

#endif
