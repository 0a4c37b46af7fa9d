/* SPDX-License-Identifier: MIT */
/* Who is there, for `sciame workers`. */
#include "master/roster_state.h"

#include "common/clock.h"

static struct wire_member describe(const struct seat *seat, int64_t now_ms)
{
	return (struct wire_member) {
		.name = seat->member.name,
		.build = seat->build,
		.key = seat->member.key,
		.pid = seat->member.pid,
		.lanes = seat->member.lanes,
		.load = seat->load,
		.running = seat->running,
		.queued = seat->queued,
		.seconds = (uint32_t)((now_ms - seat->welcomed_ms) / 1000),
		.done = seat->done,
		.draining = seat->draining,
	};
}

int roster_answer(struct roster *r, struct entrance *entrance, const struct wire_id *session,
	struct error *err)
{
	struct wire_member members[WIRE_MEMBERS_MAX];
	struct message answer = { .type = MESSAGE_MEMBERS, .members = members };
	int64_t now_ms = clock_ms();
	for (size_t i = 0; !answer.last; i++) {
		answer.last = i >= r->count;
		if (!answer.last && r->seats[i].member.active)
			members[answer.count++] = describe(&r->seats[i], now_ms);
		if (answer.count < WIRE_MEMBERS_MAX && !answer.last)
			continue;
		answer.number++;
		if (roster_tell_one(r, entrance, session, &answer, err))
			return -1;
		answer.count = 0;
	}
	return 0;
}
