/* SPDX-License-Identifier: MIT */
/* What the scheduler decides, done: messages, the books of the run, words on stderr. */
#include "master/loop_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/quote.h"

static int settle(struct loop *loop, const struct action *action, struct error *err)
{
	const struct loop_end end = {
		.job = action->job,
		.attempt = action->attempt,
		.code = action->code,
		.result = loop->result,
		.member = loop->member,
	};
	if (action->attempt > 0 && action->code != ERROR_NONE && !loop->result)
		leftovers_note(&loop->leftovers, loop_jobs_find(&loop->jobs, action->job));
	if (loop->depot)
		depot_withdraw(loop->depot, action->job);
	loop->worker_failures = 0;
	return loop_jobs_settle(&loop->jobs, loop->client, &end, err);
}

static void send_job(struct loop *loop, const struct action *action)
{
	struct job *job = loop_jobs_find(&loop->jobs, action->job);
	if (action->attempt > 1) /* who had it before may be dead */
		leftovers_note(&loop->leftovers, job);
	job->attempt = action->attempt;
	job->alone = action->alone;
	if (loop->depot)
		depot_offer(loop->depot, job);
	roster_give(loop->roster, action->worker, job);
}

static void blame(struct loop *loop, const struct action *action)
{
	const struct result *result = loop->result;
	const struct loop_death death = {
		.result = result && result->job == action->job ? result : NULL,
		.member = roster_find(loop->roster, action->worker),
		.blames = action->count,
		.attempt = action->attempt,
	};
	loop_jobs_blame(&loop->jobs, loop->client, action->job, &death);
}

static void say_delay(const struct loop *loop, const struct action *action)
{
	char buffer[64];
	struct quote quote;
	const struct job *job = loop_jobs_find(&loop->jobs, action->job);
	log_line("%s: %s; it is tried again in %.1f s",
		quote_name(&quote, job_name(job, buffer, sizeof(buffer))),
		loop->result ? loop->result->detail : "failed", action->count / 1000.0);
}

void loop_say_worker(const struct loop *loop, uint32_t number, const char *what)
{
	const struct member *member = roster_find(loop->roster, number);
	log_line("worker on %s (process %u): %s", member ? member->name : "a host",
		member ? member->pid : 0, what);
}

static int evict(struct loop *loop, const struct action *action, struct error *err)
{
	static const char *const reasons[] = {
		[EVICT_SILENT] = "not heard for 5 s; its jobs go to others",
		[EVICT_DEAF] = "its channel is broken; it has to join again",
		[EVICT_SICK] =
			"it fails what succeeds elsewhere, or dies too often; it is sent away",
	};
	const char *why = reasons[action->reason];
	const struct member *member = roster_find(loop->roster, action->worker);
	loop_say_worker(loop, action->worker, why);
	if (action->reason == EVICT_SICK)
		roster_ban(loop->roster, action->worker, why);
	/* what does not answer can't be asked to end */
	if (action->reason != EVICT_DEAF && loop->worker.pid &&
		member == roster_find_local(loop->roster, (uint32_t)loop->worker.pid))
		local_worker_kill(&loop->worker);
	return roster_evict(loop->roster, action->worker, why, err);
}

static void say_rest(const struct loop *loop, const struct action *action)
{
	char what[80];
	(void)snprintf(what, sizeof(what), "it fails what succeeds elsewhere; it rests for %u s",
		action->count / 1000); /* fits */
	loop_say_worker(loop, action->worker, what);
}

/* The target takes no files, takes them again, or has not for too long. */
static void say_target(struct loop *loop, const struct action *action)
{
	if (action->type == ACTION_RESUME)
		log_line("the target takes files again: the run goes on");
	else if (action->type == ACTION_PAUSE)
		log_line("%s: the run waits for it",
			loop->result ? loop->result->detail : "the target takes no files");
	if (action->type != ACTION_ABORT)
		return;
	log_line("the target has taken no files for %g s: the run ends%s",
		(double)loop->options->target_wait_ms / 1000.0, loop->options->afterwards);
	loop->report.aborted = true;
}

/* Nothing more is listed, and what runs has to end. */
static int tell_stop(struct loop *loop, enum run_state state, struct error *err)
{
	loop->exhausted = true;
	loop->stopped = true;
	loop->client->stop(loop->client->state);
	if (state == RUN_CANCELING)
		loop->kill_at_ms = clock_ms() + loop->options->grace_ms + LOOP_KILL_AFTER_MS;
	return roster_tell(loop->roster, state, err);
}

static int act(struct loop *loop, const struct action *action, struct error *err)
{
	switch (action->type) {
	case ACTION_ENUMERATE:
		loop->wanted += action->count;
		return 0;
	case ACTION_SEND:
		send_job(loop, action);
		return 0;
	case ACTION_SETTLE:
		return settle(loop, action, err);
	case ACTION_BLAME:
		blame(loop, action);
		return 0;
	case ACTION_DELAY:
		say_delay(loop, action);
		return 0;
	case ACTION_REST:
		say_rest(loop, action);
		return 0;
	case ACTION_PAUSE:
	case ACTION_RESUME:
	case ACTION_ABORT:
		say_target(loop, action);
		return 0;
	case ACTION_EVICT:
		return evict(loop, action, err);
	case ACTION_FORGET:
		roster_drop(loop->roster, action->worker);
		return 0;
	case ACTION_HALT:
		return tell_stop(loop, RUN_HALTING, err);
	case ACTION_CANCEL:
		return tell_stop(loop, RUN_CANCELING, err);
	case ACTION_FINISH:
		loop->finished = true;
		return roster_tell(loop->roster, RUN_DONE, err);
	}
	abort(); /* an action that is none of the above was never asked for */
}

int loop_step(struct loop *loop, struct event *event, struct error *err)
{
	event->now_ms = clock_ms();
	scheduler_step(loop->scheduler, event, &loop->actions);
	for (size_t i = 0; i < loop->actions.count; i++) {
		if (act(loop, &loop->actions.items[i], err))
			return -1;
	}
	return 0;
}
