/* SPDX-License-Identifier: MIT */
/*
 * libsciame: the engine of sciame for programs of one's own. Everything in a header of its own.
 *
 * The library never ends the process, prints, or installs signal handlers, and keeps nothing for
 * the whole process. Where a contract does not say otherwise, different objects may be used at once
 * from any threads, and one object by one thread at a time.
 */
#ifndef SCIAME_SCIAME_H
#define SCIAME_SCIAME_H

#include <sciame/array.h>
#include <sciame/error.h>
#include <sciame/process.h>
#include <sciame/queue.h>

#endif
