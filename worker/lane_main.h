/* SPDX-License-Identifier: MIT */
/* The whole life of a lane. */
#ifndef SCIAME_WORKER_LANE_MAIN_H
#define SCIAME_WORKER_LANE_MAIN_H

#include "worker/sandbox.h"

/*
 * descriptors: "SOCKET,BOARD,LEASH,INDEX", inherited from lane_start. Returns the exit status
 * when the worker has closed its side; a lane that can't go on ends earlier and says why on
 * stderr.
 */
int lane_main(const char *descriptors, enum sandbox_need need);

#endif
