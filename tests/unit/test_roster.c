/* SPDX-License-Identifier: MIT */
/* The master's side of the conversation: messages. */
#include "master/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/random.h"
#include "tests/support/deadline.h"
#include "tests/support/stage.h"

static void test_roster_welcomes_and_knows_the_worker(void **state)
{
	struct stage *f = *state;
	assert_null(roster_find(f->roster, 1));
	stage_greet(f, &f->actor, SCIAME_VERSION);
	assert_int_equal(f->message.type, MESSAGE_WELCOME);
	assert_memory_equal(&f->message.header.session, &f->actor.header.session, WIRE_ID_SIZE);
	assert_int_equal(f->message.channel, 1);
	assert_int_equal(f->message.grace_ms, STAGE_GRACE_MS);
	assert_int_equal(f->message.state, RUN_RUNNING);
	assert_true(f->message.beat_ms > 0 && f->message.beat_ms < f->message.silence_ms);
	assert_non_null(roster_find(f->roster, 1));
	stage_join(f, &f->actor);
	assert_non_null(roster_find(f->roster, 1));
	assert_int_equal(f->member->lanes, 3);
	assert_string_equal(f->member->name, "host");
}

static void test_roster_repeats_welcome_and_counts_ready_once(void **state)
{
	struct stage *f = *state;
	stage_join(f, &f->actor);
	stage_greet(f, &f->actor, SCIAME_VERSION);
	assert_int_equal(f->message.type, MESSAGE_WELCOME);
	assert_int_equal(f->message.channel, 1);
	stage_say(f, &f->actor, (struct message) { .type = MESSAGE_READY, .channel = 1 });
	stage_await_nothing_but_beat(f, &f->actor);
}

static void test_roster_takes_a_beat_for_a_ready_that_was_lost(void **state)
{
	struct stage *f = *state;
	stage_greet(f, &f->actor, SCIAME_VERSION);
	f->actor.header.run = f->message.header.run;
	stage_say(f, &f->actor, (struct message) { .type = MESSAGE_BEAT, .number = 1 });
	stage_await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_READY);
	assert_true(f->member->active);
	stage_say(f, &f->actor, (struct message) { .type = MESSAGE_READY, .channel = 1 });
	stage_await_nothing_but_beat(f, &f->actor);
}

static void test_roster_ignores_ready_for_another_channel(void **state)
{
	struct stage *f = *state;
	stage_greet(f, &f->actor, SCIAME_VERSION);
	f->actor.header.run = f->message.header.run;
	stage_say(f, &f->actor, (struct message) { .type = MESSAGE_READY, .channel = 2 });
	stage_say(f, &f->actor, (struct message) { .type = MESSAGE_READY, .channel = 1 });
	stage_await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_READY);
	assert_int_equal(f->message.channel, 1);
}

static void test_roster_rejects_other_versions_in_words(void **state)
{
	struct stage *f = *state;
	stage_greet(f, &f->actor, "0.0.1");
	assert_int_equal(f->message.type, MESSAGE_REJECT);
	assert_string_equal(f->message.text, "it is version 0.0.1, the master " SCIAME_VERSION);
	assert_null(roster_find(f->roster, 1));
}

static void test_roster_takes_each_report_once_and_in_order(void **state)
{
	struct stage *f = *state;
	static const uint64_t sent[] = { 1, 1, 3, 2, 1, 2, 3, 5, 4 };
	static const uint64_t taken[] = { 1, 2, 3, 4 };
	stage_join(f, &f->actor);
	for (size_t i = 0; i < sizeof(sent) / sizeof(*sent); i++)
		stage_say_results(f, sent[i]);
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
		stage_await_roster(f);
		assert_int_equal(f->message.type, MESSAGE_RESULTS);
		assert_int_equal(f->message.number, taken[i]);
		assert_int_equal(f->message.results[0].job, taken[i]);
	}
	stage_await_nothing_but_beat(f, &f->actor);
}

static void test_roster_counts_refused_with_results(void **state)
{
	struct stage *f = *state;
	const struct returned returned = { 9, 1 };
	struct message refused = {
		.type = MESSAGE_REFUSED, .number = 2, .count = 1, .returned = &returned
	};
	stage_join(f, &f->actor);
	stage_say_results(f, 1);
	stage_await_roster(f);
	stage_say(f, &f->actor, refused);
	stage_await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_REFUSED);
	assert_int_equal(f->message.returned[0].job, 9);
	stage_say(f, &f->actor, refused);
	stage_say_results(f, 2);
	stage_await_nothing_but_beat(f, &f->actor);
}

static void test_roster_answers_a_report_that_comes_again_at_once(void **state)
{
	struct stage *f = *state;
	stage_join(f, &f->actor);
	stage_say_results(f, 1);
	stage_await_roster(f);
	stage_say_results(f, 1);
	stage_await_nothing_but_beat(f, &f->actor);
	stage_await_state(f, MESSAGE_ACK);
	assert_int_equal(f->message.number, 1);
}

/* When the next beat is due: until then nobody looks whether connections stand. */
static int64_t beat_ms(struct stage *f)
{
	bool blame;
	assert_null(roster_gone(f->roster, clock_ms() + 3600000, &blame));
	return roster_deadline_ms(f->roster);
}

static void test_roster_acknowledges_with_the_beat(void **state)
{
	struct stage *f = *state;
	stage_join(f, &f->actor);
	stage_say_results(f, 1);
	stage_await_roster(f);
	stage_say_results(f, 2);
	stage_await_roster(f);
	int64_t due = beat_ms(f);
	assert_int_equal(roster_tick(f->roster, due - 1, &f->err), 0);
	assert_int_equal(beat_ms(f), due);
	assert_int_equal(roster_tick(f->roster, due, &f->err), 0);
	assert_true(beat_ms(f) > due);
	stage_await_state(f, MESSAGE_ACK);
	assert_int_equal(f->message.number, 2);
	stage_await_state(f, MESSAGE_STATE);
}

static void test_roster_acknowledges_many_reports_without_a_beat(void **state)
{
	struct stage *f = *state;
	stage_join(f, &f->actor);
	for (uint64_t i = 1; i <= 64; i++) {
		stage_say_results(f, i);
		stage_await_roster(f);
	}
	stage_await_state(f, MESSAGE_ACK);
	assert_int_equal(f->message.number, 64);
}

static void test_roster_drops_what_is_not_of_its_run(void **state)
{
	struct stage *f = *state;
	stage_join(f, &f->actor);
	struct wire_header header = f->actor.header;
	f->actor.header.run.bytes[0] ^= 1;
	stage_say_results(f, 1);
	f->actor.header = header;
	/* what only a master says, and what is no message at all */
	stage_say(f, &f->actor, (struct message) { .type = MESSAGE_ACK, .number = 1 });
	stage_say(f, &f->actor, (struct message) { .type = MESSAGE_STATE, .state = RUN_DONE });
	f->frame.size = 3;
	memcpy(f->frame.bytes, "\xFF\xFF\xFF", 3);
	assert_int_equal(socket_send(f->actor.results, &f->frame, &f->err), 1);
	stage_await_nothing_but_beat(f, &f->actor);
	stage_say_results(f, 1);
	stage_await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_RESULTS);
}

static void test_roster_sends_jobs_in_order(void **state)
{
	enum { JOBS = 150 };
	struct stage *f = *state;
	char source[] = "source:a";
	struct job job = { .attempt = 1, .kind = 1, .source = source, .target = "" };
	stage_join(f, &f->actor);
	for (job.id = 1; job.id <= JOBS; job.id++)
		roster_give(f->roster, 1, &job);
	/* before it is sent a job may be settled, by a success of an earlier session, and freed */
	memset(source, 'x', strlen(source));
	int64_t end = deadline_start();
	for (uint64_t next = 1; next <= JOBS;) {
		assert_int_equal(roster_flush(f->roster, &f->err), 0);
		if (socket_receive(f->actor.channel, &f->frame, &f->err) == 0) {
			struct poll_item item = { .socket = f->actor.channel };
			deadline_check(end);
			assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
			continue;
		}
		assert_int_equal(wire_unpack(f->decoder, &f->frame, &f->message, &f->err), 0);
		assert_memory_equal(
			&f->message.header.session, &f->actor.header.session, WIRE_ID_SIZE);
		for (size_t i = 0; i < f->message.count; i++) {
			assert_int_equal(f->message.jobs[i].id, next++);
			assert_string_equal(f->message.jobs[i].source, "source:a");
		}
	}
	struct poll_item items[ROSTER_POLL_ITEMS];
	roster_poll(f->roster, items);
	assert_null(items[ROSTER_ENTRANCES_MAX].socket); /* nothing waits for a channel any more */
}

static void test_roster_waits_for_a_channel_that_nobody_took(void **state)
{
	struct stage *f = *state;
	struct poll_item items[ROSTER_POLL_ITEMS];
	const struct job job = { .id = 1, .attempt = 1, .source = "", .target = "" };
	stage_greet(f, &f->actor, SCIAME_VERSION);
	f->actor.header.run = f->message.header.run;
	stage_say(f, &f->actor, (struct message) { .type = MESSAGE_READY, .channel = 1 });
	stage_await_roster(f);
	roster_give(f->roster, 1, &job);
	assert_int_equal(roster_flush(f->roster, &f->err), 0);
	roster_poll(f->roster, items);
	assert_non_null(items[ROSTER_ENTRANCES_MAX].socket);
	assert_true(items[ROSTER_ENTRANCES_MAX].for_sending);
	f->actor.channel = socket_open(f->context, SOCKET_WORKER_CHANNEL, f->address, 1, &f->err);
	int64_t end = deadline_start();
	do {
		deadline_check(end);
		assert_int_equal(
			socket_poll(items, ROSTER_POLL_ITEMS, DEADLINE_STEP_MS, &f->err), 0);
	} while (!items[ROSTER_ENTRANCES_MAX].ready);
	assert_int_equal(roster_flush(f->roster, &f->err), 0);
	stage_await_socket(f, f->actor.channel);
	assert_int_equal(f->message.jobs[0].id, 1);
}

static void test_roster_forgets_a_dropped_worker(void **state)
{
	struct stage *f = *state;
	struct actor second;
	const struct job job = { .id = 1, .attempt = 1, .source = "", .target = "" };
	stage_join(f, &f->actor);
	roster_give(f->roster, 1, &job);
	roster_drop(f->roster, 1);
	roster_drop(f->roster, 1);
	assert_null(roster_find(f->roster, 1));
	assert_int_equal(roster_flush(f->roster, &f->err), 0);
	stage_say_results(f, 1);
	stage_await_roster(f);
	assert_null(f->member); /* nobody's any more */
	actor_open(f, &second);
	stage_join(f, &second); /* in the same seat */
	assert_int_equal(f->member->number, 2);
	assert_null(roster_find(f->roster, 1));
	actor_close(&second);
}

static void test_roster_repeats_the_state_faster_when_it_ends(void **state)
{
	struct stage *f = *state;
	stage_join(f, &f->actor);
	assert_int_equal(roster_tick(f->roster, beat_ms(f), &f->err), 0);
	stage_await_state(f, MESSAGE_STATE);
	assert_int_equal(f->message.state, RUN_RUNNING);
	uint64_t number = f->message.number;
	assert_int_equal(roster_tell(f->roster, RUN_CANCELING, &f->err), 0);
	assert_true(beat_ms(f) <= clock_ms() + 200);
	for (int i = 0; i < 5; i++) {
		stage_await_state(f, MESSAGE_STATE);
		assert_int_equal(f->message.state, RUN_CANCELING);
		assert_int_equal(f->message.number, ++number);
		int64_t due = beat_ms(f);
		assert_int_equal(roster_tick(f->roster, due, &f->err), 0);
		assert_int_equal(beat_ms(f), due + 200);
	}
}

static void test_roster_of_a_wrong_address_is_refused(void **state)
{
	struct stage *f = *state;
	const struct roster_options nowhere = {
		.entrances = { { .address = "ipc:/nowhere/at/all" } }, .entrances_count = 1
	};
	assert_null(roster_open(&nowhere, &f->err));
	assert_int_equal(f->err.code, ERROR_NETWORK);
	const struct roster_options wrong = { .entrances = { { .address = "nowhere" } },
		.entrances_count = 1 };
	assert_null(roster_open(&wrong, &f->err));
	assert_int_equal(f->err.code, ERROR_USAGE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_roster_welcomes_and_knows_the_worker),
		CASE(test_roster_repeats_welcome_and_counts_ready_once),
		CASE(test_roster_takes_a_beat_for_a_ready_that_was_lost),
		CASE(test_roster_ignores_ready_for_another_channel),
		CASE(test_roster_rejects_other_versions_in_words),
		CASE(test_roster_takes_each_report_once_and_in_order),
		CASE(test_roster_counts_refused_with_results),
		CASE(test_roster_answers_a_report_that_comes_again_at_once),
		CASE(test_roster_acknowledges_with_the_beat),
		CASE(test_roster_acknowledges_many_reports_without_a_beat),
		CASE(test_roster_drops_what_is_not_of_its_run),
		CASE(test_roster_sends_jobs_in_order),
		CASE(test_roster_waits_for_a_channel_that_nobody_took),
		CASE(test_roster_forgets_a_dropped_worker),
		CASE(test_roster_repeats_the_state_faster_when_it_ends),
		CASE(test_roster_of_a_wrong_address_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
