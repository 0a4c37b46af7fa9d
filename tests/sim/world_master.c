/* SPDX-License-Identifier: MIT */
/* The master's loop: events into the scheduler, actions into messages, outcomes to the ledger. */
#include "tests/sim/world_parts.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tests/sim/trace.h"

enum { LATE_TICK_US = 20 * 1000 }; /* the loop was busy */

static void enumerate_later(struct world *w)
{
	if (w->enumerating || w->exhausted)
		return;
	w->enumerating = true;
	world_later(w, dice_between(&w->dice, 1, w->plan.listing_us),
		(struct item) { .type = ITEM_ENUMERATE, .epoch = w->epoch });
}

/* One channel: in order; what is sent while it is cut arrives when it works again. */
static void send(struct world *w, const struct action *action)
{
	struct sim_worker *worker = world_worker(w, action->worker);
	struct item item = { .type = ITEM_ARRIVE };
	item.event.worker = action->worker;
	item.event.job = action->job;
	item.event.attempt = action->attempt;
	item.event.blame = action->alone; /* no field of its own: it is under suspicion */
	int64_t at_us = w->now_us + (int64_t)world_delay_us(w);
	at_us = at_us > worker->down_us ? at_us : worker->down_us;
	at_us = at_us > worker->to_worker_us ? at_us : worker->to_worker_us;
	worker->to_worker_us = at_us;
	w->stirred_us = w->now_us;
	if (worker->deaf)
		return;
	world_later(w, (uint64_t)(at_us - w->now_us), item);
}

static void tell_later(struct world *w, uint32_t number, enum item_type type)
{
	const struct sim_worker *worker = world_worker(w, number);
	int64_t at_us = w->now_us + (int64_t)world_delay_us(w);
	at_us = at_us > worker->down_us ? at_us : worker->down_us;
	struct item item = { .type = type };
	item.event.worker = number;
	world_later(w, (uint64_t)(at_us - w->now_us), item);
}

static void tell_all(struct world *w)
{
	for (uint32_t i = 0; i < w->swarm.count; i++) {
		if (!w->swarm.workers[i].stopped)
			tell_later(w, w->plan.worker_first + i, ITEM_TOLD);
	}
}

static void settle(struct world *w, const struct action *action)
{
	uint32_t job = world_job(w, action->job);
	w->stirred_us = w->now_us;
	ledger_settle(&w->ledger, w->now_us, job, action->code);
	if (action->code == ERROR_CANCELED && !w->canceled && !w->halted)
		checker_fail(
			w->checker, "job %" PRIu64 " canceled in a run that goes on", action->job);
}

/* A sick one's process is ended; somebody may start it anew. */
static void evict(struct world *w, const struct action *action)
{
	uint32_t node = world_worker(w, action->worker)->node;
	if (action->reason == EVICT_SICK)
		swarm_restart(&w->swarm, node);
	if (action->reason == EVICT_SICK && !w->calm && !dice_chance(&w->dice, w->plan.returns))
		w->swarm.nodes[node].ended = true;
	tell_later(w, action->worker, ITEM_EVICTED);
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
	case ACTION_HALT:
		w->halted = true;
		tell_all(w);
		break;
	case ACTION_CANCEL:
		w->canceled = true;
		tell_all(w);
		break;
	case ACTION_SETTLE:
		settle(w, action);
		break;
	case ACTION_BLAME:
		ledger_blame(&w->ledger, w->now_us, world_job(w, action->job), action->count);
		break;
	case ACTION_EVICT:
		evict(w, action);
		break;
	case ACTION_FORGET:
		world_worker(w, action->worker)->known = false;
		w->stirred_us = w->now_us;
		break;
	case ACTION_FINISH:
		ledger_commit(&w->ledger);
		break;
	case ACTION_DELAY:
	case ACTION_REST:
	case ACTION_PAUSE:
	case ACTION_RESUME:
	case ACTION_ABORT:
		w->stirred_us = w->now_us;
		break; /* the checker's */
	}
}

static int64_t clock_ms(const struct world *w)
{
	return (w->now_us + w->clock_us) / 1000;
}

static void tick_later(struct world *w)
{
	int64_t deadline_ms = scheduler_deadline_ms(w->scheduler);
	if (deadline_ms == -1)
		return;
	int64_t at_us = deadline_ms * 1000 - w->clock_us;
	if (at_us < w->now_us)
		at_us = w->now_us;
	if (at_us >= w->tick_us)
		return;
	w->tick_us = at_us;
	world_later(w, (uint64_t)(at_us - w->now_us),
		(struct item) { .type = ITEM_TICK, .epoch = w->epoch });
}

bool master_happen(struct world *w, struct event event)
{
	event.now_ms = clock_ms(w);
	if (w->trace)
		trace_event(&event);
	w->events++;
	w->deeds += event.type != EVENT_BEAT && event.type != EVENT_STARTED;
	ledger_pass(&w->ledger, w->now_us);
	checker_event(w->checker, &event);
	scheduler_step(w->scheduler, &event, &w->actions);
	if (w->trace)
		trace_actions(&w->actions);
	checker_step(w->checker, w->scheduler, &w->actions);
	if (checker_broken(w->checker))
		return false;
	for (size_t i = 0; i < w->actions.count; i++)
		perform(w, &w->actions.items[i]);
	tick_later(w);
	return true;
}

/* Something that nobody has said, made from something that somebody did. */
static struct event forge(struct world *w, struct event event)
{
	uint32_t stranger = w->plan.worker_first + w->swarm.count + 1;
	uint64_t other_job = dice_between(&w->dice, 0, w->plan.jobs + 1) * w->plan.job_stride;
	switch (dice_between(&w->dice, 0, 8)) {
	case 0:
		event.worker =
			w->plan.worker_first + (uint32_t)dice_between(&w->dice, 0, w->swarm.count);
		break;
	case 1:
		event.attempt += 1 + (uint32_t)dice_between(&w->dice, 0, 1) * 1000;
		break;
	case 2:
		event.attempt--;
		break;
	case 3:
		event.job = other_job;
		break;
	case 4:
		event = (struct event) { .type = EVENT_LOST, .worker = stranger, .blame = true };
		break;
	case 5:
		event = (struct event) { .type = EVENT_DRAIN, .worker = stranger };
		break;
	case 6: /* an attempt that was never sent */
		event = (struct event) { .type = EVENT_LATE, .job = event.job, .attempt = 100000 };
		break;
	case 7: /* a job that there is not, or that waits for its first try */
		event = (struct event) { .type = EVENT_LATE, .job = other_job, .attempt = 0 };
		break;
	case 8:
		event = (struct event) { .type = EVENT_TICK };
		break;
	}
	return event;
}

static void deliver_late(struct world *w, const struct event *event)
{
	bool success = event->type == EVENT_RESULT && event->code == ERROR_NONE;
	if (!success)
		return;
	struct event late = { .type = EVENT_LATE, .job = event->job, .attempt = event->attempt };
	(void)master_happen(w, late); /* a broken rule is noticed by the loop */
}

/* No room: it tries again with a new session. */
static void reject(struct world *w, uint32_t number)
{
	struct sim_worker *worker = world_worker(w, number);
	uint32_t node = worker->node;
	if (worker->stopped)
		return;
	session_stop(w, number);
	session_return_later(w, node, w->now_us);
}

void master_deliver(struct world *w, const struct item *item)
{
	struct event event = item->event;
	bool has_job = event.type == EVENT_RESULT || event.type == EVENT_RETURNED;
	if (!item->from_worker) {
		(void)master_happen(w, event); /* a broken rule is noticed by the loop */
		return;
	}
	struct sim_worker *worker = world_worker(w, event.worker);
	if (w->now_us >= worker->silent_us && event.type != EVENT_LOST)
		return; /* LOST is what the master itself has noticed */
	if (event.type == EVENT_HELLO) {
		if (item->epoch != w->epoch || checker_finished(w->checker))
			return;
		if (scheduler_counts(w->scheduler).workers == SCHEDULER_WORKERS_MAX) {
			reject(w, event.worker);
			return;
		}
		worker->known = true;
	}
	if (event.type == EVENT_RESULT)
		w->stirred_us = w->now_us;
	if (!worker->known) {
		deliver_late(w, &event);
		return;
	}
	if (has_job && world_chance(w, w->plan.forge) && !master_happen(w, forge(w, event)))
		return;
	if (!world_worker(w, event.worker)->known) /* the forged one has ended it */
		return;
	(void)master_happen(w, event);
}

void master_enumerate(struct world *w, const struct item *item)
{
	if (item->epoch != w->epoch)
		return;
	w->enumerating = false;
	uint64_t piece = dice_between(&w->dice, 1, w->plan.piece_max);
	while (piece > 0 && w->asked > 0 && w->found < w->plan.jobs) {
		if (checker_finished(w->checker))
			return;
		const struct ledger_row *row = &w->ledger.rows[w->found++];
		if (row->settled || row->blames >= SCHEDULER_BLAMES_MAX)
			continue;
		piece--;
		w->asked--;
		w->stirred_us = w->now_us;
		uint32_t before = w->jobs[w->found - 1].blames;
		struct event event = { .type = EVENT_FOUND,
			.job = w->found * w->plan.job_stride,
			.blames = row->blames > before ? row->blames : before };
		if (!master_happen(w, event))
			return;
	}
	bool more = w->found < w->plan.jobs;
	if (!more && (w->asked > 0 || w->plan.exhausted_at_once)) {
		w->exhausted = true;
		(void)master_happen(w, (struct event) { .type = EVENT_EXHAUSTED });
	} else if (w->asked > 0) {
		enumerate_later(w);
	}
}

void master_tick(struct world *w, const struct item *item)
{
	if (item->epoch != w->epoch || w->now_us < w->tick_us)
		return;
	w->tick_us = INT64_MAX;
	if (checker_finished(w->checker))
		return;
	int64_t deadline_ms = scheduler_deadline_ms(w->scheduler);
	if (deadline_ms == -1 || deadline_ms > clock_ms(w)) {
		tick_later(w);
	} else if (!item->from_worker && world_chance(w, 50)) { /* once */
		struct item late = *item;
		late.from_worker = true;
		w->tick_us = w->now_us + (int64_t)dice_between(&w->dice, 1, LATE_TICK_US);
		world_later(w, (uint64_t)(w->tick_us - w->now_us), late);
	} else {
		(void)master_happen(w, (struct event) { .type = EVENT_TICK });
	}
}

void master_thaw(struct world *w)
{
	w->master_us = 0;
	(void)master_happen(w, (struct event) { .type = EVENT_AWOKE });
}

static void master_new(struct world *w)
{
	w->checker = checker_new(&w->plan);
	w->scheduler = scheduler_new(&w->plan.options);
	w->tick_us = INT64_MAX;
	w->epoch++;
	w->asked = w->found = 0;
	w->enumerating = w->exhausted = false;
	w->stirred_us = w->now_us;
}

/* What the ledger says of the run goes for the next start of the master, too. */
void master_start(struct world *w)
{
	bool canceled = w->canceled, halted = w->halted;
	w->canceled = w->halted = false;
	master_new(w);
	if (halted && !master_happen(w, (struct event) { .type = EVENT_HALT }))
		return;
	if (canceled)
		(void)master_happen(w, (struct event) { .type = EVENT_CANCEL });
}

void master_release(struct world *w)
{
	scheduler_free(w->scheduler);
	checker_free(w->checker);
	w->scheduler = NULL;
	w->checker = NULL;
}

/* Its workers join the next one with new sessions; what they have in their lanes goes on or not. */
void master_kill(struct world *w)
{
	if (checker_finished(w->checker))
		return;
	w->excused += ledger_crash(&w->ledger, w->now_us) + checker_outstanding(w->checker);
	uint32_t sessions = w->swarm.count;
	for (uint32_t i = 0; i < sessions; i++) {
		struct sim_worker *worker = &w->swarm.workers[i];
		if (worker->stopped)
			continue;
		worker->known = false;
		w->swarm.nodes[worker->node].joined = false;
		if (dice_chance(&w->dice, 500))
			session_stop(w, w->plan.worker_first + i);
		else
			worker->draining = worker->stopped = true;
		session_return_later(w, w->swarm.workers[i].node, w->now_us);
	}
	master_release(w);
	w->clock_us = (int64_t)dice_between(&w->dice, 0, 1000) * 1000000;
	master_start(w);
}
