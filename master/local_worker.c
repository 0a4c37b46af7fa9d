/* SPDX-License-Identifier: MIT */
#include "master/local_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/memory.h"

extern char **environ;

enum {
	ARGUMENTS_MAX = 24,        /* besides roots and kinds */
	LEASH = STDERR_FILENO + 1, /* its number in the worker */
};

/* Until it waits for them the signals that end it are blocked, none else is. 0 or errno. */
static int execute(
	pid_t *pid, int leash, const struct local_worker_options *options, char *const *arguments)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t blocked;
	(void)sigemptyset(&blocked); /* these fail only for wrong numbers */
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigaddset(&blocked, SIGINT);
	(void)sigaddset(&blocked, SIGHUP);
	int status = posix_spawn_file_actions_init(&actions);
	if (status)
		return status;
	status = posix_spawnattr_init(&attributes);
	if (status == 0) {
		/* fail only for wrong values */
		(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
		(void)posix_spawnattr_setsigmask(&attributes, &blocked);
		if (options->stderr_fd >= 0)
			status = posix_spawn_file_actions_adddup2(
				&actions, options->stderr_fd, STDERR_FILENO);
		if (status == 0)
			status = posix_spawn_file_actions_adddup2(&actions, leash, LEASH);
		/* whatever else this program has open is none of the worker's business */
		if (status == 0)
			status = posix_spawn_file_actions_addclosefrom_np(&actions, LEASH + 1);
		if (status == 0)
			status = posix_spawn(
				pid, options->program, &actions, &attributes, arguments, environ);
		(void)posix_spawnattr_destroy(&attributes); /* always succeeds */
	}
	(void)posix_spawn_file_actions_destroy(&actions); /* always succeeds */
	return status;
}

static int spawn(
	pid_t *pid, int leash, const struct local_worker_options *options, struct error *err)
{
	char per_lane[48], lanes[32], transfers[32], number[32];
	char **arguments = xcalloc(
		ARGUMENTS_MAX + 2 * (options->roots_count + options->kinds_count), sizeof(char *));
	size_t n = 0;
	(void)snprintf(lanes, sizeof(lanes), "--concurrency=%lld", (long long)options->lanes);
	(void)snprintf(number, sizeof(number), "--leash=%d", LEASH);
	arguments[n++] = "sciame-worker";
	arguments[n++] = "--master";
	arguments[n++] = (char *)options->address;
	arguments[n++] = lanes;
	arguments[n++] = number;
	if (options->transfers) {
		(void)snprintf(transfers, sizeof(transfers), "--transfers=%lld",
			(long long)options->transfers);
		arguments[n++] = transfers;
	}
	if (options->jobs_per_lane) {
		(void)snprintf(per_lane, sizeof(per_lane), "--jobs-per-lane=%lld",
			(long long)options->jobs_per_lane);
		arguments[n++] = per_lane;
	}
	arguments[n++] = "--follow-links";
	if (options->sandbox_best_effort)
		arguments[n++] = "--sandbox=best-effort";
	if (options->sync)
		arguments[n++] = "--fsync";
	if (options->s3_endpoint) {
		arguments[n++] = "--s3-endpoint";
		arguments[n++] = (char *)options->s3_endpoint;
	}
	if (options->allow_private)
		arguments[n++] = "--allow-private";
	for (size_t i = 0; i < options->roots_count; i++) {
		arguments[n++] = "--root";
		arguments[n++] = options->roots[i];
	}
	for (size_t i = 0; i < options->kinds_count; i++) {
		arguments[n++] = "--kind";
		arguments[n++] = (char *)options->kinds[i];
	}
	int status = execute(pid, leash, options, arguments);
	if (status)
		(void)error_set(err, ERROR_START, "start %s: %s", options->program,
			strerrordesc_np(status));
	free(arguments);
	return status ? -1 : 0;
}

int local_worker_start(
	struct local_worker *worker, const struct local_worker_options *options, struct error *err)
{
	int pair[2];
	*worker = (struct local_worker) { .leash = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return error_errno(err, ERROR_START, "start a worker: make its leash");
	/* beyond all numbers that it and stderr get */
	int leash = fcntl(pair[1], F_DUPFD_CLOEXEC, LEASH + 1);
	int status = leash < 0 ? error_errno(err, ERROR_START, "start a worker: make its leash")
			       : spawn(&worker->pid, leash, options, err);
	if (leash >= 0)
		(void)close(leash); /* the worker has its own */
	(void)close(pair[1]);
	if (status) {
		(void)close(pair[0]); /* nobody is at the other end */
		worker->pid = 0;
		return -1;
	}
	worker->leash = pair[0];
	return 0;
}

void local_worker_kill(const struct local_worker *worker)
{
	if (worker->pid)
		(void)kill(worker->pid, SIGKILL); /* fails only when it has ended already */
}

bool local_worker_reap(struct local_worker *worker, char *reason, size_t size, bool *failed)
{
	char byte;
	int status = 0;
	ssize_t got = recv(worker->leash, &byte, sizeof(byte), MSG_DONTWAIT);
	if (got > 0 || (got < 0 && errno != ECONNRESET))
		return false;
	while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR) {
	}
	*failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	if (WIFSIGNALED(status))
		(void)snprintf(reason, size, "ended by SIG%s", sigabbrev_np(WTERMSIG(status)));
	else
		(void)snprintf(reason, size, "ended with status %d", WEXITSTATUS(status));
	(void)close(worker->leash); /* nobody is at the other end */
	*worker = (struct local_worker) { .leash = -1 };
	return true;
}
