/* SPDX-License-Identifier: MIT */
/*
 * Each child has a thread here, its keeper, which forks it, waits for it and tells those who join.
 * That makes daemons sure, too: the kernel kills a child that asked for it (PR_SET_PDEATHSIG) when
 * the thread ends that forked it, and the keeper ends only after the child, or with the process.
 */
#include "sciame/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "library/error.h"

enum {
	NAME_MAX_BYTES = 64, /* with the NUL; longer ones are cut */
	FIRST_DESCRIPTOR = 3,
	NOT_STARTED = 127, /* exit status of a child that could not be executed, as in a shell */
};

struct sciame_process {
	char name[NAME_MAX_BYTES];
	struct sciame_process_options options; /* for the keeper, until it has started the child */
	pid_t parent;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int references; /* the caller and the keeper */
	bool started, ended, wanted;
	int number; /* errno of a start that failed */
	pid_t pid;
	int code; /* once it has ended */
};

static void must(int status)
{
	assert(status == 0);
}

static void release(struct sciame_process *p)
{
	must(pthread_mutex_lock(&p->lock));
	int left = --p->references;
	must(pthread_mutex_unlock(&p->lock));
	if (left > 0)
		return;
	must(pthread_cond_destroy(&p->changed));
	must(pthread_mutex_destroy(&p->lock));
	free(p);
}

/* In the child, which has one thread: only what is safe after fork. */
static void restore_signals(void)
{
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * Moves the descriptors to 3, 4 ... In two steps, for one of them may have the number that another
 * one gets: first beyond all of them.
 */
static int place_descriptors(const struct sciame_process_options *options)
{
	int above[SCIAME_PROCESS_DESCRIPTORS_MAX];
	int beyond = FIRST_DESCRIPTOR + (int)options->descriptors_count;
	for (size_t i = 0; i < options->descriptors_count; i++) {
		if (options->descriptors[i] >= beyond)
			beyond = options->descriptors[i] + 1;
	}
	for (size_t i = 0; i < options->descriptors_count; i++) {
		above[i] = fcntl(options->descriptors[i], F_DUPFD_CLOEXEC, beyond);
		if (above[i] < 0)
			return -1;
	}
	for (size_t i = 0; i < options->descriptors_count; i++) {
		if (dup2(above[i], FIRST_DESCRIPTOR + (int)i) < 0)
			return -1;
	}
	return 0;
}

/* report: where errno goes when it can't be started; closed by a program that starts. */
__attribute__((noreturn)) static void be_child(const struct sciame_process *p, int report)
{
	const struct sciame_process_options *options = &p->options;
	if (options->daemon && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != p->parent))
		_exit(NOT_STARTED); /* the parent is gone already */
	restore_signals();
	if (options->function) {
		(void)close(report);
		_exit(options->function(options->argument));
	}
	if (place_descriptors(options) == 0)
		(void)execvp(options->arguments[0], options->arguments);
	int number = errno;
	(void)!write(report, &number, sizeof(number)); /* the exit status says it, too */
	_exit(NOT_STARTED);
}

/* Its end for the child stands above all numbers that the child's descriptors get. */
static int make_report(const struct sciame_process_options *options, int report[2])
{
	int above = FIRST_DESCRIPTOR + (int)options->descriptors_count;
	if (pipe2(report, O_CLOEXEC) != 0)
		return -1;
	int moved = fcntl(report[1], F_DUPFD_CLOEXEC, above);
	(void)close(report[1]); /* nothing was written */
	report[1] = moved;
	if (moved >= 0)
		return 0;
	(void)close(report[0]);
	return -1;
}

/* 0 or errno. */
static int start_child(struct sciame_process *p)
{
	int report[2], number = 0;
	sigset_t all, before;
	if (make_report(&p->options, report) != 0)
		return errno;
	/* no handler of the program runs in the child before it is one */
	(void)sigfillset(&all);
	must(pthread_sigmask(SIG_SETMASK, &all, &before));
	p->pid = fork();
	if (p->pid == 0)
		be_child(p, report[1]);
	if (p->pid < 0)
		number = errno;
	must(pthread_sigmask(SIG_SETMASK, &before, NULL));
	(void)close(report[1]); /* the child has its own */
	ssize_t got = 0;
	do {
		got = p->pid > 0 ? read(report[0], &number, sizeof(number)) : 0;
	} while (got < 0 && errno == EINTR);
	(void)close(report[0]);
	if (got > 0)
		(void)waitpid(p->pid, NULL, 0); /* it has ended, or will at once */
	return number;
}

static int wait_child(pid_t pid)
{
	int status;
	pid_t got;
	do {
		got = waitpid(pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return NOT_STARTED; /* somebody else has waited for it */
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void *keep(void *argument)
{
	struct sciame_process *p = argument;
	int number = start_child(p);
	must(pthread_mutex_lock(&p->lock));
	p->number = number;
	p->started = true;
	must(pthread_cond_broadcast(&p->changed));
	must(pthread_mutex_unlock(&p->lock));
	if (number == 0) {
		siginfo_t info;
		/* still a zombie when it is marked: its number is nobody else's until then */
		while (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOWAIT) != 0 &&
			errno == EINTR) {
		}
		must(pthread_mutex_lock(&p->lock));
		p->code = wait_child(p->pid);
		p->ended = true;
		must(pthread_cond_broadcast(&p->changed));
		must(pthread_mutex_unlock(&p->lock));
	}
	release(p);
	return NULL;
}

static struct sciame_process *make(const struct sciame_process_options *options)
{
	struct sciame_process *p = calloc(1, sizeof(*p));
	pthread_condattr_t monotonic;
	if (!p)
		return NULL;
	p->options = *options;
	p->parent = getpid();
	p->references = 2;
	must(pthread_condattr_init(&monotonic));
	must(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC));
	must(pthread_mutex_init(&p->lock, NULL));
	must(pthread_cond_init(&p->changed, &monotonic));
	must(pthread_condattr_destroy(&monotonic));
	return p;
}

static void set_name(struct sciame_process *p, const char *name)
{
	if (name)
		(void)snprintf(p->name, sizeof(p->name), "%s", name); /* cut is fine */
	else
		(void)snprintf(p->name, sizeof(p->name), "process-%d", (int)p->pid);
}

/* Starts the keeper, which takes no signals of the program. 0 or errno. */
static int start_keeper(struct sciame_process *p)
{
	pthread_t keeper;
	pthread_attr_t detached;
	sigset_t all, before;
	must(pthread_attr_init(&detached));
	must(pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED));
	(void)sigfillset(&all);
	must(pthread_sigmask(SIG_SETMASK, &all, &before));
	int number = pthread_create(&keeper, &detached, keep, p);
	must(pthread_sigmask(SIG_SETMASK, &before, NULL));
	must(pthread_attr_destroy(&detached));
	return number;
}

enum sciame_status sciame_process_start(struct sciame_process **process,
	const struct sciame_process_options *options, struct sciame_error *err)
{
	*process = NULL;
	if (!options->function == !options->arguments)
		return library_error(err, SCIAME_MISUSED,
			"a process needs a function or arguments, one of both");
	if (options->descriptors_count > SCIAME_PROCESS_DESCRIPTORS_MAX)
		return library_error(err, SCIAME_LIMIT, "%zu descriptors are more than %d",
			options->descriptors_count, SCIAME_PROCESS_DESCRIPTORS_MAX);
	struct sciame_process *p = make(options);
	if (!p)
		return library_errno(err, "start a process");
	*process = p; /* the child knows it, too */
	int number = start_keeper(p);
	if (number) {
		p->references = 1;
	} else {
		must(pthread_mutex_lock(&p->lock));
		while (!p->started)
			must(pthread_cond_wait(&p->changed, &p->lock));
		number = p->number;
		must(pthread_mutex_unlock(&p->lock));
	}
	if (number) {
		*process = NULL;
		release(p);
		errno = number;
		return library_errno(
			err, "start %s", options->arguments ? options->arguments[0] : "a process");
	}
	set_name(p, options->name);
	p->options = (struct sciame_process_options) { .daemon = options->daemon };
	return SCIAME_OK;
}

/* Locked. False: it has not ended in time. */
static bool wait_end(struct sciame_process *p, int64_t timeout_ms)
{
	int64_t most_ms = INT64_MAX / 2000;
	int64_t until_us = clock_us() + (timeout_ms < most_ms ? timeout_ms : most_ms) * 1000;
	const struct timespec until = { .tv_sec = (time_t)(until_us / 1000000),
		.tv_nsec = (long)(until_us % 1000000 * 1000) };
	int status = 0;
	while (!p->ended && status == 0)
		status = timeout_ms < 0 ? pthread_cond_wait(&p->changed, &p->lock)
					: pthread_cond_timedwait(&p->changed, &p->lock, &until);
	return p->ended;
}

enum sciame_status sciame_process_join(
	struct sciame_process *process, int64_t timeout_ms, struct sciame_error *err)
{
	if (getpid() != process->parent) {
		/* its own number was not known yet when it was forked */
		return library_error(err, SCIAME_MISUSED, "%s",
			process->pid == 0 ? "cannot join current process"
					  : "can only join a child process");
	}
	must(pthread_mutex_lock(&process->lock));
	bool ended = wait_end(process, timeout_ms);
	must(pthread_mutex_unlock(&process->lock));
	return ended ? SCIAME_OK
		     : library_error(err, SCIAME_TIMED_OUT, "%s still runs", process->name);
}

bool sciame_process_exit_code(struct sciame_process *process, int *code)
{
	must(pthread_mutex_lock(&process->lock));
	bool ended = process->ended;
	if (ended)
		*code = process->code;
	must(pthread_mutex_unlock(&process->lock));
	return ended;
}

pid_t sciame_process_pid(const struct sciame_process *process)
{
	return process->pid;
}

const char *sciame_process_name(const struct sciame_process *process)
{
	return process->name;
}

enum sciame_status sciame_process_signal(
	struct sciame_process *process, int number, struct sciame_error *err)
{
	must(pthread_mutex_lock(&process->lock));
	bool ended = process->ended;
	/* the keeper reaps it under this lock, so the number is still the child's */
	int status = ended ? 0 : kill(process->pid, number);
	int reason = errno;
	must(pthread_mutex_unlock(&process->lock));
	if (ended)
		return library_error(err, SCIAME_MISUSED, "%s has ended", process->name);
	errno = reason;
	return status ? library_errno(err, "send signal %d to %s", number, process->name)
		      : SCIAME_OK;
}

void sciame_process_close(struct sciame_process *process)
{
	if (!process)
		return;
	if (process->options.daemon && getpid() == process->parent)
		(void)sciame_process_signal(process, SIGKILL, NULL); /* it may have ended */
	release(process);
}
