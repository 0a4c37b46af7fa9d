/* SPDX-License-Identifier: MIT */
/*
 * libsciame: the engine of sciame for programs of one's own. Everything in a header of its own.
 *
 * The library never prints, installs signal handlers, or keeps anything for the whole process, and
 * ends that only where it is out of memory, or used against a contract (an assertion). Where a
 * contract does not say otherwise, different objects may be used at once from any threads, and one
 * object by one thread at a time.
 */
#ifndef SCIAME_SCIAME_H
#define SCIAME_SCIAME_H

#include <sciame/array.h>
#include <sciame/error.h>
#include <sciame/executor.h>
#include <sciame/feed.h>
#include <sciame/future.h>
#include <sciame/process.h>
#include <sciame/queue.h>

#endif
