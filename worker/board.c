/* SPDX-License-Identifier: MIT */
/* A lane that is killed inside the lock leaves at worst an entry half written: the lock tells, and
 * the entry then names either the job before or the job after, both in that lane's hands. */
#include "worker/board.h"

#include "common/clock.h"

int board_create(struct board *board, uint32_t lanes, struct error *err)
{
	return shared_array_create(&board->array, sizeof(struct board_entry), lanes + 1, 0, err);
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

static struct board_entry *entry(struct board *board, uint32_t index)
{
	return shared_array_item(&board->array, index);
}

bool board_start(struct board *board, uint32_t lane, uint64_t job, uint32_t attempt)
{
	int64_t now_ms = clock_ms();
	(void)shared_array_lock(&board->array);
	bool allowed = !entry(board, 0)->stop;
	if (allowed)
		*entry(board, lane + 1) =
			(struct board_entry) { .job = job, .attempt = attempt, .since_ms = now_ms };
	shared_array_unlock(&board->array);
	return allowed;
}

void board_end(struct board *board, uint32_t lane)
{
	(void)shared_array_lock(&board->array);
	entry(board, lane + 1)->job = 0;
	shared_array_unlock(&board->array);
}

struct board_entry board_read(struct board *board, uint32_t lane)
{
	(void)shared_array_lock(&board->array);
	struct board_entry copy = *entry(board, lane + 1);
	shared_array_unlock(&board->array);
	return copy;
}

void board_stop(struct board *board)
{
	(void)shared_array_lock(&board->array);
	entry(board, 0)->stop = 1;
	shared_array_unlock(&board->array);
}
