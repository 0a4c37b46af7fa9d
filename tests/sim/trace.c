/* SPDX-License-Identifier: MIT */
#include "tests/sim/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdbool.h>

static const char *const event_names[] = {
	[EVENT_TICK] = "TICK",
	[EVENT_FOUND] = "FOUND",
	[EVENT_EXHAUSTED] = "EXHAUSTED",
	[EVENT_HELLO] = "HELLO",
	[EVENT_HEARD] = "HEARD",
	[EVENT_BEAT] = "BEAT",
	[EVENT_STARTED] = "STARTED",
	[EVENT_RESULT] = "RESULT",
	[EVENT_LATE] = "LATE",
	[EVENT_RETURNED] = "RETURNED",
	[EVENT_LOST] = "LOST",
	[EVENT_DRAIN] = "DRAIN",
	[EVENT_AWOKE] = "AWOKE",
	[EVENT_HALT] = "HALT",
	[EVENT_CANCEL] = "CANCEL",
};

static const char *const action_names[] = {
	[ACTION_ENUMERATE] = "enumerate",
	[ACTION_SEND] = "send",
	[ACTION_SETTLE] = "settle",
	[ACTION_BLAME] = "blame",
	[ACTION_DELAY] = "delay",
	[ACTION_REST] = "rest",
	[ACTION_PAUSE] = "pause",
	[ACTION_RESUME] = "resume",
	[ACTION_ABORT] = "abort",
	[ACTION_EVICT] = "evict",
	[ACTION_FORGET] = "forget",
	[ACTION_HALT] = "halt",
	[ACTION_CANCEL] = "cancel",
	[ACTION_FINISH] = "finish",
};

static const char *const code_names[ERROR_CODES] = {
	[ERROR_NONE] = "success",
	[ERROR_USAGE] = "USAGE",
	[ERROR_IO] = "IO",
	[ERROR_INPUT] = "INPUT",
	[ERROR_LIMIT] = "LIMIT",
	[ERROR_NETWORK] = "NETWORK",
	[ERROR_PROTOCOL] = "PROTOCOL",
	[ERROR_LANE] = "LANE",
	[ERROR_TIMEOUT] = "TIMEOUT",
	[ERROR_CANCELED] = "CANCELED",
	[ERROR_START] = "START",
	[ERROR_TARGET] = "TARGET",
	[ERROR_QUARANTINED] = "QUARANTINED",
};

static const char *const reason_names[] = {
	[EVICT_SILENT] = "silent",
	[EVICT_DEAF] = "deaf",
	[EVICT_SICK] = "sick",
};

static bool is_of_worker(enum event_type type)
{
	return type == EVENT_HELLO ||
	       (type >= EVENT_HEARD && type <= EVENT_DRAIN && type != EVENT_LATE);
}

void trace_event(const struct event *event)
{
	printf("%" PRId64 " ms %s", event->now_ms, event_names[event->type]);
	if (event->job != 0)
		printf(" job %" PRIu64, event->job);
	if (event->attempt != 0)
		printf(".%" PRIu32, event->attempt);
	if (is_of_worker(event->type))
		printf(" worker %" PRIu32, event->worker);
	if (event->type == EVENT_FOUND && event->blames > 0)
		printf(" blames %" PRIu32, event->blames);
	if (event->type == EVENT_HELLO)
		printf(" node %" PRIu32 " slots %" PRIu32 " lanes %" PRIu32, event->node,
			event->slots, event->lanes);
	if (event->type == EVENT_BEAT)
		printf(" received %" PRIu64, event->received);
	if (event->type == EVENT_LOST)
		printf(event->blame ? " died" : " left");
	if (event->type == EVENT_RESULT)
		printf(" %s after %" PRIu32 " us", code_names[event->code], event->duration_us);
	printf("\n");
}

static void trace_action(const struct action *action)
{
	printf("\t%s", action_names[action->type]);
	if (action->job != 0)
		printf(" job %" PRIu64 ".%" PRIu32, action->job, action->attempt);
	if (action->type == ACTION_SEND || action->type == ACTION_BLAME ||
		(action->type >= ACTION_REST && action->type <= ACTION_FORGET))
		printf(" worker %" PRIu32, action->worker);
	if (action->type == ACTION_SEND)
		printf("%s%s", action->alone ? " alone" : "", action->twin ? " twin" : "");
	if (action->type == ACTION_SETTLE)
		printf(" %s", code_names[action->code]);
	if (action->type == ACTION_EVICT)
		printf(" %s", reason_names[action->reason]);
	if (action->count != 0)
		printf(" %" PRIu32, action->count);
	printf("\n");
}

void trace_actions(const struct actions *actions)
{
	for (size_t i = 0; i < actions->count; i++)
		trace_action(&actions->items[i]);
}
