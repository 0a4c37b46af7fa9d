/* SPDX-License-Identifier: MIT */
/* One picture to scale and what became of it: the structs that the ways of scaling share. */
#ifndef SCIAME_WORKER_KINDS_SCALE_TASK_H
#define SCIAME_WORKER_KINDS_SCALE_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/scale.pb-c.h"
#include "worker/kinds/scale_fit.h"
#include "worker/kinds/scale_metadata.h"
#include "worker/kinds/scale_sniff.h"

/* How the output is to look: proto/scale.proto says what each member means. */
struct scale_style {
	Sciame__ScaleFit fit;
	Sciame__ScaleCrop crop;
	enum metadata_policy metadata;
	bool enlarge, subsample, linear, lossless, progressive, keep_profile, first_frame;
	bool allow_svg, allow_pdf;
	int quality, effort;   /* 0: the format's own */
	unsigned depth;        /* 8: at most so many bits a sample; 0: as the input */
	uint8_t background[3]; /* sRGB, under what was transparent */
};

struct scale_task {
	int in_fd;
	int out_fd;
	struct size box;
	struct scale_style style;
	enum picture_format source; /* what sniff() said; PICTURE_UNKNOWN: ask the library */
	enum picture_format target; /* PICTURE_UNKNOWN: the same as the source */
};

struct scale_outcome {
	bool made; /* the others mean something then */
	bool copied;
	uint32_t notes;   /* enum ScaleNote, or-ed */
	struct size size; /* of the output, upright */
	uint64_t output_bytes;
	enum picture_format format; /* of the input, as it turned out */
};

/* All sizes of one picture: tasks that differ in out_fd and box only. */
struct scale_batch {
	const struct scale_task *tasks;
	struct scale_outcome *outcomes; /* one for each task */
	size_t count;
};

/* How many of them are still to be made. */
static inline size_t batch_left(const struct scale_batch *batch)
{
	size_t left = 0;
	for (size_t i = 0; i < batch->count; i++)
		left += !batch->outcomes[i].made;
	return left;
}

/*
 * Whether the output is all of the picture in one factor, made smaller or not, by the good
 * resampler or by plain sampling, in sRGB: what the special ways do.
 */
static inline bool task_is_plain(const struct scale_task *task)
{
	const struct scale_style *style = &task->style;
	return style->fit == SCIAME__SCALE_FIT__SCALE_FIT_INSIDE && !style->enlarge &&
	       !style->linear && !style->keep_profile;
}

/*
 * What becomes of the pixels that a special way made and does not save itself: scale_vips_finish.
 * Handed over as an argument, so that the special ways do not depend on libvips. The pixels are
 * grey or RGB, either with alpha, borrowed during the call.
 */
struct pixels;
typedef int scale_finish(const struct scale_task *task, const struct pixels *pixels,
	struct scale_outcome *outcome, struct error *err);

/*
 * A way of scaling that takes what it can do well: marks what it made in the outcomes. What it
 * leaves, with nothing written, may be more than it can hold in memory at once: as long as it
 * makes some it may be asked again, and then another way. -1 with *err filled.
 */
typedef int scale_way(const struct scale_batch *batch, scale_finish *finish, struct error *err);

/* Answers of one output's way, besides -1 with *err filled. */
enum {
	SCALE_DONE = 0,
	SCALE_NOT_MINE = 1, /* nothing was written; another way must do it */
};

#endif
