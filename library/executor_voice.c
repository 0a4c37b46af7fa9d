/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "library/executor_state.h"

static void end_line(struct voice *v)
{
	v->line[v->used] = '\0';
	v->used = 0;
	if (v->line[0] == '\0')
		return;
	v->log.line(v->log.context, v->line);
	memcpy(v->last, v->line, sizeof(v->last));
}

static void take(struct voice *v, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\n')
			end_line(v);
		else if (v->used < sizeof(v->line) - 1)
			v->line[v->used++] = text[i];
	}
}

static void *listen_to(void *argument)
{
	struct voice *v = argument;
	char text[VOICE_LINE_MAX];
	ssize_t got;
	while ((got = read(v->in, text, sizeof(text))) > 0 || (got < 0 && errno == EINTR))
		take(v, text, got > 0 ? (size_t)got : 0);
	end_line(v);
	return NULL;
}

int voice_open(struct voice *v, const struct log_sink *log, struct error *err)
{
	int ends[2];
	*v = (struct voice) { .in = -1, .out = -1, .log = *log };
	if (pipe2(ends, O_CLOEXEC))
		return error_errno(err, ERROR_START, "make a pipe for the worker's messages");
	v->in = ends[0];
	v->out = ends[1];
	int status = pthread_create(&v->thread, NULL, listen_to, v);
	if (status == 0)
		return 0;
	(void)close(v->in);
	(void)close(v->out); /* nothing was written */
	v->in = -1;
	errno = status;
	return error_errno(err, ERROR_START, "start a thread");
}

void voice_close(struct voice *v)
{
	if (v->in < 0)
		return;
	(void)close(v->out); /* others wrote to it */
	int status = pthread_join(v->thread, NULL);
	assert(status == 0);
	(void)status;
	(void)close(v->in); /* only read */
	v->in = -1;
}
