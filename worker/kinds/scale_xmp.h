/* SPDX-License-Identifier: MIT */
/*
 * XMP packets: what they say about rights, a new packet that says nothing else, an old one made to
 * fit the new picture. They are read by libxml2, which libvips has in the lane anyway; documents
 * with a DTD are refused before it sees them, so there are no entities, and it never opens a file.
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_XMP_H
#define SCIAME_WORKER_KINDS_SCALE_XMP_H

#include "worker/kinds/scale_fit.h"
#include "worker/kinds/scale_rights.h"

enum {
	XMP_READ_MAX = 4 << 20,    /* bytes of a packet that is read; larger ones say nothing */
	XMP_WRITTEN_MAX = 1 << 17, /* bytes of the largest packet that is made, with its NUL */
};

/*
 * The first packet in a file of any format, found as XMP's specification means it: by its first and
 * last words. NULL when there is none.
 */
const uint8_t *xmp_find(const uint8_t *bytes, size_t size, size_t *packet_size);

/* Adds dc:creator, dc:rights, xmpRights:Marked, WebStatement, UsageTerms, photoshop:Credit. */
void xmp_read(const uint8_t *packet, size_t size, struct rights *rights);

/* A packet that holds those and nothing else, in text. Its size; 0 when nothing is said. */
size_t xmp_write(const struct rights *rights, char text[static XMP_WRITTEN_MAX]);

/*
 * The same packet for an upright picture of this size: tiff:Orientation and the dimensions are
 * set where they are said, embedded thumbnails are left out. From malloc, the caller frees it;
 * NULL when the packet cannot be read.
 */
uint8_t *xmp_correct(const uint8_t *packet, size_t size, struct size picture, size_t *corrected);

#endif
