/* SPDX-License-Identifier: MIT */
/*
 * What the loop's own files share. Nobody else includes this.
 *
 *   loop.c        rounds: what has happened becomes events
 *   loop_act.c    actions become I/O, and words for the user
 *   loop_open.c   the sockets and the local worker come and go
 *   loop_jobs.c   the jobs that are not settled yet
 */
#ifndef SCIAME_MASTER_LOOP_STATE_H
#define SCIAME_MASTER_LOOP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/endpoint.h"
#include "common/keys.h"
#include "common/socket.h"
#include "master/depot.h"
#include "master/leftovers.h"
#include "master/local_worker.h"
#include "master/loop.h"
#include "master/loop_jobs.h"
#include "master/roster.h"
#include "master/scheduler.h"

enum {
	LOOP_KILL_AFTER_MS = 5000
}; /* beyond the grace time: a worker that has not ended is killed */

struct loop {
	const struct loop_options *options;
	const struct client *client;
	struct loop_report report;
	char folder[ENDPOINT_FOLDER_MAX]; /* private, holds the sockets; "": none yet */
	char address[ENDPOINT_FOLDER_MAX + 8];
	struct roster *roster;
	struct scheduler *scheduler;
	struct depot *depot; /* NULL: files travel over none */
	struct actions actions;
	struct loop_jobs jobs;
	struct leftovers leftovers;
	struct local_worker worker;
	struct local_worker_options worker_options;
	const struct result *result; /* of the event in work, or NULL */
	const struct member *member; /* who sent it, or NULL */
	uint64_t wanted;             /* jobs that the scheduler asked for and did not get yet */
	uint32_t worker_failures;    /* in a row */
	bool worker_took_part;       /* the local worker has been a member */
	int64_t round_ms;            /* when the last round began to wait no more */
	unsigned interrupts;
	int64_t interrupted_ms; /* the last time */
	int64_t kill_at_ms;     /* the local worker, or -1 */
	bool failed;            /* the run ends before its end, and why */
	struct error failure;
	struct key_pair keys; /* of this master, where it has some */
	char *allowed;        /* the list of those that it lets in */
	int64_t opened_ms;    /* since when workers can come */
	bool gathered;        /* all that it was to wait for are here */
	int64_t alone_ms;     /* since when no worker is here, or -1 */
	bool alone_told;
	int64_t farewell_at_ms; /* for so long remote workers may say goodbye */
	bool listed;            /* all there is */
	bool exhausted, canceled, stopped, finished;
	enum client_wish wish; /* the last that was followed */
};

/* One event, and all that follows from it. */
int loop_step(struct loop *loop, struct event *event, struct error *err);

/* A line about one worker. */
void loop_say_worker(const struct loop *loop, uint32_t number, const char *what);

int loop_open(struct loop *loop, struct error *err);
void loop_close(struct loop *loop);

#endif
