/* SPDX-License-Identifier: MIT */
/*
 * Pictures as libvips loads them: by descriptor, by the loader of what they are, never by a name,
 * and none that draws (SVG, PDF) unless that is allowed.
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_LOAD_H
#define SCIAME_WORKER_KINDS_SCALE_LOAD_H

#include <stdbool.h>

#include "worker/kinds/scale_task.h"

typedef struct _VipsImage VipsImage; /* as in vips/vips.h, which only the .c files need */
typedef struct _VipsSource VipsSource;

struct loaded {
	int in_fd; /* borrowed */
	VipsSource *source;
	VipsImage *image; /* its pixels are not decoded yet */
	enum picture_format format;
	struct size size;  /* of one page or frame at full size, as it is stored */
	int pages;         /* there are so many */
	bool is_animation; /* and they are frames */
	bool is_palette;
	bool is_light; /* in floats, 1 is white, and there may be more (HDR, PFM) */
};

/* Zeroed before. The header of the first page. ERROR_INPUT: no picture, or one that is not read. */
int scale_load_open(struct loaded *loaded, const struct scale_task *task, struct error *err);
void scale_load_close(struct loaded *loaded);

struct load_options {
	double shrink; /* what the decoder itself may shrink; 1: nothing; drawings: also enlarge */
	bool all_frames; /* of an animation, below each other */
	bool strict;     /* pixels that are damaged are an error */
};

/* The same from its beginning, in place of loaded->image. -1: vips_error_buffer says why. */
int scale_load_again(struct loaded *loaded, const struct load_options *options);

/*
 * The factor for load_options.shrink by which the decoder may shrink it for a box: 1 or more, but
 * for what is drawn (SVG, PDF) when it is to be enlarged.
 */
double scale_load_shrink(const struct loaded *loaded, struct size box, bool enlarge);

/* The first line of libvips' complaints, fit for people, as ERROR_INPUT. Returns -1. */
int scale_load_refuse(struct error *err);

#endif
