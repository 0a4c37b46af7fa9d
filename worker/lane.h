/* SPDX-License-Identifier: MIT */
/*
 * The worker's view of one lane, a child process ("sciame-lane-KIND") that executes jobs of one
 * kind.
 *
 *   DEAD --lane_start--> LIVE --lane_submit--> LIVE with jobs --lane_receive, lane_take--> LIVE
 *                          \__________________________\____ lane_bury ____________________> DEAD
 *
 * A lane does its jobs in the order in which it got them. Only the worker's main thread starts
 * lanes: a lane ends with the thread that started it.
 */
#ifndef SCIAME_WORKER_LANE_H
#define SCIAME_WORKER_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "common/job.h"
#include "common/wire.h"
#include "worker/board.h"
#include "worker/own_kinds.h"
#include "worker/packet.h"
#include "worker/sandbox.h"

enum { LANE_HELD_MAX = 2 * WIRE_BATCH_MAX }; /* jobs that one lane may have been given */

/* A job in a lane's hands. */
struct lane_job {
	const struct job *job;
	int in_fd;          /* -1: none. Needed only for lane_submit, as the next */
	const int *out_fds; /* job_outputs(job) of them; borrowed */
	void *owner;        /* the caller's own */
};

struct lane {
	pid_t pid; /* 0: dead */
	int fd;
	uint32_t kind; /* of its jobs */
	struct board board;
	uint64_t finished; /* jobs since its start */
	int64_t since_ms;  /* its last sign of life, or the first job after a pause */
	bool announced;    /* the master knows that it has begun what it has alone */
	bool alone;        /* it was given a job under suspicion: no other should follow */
	size_t first, count;
	struct lane_job held[LANE_HELD_MAX]; /* a ring */
};

/* How a lane ended, in words: "lane ended by SIGSEGV". */
struct lane_death {
	struct board_entry blame; /* job 0: it was between jobs */
	char reason[64];
};

/* Whether there is a program for lanes of this kind, or one of one's own. */
bool lane_knows(const struct own_kinds *own, uint32_t kind);

struct lane_options {
	uint32_t kind;          /* of its jobs; one that lane_knows */
	int leash;              /* a descriptor that every process of this worker inherits, or -1 */
	enum sandbox_need need; /* of its sandbox */
	const struct own_kinds *own;
};

int lane_start(struct lane *lane, const struct lane_options *options, struct error *err);

/* How many more jobs it can be given. */
size_t lane_room(const struct lane *lane);

/*
 * Gives the lane up to count jobs (all of one kind, at most lane_room); returns how many it took
 * (as many as fit one packet with their files, but one at least),
 * or -1 when it is broken and must be buried. packet is scratch space.
 */
int lane_submit(struct lane *lane, const struct lane_job *jobs, size_t count, struct packet *packet,
	int64_t now_ms);

/* The next results: 1 and a RESULTS message, 0 nothing there, -1 the lane has died. */
int lane_receive(struct lane *lane, struct wire_decoder *decoder, struct packet *packet,
	struct message *message, int64_t now_ms);

/* Takes the lane's oldest job out of its hands; false when it has none. */
bool lane_take(struct lane *lane, struct lane_job *job);

/* When the job that it runs is overdue (CLOCK_MONOTONIC), or -1. */
int64_t lane_deadline_ms(const struct lane *lane);

/* Ends the process if it has not ended yet and tells how it died. Its jobs stay to be taken. */
void lane_bury(struct lane *lane, struct lane_death *death);

#endif
