/* SPDX-License-Identifier: MIT */
/*
 * Child processes that are started once, named, and joined.
 *
 *     sciame_process_start(&process, &(struct sciame_process_options) {
 *         .name = "counter", .function = count, .argument = &array }, NULL);
 *     sciame_process_join(process, SCIAME_FOREVER, NULL);
 *     sciame_process_exit_code(process, &code); sciame_process_close(process);
 *
 * A function runs in a fork of the calling process: of its threads only the calling one goes on
 * there, so locks that others held stay locked for ever. Use `arguments`, which starts a program,
 * in programs that have threads of their own and need more than simple calculations in the child.
 *
 * Each process has a thread here that waits for it, so the caller's own waitpid(-1) must not take
 * its end away. All calls but close are for any thread.
 */
#ifndef SCIAME_PROCESS_H
#define SCIAME_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <sciame/error.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct sciame_process;

#define SCIAME_PROCESS_DESCRIPTORS_MAX 64 /* that one program is started with */

struct sciame_process_options {
	const char *name; /* for people; copied. NULL: "process-" and its process ID */
	/* One of the two: */
	int (*function)(void *argument); /* its result is the exit status, of which 8 bits count */
	char *const *arguments; /* a program, found along PATH unless it has a slash; NULL-ended */
	void *argument;         /* of the function; as it is at the moment of the start */
	const int *descriptors; /* of `arguments`: they stay open in the program, as 3, 4 ... */
	size_t descriptors_count;
	bool daemon; /* it ends (SIGKILL) with this process, however that ends */
};

/* SCIAME_MISUSED, SCIAME_SYSTEM (no such program, no more processes). The caller closes it. */
enum sciame_status sciame_process_start(struct sciame_process **process,
	const struct sciame_process_options *options, struct sciame_error *err);

/*
 * Waits for its end: SCIAME_TIMED_OUT when it has not ended in time. SCIAME_MISUSED: a process
 * can't join itself ("cannot join current process"), nor a sibling ("can only join a child
 * process").
 */
enum sciame_status sciame_process_join(
	struct sciame_process *process, int64_t timeout_ms, struct sciame_error *err);

/* False: it still runs. *code: the exit status, or -N where signal N ended it. */
bool sciame_process_exit_code(struct sciame_process *process, int *code);

pid_t sciame_process_pid(const struct sciame_process *process);
const char *sciame_process_name(const struct sciame_process *process);

/* Sends a signal; SCIAME_MISUSED when it has ended already. Never hits another process. */
enum sciame_status sciame_process_signal(
	struct sciame_process *process, int number, struct sciame_error *err);

/* One that still runs goes on without being known here; a daemon is killed. Of NULL: nothing. */
void sciame_process_close(struct sciame_process *process);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
