/* SPDX-License-Identifier: MIT */
#include "common/startup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <unistd.h>

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
