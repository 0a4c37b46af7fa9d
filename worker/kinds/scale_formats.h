/* SPDX-License-Identifier: MIT */
/* The formats of pictures as they are on this machine, for people and programs. */
#ifndef SCIAME_WORKER_KINDS_SCALE_FORMATS_H
#define SCIAME_WORKER_KINDS_SCALE_FORMATS_H

#include <stdbool.h>
#include <stdio.h>

#include "common/error.h"

/*
 * Prints one line for each format: its names, whether libvips reads and writes it here, and what
 * counts for it; json: an array of objects. What is written was tried: a small picture is encoded
 * and decoded again, because a saver may be there without its encoder. Starts libvips.
 */
int scale_formats_print(FILE *out, bool json, struct error *err);

#endif
