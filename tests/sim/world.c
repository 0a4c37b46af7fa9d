/* SPDX-License-Identifier: MIT */
/*
 * All that happens is an item of the agenda. What reaches the scheduler goes through happen(),
 * which lets the checker look at the step and then carries the actions out.
 */
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/agenda.h"
#include "tests/sim/checker.h"
#include "tests/sim/dice.h"
#include "tests/sim/plan.h"
#include "tests/sim/swarm.h"
#include "tests/sim/trace.h"

struct sim_job {
	uint32_t length_us;
	enum error_code code; /* how it ends */
	bool only_once;       /* after that it succeeds */
};

struct world {
	struct plan plan;
	struct dice dice;
	struct agenda agenda;
	struct swarm swarm;
	struct sim_job *jobs;
	struct checker *checker;
	struct scheduler *scheduler;
	struct actions actions;
	int64_t now_us, end_us; /* end: when the run must have ended; set by the calm */
	uint64_t events, events_max;
	uint64_t asked;
	uint32_t found;
	bool enumerating; /* the next piece is on the agenda */
	bool exhausted, canceled, calm, trace;
};

static bool chance(struct world *w, uint32_t per_mille)
{
	return !w->calm && dice_chance(&w->dice, per_mille);
}

static void later(struct world *w, uint64_t delay_us, struct item item)
{
	item.at_us = w->now_us + (int64_t)delay_us;
	agenda_add(&w->agenda, item);
}

static uint64_t draw_delay_us(struct world *w)
{
	if (chance(w, w->plan.late))
		return dice_magnitude(&w->dice, w->plan.delay_high_us, w->plan.late_us);
	return dice_magnitude(&w->dice, w->plan.delay_low_us, w->plan.delay_high_us);
}

static struct sim_worker *worker_of(struct world *w, const struct event *event)
{
	return &w->swarm.workers[event->worker - w->plan.worker_first];
}

/* From a worker to the scheduler. */
static void tell(struct world *w, struct event event)
{
	struct item item = { .type = ITEM_DELIVER, .from_worker = true, .event = event };
	later(w, draw_delay_us(w), item);
	if (chance(w, w->plan.duplicate))
		later(w, draw_delay_us(w), item);
}

static void tell_unstarted(struct world *w, struct event event)
{
	event.type = EVENT_RETURNED;
	if (worker_of(w, &event)->canceled && !dice_chance(&w->dice, w->plan.cancel_drop)) {
		event.type = EVENT_RESULT;
		event.code = ERROR_CANCELED;
	}
	tell(w, event);
}

static void start(struct world *w, uint32_t number, const struct task *task)
{
	const struct sim_job *job = &w->jobs[task->job / w->plan.job_stride - 1];
	struct item item = { .type = ITEM_DONE };
	item.event.type = EVENT_RESULT;
	item.event.worker = number;
	item.event.job = task->job;
	item.event.attempt = task->attempt;
	item.event.code = job->only_once && task->attempt > 1 ? ERROR_NONE : job->code;
	struct sim_worker *worker = worker_of(w, &item.event);
	item.event.duration_us = job->length_us * worker->slowness;
	worker->busy++;
	later(w, item.event.duration_us, item);
}

static void start_more(struct world *w, uint32_t number)
{
	struct sim_worker *worker = &w->swarm.workers[number - w->plan.worker_first];
	struct task task;
	while (worker->busy < worker->slots && swarm_take(&w->swarm, worker, &task))
		start(w, number, &task);
}

static void hand_back_unstarted(struct world *w, uint32_t number)
{
	struct sim_worker *worker = &w->swarm.workers[number - w->plan.worker_first];
	struct task task;
	while (swarm_take(&w->swarm, worker, &task)) {
		struct event event = {
			.worker = number,
			.job = task.job,
			.attempt = task.attempt,
		};
		tell_unstarted(w, event);
	}
}

static void enumerate_later(struct world *w)
{
	if (w->enumerating || w->exhausted)
		return;
	w->enumerating = true;
	later(w, dice_between(&w->dice, 1, w->plan.listing_us),
		(struct item) { .type = ITEM_ENUMERATE });
}

static void send(struct world *w, const struct action *action)
{
	struct item item = { .type = ITEM_ARRIVE };
	item.event.worker = action->worker;
	item.event.job = action->job;
	item.event.attempt = action->attempt;
	later(w, draw_delay_us(w), item);
}

static void cancel_heard_later(struct world *w, uint32_t number)
{
	struct item item = { .type = ITEM_CANCEL_HEARD };
	item.event.worker = number;
	later(w, draw_delay_us(w), item);
}

static void cancel(struct world *w)
{
	w->canceled = true;
	for (uint32_t i = 0; i < w->swarm.count; i++)
		cancel_heard_later(w, w->plan.worker_first + i);
}

static void perform(struct world *w, const struct action *action)
{
	switch (action->type) {
	case ACTION_ENUMERATE:
		w->asked += action->count;
		enumerate_later(w);
		break;
	case ACTION_SEND:
		send(w, action);
		break;
	case ACTION_CANCEL:
		cancel(w);
		break;
	case ACTION_SETTLE:
	case ACTION_FORGET:
	case ACTION_FINISH:
		break; /* the checker's */
	}
}

/* Whether the run goes on: false after a broken rule. */
static bool happen(struct world *w, struct event event)
{
	event.now_ms = w->now_us / 1000;
	if (w->trace)
		trace_event(&event);
	w->events++;
	checker_event(w->checker, &event);
	scheduler_step(w->scheduler, &event, &w->actions);
	if (w->trace)
		trace_actions(&w->actions);
	checker_actions(w->checker, &w->actions, scheduler_counts(w->scheduler));
	if (checker_broken(w->checker))
		return false;
	for (size_t i = 0; i < w->actions.count; i++)
		perform(w, &w->actions.items[i]);
	return true;
}

/* Something that nobody has said, made from something that somebody did. */
static struct event forge(struct world *w, struct event event)
{
	uint32_t stranger = w->plan.worker_first + w->plan.workers_max;
	switch (dice_between(&w->dice, 0, 6)) {
	case 0:
		event.worker = w->plan.worker_first +
			       (uint32_t)dice_between(&w->dice, 0, w->plan.workers_max);
		break;
	case 1:
		event.attempt++;
		break;
	case 2:
		event.attempt--;
		break;
	case 3:
		event.job = dice_between(&w->dice, 0, w->plan.jobs + 1) * w->plan.job_stride;
		break;
	case 4:
		event = (struct event) { .type = EVENT_LOST, .worker = stranger };
		break;
	case 5:
		event = (struct event) { .type = EVENT_DRAIN, .worker = stranger };
		break;
	case 6:
		event = (struct event) { .type = EVENT_TICK };
		break;
	}
	return event;
}

static void on_deliver(struct world *w, const struct item *item)
{
	if (item->from_worker && worker_of(w, &item->event)->cut)
		return;
	bool has_job = item->event.type == EVENT_RESULT || item->event.type == EVENT_RETURNED;
	if (has_job && chance(w, w->plan.forge) && !happen(w, forge(w, item->event)))
		return;
	(void)happen(w, item->event); /* a broken rule is noticed by the loop */
}

static void on_join(struct world *w)
{
	if (w->swarm.count == w->plan.workers_max || checker_finished(w->checker))
		return;
	uint32_t index = swarm_join(&w->swarm, &w->plan, &w->dice);
	const struct sim_worker *worker = &w->swarm.workers[index];
	uint32_t number = w->plan.worker_first + index;
	if (worker->fate != FATE_STAYS) {
		struct item item = { .type = ITEM_FATE };
		item.event.worker = number;
		later(w, dice_magnitude(&w->dice, 1, (uint64_t)w->plan.span_us), item);
	}
	if (w->canceled)
		cancel_heard_later(w, number);
	(void)happen(w,
		(struct event) { .type = EVENT_HELLO, .worker = number, .slots = worker->slots });
}

static void declare_lost(struct world *w, uint32_t number, uint64_t delay_us)
{
	struct item item = { .type = ITEM_DELIVER };
	item.event.type = EVENT_LOST;
	item.event.worker = number;
	later(w, delay_us, item);
}

static void on_fate(struct world *w, const struct event *event)
{
	struct sim_worker *worker = worker_of(w, event);
	if (w->calm)
		return;
	worker->leaving = true;
	uint64_t detection_us = dice_between(&w->dice, 1, w->plan.detection_us);
	switch (worker->fate) {
	case FATE_STAYS:
		break;
	case FATE_CRASHES:
		worker->stopped = true;
		worker->cut = dice_chance(&w->dice, 500);
		declare_lost(w, event->worker, detection_us);
		break;
	case FATE_CUT_OFF:
		worker->cut = true;
		declare_lost(w, event->worker, detection_us);
		break;
	case FATE_MISTAKEN:
		declare_lost(w, event->worker, 1);
		break;
	case FATE_DRAINS:
		worker->draining = true;
		tell(w, (struct event) { .type = EVENT_DRAIN, .worker = event->worker });
		hand_back_unstarted(w, event->worker);
		if (dice_chance(&w->dice, 200))
			declare_lost(w, event->worker, detection_us);
		break;
	}
	if (dice_chance(&w->dice, w->plan.replace))
		later(w, detection_us, (struct item) { .type = ITEM_JOIN });
}

static void on_arrive(struct world *w, const struct event *event)
{
	struct sim_worker *worker = worker_of(w, event);
	if (worker->stopped)
		return;
	if (worker->draining || worker->canceled || chance(w, w->plan.hand_back)) {
		tell_unstarted(w, *event);
		return;
	}
	swarm_put(&w->swarm, worker, event->job, event->attempt);
	start_more(w, event->worker);
}

static void on_done(struct world *w, const struct event *event)
{
	struct sim_worker *worker = worker_of(w, event);
	if (worker->stopped)
		return;
	worker->busy--;
	tell(w, *event);
	start_more(w, event->worker);
}

static void on_cancel_heard(struct world *w, const struct event *event)
{
	struct sim_worker *worker = worker_of(w, event);
	if (worker->stopped)
		return;
	worker->canceled = true;
	hand_back_unstarted(w, event->worker);
}

static void on_enumerate(struct world *w)
{
	w->enumerating = false;
	uint64_t piece = dice_between(&w->dice, 1, w->plan.piece_max);
	while (piece-- > 0 && w->asked > 0 && w->found < w->plan.jobs) {
		if (checker_finished(w->checker))
			return;
		w->asked--;
		uint64_t number = ++w->found * w->plan.job_stride;
		if (!happen(w, (struct event) { .type = EVENT_FOUND, .job = number }))
			return;
	}
	bool more = w->found < w->plan.jobs;
	if (!more && (w->asked > 0 || w->plan.exhausted_at_once)) {
		w->exhausted = true;
		(void)happen(w, (struct event) { .type = EVENT_EXHAUSTED });
	} else if (w->asked > 0) {
		enumerate_later(w);
	}
}

/* Every job that is left, one after the other, four times, on the slowest lane, all late. */
static int64_t longest_us(const struct plan *plan)
{
	uint64_t message_us = plan->delay_high_us + plan->late_us;
	uint64_t job_us = plan->length_high_us * plan->slowness_max + 2 * message_us;
	uint64_t jobs_us = (plan->jobs + UINT64_C(1)) * (plan->listing_us + 4 * job_us);
	return (int64_t)(jobs_us + plan->detection_us + 4 * message_us);
}

static void on_calm(struct world *w)
{
	w->calm = true;
	w->plan.crash = w->plan.cut = w->plan.mistaken = w->plan.drain = 0;
	w->end_us = w->now_us + longest_us(&w->plan);
	if (!swarm_has_healthy(&w->swarm))
		on_join(w);
}

static void on_item(struct world *w, const struct item *item)
{
	switch (item->type) {
	case ITEM_DELIVER:
		on_deliver(w, item);
		break;
	case ITEM_ENUMERATE:
		on_enumerate(w);
		break;
	case ITEM_JOIN:
		on_join(w);
		break;
	case ITEM_ARRIVE:
		on_arrive(w, &item->event);
		break;
	case ITEM_DONE:
		on_done(w, &item->event);
		break;
	case ITEM_FATE:
		on_fate(w, &item->event);
		break;
	case ITEM_CANCEL_HEARD:
		on_cancel_heard(w, &item->event);
		break;
	case ITEM_CALM:
		on_calm(w);
		break;
	}
}

static void draw_job(struct world *w, struct sim_job *job)
{
	const struct plan *plan = &w->plan;
	static const enum error_code failures[] = { ERROR_IO, ERROR_INPUT, ERROR_LIMIT,
		ERROR_NETWORK, ERROR_PROTOCOL, ERROR_START, ERROR_CANCELED };
	uint64_t length_us = plan->length_low_us;
	if (length_us < plan->length_high_us)
		length_us = dice_magnitude(&w->dice, length_us + 1, plan->length_high_us);
	job->length_us = (uint32_t)length_us;
	job->only_once = dice_chance(&w->dice, plan->kill_once);
	if (job->only_once || dice_chance(&w->dice, plan->kill_always))
		job->code = ERROR_LANE;
	else if (dice_chance(&w->dice, plan->time_out))
		job->code = ERROR_TIMEOUT;
	else if (dice_chance(&w->dice, plan->fail))
		job->code = failures[dice_between(&w->dice, 0, 6)];
}

static void world_init(struct world *w, uint64_t seed, bool trace)
{
	*w = (struct world) { .trace = trace, .end_us = INT64_MAX };
	dice_init(&w->dice, seed);
	w->plan = plan_draw(&w->dice);
	w->events_max = UINT64_C(200) * (w->plan.jobs + w->plan.workers_max) + 100000;
	w->checker = checker_new(&w->plan);
	w->scheduler = scheduler_new();
	swarm_init(&w->swarm, &w->plan);
	w->jobs = calloc(w->plan.jobs + UINT64_C(1), sizeof(*w->jobs));
	if (!w->jobs)
		abort();
	for (uint32_t i = 0; i < w->plan.jobs; i++)
		draw_job(w, &w->jobs[i]);
}

static void world_release(struct world *w)
{
	agenda_release(&w->agenda);
	swarm_release(&w->swarm);
	actions_release(&w->actions);
	scheduler_free(w->scheduler);
	checker_free(w->checker);
	free(w->jobs);
}

static void plan_agenda(struct world *w)
{
	for (uint32_t i = 0; i < w->plan.workers; i++)
		later(w, draw_delay_us(w), (struct item) { .type = ITEM_JOIN });
	uint32_t more = (w->plan.workers_max - w->plan.workers) / 2;
	for (uint32_t i = 0; i < more; i++)
		later(w, dice_between(&w->dice, 0, (uint64_t)w->plan.calm_us),
			(struct item) { .type = ITEM_JOIN });
	later(w, (uint64_t)w->plan.calm_us, (struct item) { .type = ITEM_CALM });
	if (w->plan.cancel_us < 0)
		return;
	struct item item = { .type = ITEM_DELIVER, .event.type = EVENT_CANCEL };
	later(w, (uint64_t)w->plan.cancel_us, item);
	if (dice_chance(&w->dice, 300))
		later(w, (uint64_t)w->plan.cancel_us + draw_delay_us(w), item);
}

static void check_end(struct world *w)
{
	if (checker_finished(w->checker))
		return;
	if (w->now_us > w->end_us)
		checker_fail(w->checker, "the run did not end in %" PRId64 " ms of calm",
			longest_us(&w->plan) / 1000);
	if (w->events > w->events_max)
		checker_fail(w->checker, "the run did not end after %" PRIu64 " events", w->events);
	if (w->agenda.count == 0)
		checker_fail(w->checker, "the run waits for nothing and has not ended");
}

struct verdict world_run(uint64_t seed, bool trace)
{
	struct world w;
	struct item item;
	world_init(&w, seed, trace);
	plan_agenda(&w);
	while (!checker_broken(w.checker) && agenda_take(&w.agenda, &item)) {
		w.now_us = item.at_us;
		on_item(&w, &item);
		check_end(&w);
	}
	struct verdict verdict = { .events = w.events };
	if (checker_broken(w.checker))
		(void)snprintf(verdict.broken, sizeof(verdict.broken), "%s",
			checker_broken(w.checker)); /* of the same size */
	world_release(&w);
	return verdict;
}
