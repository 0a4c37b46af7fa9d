/* SPDX-License-Identifier: MIT */
/*
 * What one lane is doing, in memory that it shares with the worker: the lane writes when it starts
 * and ends a job; the worker reads when the lane has died, to know whom to blame. The worker
 * writes one word: start nothing new.
 *
 * Each lane has a board of its own and each word one writer, so the lock of the shared array is
 * not used: a lane that is killed, stopped or taken over by a picture while it holds a lock could
 * hold up the worker, and with one board for all it could blame the neighbours' jobs.
 */
#ifndef SCIAME_WORKER_BOARD_H
#define SCIAME_WORKER_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/shared.h"

struct board {
	struct shared_array array; /* of one item */
};

struct board_entry {
	uint64_t job; /* 0: none */
	uint32_t attempt;
	int64_t since_ms;
};

int board_create(struct board *board, struct error *err);
/* In a lane: fd was inherited and stays the caller's. */
int board_open(struct board *board, int fd, struct error *err);
void board_close(struct board *board);
int board_fd(const struct board *board);

/* In the lane: false when nothing new may be started, and then nothing is written. */
bool board_start(struct board *board, uint64_t job, uint32_t attempt);
void board_end(struct board *board);

/* In the worker. Exact when the lane is dead; what a lane says of itself is not to be trusted. */
struct board_entry board_read(const struct board *board);
void board_stop(struct board *board);
/* Takes board_stop back; the lane has no job. */
void board_resume(struct board *board);

#endif
