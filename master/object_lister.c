/* SPDX-License-Identifier: MIT */
#include "master/object_lister.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/socket.h"
#include "common/startup.h"

#define PROGRAM "sciame-list-s3"

extern char **environ;

enum { ARGUMENTS_MAX = 6, BUFFER_SIZE = 1 << 16 };

_Static_assert((int)OBJECT_RECORD_MAX < (int)BUFFER_SIZE, "a record fits");

struct object_lister {
	pid_t pid;
	int pipe, stop; /* the latter: readable when no more is wanted */
	bool ended, held;
	size_t begin, end; /* of what was read and not yet given out */
	int status;        /* of the last call, with its record and error */
	struct object_record record;
	struct error error;
	char buffer[BUFFER_SIZE];
};

static int spawn(struct object_lister *lister, char **arguments, int out, struct error *err)
{
	posix_spawn_file_actions_t actions;
	char *program = startup_program(PROGRAM, err);
	if (!program)
		return -1;
	int status = posix_spawn_file_actions_init(&actions);
	if (status == 0)
		status = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (status == 0)
		status = posix_spawn(&lister->pid, program, &actions, NULL, arguments, environ);
	(void)posix_spawn_file_actions_destroy(&actions); /* always succeeds */
	if (status) {
		lister->pid = 0;
		(void)error_set(err, ERROR_START, "start %s: %s", program, strerrordesc_np(status));
	}
	free(program);
	return status ? -1 : 0;
}

static int start(
	struct object_lister *lister, const char *location, const char *endpoint, struct error *err)
{
	char *arguments[ARGUMENTS_MAX];
	size_t n = 0;
	int pair[2];
	arguments[n++] = PROGRAM;
	if (endpoint) {
		arguments[n++] = "--s3-endpoint";
		arguments[n++] = (char *)endpoint; /* posix_spawn changes nothing */
	}
	arguments[n++] = "--";
	arguments[n++] = (char *)location;
	arguments[n] = NULL;
	if (pipe2(pair, O_CLOEXEC))
		return error_errno(err, ERROR_START, "start " PROGRAM ": make a pipe");
	lister->pipe = pair[0];
	int status = spawn(lister, arguments, pair[1], err);
	(void)close(pair[1]); /* the program has its own */
	return status;
}

struct object_lister *object_lister_open(
	const char *location, const char *endpoint, struct error *err)
{
	struct object_lister *lister = xcalloc(1, sizeof(*lister));
	lister->pipe = -1;
	lister->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int status = lister->stop < 0 ? error_errno(err, ERROR_START, "eventfd")
				      : start(lister, location, endpoint, err);
	if (status == 0)
		return lister;
	object_lister_close(lister);
	return NULL;
}

/* Waits for its end; *status is as in wait(2). */
static void reap(struct object_lister *lister, int *status)
{
	*status = 0;
	while (lister->pid && waitpid(lister->pid, status, 0) < 0 && errno == EINTR) {
	}
	lister->pid = 0;
}

void object_lister_close(struct object_lister *lister)
{
	int ignored;
	if (!lister)
		return;
	if (lister->pid)
		(void)kill(lister->pid, SIGKILL); /* fails only when it has ended already */
	reap(lister, &ignored);
	if (lister->pipe >= 0)
		(void)close(lister->pipe); /* only read */
	if (lister->stop >= 0)
		(void)close(lister->stop); /* nothing to flush */
	free(lister);
}

void object_lister_stop(struct object_lister *lister)
{
	(void)eventfd_write(lister->stop, 1); /* fails only when it is readable anyway */
}

static int explain_end(struct object_lister *lister, struct error *err)
{
	int status;
	reap(lister, &status);
	if (WIFSIGNALED(status))
		return error_set(err, ERROR_START,
			"the listing was cut off: " PROGRAM " was ended by SIG%s",
			sigabbrev_np(WTERMSIG(status)));
	return error_set(err, ERROR_START,
		"the listing was cut off: " PROGRAM " ended with status %d", WEXITSTATUS(status));
}

/* Reads some more: 1, or 0 when it was stopped, or -1. */
static int fill(struct object_lister *lister, struct error *err)
{
	struct poll_item items[] = { { .fd = lister->pipe }, { .fd = lister->stop } };
	if (socket_poll(items, 2, -1, err))
		return -1;
	if (items[1].ready || !items[0].ready)
		return items[1].ready ? 0 : 1;
	memmove(lister->buffer, lister->buffer + lister->begin, lister->end - lister->begin);
	lister->end -= lister->begin;
	lister->begin = 0;
	ssize_t size = read(lister->pipe, lister->buffer + lister->end, BUFFER_SIZE - lister->end);
	if (size < 0 && errno != EINTR)
		return error_errno(err, ERROR_IO, "read the listing");
	if (size == 0)
		return explain_end(lister, err);
	lister->end += size > 0 ? (size_t)size : 0;
	return 1;
}

/* The next record, whatever it says; 1, 0 when it was stopped, or -1. */
static int read_record(struct object_lister *lister, struct error *err)
{
	size_t used = 0;
	for (;;) {
		int status = object_record_read(&lister->record, lister->buffer + lister->begin,
			lister->end - lister->begin, &used, err);
		if (status == 0)
			status = fill(lister, err);
		else if (status > 0)
			lister->begin += used;
		if (status <= 0 || used > 0)
			return status;
	}
}

static int next(struct object_lister *lister, struct error *err)
{
	if (lister->ended)
		return 0;
	int status = read_record(lister, err);
	lister->ended = status <= 0 || lister->record.type == OBJECT_RECORD_END ||
			lister->record.type == OBJECT_RECORD_FAILED;
	if (status <= 0 || !lister->ended)
		return status;
	if (lister->record.type == OBJECT_RECORD_END)
		return 0;
	*err = lister->record.failure;
	return -1;
}

int object_lister_peek(
	struct object_lister *lister, struct object_record *record, struct error *err)
{
	if (!lister->held)
		lister->status = next(lister, &lister->error);
	lister->held = true;
	*record = lister->record;
	if (lister->status < 0)
		*err = lister->error;
	return lister->status;
}

int object_lister_next(
	struct object_lister *lister, struct object_record *record, struct error *err)
{
	int status = object_lister_peek(lister, record, err);
	lister->held = false;
	return status;
}
