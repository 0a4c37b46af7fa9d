/* SPDX-License-Identifier: MIT */
/* What a lane may not do, whatever the bytes make it do. */
#ifndef SCIAME_WORKER_SANDBOX_H
#define SCIAME_WORKER_SANDBOX_H

#include "common/error.h"
#include "worker/kind.h"

/*
 * At the very start of a lane, while it holds nothing: it ends with its parent, gains no
 * privileges, leaves no core file.
 */
int sandbox_open(struct error *err);

/* After the kind has started and before the first job: its limits. */
int sandbox_close(const struct sandbox_limits *limits, struct error *err);

#endif
