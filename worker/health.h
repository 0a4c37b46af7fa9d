/* SPDX-License-Identifier: MIT */
/*
 * A file that says whether the worker's loop still turns, for whoever looks after containers: the
 * loop touches it each second, whether it works or waits for a master. A worker that hangs (in a
 * folder of a server that is gone, say) touches it no more, though its process is there.
 *
 *     health_open ... each round: health_tick, and wait until health_deadline_ms at most ...
 *     health_close
 *     health_check: asked by another process
 */
#ifndef SCIAME_WORKER_HEALTH_H
#define SCIAME_WORKER_HEALTH_H

#include <stdint.h>

#include "common/error.h"

enum {
	HEALTH_TOUCH_MS = 1000,
	HEALTH_AGE_MAX_S = 5, /* beyond, the worker hangs: as long as a master believes in it */
};

struct health {
	const char *path; /* borrowed; NULL: nobody asks */
	int fd;
	int64_t touch_at_ms; /* -1: never */
};

/* Creates the file. path NULL: does nothing, and so do the others. */
int health_open(struct health *health, const char *path, int64_t now_ms, struct error *err);
/* Removes it: who has ended is not healthy. A zeroed struct is fine. */
void health_close(struct health *health);

/* Touches the file if it is time. When that fails the file is no longer touched: a line tells. */
void health_tick(struct health *health, int64_t now_ms);
/* When health_tick is due, or -1. */
int64_t health_deadline_ms(const struct health *health);

/* 0: it was touched lately; -1 and *err: not, or it is not there. wall_s: the time of day. */
int health_check(const char *path, int64_t wall_s, struct error *err);

#endif
