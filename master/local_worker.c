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

#include "common/startup.h"

extern char **environ;

enum { ARGUMENTS_MAX = 32 };

static int spawn(
	pid_t *pid, int leash, const struct local_worker_options *options, struct error *err)
{
	char *arguments[ARGUMENTS_MAX], lanes[32], transfers[32], number[32];
	size_t n = 0;
	char *program = startup_program("sciame-worker", err);
	if (!program)
		return -1;
	(void)snprintf(lanes, sizeof(lanes), "--concurrency=%lld", (long long)options->lanes);
	(void)snprintf(number, sizeof(number), "--leash=%d", leash);
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
	for (size_t i = 0; i < options->roots_count && n < ARGUMENTS_MAX - 3; i++) {
		arguments[n++] = "--root";
		arguments[n++] = options->roots[i];
	}
	arguments[n] = NULL;
	posix_spawn_file_actions_t actions;
	int status = posix_spawn_file_actions_init(&actions);
	if (status == 0)
		status = posix_spawn_file_actions_adddup2(&actions, leash, leash);
	if (status == 0)
		status = posix_spawn(pid, program, &actions, NULL, arguments, environ);
	(void)posix_spawn_file_actions_destroy(&actions); /* always succeeds */
	if (status)
		(void)error_set(err, ERROR_START, "start %s: %s", program, strerrordesc_np(status));
	free(program);
	return status ? -1 : 0;
}

int local_worker_start(
	struct local_worker *worker, const struct local_worker_options *options, struct error *err)
{
	int pair[2];
	*worker = (struct local_worker) { .leash = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return error_errno(err, ERROR_START, "start a worker: make its leash");
	int status = spawn(&worker->pid, pair[1], options, err);
	(void)close(pair[1]); /* the worker has its own */
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
