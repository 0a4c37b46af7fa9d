/* SPDX-License-Identifier: MIT */
#include "master/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/log.h"
#include "common/quote.h"

enum {
	REFRESH_MS = 100,
	COLUMNS_DEFAULT = 80,
	COLUMNS_MIN = 20, /* below this nothing useful fits */
	BAR_WIDTH = 20,
};

/* One per process, as there is one terminal. */
static struct {
	bool on, colour, drawn;
	int64_t next_ms;
} progress;

static void format_eta(const struct progress_state *s, char *text, size_t size)
{
	if (!s->total_is_final || s->done == 0) {
		(void)snprintf(text, size, "ETA --:--");
		return;
	}
	uint64_t left = s->total > s->done ? s->total - s->done : 0;
	uint64_t seconds =
		(uint64_t)((double)s->elapsed_ms / 1000.0 * (double)left / (double)s->done + 0.5);
	if (seconds >= 3600)
		(void)snprintf(text, size, "ETA %" PRIu64 ":%02u:%02u", seconds / 3600,
			(unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
	else
		(void)snprintf(text, size, "ETA %u:%02u", (unsigned)(seconds / 60),
			(unsigned)(seconds % 60));
}

/*
 * Copies as many whole characters of a name as fit into so many columns. From U+1000 on each counts
 * as two: some are so wide, and a line that is too short does no harm.
 */
static void copy_columns(char *to, size_t size, const char *from, size_t columns)
{
	size_t used = 0;
	while (*from) {
		size_t length = 1;
		size_t width = (unsigned char)*from > 0xE0 ? 2 : 1;
		while (((unsigned char)from[length] & 0xC0) == 0x80)
			length++;
		if (used + length + 1 > size || width > columns)
			break;
		memcpy(to + used, from, length);
		used += length;
		from += length;
		columns -= width;
	}
	to[used] = '\0';
}

void progress_format(const struct progress_state *s, size_t columns, char *line, size_t size)
{
	char bar[BAR_WIDTH + 1], eta[40], numbers[256], name[PROGRESS_LINE_MAX / 2];
	double seconds = s->elapsed_ms > 0 ? (double)s->elapsed_ms / 1000.0 : 0.001;
	size_t filled = s->total ? (size_t)(s->done * BAR_WIDTH / s->total) : 0;
	for (size_t i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < filled ? '#' : '-';
	bar[BAR_WIDTH] = '\0';
	format_eta(s, eta, sizeof(eta));
	(void)snprintf(numbers, sizeof(numbers),
		"[%s] %" PRIu64 "/%" PRIu64 "%s  %.1f %s/s  %.1f MB/s  %s", bar, s->done, s->total,
		s->total_is_final ? "" : "+", (double)s->done / seconds, s->unit,
		(double)s->bytes / 1e6 / seconds, eta);
	size_t length = strlen(numbers);
	name[0] = '\0';
	if (columns > length + 2)
		copy_columns(name, sizeof(name), s->name, columns - length - 2);
	if (length > columns)
		numbers[columns] = '\0';
	(void)snprintf(line, size, "%s%s%s", numbers, name[0] ? "  " : "", name);
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);
	return value && value[0];
}

void progress_open(bool wanted)
{
	const char *terminal = getenv("TERM");
	progress.on = wanted && isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
	progress.colour = progress.on && !is_set("NO_COLOR");
	progress.drawn = false;
	progress.next_ms = 0;
	log_set_before(progress_clear);
}

void progress_close(void)
{
	progress_clear();
	progress.on = false;
	log_set_before(NULL);
}

bool progress_is_on(void)
{
	return progress.on;
}

static void put(const char *text)
{
	/* a terminal that takes no more characters leaves nothing to be done */
	ssize_t written = write(STDERR_FILENO, text, strlen(text));
	(void)written;
}

void progress_clear(void)
{
	if (progress.drawn)
		put("\r\033[K");
	progress.drawn = false;
}

static size_t terminal_columns(void)
{
	struct winsize window;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) || window.ws_col == 0)
		return COLUMNS_DEFAULT;
	return window.ws_col;
}

void progress_update(const struct progress_state *state, int64_t now_ms)
{
	char line[PROGRESS_LINE_MAX], text[PROGRESS_LINE_MAX + 32];
	struct quote quote;
	size_t columns = terminal_columns();
	struct progress_state quoted = *state;
	if (!progress.on || now_ms < progress.next_ms)
		return;
	progress.next_ms = now_ms + REFRESH_MS;
	if (columns < COLUMNS_MIN)
		return;
	quoted.name = quote_name(&quote, state->name);
	/* one column is left free: a full line would wrap on some terminals */
	progress_format(&quoted, columns - 1, line, sizeof(line));
	(void)snprintf(text, sizeof(text), "\r%s%s%s\033[K", progress.colour ? "\033[32m" : "",
		line, progress.colour ? "\033[0m" : "");
	put(text);
	progress.drawn = true;
}

int64_t progress_deadline_ms(void)
{
	return progress.on ? progress.next_ms : -1;
}
