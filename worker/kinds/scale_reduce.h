/* SPDX-License-Identifier: MIT */
/*
 * Makes a picture smaller while its rows arrive, keeping only the rows that are still needed:
 *     reduce_new -> reduce_row for each row from the top -> reduce_pixels -> reduce_free
 * Integer arithmetic throughout, so the same rows give the same pixels on every machine. Pure: no
 * library, no I/O.
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_REDUCE_H
#define SCIAME_WORKER_KINDS_SCALE_REDUCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/kinds/scale_fit.h"

enum { REDUCE_BANDS_MAX = 4 };

struct reduce_shape {
	struct size in;  /* pixels of the rows that arrive */
	struct size out; /* neither side larger than span */
	/*
	 * How much of `in` the picture really covers, in pixels of `in`, not larger than it: a
	 * JPEG decoded at 1/4 ends inside its last pixel.
	 */
	double span_x;
	double span_y;
	unsigned bands; /* bytes of a pixel, 1 to REDUCE_BANDS_MAX */
	bool alpha;     /* the last band is opacity: the others count as much as it says */
	/*
	 * 0: the good way, a windowed sinc of three lobes (what libvips calls lanczos3). Else plain
	 * sampling: output pixel x is the one at floor(x * step).
	 */
	double step;
};

struct reduce;

/*
 * NULL when the shape needs more than REDUCE_ROWS_BYTES_MAX for the rows in hand or
 * REDUCE_PIXELS_BYTES_MAX for the output. The caller frees it with reduce_free.
 */
#define REDUCE_ROWS_BYTES_MAX (64U << 20)
#define REDUCE_PIXELS_BYTES_MAX (256U << 20)
struct reduce *reduce_new(const struct reduce_shape *shape);

/* Of the rows in hand and the weights. */
uint64_t reduce_rows_bytes(const struct reduce_shape *shape);

void reduce_free(struct reduce *reduce);

/* Takes the next row: in.width * bands bytes. Borrowed during the call. */
void reduce_row(struct reduce *reduce, const uint8_t *row);

/* out.width * out.height * bands bytes without gaps, after in.height rows; owned by *reduce. */
uint8_t *reduce_pixels(struct reduce *reduce);

/* The size of those pixels. */
struct size reduce_size(const struct reduce *reduce);

#endif
