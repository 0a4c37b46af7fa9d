/* SPDX-License-Identifier: MIT */
#include "tests/sim/trace.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const event_names[] = {
	[EVENT_TICK] = "TICK",
	[EVENT_FOUND] = "FOUND",
	[EVENT_EXHAUSTED] = "EXHAUSTED",
	[EVENT_HELLO] = "HELLO",
	[EVENT_RESULT] = "RESULT",
	[EVENT_RETURNED] = "RETURNED",
	[EVENT_LOST] = "LOST",
	[EVENT_DRAIN] = "DRAIN",
	[EVENT_CANCEL] = "CANCEL",
};

static const char *const action_names[] = {
	[ACTION_ENUMERATE] = "enumerate",
	[ACTION_SEND] = "send",
	[ACTION_SETTLE] = "settle",
	[ACTION_FORGET] = "forget",
	[ACTION_CANCEL] = "cancel",
	[ACTION_FINISH] = "finish",
};

void trace_event(const struct event *event)
{
	printf("%" PRId64 " ms %s", event->now_ms, event_names[event->type]);
	if (event->job != 0)
		printf(" job %" PRIu64 ".%" PRIu32, event->job, event->attempt);
	if (event->type != EVENT_FOUND)
		printf(" worker %" PRIu32, event->worker);
	if (event->type == EVENT_HELLO)
		printf(" slots %" PRIu32, event->slots);
	if (event->type == EVENT_RESULT)
		printf(" code %d after %" PRIu32 " us", (int)event->code, event->duration_us);
	printf("\n");
}

static void trace_action(const struct action *action)
{
	printf("\t%s", action_names[action->type]);
	if (action->job != 0)
		printf(" job %" PRIu64 ".%" PRIu32, action->job, action->attempt);
	if (action->type == ACTION_SEND || action->type == ACTION_FORGET)
		printf(" worker %" PRIu32, action->worker);
	if (action->type == ACTION_SETTLE)
		printf(" code %d", (int)action->code);
	if (action->type == ACTION_ENUMERATE)
		printf(" %" PRIu32, action->count);
	printf("\n");
}

void trace_actions(const struct actions *actions)
{
	for (size_t i = 0; i < actions->count; i++)
		trace_action(&actions->items[i]);
}
