/* SPDX-License-Identifier: MIT */
/* Showing a page to the user in a browser that runs on its own. */
#ifndef SCIAME_MASTER_BROWSER_H
#define SCIAME_MASTER_BROWSER_H

#include <stdbool.h>

#include "common/error.h"

/*
 * Whether a page can be shown where the user sees it: stdout and stderr are a terminal, and there
 * is a display ($DISPLAY, $WAYLAND_DISPLAY) or, but not over SSH, a $BROWSER.
 */
bool browser_is_possible(void);

/*
 * Opens the file in a browser: the first of $BROWSER that can be started, else xdg-open. $BROWSER
 * is a list of commands with ':' in between; blanks separate words, "" and '' hold them together,
 * %s is the page (it is added at the end where there is no %s), %% is % (as in sensible-browser(1)
 * and Python's webbrowser). No shell reads it.
 *
 * Never waits for the browser, which is in a session of its own, reads and writes /dev/null, and is
 * no child of this process. -1 and *err: none could be started; what a browser does after it was
 * started can't be told.
 */
int browser_open(const char *path, struct error *err);

#endif
