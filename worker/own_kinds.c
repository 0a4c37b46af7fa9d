/* SPDX-License-Identifier: MIT */
#include "worker/own_kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/startup.h"

extern char **environ;

/* Starts it with its stdout at the pipe. */
static int spawn(pid_t *pid, char *path, int out, struct error *err)
{
	char *arguments[] = { "sciame-lane-own", "--describe", path, NULL };
	char *program = startup_program(arguments[0], err);
	if (!program)
		return -1;
	posix_spawn_file_actions_t actions;
	int status = posix_spawn_file_actions_init(&actions);
	if (status == 0)
		status = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (status == 0)
		status = posix_spawn(pid, program, &actions, NULL, arguments, environ);
	(void)posix_spawn_file_actions_destroy(&actions); /* always succeeds */
	if (status)
		(void)error_set(err, ERROR_START, "start %s: %s", program, strerrordesc_np(status));
	free(program);
	return status ? -1 : 0;
}

/* What it writes until its end, cut. */
static void read_all(int in, char *text, size_t size)
{
	size_t used = 0;
	ssize_t got = 1;
	while (used < size - 1 && got != 0) {
		got = read(in, text + used, size - 1 - used);
		if (got < 0 && errno != EINTR)
			break;
		used += got > 0 ? (size_t)got : 0;
	}
	text[used] = '\0';
}

/* Its name as the process tells it. */
static int describe(struct own_kind *kind, struct error *err)
{
	char text[ERROR_MESSAGE_MAX];
	int pipe[2], status = 0;
	pid_t pid;
	if (pipe2(pipe, O_CLOEXEC))
		return error_errno(err, ERROR_START, "make a pipe");
	if (spawn(&pid, kind->path, pipe[1], err)) {
		(void)close(pipe[0]);
		(void)close(pipe[1]); /* nothing was written */
		return -1;
	}
	(void)close(pipe[1]); /* the child has its own */
	read_all(pipe[0], text, sizeof(text));
	(void)close(pipe[0]); /* only read */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	if (WIFSIGNALED(status))
		return error_set(err, ERROR_START, "kind %s: loading it ended by SIG%s", kind->path,
			sigabbrev_np(WTERMSIG(status)));
	if (text[0] == '!')
		return error_set(err, ERROR_START, "kind %s", text + 1);
	if (status || text[0] != '=' || !kind_name_valid(text + 1))
		return error_set(err, ERROR_START, "kind %s: loading it ended with status %d",
			kind->path, WEXITSTATUS(status));
	memcpy(kind->name, text + 1, strlen(text));
	return 0;
}

static int check(const struct own_kinds *kinds, const struct own_kind *kind, struct error *err)
{
	if (!(kind->number & KIND_OWN))
		return error_set(err, ERROR_USAGE, "kind %s: its name '%s' is that of another kind",
			kind->path, kind->name);
	const struct own_kind *other = own_kinds_find(kinds, kind->number);
	if (!other)
		return 0;
	return error_set(err, ERROR_USAGE, "kind %s: its name '%s' and '%s' of %s have one number",
		kind->path, kind->name, other->name, other->path);
}

int own_kinds_add(struct own_kinds *kinds, const char *file, struct error *err)
{
	if (kinds->count == OWN_KINDS_MAX)
		return error_set(err, ERROR_USAGE, "--kind may be given %d times", OWN_KINDS_MAX);
	struct own_kind *kind = &kinds->list[kinds->count];
	kind->path = realpath(file, NULL);
	if (!kind->path)
		return error_errno(err, ERROR_START, "kind %s", file);
	int status = describe(kind, err);
	kind->number = kind_number(kind->name);
	if (status == 0)
		status = check(kinds, kind, err);
	if (status)
		free(kind->path);
	else
		kinds->count++;
	return status;
}

const struct own_kind *own_kinds_find(const struct own_kinds *kinds, uint32_t number)
{
	for (size_t i = 0; i < kinds->count; i++) {
		if (kinds->list[i].number == number)
			return &kinds->list[i];
	}
	return NULL;
}

void own_kinds_release(struct own_kinds *kinds)
{
	for (size_t i = 0; i < kinds->count; i++)
		free(kinds->list[i].path);
	kinds->count = 0;
}
