/* SPDX-License-Identifier: MIT */
/* What workers do by themselves: take jobs, run them, report them, beat, and stop. */
#include "tests/sim/world_parts.h"

#include <assert.h>
#include <errno.h>

enum {
	REJOIN_US = 5 * 1000 * 1000,
	SHORT_FAILURE_US = 1000, /* what can't be done at all fails at once */
};

/* One channel: in order; what is sent while it is cut arrives when it works again. */
void session_tell(struct world *w, struct event event)
{
	struct sim_worker *worker = world_worker(w, event.worker);
	struct item item = {
		.type = ITEM_DELIVER, .from_worker = true, .event = event, .epoch = w->epoch
	};
	int64_t at_us = w->now_us + (int64_t)world_delay_us(w);
	at_us = at_us > worker->up_us ? at_us : worker->up_us;
	at_us = at_us > worker->to_master_us ? at_us : worker->to_master_us;
	worker->to_master_us = at_us;
	world_later(w, (uint64_t)(at_us - w->now_us), item);
	if (event.type == EVENT_RESULT && world_chance(w, w->plan.duplicate))
		world_later(w, (uint64_t)(at_us - w->now_us) + world_delay_us(w), item);
}

static void tell_unstarted(struct world *w, struct event event)
{
	event.type = EVENT_RETURNED;
	if (world_worker(w, event.worker)->canceled &&
		!dice_chance(&w->dice, w->plan.cancel_drop)) {
		event.type = EVENT_RESULT;
		event.code = ERROR_CANCELED;
	}
	session_tell(w, event);
}

void session_hand_back(struct world *w, uint32_t number)
{
	struct sim_worker *worker = world_worker(w, number);
	while (worker->waiting.count > 0) {
		struct task task = swarm_remove(&w->swarm, &worker->waiting, worker->waiting.first);
		tell_unstarted(
			w, (struct event) {
				   .worker = number, .job = task.job, .attempt = task.attempt });
	}
}

static void kill_later(struct world *w, uint32_t number, uint64_t delay_us)
{
	struct item item = { .type = ITEM_KILLED };
	item.event.worker = number;
	world_later(w, delay_us, item);
}

static enum error_code fail_by_nature(struct world *w, struct sim_job *job)
{
	switch (job->nature) {
	case NATURE_GOOD:
		return ERROR_NONE;
	case NATURE_KILLS_LANE:
		return ERROR_LANE;
	case NATURE_KILLS_LANE_ONCE:
		return job->failures++ == 0 ? ERROR_LANE : ERROR_NONE;
	case NATURE_KILLS_LANE_AT_RANDOM:
		return dice_chance(&w->dice, 500) ? ERROR_LANE : ERROR_NONE;
	case NATURE_KILLS_WORKER:
		return ERROR_NONE; /* it never comes to that */
	case NATURE_HANGS:
		return ERROR_TIMEOUT;
	case NATURE_FAILS_SOMETIMES:
		return job->failures++ < job->times ? job->code : ERROR_NONE;
	case NATURE_FAILS_TARGET:
		return ERROR_TARGET;
	case NATURE_FAILS_TRANSIENT:
	case NATURE_FAILS_PERMANENT:
		return job->code;
	case NATURE_COUNT:
		break;
	}
	assert(false);
	return ERROR_NONE;
}

static enum error_code fail_by_node(const struct world *w, const struct sim_node *node)
{
	if (node->flavour == FLAVOUR_NO_CODEC)
		return ERROR_INPUT;
	if (node->flavour == FLAVOUR_FULL_DISK || world_target_full(w))
		return ERROR_TARGET;
	return ERROR_NONE;
}

static void start(struct world *w, uint32_t number, struct task task)
{
	struct sim_worker *worker = world_worker(w, number);
	const struct sim_node *node = &w->swarm.nodes[worker->node];
	struct sim_job *job = &w->jobs[world_job(w, task.job)];
	struct item item = { .type = ITEM_DONE };
	item.event.type = EVENT_RESULT;
	item.event.worker = number;
	item.event.job = task.job;
	item.event.attempt = task.attempt;
	item.event.duration_us = job->length_us * node->slowness;
	item.event.code = fail_by_node(w, node);
	if (item.event.code != ERROR_NONE)
		item.event.duration_us = (uint32_t)dice_between(&w->dice, 1, SHORT_FAILURE_US);
	else
		item.event.code = fail_by_nature(w, job);
	if (item.event.code == ERROR_IO && job->nature != NATURE_FAILS_PERMANENT)
		item.event.number = EIO;
	item.task = swarm_put(&w->swarm, &worker->running, task.job, task.attempt);
	if (job->nature == NATURE_KILLS_WORKER && item.event.code == ERROR_NONE) {
		job->kills++;
		kill_later(w, number, dice_between(&w->dice, 1, item.event.duration_us + 1));
	} else {
		world_later(w, item.event.duration_us, item);
	}
}

static void tell_beat(struct world *w, uint32_t number)
{
	struct sim_worker *worker = world_worker(w, number);
	session_tell(
		w, (struct event) {
			   .type = EVENT_BEAT, .worker = number, .received = worker->received });
	uint32_t listed = 0;
	for (uint32_t i = worker->running.first; i != 0 && listed < RUNNING_LISTED_MAX;
		i = w->swarm.tasks[i].next) {
		const struct task *task = &w->swarm.tasks[i];
		struct item item = { .type = ITEM_DELIVER, .from_worker = true, .epoch = w->epoch };
		item.event.type = EVENT_STARTED; /* in the same message */
		item.event.worker = number;
		item.event.job = task->job;
		item.event.attempt = task->attempt;
		world_later(w, (uint64_t)(worker->to_master_us - w->now_us), item);
		listed++;
	}
}

static void start_more(struct world *w, uint32_t number)
{
	struct sim_worker *worker = world_worker(w, number);
	while (worker->running.count < w->swarm.nodes[worker->node].slots &&
		worker->waiting.count > 0)
		start(w, number, swarm_remove(&w->swarm, &worker->waiting, worker->waiting.first));
}

void session_arrive(struct world *w, const struct event *event)
{
	struct sim_worker *worker = world_worker(w, event->worker);
	if (worker->stopped || worker->deaf)
		return;
	worker->received++;
	bool refuses = worker->draining || worker->halted || worker->canceled;
	if (refuses || world_chance(w, w->plan.hand_back)) {
		tell_unstarted(w, *event);
		return;
	}
	swarm_put(&w->swarm, &worker->waiting, event->job, event->attempt);
	start_more(w, event->worker);
	if (event->blame && worker->waiting.count == 0)
		tell_beat(w, event->worker); /* the master is to know that a suspect has begun */
}

void session_done(struct world *w, const struct item *item)
{
	struct sim_worker *worker = world_worker(w, item->event.worker);
	if (worker->running.count == 0) /* its lanes were ended */
		return;
	(void)swarm_remove(&w->swarm, &worker->running, item->task);
	if (item->event.code == ERROR_NONE)
		w->jobs[world_job(w, item->event.job)].successes++;
	session_tell(w, item->event);
	if (!worker->stopped)
		start_more(w, item->event.worker);
}

void session_killed(struct world *w, const struct item *item)
{
	if (!world_worker(w, item->event.worker)->stopped)
		faults_crash(w, item->event.worker);
}

static void beat_later(struct world *w, uint32_t number)
{
	struct item item = { .type = ITEM_BEAT };
	item.event.worker = number;
	world_later(w, BEAT_US, item);
}

void session_beat(struct world *w, uint32_t number)
{
	if (world_worker(w, number)->stopped || checker_finished(w->checker))
		return;
	tell_beat(w, number);
	beat_later(w, number);
}

void session_told(struct world *w, uint32_t number)
{
	struct sim_worker *worker = world_worker(w, number);
	if (worker->stopped)
		return;
	worker->halted = w->halted;
	worker->canceled = w->canceled;
	session_hand_back(w, number);
}

static void empty(struct world *w, struct queue *queue)
{
	while (queue->count > 0)
		(void)swarm_remove(&w->swarm, queue, queue->first);
}

void session_stop(struct world *w, uint32_t number)
{
	struct sim_worker *worker = world_worker(w, number);
	worker->stopped = true;
	empty(w, &worker->waiting);
	empty(w, &worker->running);
	w->swarm.nodes[worker->node].joined = false;
}

void session_return_later(struct world *w, uint32_t node, int64_t from_us)
{
	struct sim_node *n = &w->swarm.nodes[node];
	if (n->ended || n->joined || checker_finished(w->checker))
		return;
	n->joined = true;
	struct item item = { .type = ITEM_JOIN };
	item.event.node = node;
	int64_t at_us = from_us > w->now_us ? from_us : w->now_us;
	world_later(
		w, (uint64_t)(at_us - w->now_us) + dice_magnitude(&w->dice, 1000, REJOIN_US), item);
}

void session_join(struct world *w, uint32_t node)
{
	if (checker_finished(w->checker))
		return;
	struct sim_node *n = &w->swarm.nodes[node];
	uint32_t number = w->plan.worker_first + swarm_join(&w->swarm, node);
	struct sim_worker *worker = world_worker(w, number);
	n->joined = true;
	worker->halted = w->halted;
	worker->canceled = w->canceled;
	session_tell(w, (struct event) { .type = EVENT_HELLO,
				.worker = number,
				.node = w->plan.node_first + n->process,
				.slots = n->slots,
				.lanes = n->lanes });
	beat_later(w, number);
	faults_plan_worker(w, number);
}
