/* SPDX-License-Identifier: MIT */
/* The worker's shell: sockets, signals, lanes. It never waits for a picture. */
#ifndef SCIAME_WORKER_LOOP_H
#define SCIAME_WORKER_LOOP_H

#include "common/error.h"
#include "worker/settings.h"

/* Serves one run from Hello to Goodbye. -1 when it could not. */
int loop_run(const struct settings *settings, struct error *err);

#endif
