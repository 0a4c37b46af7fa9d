/* SPDX-License-Identifier: MIT */
/*
 * The fast way for the ordinary PNG (8 bits a sample, not interlaced) that has to become smaller:
 * the whole of it is inflated at once by libdeflate, three times as fast as row by row with zlib.
 * Whatever is odd, damaged or too large for that is declined, so that libvips has the last word.
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_PNG_H
#define SCIAME_WORKER_KINDS_SCALE_PNG_H

#include "worker/kinds/scale_pixels.h"
#include "worker/kinds/scale_task.h"

scale_way scale_png;

#endif
