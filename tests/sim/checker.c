/* SPDX-License-Identifier: MIT */
/* One step: the event, then the time that has passed, then the actions, then the rules. */
#include "tests/sim/checker.h"

#include <assert.h>
#include <stdlib.h>

#include "tests/sim/checker_parts.h"

/* Unheard for 3 s: suspect. For 5 s: to be evicted, and to blame. */
static void note_silence(struct checker *c)
{
	while (c->heard.count > 0) {
		uint32_t first = c->heard.first;
		if (c->now_ms - c->workers[first].heard_ms < SCHEDULER_SUSPECT_MS)
			break;
		chain_remove(&c->heard, c->heard_nodes, first);
		chain_push_last(&c->suspects, c->heard_nodes, first);
		c->workers[first].suspect = true;
		books_recount(c, first);
	}
	while (c->suspects.count > 0) {
		uint32_t first = c->suspects.first;
		if (c->now_ms - c->workers[first].heard_ms < SCHEDULER_DEAD_MS)
			break;
		c->workers[first].owed = EVICT_SILENT;
		c->evicts_owed++;
		books_leave(c, first);
		checker_take_back(c, first, true);
	}
}

static void note_time(struct checker *c)
{
	uint32_t number = 0;
	note_silence(c);
	while (books_delay_ms(c) <= c->now_ms && due_take(&c->delays, c->now_ms, &number)) {
		c->delayed--;
		books_pend(c, number);
	}
	while (due_take(&c->rests, c->now_ms, &number))
		books_pause(c, number, c->nodes[number].paused); /* recounts */
}

void checker_event(struct checker *c, const struct event *event)
{
	assert(event->now_ms >= c->now_ms);
	c->step++;
	c->now_ms = event->now_ms;
	if (c->finished)
		return;
	checker_apply(c, event);
	note_time(c);
	c->events_busy += event->type != EVENT_TICK;
	c->ticks_idle += event->type == EVENT_TICK;
}

void checker_step(
	struct checker *c, const struct scheduler *scheduler, const struct actions *actions)
{
	if (c->finished) {
		if (actions->count > 0)
			checker_fail(c, "something happens after the end of the run");
		return;
	}
	for (size_t i = 0; i < actions->count && c->broken[0] == '\0'; i++)
		checker_action(c, &actions->items[i], i + 1 == actions->count);
	if (c->broken[0] != '\0')
		return;
	struct scheduler_counts counts = scheduler_counts(scheduler);
	checker_rules(c, &counts, scheduler_deadline_ms(scheduler));
}

const char *checker_broken(const struct checker *c)
{
	return c->broken[0] == '\0' ? NULL : c->broken;
}

bool checker_finished(const struct checker *c)
{
	return c->finished;
}

uint64_t checker_outstanding(const struct checker *c)
{
	return c->outstanding;
}

struct checker *checker_new(const struct plan *plan)
{
	struct checker *c = calloc(1, sizeof(*c));
	if (!c)
		abort();
	books_init(c, plan);
	return c;
}

void checker_free(struct checker *c)
{
	if (!c)
		return;
	books_release(c);
	free(c);
}
