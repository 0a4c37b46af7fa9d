/* SPDX-License-Identifier: MIT */
/*
 * What a lane may not do, whatever the bytes make it do. It keeps the descriptors that it was
 * given, its memory and its threads. It has no network, starts no program, opens no file for
 * writing, changes no folder, signals nobody, and does not reach into other processes.
 */
#ifndef SCIAME_WORKER_SANDBOX_H
#define SCIAME_WORKER_SANDBOX_H

#include "common/error.h"
#include "worker/kind.h"

/* What happens where the kernel has no seccomp, or no Landlock for a kind with no_files. */
enum sandbox_need {
	SANDBOX_REQUIRED,    /* the lane can't be used */
	SANDBOX_BEST_EFFORT, /* a warning is logged, and the rest of the sandbox is closed */
};

/*
 * At the very start of a lane, while it holds nothing: it ends with its parent, gains no
 * privileges, leaves no core file.
 */
int sandbox_open(struct error *err);

/*
 * After the kind has started and before the first job: the kind's limits, then what all lanes are
 * forbidden, in all threads. There is no way back. What is forbidden fails with EPERM or EACCES, or
 * with ENOSYS where a caller has another way; a call of a foreign architecture ends the lane.
 */
int sandbox_close(const struct sandbox_limits *limits, enum sandbox_need need, struct error *err);

#endif
