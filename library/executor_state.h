/* SPDX-License-Identifier: MIT */
/*
 * What the executor's own files share. Nobody else includes this.
 *
 *   executor.c          its life: open, submit, shutdown, close
 *   executor_options.c  from the caller's options to the loop's, with copies of all texts
 *   executor_client.c   the loop's client: jobs from the core, their ends into it
 *   executor_voice.c    what the worker of this host writes on its stderr
 */
#ifndef SCIAME_LIBRARY_EXECUTOR_STATE_H
#define SCIAME_LIBRARY_EXECUTOR_STATE_H

#include <pthread.h>
#include <stdbool.h>

#include "common/log.h"
#include "library/core.h"
#include "master/loop.h"
#include "sciame/executor.h"

enum { VOICE_LINE_MAX = 512 }; /* bytes of a line with the NUL; longer ones are cut */

/* Reads lines from a pipe, whose other end is some process's stderr. */
struct voice {
	pthread_t thread;
	int in, out; /* the ends of the pipe; -1: none */
	struct log_sink log;
	size_t used;
	char line[VOICE_LINE_MAX]; /* the one that is read */
	char last[VOICE_LINE_MAX]; /* the one before; "": there was none */
};

struct sciame_executor {
	struct core *core;
	struct client client;
	struct loop_options options;
	char **texts; /* what the options point to */
	size_t texts_count;
	const char **roots, **kinds;
	struct log_sink log;
	void (*say)(void *context, const char *line);
	void *say_context;
	struct voice voice;
	pthread_t thread;
	/* under the core's lock */
	bool started, joined;
};

/* SCIAME_MISUSED or SCIAME_SYSTEM. What was copied is freed by executor_options_free. */
enum sciame_status executor_options_init(struct sciame_executor *executor,
	const struct sciame_executor_options *options, struct sciame_error *err);
void executor_options_free(struct sciame_executor *executor);

/* Fills executor->client. */
void executor_client_init(struct sciame_executor *executor);

int voice_open(struct voice *voice, const struct log_sink *log, struct error *err);
/* Closes the end for writing and waits until all who have it are gone. */
void voice_close(struct voice *voice);

#endif
