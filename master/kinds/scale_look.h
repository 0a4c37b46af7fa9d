/* SPDX-License-Identifier: MIT */
/* How the pictures of "scale" are to look: options -> parameters of its jobs. */
#ifndef SCIAME_MASTER_KINDS_SCALE_LOOK_H
#define SCIAME_MASTER_KINDS_SCALE_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/options.h"
#include "proto/scale.pb-c.h"

/* The members are what the options fill. */
struct scale_look {
	int fit, crop, metadata, depth, format; /* indices of the words of their options; crop -1 */
	bool enlarge, subsample, linear, keep_profile, lossless, progressive, first_frame, strict;
	bool allow_svg, allow_pdf;
	int64_t quality, effort; /* 0: the format's own */
	uint32_t background;     /* 0xRRGGBB */
};

/* Their offsets count from a struct scale_look. */
extern const struct option_spec scale_look_specs[];

void scale_look_init(struct scale_look *look);

/* ERROR_USAGE where options contradict each other. */
int scale_look_check(const struct scale_look *look, struct error *err);

/* Fills all of *parameters but the sizes. */
void scale_look_pack(const struct scale_look *look, Sciame__ScaleParameters *parameters);

/* The suffix of all outputs, with its dot, or NULL: that of each input. Static. */
const char *scale_look_suffix(const struct scale_look *look);

#endif
