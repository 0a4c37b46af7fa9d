/* SPDX-License-Identifier: MIT */
/*
 * Kills a process at each of the instructions of a call: what would a crash leave behind?
 * The child is stepped by ptrace(2), so nothing depends on time.
 */
#ifndef SCIAME_TESTS_SUPPORT_STEP_KILLER_H
#define SCIAME_TESTS_SUPPORT_STEP_KILLER_H

#include <stdbool.h>

/*
 * Forks a child that runs prepare(argument), which may be NULL, undisturbed, then call(argument)
 * for `steps` instructions, then is killed. True: the call was over before.
 */
bool step_kill(void (*prepare)(void *), void (*call)(void *), void *argument, long steps);

#endif
