/* SPDX-License-Identifier: MIT */
/*
 * Metadata of libvips' images. Its savers write what is attached to an image, and more: EXIF with
 * resolution and dimensions is made up where there is none; GIF and JPEG XL get none at all. So:
 *     scale_metadata_reduce -> save (strip as scale_metadata_strips says) -> scale_metadata_finish
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_METADATA_VIPS_H
#define SCIAME_WORKER_KINDS_SCALE_METADATA_VIPS_H

#include "worker/kinds/scale_metadata.h"
#include "worker/kinds/scale_sniff.h"

struct _VipsImage;

/* Attaches what another reader has found, for scale_metadata_reduce further down the pipeline. */
void scale_metadata_attach(struct _VipsImage *image, const struct metadata *found);

/* Attaches what libvips does not read in files of this format; fd's offset stays where it is. */
void scale_metadata_attach_from(struct _VipsImage *image, enum picture_format format, int fd);

/*
 * *out is `in`, which is about to be saved upright in its present size, with the metadata that the
 * policy says, the profile, and what savers of animations need; nothing else. The caller owns *out
 * and releases *made, which is for scale_metadata_finish. Not 0 as libvips' functions do.
 */
int scale_metadata_reduce(struct _VipsImage *in, enum metadata_policy policy,
	struct metadata_made *made, struct _VipsImage **out);

/* Whether it is to be saved with strip: nothing is attached, no profile either. */
bool scale_metadata_strips(struct _VipsImage *image);

/*
 * Makes the bytes that a saver made, in memory of g_malloc(), say exactly what *made says, where
 * the format can be woven; *bytes may be others afterwards.
 */
void scale_metadata_finish(enum picture_format format, enum metadata_policy policy,
	const struct metadata_made *made, struct block *bytes);

#endif
