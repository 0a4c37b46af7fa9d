/* SPDX-License-Identifier: MIT */
/* One line per event on stderr: "sciame: message". */
#ifndef SCIAME_COMMON_LOG_H
#define SCIAME_COMMON_LOG_H

/* program: the name in front of each line, borrowed for the life of the process. */
void log_open(const char *program);

/* Called before each line is written, so that a progress bar can clear itself; NULL is none. */
void log_set_before(void (*before)(void));

/* Where the lines of a thread go instead of stderr: whoever embeds the program shows them. */
struct log_sink {
	void (*line)(void *context, const char *message); /* as it is, not quoted */
	void *context;
};

/* From now on, for this thread; borrowed until the next call. NULL: stderr again. */
void log_divert(const struct log_sink *sink);

/* The one of this thread, for threads that it starts. */
const struct log_sink *log_diverted(void);

void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
