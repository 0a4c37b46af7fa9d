/* SPDX-License-Identifier: MIT */
/* Frames that libvips' loaders say nothing of: of animated PNG, JPEG XL, AVIF and HEIC. */
#ifndef SCIAME_WORKER_KINDS_SCALE_FRAMES_H
#define SCIAME_WORKER_KINDS_SCALE_FRAMES_H

#include <stdbool.h>

#include "worker/kinds/scale_sniff.h"

/*
 * Whether a picture is an animation. Nothing is changed of fd, not even its offset. False for other
 * formats, for what is malformed, and where it is not found within the first 64 chunks or boxes.
 */
bool frames_are_hidden(enum picture_format format, int fd);

#endif
