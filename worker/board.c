/* SPDX-License-Identifier: MIT */
/* The number of the job is written last and cleared first: who sees it sees what belongs to it. */
#include "worker/board.h"

#include <stdatomic.h>

#include "common/clock.h"

struct words {
	_Atomic uint64_t job;
	_Atomic int64_t since_ms;
	_Atomic uint32_t attempt;
	_Atomic uint32_t stop; /* the worker's; the others are the lane's */
};

static struct words *words(const struct board *board)
{
	return shared_array_item(&board->array, 0);
}

int board_create(struct board *board, struct error *err)
{
	return shared_array_create(&board->array, sizeof(struct words), 1, 0, err);
}

int board_open(struct board *board, int fd, struct error *err)
{
	return shared_array_open(&board->array, fd, err);
}

void board_close(struct board *board)
{
	shared_array_close(&board->array);
}

int board_fd(const struct board *board)
{
	return board->array.fd;
}

bool board_start(struct board *board, uint64_t job, uint32_t attempt)
{
	struct words *w = words(board);
	if (atomic_load(&w->stop))
		return false;
	atomic_store(&w->since_ms, clock_ms());
	atomic_store(&w->attempt, attempt);
	atomic_store(&w->job, job);
	return true;
}

void board_end(struct board *board)
{
	atomic_store(&words(board)->job, 0);
}

struct board_entry board_read(const struct board *board)
{
	const struct words *w = words(board);
	struct board_entry entry = { .job = atomic_load(&w->job) };
	entry.attempt = atomic_load(&w->attempt);
	entry.since_ms = atomic_load(&w->since_ms);
	return entry;
}

void board_stop(struct board *board)
{
	atomic_store(&words(board)->stop, 1);
}

void board_resume(struct board *board)
{
	atomic_store(&words(board)->stop, 0);
}
