/* SPDX-License-Identifier: MIT */
/*
 * EXIF blocks, which are small TIFF files: what they say about rights, how the picture lies, a new
 * block that says little, an old one made to fit the new picture. Blocks are taken with or without
 * the "Exif\0\0" that JPEG puts in front. All offsets in them are hostile until checked. Pure.
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_EXIF_H
#define SCIAME_WORKER_KINDS_SCALE_EXIF_H

#include "worker/kinds/scale_fit.h"
#include "worker/kinds/scale_rights.h"

enum {
	EXIF_PREFIX = 6, /* bytes of "Exif\0\0" */
	/* bytes of the largest block that exif_write makes */
	EXIF_WRITTEN_MAX = 64 + 2 * RIGHT_BYTES_MAX,
};

/* Adds its Artist and Copyright. */
void exif_read(const uint8_t *block, size_t size, struct rights *rights);

/* 1 to 8; 1 when the block does not say. */
unsigned exif_orientation(const uint8_t *block, size_t size);

/*
 * A block, with prefix, that holds Artist and Copyright and nothing else, in block
 * (EXIF_WRITTEN_MAX bytes). Its size; 0 when neither is said.
 */
size_t exif_write(const struct rights *rights, uint8_t *block);

/*
 * Makes a block describe an upright picture of this size, in place: orientation and dimensions
 * are set where they are said, and the embedded thumbnail, which shows the old picture, is
 * overwritten with zeros and no longer referred to. False, and nothing is certain any more about
 * the bytes, when the block is too damaged for that.
 */
bool exif_correct(uint8_t *block, size_t size, struct size picture);

#endif
