/* SPDX-License-Identifier: MIT */
/*
 * A kind of jobs of one's own: a shared object that lanes load. It exports one variable,
 *
 *     const struct sciame_kind worker_kind = {
 *         .abi = SCIAME_KIND_ABI, .name = "wordcount", .execute = execute };
 *
 * and is built with `cc -shared -fPIC`. `sciame-worker --kind ./wordcount.so`, or kinds of an
 * executor's options, makes it known; sciame_submit names it. Each lane is a process of its own: a
 * kind that crashes costs its job a try, and nobody else anything. It needs no symbol of libsciame.
 *
 * When it executes jobs its lane is in the cage that the kinds of the command are in, too: no
 * network, no files but those it is given and those that it may read, no new programs.
 */
#ifndef SCIAME_KIND_H
#define SCIAME_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sciame/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCIAME_KIND_ABI 1           /* raised when what follows changes */
#define SCIAME_KIND_REPORT_MAX 1024 /* bytes of a report */

/* One job. All is borrowed for the call. */
struct sciame_task {
	const void *parameters; /* as they were submitted */
	size_t parameters_size;
	int input;            /* the source, open for reading at its start; -1: there is none */
	const int *outputs;   /* open for writing, empty; they appear when the job is done */
	size_t outputs_count; /* 0 or 1 */
	/* to be filled: the answer, at most SCIAME_KIND_REPORT_MAX bytes */
	void *report;
	size_t report_size; /* 0 at first */
};

struct sciame_kind {
	uint32_t abi;          /* SCIAME_KIND_ABI */
	const char *name;      /* of small letters, digits, '_' and '-': at most 31 */
	uint64_t memory_bytes; /* address space of a lane; 0: 2 GiB */
	uint64_t output_bytes; /* of the largest output; 0: 2 GiB */
	/*
	 * Called once in each lane before its first job and before the cage is shut: what needs
	 * files or programs happens here. It leaves no thread behind unless opens_files. Or NULL.
	 */
	int (*start)(struct sciame_error *err);
	/*
	 * 0, or another number and *err: the job fails with its message. Status SCIAME_SYSTEM with
	 * an errno in number says that it may pass and the job is tried again (EIO, ENOMEM ...).
	 */
	int (*execute)(struct sciame_task *task, struct sciame_error *err);
	bool opens_files; /* it may open files for reading, all that the worker's user may */
};

#ifdef __cplusplus
}
#endif

#endif
