/* SPDX-License-Identifier: MIT */
/*
 * Takes the metadata out of an encoded picture and puts other in; the compressed pixels, the
 * profile and what is needed to show them stay as they are, byte for byte:
 *     weave_part -> metadata_make of weave.found -> weave_join -> weave_release
 * Pure: bytes in, bytes out. Whatever is malformed is declined.
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_WEAVE_H
#define SCIAME_WORKER_KINDS_SCALE_WEAVE_H

#include "worker/kinds/scale_metadata.h"
#include "worker/kinds/scale_sniff.h"

struct weave {
	const uint8_t *in; /* borrowed */
	size_t size;
	struct metadata found; /* lies in `in` and `inflated` */
	uint8_t *out;          /* the caller may take it and set it to NULL */
	size_t used;
	size_t room;
	size_t insert_at; /* in out: where the new metadata goes */
	uint8_t *inflated;
	uint64_t blanked; /* TIFF: bytes overwritten so far, each as often as it was */
	bool cut_off;     /* JPEG: it ends inside its last scan */
	bool tidy;        /* TIFF: nothing went but what weave_join may put in again */
};

/* Whether pictures of this format can be woven. */
bool weave_knows(enum picture_format format);

/* Fills *weave from size bytes: what was found, and the picture without it. False: declined. */
bool weave_part(struct weave *weave, enum picture_format format, const uint8_t *bytes, size_t size);

/* Only finds: nothing is copied, and there is nothing to join. PNG, GIF, JPEG XL. */
bool weave_look(struct weave *weave, enum picture_format format, const uint8_t *bytes, size_t size);

/* Puts the new metadata in. False: the file has no place for it. */
bool weave_join(struct weave *weave, enum picture_format format, const struct metadata_made *made);

/* After weave_part, whatever it said. */
void weave_release(struct weave *weave);

#endif
