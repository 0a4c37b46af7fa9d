/* SPDX-License-Identifier: MIT */
/* A small decoded picture in memory, and what its file said about looking at it. Pure. */
#ifndef SCIAME_WORKER_KINDS_SCALE_PIXELS_H
#define SCIAME_WORKER_KINDS_SCALE_PIXELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/kinds/scale_fit.h"

enum {
	ORIENTATION_UPRIGHT = 1, /* the numbers 1 to 8 of EXIF's tag 0x0112 */
	ORIENTATION_SWAPS = 5,   /* from here on width and height change places */
};

struct metadata;

struct pixels {
	uint8_t *bytes; /* size.width * size.height * bands, rows from the top without gaps */
	struct size size;
	unsigned bands;
	unsigned orientation;
	const uint8_t *profile; /* ICC, borrowed; NULL: none */
	size_t profile_size;
	bool is_srgb;                    /* the profile is: nothing has to be converted */
	bool palette;                    /* the file had one */
	const struct metadata *metadata; /* borrowed; NULL: none */
};

/* The orientation in an EXIF block that starts with "Exif\0\0"; upright when there is none. */
unsigned pixels_orientation(const uint8_t *exif, size_t size);

/* Whether an ICC profile is one of sRGB, so that converting to sRGB would change nothing. */
bool pixels_profile_is_srgb(const uint8_t *profile, size_t size);

/* The same pixels in upright order, from malloc; the caller frees them. */
uint8_t *pixels_upright(const struct pixels *pixels);

#endif
