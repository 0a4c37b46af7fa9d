/* SPDX-License-Identifier: MIT */
/*
 * The line on a terminal that says how far a run is: bar, done/total, rates, time left, the name
 * that was finished last. Off a terminal, with TERM=dumb or when it is not wanted it does nothing.
 */
#ifndef SCIAME_MASTER_PROGRESS_H
#define SCIAME_MASTER_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress_state {
	const char *unit; /* "images" */
	const char *name; /* finished last; borrowed */
	uint64_t done, total, bytes;
	bool total_is_final; /* the listing has ended */
	int64_t elapsed_ms;
};

enum { PROGRESS_LINE_MAX = 1024 };

/* The line for so many columns, without colour: what is drawn, as text. Pure. */
void progress_format(const struct progress_state *state, size_t columns, char *line, size_t size);

/* wanted: false turns it off. It draws on stderr and clears itself before each log line. */
void progress_open(bool wanted);
void progress_close(void);
bool progress_is_on(void);

/* Draws if the last drawing is long enough ago. */
void progress_update(const struct progress_state *state, int64_t now_ms);
/* When it wants to draw again, or -1. */
int64_t progress_deadline_ms(void);
/* Takes the line off the terminal until the next update. */
void progress_clear(void);

#endif
