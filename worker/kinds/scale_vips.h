/* SPDX-License-Identifier: MIT */
/*
 * The general way of scaling: everything that libvips reads, by descriptor and never by name.
 * Handles colour profiles, alpha, orientation and odd formats; the special ways
 * (scale_jpeg.h, scale_png.h) only take what they do faster.
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_VIPS_H
#define SCIAME_WORKER_KINDS_SCALE_VIPS_H

#include "worker/kinds/scale_pixels.h"
#include "worker/kinds/scale_task.h"

/*
 * Starts libvips for this process: one thread, no cache, no run-time code, nothing printed, and
 * every module loaded that would otherwise open files later. Once, before the first scale_vips().
 */
int scale_vips_start(struct error *err);

/*
 * Scales, converts or copies what is left of one picture. 0 when all of it is made, or -1:
 * ERROR_INPUT with the library's reason in one line, ERROR_LIMIT, ERROR_IO. Keeps nothing between
 * calls.
 */
int scale_vips(const struct scale_batch *batch, struct error *err);

/*
 * The end of the way for pixels of the right size: to sRGB, upright, saved in task->target. Grey,
 * RGB, or either with alpha; borrowed during the call.
 */
int scale_vips_finish(const struct scale_task *task, const struct pixels *pixels,
	struct scale_outcome *outcome, struct error *err);

#endif
