/* SPDX-License-Identifier: MIT */
/* Waiting for the ends of futures, of one core or several. */
#ifndef SCIAME_LIBRARY_WATCHER_H
#define SCIAME_LIBRARY_WATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "library/core.h"

void watcher_init(struct watcher *watcher);
/* After all its watches have been removed. */
void watcher_destroy(struct watcher *watcher);

/* Watches watch->future, which may be done already. The watch stays where it is until removed. */
void watcher_add(struct watcher *watcher, struct watch *watch);
/* Under the lock of the future's core: it is done. */
void watcher_tell(struct watch *watch);
void watcher_remove(struct watch *watch);

/* The end of a timeout that begins now, INT64_MAX for SCIAME_FOREVER. */
int64_t watcher_deadline_ms(int64_t timeout_ms);

/* Waits until so many are done, or, if it may, one has failed. False: the time was over first. */
bool watcher_wait(struct watcher *watcher, size_t done, bool or_failed, int64_t deadline_ms);

/* The next that is done, each once; NULL: the time was over first. */
struct watch *watcher_next(struct watcher *watcher, int64_t deadline_ms);

#endif
