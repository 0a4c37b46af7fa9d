/* SPDX-License-Identifier: MIT */
/*
 * The colour profile of outputs: sRGB in a few hundred bytes, where common ones take 3 to 7 KB, a
 * quarter of a thumbnail. ICC.1:2010 (version 4) with a parametric curve; numbers of IEC 61966-2-1
 * adapted to D50 by Bradford. Pure.
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_SRGB_H
#define SCIAME_WORKER_KINDS_SCALE_SRGB_H

#include <stddef.h>
#include <stdint.h>

enum { SRGB_PROFILE_MAX = 512 };

/* Fills profile and returns its size. */
size_t srgb_profile(uint8_t profile[SRGB_PROFILE_MAX]);

#endif
