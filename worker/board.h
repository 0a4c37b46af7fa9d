/* SPDX-License-Identifier: MIT */
/*
 * What each lane is doing, in memory that the worker and its lanes share: the lane writes when it
 * starts and ends a job, the worker reads when a lane has died (whom to blame) and to see whether
 * a job is overdue. The worker also writes one word for all lanes: start nothing new.
 */
#ifndef SCIAME_WORKER_BOARD_H
#define SCIAME_WORKER_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/shared.h"

struct board {
	struct shared_array array; /* entry 0 is the worker's, 1 + n is lane n's */
};

struct board_entry {
	uint64_t job; /* 0: none */
	uint32_t attempt;
	uint32_t stop; /* entry 0: lanes start nothing new */
	int64_t since_ms;
};

int board_create(struct board *board, uint32_t lanes, struct error *err);
/* In a lane: fd was inherited and is taken over. */
int board_open(struct board *board, int fd, struct error *err);
void board_close(struct board *board);
int board_fd(const struct board *board);

/* In a lane: false when nothing new may be started, and then nothing is written. */
bool board_start(struct board *board, uint32_t lane, uint64_t job, uint32_t attempt);
void board_end(struct board *board, uint32_t lane);

/* In the worker. */
struct board_entry board_read(struct board *board, uint32_t lane);
void board_stop(struct board *board);

#endif
