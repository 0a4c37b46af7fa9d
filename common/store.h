/* SPDX-License-Identifier: MIT */
/*
 * Where inputs come from and outputs go to: "ROOT:relative/path" -> an open descriptor; a written
 * descriptor -> a file that is there whole or not at all.
 *
 * An output is written to a temporary file in its own folder (".sciame-TAG-JOB-ATTEMPT-OUTPUT.tmp",
 * locked with flock as long as somebody writes it) and renamed at the end. A temporary that nobody
 * holds a lock on was left by a dead process: it is removed when its folder is first used. Where
 * the folder depends on what is made (common/naming.h), the temporary lies in the last one that
 * does not, and is renamed into the other.
 *
 * What no output can do anything about is ERROR_TARGET: the root is full, read-only, not writable
 * or gone. A root that is gone is looked for again by its path.
 *
 *     store_open(source) -> input;  store_create(request) -> output;  ... write output.fd ...
 *     store_commit(output) or store_discard(output);  input_close(input)
 */
#ifndef SCIAME_COMMON_STORE_H
#define SCIAME_COMMON_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "common/job.h"
#include "common/temporary.h"

enum {
	STORE_ROOTS_MAX = 16,
	STORE_ROOT_NAME_MAX = 32, /* bytes of a root's name with the NUL */
	STORE_FOLDERS_MAX = 64,   /* target folders kept open besides those with outputs in work */
};

struct store_options {
	bool sync;         /* fsync each output and its folder before it counts as written */
	bool follow_links; /* symbolic links may lead out of a root (the user's own local run) */
};

struct store;

struct input {
	int fd; /* -1: the job has no input */
	dev_t device;
	ino_t inode;
	uint64_t size; /* as it was opened; 0 and 0 where it was not */
	int64_t mtime_ns;
	mode_t mode; /* its permissions; 0 where nobody knows */
};

struct folder;

struct output {
	int fd;                /* -1: the job has no output */
	struct folder *folder; /* of the temporary */
	char temporary[TEMPORARY_NAME_MAX];
	const struct job *job; /* borrowed */
	uint32_t number;       /* which of its outputs */
	struct input source;   /* what must not be replaced; its fd is not used */
};

struct store *store_new(const struct store_options *options);
void store_free(struct store *store); /* every output must have been committed or discarded */

/* A root is "NAME=PATH"; the folder must exist. */
int store_add_root(struct store *store, const char *root, struct error *err);

/* Closes what is kept open only to be quick; true when that freed a descriptor. */
bool store_spare(struct store *store);

/* Opens a regular file for reading; nothing to do ("" as location) gives fd -1. */
int store_open(struct store *store, const char *location, struct input *input, struct error *err);
void input_close(struct input *input);
/* Names the source in a result as it was opened, even if it was closed since. */
void input_describe(const struct input *input, struct result *result);

/* Which output is wanted. */
struct store_request {
	const struct job *job; /* must live as long as the output */
	uint32_t output;       /* below job_outputs(job), or 0 */
	const struct input *input;
};

/*
 * Creates the temporary of one output, and its folder where that is missing. A job without outputs
 * gives fd -1.
 */
int store_create(struct store *store, const struct store_request *request, struct output *output,
	struct error *err);

/*
 * Makes the output visible under the name that follows from what was made; it must hold
 * produced->bytes bytes. On failure nothing is left of it, unless the last step of all failed: then
 * it is visible, but its folder could not be synced.
 */
int store_commit(struct store *store, struct output *output, const struct produced *produced,
	struct error *err);
void store_discard(struct output *output);

/*
 * Whether an errno of writing an output says that the root of this target takes no file at all;
 * then fills *err (ERROR_TARGET). Pure.
 */
bool store_blames_target(const char *target, int number, struct error *err);

#endif
