/* SPDX-License-Identifier: MIT */
/*
 * What a picture's file says besides its pixels, and how much of that its new file says: EXIF, XMP
 * and IPTC blocks in, EXIF, XMP and IPTC blocks out. The profile is not of this. Pure.
 *     metadata_take_marker, or the fields of struct metadata -> metadata_make -> metadata_release
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_METADATA_H
#define SCIAME_WORKER_KINDS_SCALE_METADATA_H

#include "worker/kinds/scale_fit.h"
#include "worker/kinds/scale_rights.h"

/* The numbers of ScaleMetadata in proto/scale.proto. */
enum metadata_policy {
	METADATA_COPYRIGHT = 0, /* who made it and whose it is, rewritten; nothing else */
	METADATA_NONE = 1,
	METADATA_ALL = 2, /* corrected where it describes the old pixels */
};

struct block {
	const uint8_t *bytes;
	size_t size; /* 0: there is none */
};

/* What was found, borrowed from where it was read. */
struct metadata {
	struct block exif;  /* with or without "Exif\0\0" */
	struct block xmp;   /* the packet */
	struct block iptc;  /* data sets, or Photoshop's resources, with its name or without */
	struct rights said; /* by the format's own means: texts of a PNG */
};

enum {
	METADATA_EXIF_PREFIX = 6,      /* bytes of "Exif\0\0" */
	METADATA_XMP_PREFIX = 29,      /* bytes of the name of XMP in JPEG, with its NUL */
	METADATA_BLOCK_MAX = 16 << 20, /* bytes of a block that is kept; larger ones are dropped */
};

/* What is to be written. From malloc, each NULL when there is none. */
struct metadata_made {
	uint8_t *exif; /* behind METADATA_EXIF_PREFIX bytes, as JPEG wants it */
	size_t exif_size;
	uint8_t *xmp; /* behind METADATA_XMP_PREFIX bytes, as JPEG wants it */
	size_t xmp_size;
	uint8_t *iptc; /* as it was found */
	size_t iptc_size;
};

/*
 * Says in *made what the new file of an upright picture of this size is to say. The caller
 * releases *made. COPYRIGHT: an EXIF block and an XMP packet of our own making, each with its own
 * old words first and those of the other blocks for what it did not say.
 */
void metadata_make(const struct metadata *found, enum metadata_policy policy, struct size picture,
	struct metadata_made *made);
void metadata_release(struct metadata_made *made);

/* One marker of a JPEG file: its number (1: APP1) and its bytes behind the length. */
struct metadata_marker {
	int app;
	const uint8_t *bytes;
	size_t size;
};

enum { METADATA_MARKERS_MAX = 3 };

/* Takes an APP1 or APP13 marker that was read, if it is one of the three. Of two the first. */
void metadata_take_marker(struct metadata *found, const struct metadata_marker *marker);

/*
 * The markers to write, in this order, before the first table: borrowed from *made. What does not
 * fit in a marker is left out. Their count.
 */
unsigned metadata_markers(const struct metadata_made *made,
	struct metadata_marker markers[static METADATA_MARKERS_MAX]);

#endif
