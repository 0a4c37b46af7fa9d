/* SPDX-License-Identifier: MIT */
/*
 * The fast way for the ordinary JPEG (8 bits, grey or YCbCr): libjpeg-turbo decodes it smaller,
 * scale_reduce does the rest while the rows arrive. What is not ordinary, or turns out to be
 * damaged beyond what libjpeg bridges by itself, is declined, so that libvips has the last word.
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_JPEG_H
#define SCIAME_WORKER_KINDS_SCALE_JPEG_H

#include "worker/kinds/scale_pixels.h"
#include "worker/kinds/scale_task.h"

scale_way scale_jpeg;

#endif
