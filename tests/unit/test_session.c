/* SPDX-License-Identifier: MIT */
/*
 * The worker's side of the conversation: with a master that says what the test wants, and with
 * the real one (master/roster.h).
 */
#include "worker/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/endpoint.h"
#include "common/random.h"
#include "master/roster.h"
#include "tests/support/deadline.h"
#include "tests/support/puppet.h"

static void test_session_says_hello_again_and_again(void **state)
{
	struct puppet *f = *state;
	puppet_await_hello(f);
	assert_int_equal(f->message.lanes, PUPPET_LANES);
	assert_string_equal(f->message.build, SCIAME_VERSION);
	struct wire_id session = f->message.header.session, zero = { { 0 } };
	assert_memory_not_equal(&session, &zero, WIRE_ID_SIZE);
	assert_memory_not_equal(&f->message.instance, &zero, WIRE_ID_SIZE);
	for (int i = 0; i < 5; i++) {
		int64_t due = session_deadline_ms(f->session);
		assert_int_equal(session_tick(f->session, due, &f->err), 0);
		int64_t next = session_deadline_ms(f->session);
		assert_in_range(next - due, 1, 2000);
		puppet_await_hello(f);
		assert_memory_equal(&f->header.session, &session, WIRE_ID_SIZE);
	}
	assert_false(session_is_active(f->session));
	assert_false(session_beat_due(f->session, clock_ms() + PUPPET_LATER_MS));
}

static void test_session_joins(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	assert_int_equal(session_grace_ms(f->session), 77);
	assert_true(session_beat_due(f->session, clock_ms() + 1000));
	assert_false(session_beat_due(f->session, clock_ms() - PUPPET_LATER_MS));
	puppet_give(f, 17);
	puppet_await_session(f);
	assert_int_equal(f->message.type, MESSAGE_JOBS);
	assert_int_equal(f->message.jobs[0].id, 17);
}

static void test_session_says_ready_to_each_welcome(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	puppet_tell(f, puppet_welcome());
	puppet_tell_all(f, RUN_RUNNING);
	puppet_await_session(f);
	assert_int_equal(f->message.type, MESSAGE_STATE);
	do
		puppet_await_worker(f);
	while (f->message.type == MESSAGE_HELLO);
	assert_int_equal(f->message.type, MESSAGE_READY);
	assert_int_equal(f->message.channel, PUPPET_CHANNEL);
}

static void test_session_is_over_when_rejected(void **state)
{
	struct puppet *f = *state;
	int64_t end = deadline_start();
	int status;
	do {
		deadline_check(end);
		puppet_await_hello(f);
		puppet_tell(
			f, (struct message) { .type = MESSAGE_REJECT, .text = "it is too old" });
		status = session_receive(f->session, &f->message, &f->err);
	} while (status == 0);
	assert_int_equal(status, -1);
	assert_int_equal(f->err.code, ERROR_PROTOCOL);
	assert_string_equal(f->err.message, "the master refuses this worker: it is too old");
}

/* Dropped: what is for another session or run, and what only workers say. */
static void test_session_drops_what_is_not_for_it(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	struct wire_header header = f->header;
	f->header.session.bytes[0] ^= 1;
	puppet_give(f, 1);
	f->header = header;
	f->header.run.bytes[0] ^= 1;
	puppet_give(f, 2);
	puppet_tell(f, (struct message) { .type = MESSAGE_REJECT, .text = "not you" });
	f->header = header;
	puppet_tell(f, (struct message) { .type = MESSAGE_GOODBYE, .text = "" });
	puppet_give(f, 3);
	puppet_await_session(f);
	assert_int_equal(f->message.type, MESSAGE_JOBS);
	assert_int_equal(f->message.jobs[0].id, 3);
	puppet_tell_all(f, RUN_CANCELING);
	puppet_await_session(f);
	assert_int_equal(f->message.type, MESSAGE_STATE);
	assert_int_equal(f->message.state, RUN_CANCELING);
}

/* After a cancellation no job that was sent before it may start. */
static void test_session_gives_the_state_before_jobs(void **state)
{
	struct puppet *f = *state;
	struct poll_item items[SESSION_POLL_ITEMS];
	int64_t end = deadline_start();
	puppet_join(f);
	puppet_give(f, 1);
	puppet_tell_all(f, RUN_CANCELING);
	session_poll(f->session, items);
	do {
		deadline_check(end);
		assert_int_equal(
			socket_poll(items, SESSION_POLL_ITEMS, DEADLINE_STEP_MS, &f->err), 0);
	} while (!items[0].ready || !items[1].ready);
	puppet_await_session(f);
	assert_int_equal(f->message.type, MESSAGE_STATE);
	puppet_await_session(f);
	assert_int_equal(f->message.type, MESSAGE_JOBS);
}

static void test_session_numbers_reports_and_bounds_them(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	for (uint64_t i = 1; i <= WIRE_BATCH_MAX + 1; i++)
		puppet_report(f, i);
	puppet_await_report(f, MESSAGE_RESULTS, 1); /* full: it leaves without a flush */
	assert_int_equal(f->message.count, WIRE_BATCH_MAX);
	assert_int_equal(f->message.results[0].job, 1);
	assert_int_equal(session_refuse(f->session, 99, 2, &f->err), 0);
	puppet_await_nothing_but_beat(f);
	puppet_flush(f);
	puppet_await_report(f, MESSAGE_RESULTS, 2);
	assert_int_equal(f->message.count, 1);
	assert_int_equal(f->message.results[0].job, WIRE_BATCH_MAX + 1);
	puppet_await_report(f, MESSAGE_REFUSED, 3);
	assert_int_equal(f->message.returned[0].job, 99);
	assert_int_equal(f->message.returned[0].attempt, 2);
	puppet_flush(f);
	puppet_await_nothing_but_beat(f);
}

static void test_session_sends_a_lost_report_again_until_acknowledged(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	puppet_report(f, 1);
	puppet_flush(f);
	puppet_report(f, 2);
	puppet_flush(f);
	for (int i = 0; i < 3; i++) {
		/* as if nothing of it had arrived */
		puppet_await_report(f, MESSAGE_RESULTS, 1);
		assert_int_equal(f->message.results[0].job, 1);
		puppet_await_report(f, MESSAGE_RESULTS, 2);
		puppet_await_nothing_but_beat(f); /* and not before it is due */
		puppet_tick_later(f);
	}
	puppet_await_report(f, MESSAGE_RESULTS, 1);
	puppet_await_report(f, MESSAGE_RESULTS, 2);
	puppet_tell(f, (struct message) { .type = MESSAGE_ACK, .number = 1 });
	puppet_tell_all(f, RUN_RUNNING);
	puppet_await_session(f);
	puppet_tick_later(f);
	puppet_await_report(f, MESSAGE_RESULTS, 2);
	puppet_tell(f, (struct message) { .type = MESSAGE_ACK, .number = UINT64_MAX });
	puppet_tell_all(f, RUN_RUNNING);
	puppet_await_session(f);
	puppet_tick_later(f);
	puppet_await_nothing_but_beat(f);
	puppet_report(f, 3);
	puppet_flush(f);
	puppet_await_report(f, MESSAGE_RESULTS, 3);
}

static void test_session_says_goodbye_after_its_reports(void **state)
{
	struct puppet *f = *state;
	struct error why, none = { .code = ERROR_NONE, .message = "never shown" };
	puppet_join(f);
	puppet_report(f, 1);
	(void)error_set(&why, ERROR_START, "no lane starts");
	assert_int_equal(session_goodbye(f->session, &why, &f->err), 0);
	puppet_await_report(f, MESSAGE_RESULTS, 1);
	puppet_await_active(f);
	assert_int_equal(f->message.type, MESSAGE_GOODBYE);
	assert_int_equal(f->message.code, ERROR_START);
	assert_string_equal(f->message.text, "no lane starts");
	assert_int_equal(session_goodbye(f->session, &none, &f->err), 0);
	puppet_await_active(f);
	assert_int_equal(f->message.code, ERROR_NONE);
	assert_string_equal(f->message.text, "");
}

static void test_session_of_a_wrong_address_is_refused(void **state)
{
	struct puppet *f = *state;
	char address[ENDPOINT_ADDRESS_MAX + 1] = "ipc:/";
	memset(address + 5, 'x', sizeof(address) - 6);
	assert_null(session_open(
		&(struct session_options) { .address = address, .lanes = 1 }, &f->err));
	assert_int_equal(f->err.code, ERROR_LIMIT);
	assert_null(session_open(
		&(struct session_options) { .address = "somewhere", .lanes = 1 }, &f->err));
	assert_int_equal(f->err.code, ERROR_USAGE);
}

/* Only one master at a time has an address: the one of this session is gone. */
static void test_session_ends_with_the_word_of_another_run(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	f->header.run.bytes[0] ^= 1;
	puppet_tell_all(f, RUN_RUNNING);
	puppet_await_session(f);
	assert_int_equal(f->message.type, MESSAGE_EVICT);
	assert_string_equal(f->message.text, "it was started anew");
}

static int setup_roster(void **state)
{
	(void)puppet_prepare(state); /* it can't fail */
	struct puppet *f = *state;
	struct roster_options options = { .entrances = { { .address = f->address } },
		.entrances_count = 1,
		.grace_ms = 1234,
		.epoch = 1 };
	random_bytes(&options.run, sizeof(options.run));
	f->roster = roster_open(&options, &f->err);
	puppet_open_session(f);
	assert_true(f->roster && f->session);
	return 0;
}

/* Both sides do what is due. True: the roster let something through, see *f. */
static bool step(struct puppet *f)
{
	struct poll_item items[ROSTER_POLL_ITEMS + SESSION_POLL_ITEMS];
	roster_poll(f->roster, items);
	session_poll(f->session, items + ROSTER_POLL_ITEMS);
	assert_int_equal(socket_poll(items, ROSTER_POLL_ITEMS + SESSION_POLL_ITEMS,
				 DEADLINE_STEP_MS, &f->err),
		0);
	assert_int_equal(session_tick(f->session, clock_ms(), &f->err), 0);
	assert_int_equal(roster_flush(f->roster, &f->err), 0);
	int status = roster_receive(f->roster, &f->message, &f->member, &f->err);
	assert_true(status >= 0);
	return status > 0;
}

/* Until the roster has something from the worker. */
static void await_roster(struct puppet *f)
{
	int64_t end = deadline_start();
	while (!step(f)) {
		deadline_check(end);
		bool joins = !session_is_active(f->session);
		int status = joins ? session_receive(f->session, &f->message, &f->err) : 0;
		assert_int_equal(status, joins && session_is_active(f->session) ? 1 : 0);
	}
}

static void test_session_and_roster_do_a_job(void **state)
{
	struct puppet *f = *state;
	const struct job job = {
		.id = 1, .attempt = 2, .kind = 1, .source = "source:a", .target = "target:a"
	};
	await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_READY);
	assert_int_equal(f->member->lanes, PUPPET_LANES);
	uint32_t number = f->member->number;
	roster_give(f->roster, number, &job);
	assert_int_equal(roster_flush(f->roster, &f->err), 0);
	int64_t end = deadline_start();
	while (session_receive(f->session, &f->message, &f->err) == 0) {
		deadline_check(end);
		assert_false(step(f));
	}
	assert_int_equal(f->message.type, MESSAGE_JOBS);
	assert_string_equal(f->message.jobs[0].source, "source:a");
	const struct result result = { .job = 1, .attempt = f->message.jobs[0].attempt };
	assert_int_equal(session_report(f->session, &result, &f->err), 0);
	puppet_flush(f);
	await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_RESULTS);
	assert_int_equal(f->member->number, number);
	assert_int_equal(f->message.results[0].attempt, 2);
	/* the acknowledgement: then nothing is left to be sent again */
	assert_int_equal(roster_tick(f->roster, clock_ms() + PUPPET_LATER_MS, &f->err), 0);
	puppet_await_session(f);
	assert_int_equal(f->message.type, MESSAGE_STATE);
	puppet_tick_later(f);
	const struct message beat = { .queued = 0 };
	assert_int_equal(session_beat(f->session, clock_ms(), &beat, &f->err), 0);
	await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_BEAT);
}

static void test_session_and_roster_count_a_resent_report_once(void **state)
{
	struct puppet *f = *state;
	await_roster(f);
	puppet_report(f, 1);
	puppet_flush(f);
	/* the master is slow: the worker says it all again, twice, and more */
	puppet_tick_later(f);
	puppet_report(f, 2);
	puppet_flush(f);
	puppet_tick_later(f);
	const struct message beat = { .queued = 0 };
	assert_int_equal(session_beat(f->session, clock_ms(), &beat, &f->err), 0);
	for (uint64_t i = 1; i <= 2; i++) {
		await_roster(f);
		assert_int_equal(f->message.type, MESSAGE_RESULTS);
		assert_int_equal(f->message.number, i);
		assert_int_equal(f->message.results[0].job, i);
	}
	await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_BEAT);
}

static void test_session_and_roster_repeat_the_state(void **state)
{
	struct puppet *f = *state;
	uint64_t last = 0;
	await_roster(f);
	assert_int_equal(roster_tell(f->roster, RUN_CANCELING, &f->err), 0);
	for (int i = 0; i < 5; i++) {
		puppet_await_session(f);
		assert_int_equal(f->message.type, MESSAGE_STATE);
		assert_int_equal(f->message.state, RUN_CANCELING);
		assert_true(f->message.number > last);
		last = f->message.number;
		f->ahead_ms += PUPPET_LATER_MS;
		int64_t later_ms = clock_ms() + f->ahead_ms;
		assert_int_equal(roster_tick(f->roster, later_ms, &f->err), 0);
	}
	assert_int_equal(roster_tell(f->roster, RUN_DONE, &f->err), 0);
	do
		puppet_await_session(f);
	while (f->message.state == RUN_CANCELING);
	assert_int_equal(f->message.state, RUN_DONE);
}

#define PUPPET(name) cmocka_unit_test_setup_teardown(name, puppet_setup, puppet_teardown)
#define ROSTER(name) cmocka_unit_test_setup_teardown(name, setup_roster, puppet_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PUPPET(test_session_says_hello_again_and_again),
		PUPPET(test_session_joins),
		PUPPET(test_session_says_ready_to_each_welcome),
		PUPPET(test_session_is_over_when_rejected),
		PUPPET(test_session_drops_what_is_not_for_it),
		PUPPET(test_session_ends_with_the_word_of_another_run),
		PUPPET(test_session_gives_the_state_before_jobs),
		PUPPET(test_session_numbers_reports_and_bounds_them),
		PUPPET(test_session_sends_a_lost_report_again_until_acknowledged),
		PUPPET(test_session_says_goodbye_after_its_reports),
		PUPPET(test_session_of_a_wrong_address_is_refused),
		ROSTER(test_session_and_roster_do_a_job),
		ROSTER(test_session_and_roster_count_a_resent_report_once),
		ROSTER(test_session_and_roster_repeat_the_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
