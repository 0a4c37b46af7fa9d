/* SPDX-License-Identifier: MIT */
/* Job after job in this process: no messages, no lanes, no time limit. To debug and compare. */
#ifndef SCIAME_SERIAL_SERIAL_H
#define SCIAME_SERIAL_SERIAL_H

#include "common/error.h"
#include "master/run.h"

/* As loop_run. Ctrl+C ends it after the job in work; a second one at once. */
int serial_run(struct run *run, struct error *err);

#endif
