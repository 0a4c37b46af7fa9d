/* SPDX-License-Identifier: MIT */
#include "worker/kinds/scale_spread.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

static uint64_t bytes_of(const struct reduce_shape *shape)
{
	uint64_t pixels = (uint64_t)shape->out.width * shape->out.height * shape->bands;
	return pixels + reduce_rows_bytes(shape);
}

bool spread_add(struct spread *spread, const struct reduce_shape *shape, uint32_t block)
{
	assert(spread->count < JOB_OUTPUTS_MAX && (block == 1 || !shape->alpha));
	uint64_t bytes = bytes_of(shape);
	/* the first one has its own limits */
	if (spread->count > 0 && bytes > SPREAD_BYTES_MAX - spread->bytes)
		return false;
	struct spread_branch *branch = &spread->branches[spread->count];
	*branch = (struct spread_branch) {
		.reduce = reduce_new(shape), .block = block, .in = shape->in, .bands = shape->bands
	};
	if (!branch->reduce)
		return false;
	if (block > 1) {
		size_t samples = (size_t)shape->in.width * shape->bands;
		branch->sums = xcalloc(samples, sizeof(*branch->sums));
		branch->row = xmalloc(samples);
	}
	spread->bytes += bytes < SPREAD_BYTES_MAX ? bytes : SPREAD_BYTES_MAX - spread->bytes;
	spread->count++;
	return true;
}

static void add_row(struct spread_branch *branch, const uint8_t *row, uint32_t width)
{
	unsigned bands = branch->bands;
	uint32_t *sums = branch->sums;
	for (uint32_t x = 0; x < width; sums += bands) {
		uint32_t end = width - x < branch->block ? width : x + branch->block;
		for (; x < end; x++, row += bands) {
			for (unsigned band = 0; band < bands; band++)
				sums[band] += row[band];
		}
	}
	branch->held++;
}

/* The blocks at the right and at the bottom may be smaller. */
static void give_blocks(struct spread_branch *branch)
{
	uint32_t *sums = branch->sums;
	uint8_t *to = branch->row;
	for (uint32_t x = 0; x < branch->in.width; x++) {
		uint32_t left = branch->width - x * branch->block;
		uint32_t count = (left < branch->block ? left : branch->block) * branch->held;
		for (unsigned band = 0; band < branch->bands; band++, sums++)
			*to++ = (uint8_t)((*sums + count / 2) / count);
	}
	memset(branch->sums, 0, sizeof(*sums) * branch->in.width * branch->bands);
	branch->held = 0;
	reduce_row(branch->reduce, branch->row);
}

void spread_row(struct spread *spread, const uint8_t *row, uint32_t width)
{
	for (size_t i = 0; i < spread->count; i++) {
		struct spread_branch *branch = &spread->branches[i];
		if (branch->block == 1) {
			reduce_row(branch->reduce, row);
			continue;
		}
		assert((width + branch->block - 1) / branch->block == branch->in.width);
		add_row(branch, row, width);
		branch->width = width;
		if (branch->held == branch->block)
			give_blocks(branch);
	}
}

uint8_t *spread_pixels(struct spread *spread, size_t i, struct size *size)
{
	assert(i < spread->count);
	struct spread_branch *branch = &spread->branches[i];
	if (branch->held > 0)
		give_blocks(branch);
	*size = reduce_size(branch->reduce);
	return reduce_pixels(branch->reduce);
}

void spread_release(struct spread *spread)
{
	for (size_t i = 0; i < spread->count; i++) {
		reduce_free(spread->branches[i].reduce);
		free(spread->branches[i].sums);
		free(spread->branches[i].row);
	}
	*spread = (struct spread) { 0 };
}
