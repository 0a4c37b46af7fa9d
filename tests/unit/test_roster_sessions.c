/* SPDX-License-Identifier: MIT */
/* The master's side of the conversation: who comes, goes, comes back, and is sent away. */
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

/* Waits until the roster says that somebody has gone. */
static const struct member *await_gone(struct stage *f, bool *blame)
{
	int64_t end = deadline_start();
	const struct member *member;
	roster_expect_gone(f->roster);
	while (!(member = roster_gone(f->roster, clock_ms(), blame)))
		deadline_check(end);
	return member;
}

/* Looks until the channel has been seen connected. */
static void await_connected(struct stage *f)
{
	const struct job job = { .id = 1, .attempt = 1, .source = "", .target = "" };
	struct poll_item item = { .socket = f->actor.channel };
	int64_t end = deadline_start();
	bool blame;
	roster_give(f->roster, 1, &job);
	do {
		deadline_check(end);
		assert_int_equal(roster_flush(f->roster, &f->err), 0);
		assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
	} while (!item.ready);
	assert_null(roster_gone(f->roster, clock_ms() + 1000, &blame));
}

static void test_roster_notices_a_broken_connection(void **state)
{
	struct stage *f = *state;
	bool blame = false;
	stage_join(f, &f->actor);
	await_connected(f);
	socket_close(f->actor.channel);
	f->actor.channel = NULL;
	assert_int_equal(await_gone(f, &blame)->number, 1);
	assert_true(blame);
	roster_drop(f->roster, 1);
	assert_null(roster_gone(f->roster, clock_ms() + 10000, &blame));
}

static void test_roster_ends_the_session_of_a_process_that_joins_anew(void **state)
{
	struct stage *f = *state;
	struct actor again;
	bool blame = true;
	stage_join(f, &f->actor);
	actor_open(f, &again);
	again.instance = f->actor.instance;
	stage_join(f, &again);
	assert_int_equal(f->member->number, 2);
	assert_int_equal(f->member->node, 1);
	assert_int_equal(roster_gone(f->roster, clock_ms(), &blame)->number, 1);
	assert_false(blame);
	actor_close(&again);
}

static void test_roster_knows_processes_apart(void **state)
{
	struct stage *f = *state;
	struct actor other;
	bool blame;
	stage_join(f, &f->actor);
	actor_open(f, &other);
	stage_join(f, &other);
	assert_int_equal(f->member->node, 2);
	assert_int_equal(f->member->pid, 77);
	assert_null(roster_gone(f->roster, clock_ms(), &blame));
	actor_close(&other);
}

static void test_roster_gives_the_seat_of_one_who_never_gets_ready_to_others(void **state)
{
	struct stage *f = *state;
	bool blame;
	stage_greet(f, &f->actor, SCIAME_VERSION);
	int64_t now_ms = clock_ms();
	assert_null(roster_gone(f->roster, now_ms, &blame));
	assert_non_null(roster_find(f->roster, 1));
	assert_null(roster_gone(f->roster, now_ms + 3600000, &blame));
	assert_null(roster_find(f->roster, 1));
}

static void test_roster_tells_one_whom_it_gave_up_to_join_anew(void **state)
{
	struct stage *f = *state;
	stage_join(f, &f->actor);
	roster_drop(f->roster, 1);
	stage_say(f, &f->actor, (struct message) { .type = MESSAGE_BEAT, .number = 1 });
	stage_say_results(f, 1);
	stage_await_roster(f); /* the beat is dealt with before */
	assert_int_equal(f->message.type, MESSAGE_RESULTS);
	assert_null(f->member);
	stage_await_state(f, MESSAGE_EVICT);
	assert_string_equal(f->message.text, "the master has given this session up");
}

static void test_roster_takes_no_results_of_an_earlier_start(void **state)
{
	struct stage *f = *state;
	stage_join(f, &f->actor);
	roster_drop(f->roster, 1);
	f->actor.header.epoch--;
	stage_say_results(f, 1);
	f->actor.header.epoch++;
	stage_say_results(f, 2);
	stage_await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_RESULTS);
	assert_int_equal(f->message.number, 2);
}

static void test_roster_evicts_with_a_reason(void **state)
{
	struct stage *f = *state;
	stage_join(f, &f->actor);
	assert_int_equal(roster_evict(f->roster, 1, "because", &f->err), 0);
	stage_await_state(f, MESSAGE_EVICT);
	assert_string_equal(f->message.text, "because");
}

static void test_roster_does_not_let_a_banned_process_in_again(void **state)
{
	struct stage *f = *state;
	struct actor again;
	stage_join(f, &f->actor);
	roster_ban(f->roster, 1, "it is ill");
	roster_drop(f->roster, 1);
	actor_open(f, &again);
	again.instance = f->actor.instance;
	stage_greet(f, &again, SCIAME_VERSION);
	assert_int_equal(f->message.type, MESSAGE_REJECT);
	assert_string_equal(f->message.text, "it is ill");
	actor_close(&again);
}

static void test_roster_says_of_which_run_and_epoch_it_is(void **state)
{
	struct stage *f = *state;
	stage_greet(f, &f->actor, SCIAME_VERSION);
	assert_int_equal(f->message.header.epoch, 7);
	assert_int_equal(f->message.header.run.bytes[2], 3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_roster_notices_a_broken_connection),
		CASE(test_roster_ends_the_session_of_a_process_that_joins_anew),
		CASE(test_roster_knows_processes_apart),
		CASE(test_roster_gives_the_seat_of_one_who_never_gets_ready_to_others),
		CASE(test_roster_tells_one_whom_it_gave_up_to_join_anew),
		CASE(test_roster_takes_no_results_of_an_earlier_start),
		CASE(test_roster_evicts_with_a_reason),
		CASE(test_roster_does_not_let_a_banned_process_in_again),
		CASE(test_roster_says_of_which_run_and_epoch_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
