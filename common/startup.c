/* SPDX-License-Identifier: MIT */
#include "common/startup.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/memory.h"

void startup_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* the lowest free number is taken, which is fd; the wrong direction fails on use */
		int got = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
		if (got != fd)
			_exit(3); /* without /dev/null there is nowhere to say so either */
	}
	(void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC); /* else they stay open */
}

void startup_dispositions(void)
{
	/* signal() fails only for wrong numbers */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
}

int startup_files(uint64_t *count, struct error *err)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files))
		return error_errno(err, ERROR_START, "ask for the limit of descriptors");
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files); /* the parent's limit is always allowed */
	*count = files.rlim_cur;
	if (files.rlim_cur < STARTUP_FILES_MIN)
		return error_set(err, ERROR_START,
			"at least %d open files are needed, %llu are allowed", STARTUP_FILES_MIN,
			(unsigned long long)files.rlim_cur);
	return 0;
}

static bool is_ignored(int number)
{
	struct sigaction action;
	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int startup_signals(struct error *err)
{
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	if (!is_ignored(SIGINT))
		(void)sigaddset(&set, SIGINT);
	if (!is_ignored(SIGHUP))
		(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return error_errno(err, ERROR_START, "block signals");
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? error_errno(err, ERROR_START, "wait for signals") : fd;
}

void startup_unblock(void)
{
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL); /* cannot fail */
}

char *startup_program(const char *name, struct error *err)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (length < 0) {
		(void)error_errno(err, ERROR_START, "find the folder of this program");
		return NULL;
	}
	path[length] = '\0';
	char *slash = strrchr(path, '/');
	*slash = '\0'; /* what the kernel gives is absolute */
	return xasprintf("%s/%s", path, name);
}
