/* SPDX-License-Identifier: MIT */
/*
 * The rows of one decoded picture for all the sizes that are made of it:
 *     spread_add for each size -> spread_row for each row from the top -> spread_pixels
 * Pure: no library, no I/O.
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_SPREAD_H
#define SCIAME_WORKER_KINDS_SCALE_SPREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/job.h"
#include "worker/kinds/scale_reduce.h"

/* What the outputs of a spread and the rows in hand may take together. */
#define SPREAD_BYTES_MAX (512ULL << 20)

struct spread_branch {
	struct reduce *reduce;
	uint32_t block; /* so many pixels of so many rows become one before */
	struct size in; /* pixels of what reduce gets */
	unsigned bands;
	uint32_t width; /* pixels of the rows that arrive */
	uint32_t held;  /* rows in sums */
	uint32_t *sums; /* of blocks, a row of them; NULL for blocks of one */
	uint8_t *row;
};

/* Zeroed: no size yet. */
struct spread {
	size_t count;
	uint64_t bytes;
	struct spread_branch branches[JOB_OUTPUTS_MAX];
};

/*
 * One more size. block: 1, 2, 4 or 8: rows that arrive are that much larger than shape->in in both
 * directions, and their blocks are averaged, as a JPEG's decoder would. Only without alpha. False:
 * this one does not fit into memory with the others.
 */
bool spread_add(struct spread *spread, const struct reduce_shape *shape, uint32_t block);

/* `width` pixels. Borrowed during the call. */
void spread_row(struct spread *spread, const uint8_t *row, uint32_t width);

/* No more rows come. The pixels of size number i, as reduce_pixels gives them; owned by *spread. */
uint8_t *spread_pixels(struct spread *spread, size_t i, struct size *size);

void spread_release(struct spread *spread);

#endif
