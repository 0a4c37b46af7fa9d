/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <string.h>
#include <sys/eventfd.h>

#include "library/executor_state.h"
#include "library/kinds.h"

static void must(int status)
{
	assert(status == 0);
}

static int client_fd(void *state)
{
	const struct core *core = state;
	return core->event;
}

static size_t client_take(void *state, struct job **jobs, size_t count, bool *ended)
{
	struct core *core = state;
	eventfd_t ignored;
	size_t got = 0;
	must(pthread_mutex_lock(&core->lock));
	while (got < count && !core->cancel) {
		struct sciame_future *f = core_begin(core);
		if (!f)
			break;
		jobs[got] = f->job;
		jobs[got++]->id = ++core->numbers;
		f->job = NULL;
	}
	*ended = core->shut && !core->pending.first;
	core->hungry = !core->pending.first;
	if (core->hungry)
		(void)eventfd_read(core->event, &ignored); /* nothing to read is fine */
	must(pthread_mutex_unlock(&core->lock));
	return got;
}

/* Whoever shuts down cancels what is pending; the thread does so at its end. */
static void client_stop(void *state)
{
	struct core *core = state;
	must(pthread_mutex_lock(&core->lock));
	core->shut = true;
	must(pthread_mutex_unlock(&core->lock));
}

static void client_blame(void *state, const struct blame *blame)
{
	(void)state;
	(void)blame; /* the loop has said it, and the job's error will tell */
}

static int client_settle(void *state, const struct settlement *settlement, struct error *err)
{
	const struct result *result = settlement->result;
	struct sciame_future *f = settlement->job->owner;
	struct ending *ending = NULL;
	(void)state;
	(void)err;
	if (result->code == ERROR_NONE)
		ending = ending_new(result, "", kinds_outcome(settlement->job->kind, result));
	else if (result->code != ERROR_CANCELED)
		ending = ending_new(result, result->detail, "");
	if (ending)
		ending->attempts = settlement->attempts;
	bool first = core_finish(f, ending);
	assert(first); /* the scheduler settles a job once */
	(void)first;
	return 0;
}

static enum client_wish client_watch(void *state, int64_t now_ms, struct error *err)
{
	struct core *core = state;
	(void)now_ms;
	(void)err;
	must(pthread_mutex_lock(&core->lock));
	enum client_wish wish = core->cancel ? CLIENT_HALT : CLIENT_GO_ON;
	if (!core->opened) {
		core->opened = true;
		must(pthread_cond_broadcast(&core->changed));
	}
	must(pthread_mutex_unlock(&core->lock));
	return wish;
}

void executor_client_init(struct sciame_executor *e)
{
	e->client = (struct client) {
		.state = e->core,
		.fd = client_fd,
		.take = client_take,
		.stop = client_stop,
		.blame = client_blame,
		.settle = client_settle,
		.watch = client_watch,
	};
}
