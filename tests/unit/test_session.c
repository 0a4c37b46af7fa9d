/* SPDX-License-Identifier: MIT */
/*
 * The worker's side of the conversation: with a master that says what the test wants, and with
 * the real one (master/roster.h).
 */
#include "worker/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/random.h"
#include "master/roster.h"
#include "tests/support/deadline.h"
#include "tests/support/tempdir.h"

enum {
	LANES = 5,
	CHANNEL = 3,
	LATER_MS = 60000, /* after this everything is due, even when it has just been done */
};

struct fixture {
	char *folder, *address;
	struct session *session;
	struct socket_context *context; /* of the puppet master, as all to wire_decoder */
	struct socket *results, *state, *channel;
	struct wire_header header; /* the session's, once it has said Hello */
	struct wire_decoder *decoder;
	struct roster *roster; /* or the real one */
	int64_t ahead_ms;      /* of the clock, see tick_later */
	struct member *member;
	struct frame frame;
	struct message message; /* received last, by whoever */
	struct error err;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->folder = tempdir_new();
	f->address = xasprintf("ipc:%s", f->folder);
	f->decoder = wire_decoder_new();
	*state = f;
	return 0;
}

static int setup_puppet(void **state)
{
	(void)setup(state); /* it can't fail */
	struct fixture *f = *state;
	f->context = socket_context_open(&f->err);
	f->results = socket_open(f->context, SOCKET_MASTER_RESULTS, f->address, 0, &f->err);
	f->state = socket_open(f->context, SOCKET_MASTER_STATE, f->address, 0, &f->err);
	f->channel = socket_open(f->context, SOCKET_MASTER_CHANNEL, f->address, CHANNEL, &f->err);
	f->session = session_open(f->address, LANES, &f->err);
	assert_true(f->results && f->state && f->channel && f->session);
	return 0;
}

static int setup_roster(void **state)
{
	(void)setup(state); /* it can't fail */
	struct fixture *f = *state;
	const struct roster_options options = { f->address, 1234 };
	f->roster = roster_open(&options, &f->err);
	f->session = session_open(f->address, LANES, &f->err);
	assert_true(f->roster && f->session);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	session_close(f->session);
	session_close(NULL);
	roster_close(f->roster);
	socket_close(f->channel);
	socket_close(f->state);
	socket_close(f->results);
	socket_context_close(f->context);
	wire_decoder_free(f->decoder);
	tempdir_free(f->folder);
	free(f->address);
	free(f);
	return 0;
}

/* The next message from the session, which is given the time to send it. */
static void await_worker(struct fixture *f)
{
	int64_t end = deadline_start();
	while (socket_receive(f->results, &f->frame, &f->err) == 0) {
		struct poll_item item = { .socket = f->results };
		deadline_check(end);
		assert_int_equal(session_tick(f->session, clock_ms(), &f->err), 0);
		assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
	}
	assert_int_equal(wire_unpack(f->decoder, &f->frame, &f->message, &f->err), 0);
}

/* The next message that the session lets through. */
static void await_session(struct fixture *f)
{
	int64_t end = deadline_start();
	int status;
	while ((status = session_receive(f->session, &f->message, &f->err)) == 0) {
		struct poll_item items[SESSION_POLL_ITEMS];
		deadline_check(end);
		session_poll(f->session, items);
		assert_int_equal(
			socket_poll(items, SESSION_POLL_ITEMS, DEADLINE_STEP_MS, &f->err), 0);
	}
	assert_int_equal(status, 1);
}

static void await_hello(struct fixture *f)
{
	await_worker(f);
	assert_int_equal(f->message.type, MESSAGE_HELLO);
	f->header.session = f->message.header.session;
}

/* Says something to the session alone; nobody there is no failure. */
static void tell(struct fixture *f, struct message message)
{
	uint8_t topic[SOCKET_TOPIC_MAX] = { 'W' };
	memcpy(topic + 1, &f->header.session, WIRE_ID_SIZE);
	message.header = f->header;
	(void)wire_pack(&f->frame, &message);
	assert_true(socket_publish(f->state, topic, sizeof(topic), &f->frame, &f->err) >= 0);
}

static void tell_all(struct fixture *f, enum run_state run_state)
{
	static uint64_t number;
	struct message message = { .type = MESSAGE_STATE,
		.state = run_state,
		.number = ++number,
		.header.run = f->header.run };
	(void)wire_pack(&f->frame, &message);
	assert_true(socket_publish(f->state, "A", 1, &f->frame, &f->err) >= 0);
}

static struct message welcome(void)
{
	return (struct message) { .type = MESSAGE_WELCOME,
		.channel = CHANNEL,
		.beat_ms = 1000,
		.silence_ms = 5000,
		.grace_ms = 77,
		.state = RUN_RUNNING };
}

static void give(struct fixture *f, uint64_t id)
{
	const struct job job = { .id = id, .attempt = 1, .source = "", .target = "" };
	struct message jobs = {
		.type = MESSAGE_JOBS, .header = f->header, .count = 1, .jobs = &job
	};
	int64_t end = deadline_start();
	(void)wire_pack(&f->frame, &jobs);
	while (socket_send(f->channel, &f->frame, &f->err) == 0) {
		struct poll_item item = { .socket = f->channel, .for_sending = true };
		deadline_check(end);
		assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
	}
}

/* Welcomes until the session is active: the first may go where nobody listens yet. */
static void join(struct fixture *f)
{
	int64_t end = deadline_start();
	random_bytes(&f->header.run, WIRE_ID_SIZE);
	f->header.epoch = 1;
	while (!session_is_active(f->session)) {
		deadline_check(end);
		await_hello(f);
		tell(f, welcome());
		assert_int_equal(session_receive(f->session, &f->message, &f->err), 0);
	}
	do
		await_worker(f);
	while (f->message.type == MESSAGE_HELLO);
	assert_int_equal(f->message.type, MESSAGE_READY);
	assert_int_equal(f->message.channel, CHANNEL);
	assert_memory_equal(&f->message.header.run, &f->header.run, WIRE_ID_SIZE);
	/* no Welcome is left on the way: what was published before this State has arrived */
	tell_all(f, RUN_RUNNING);
	await_session(f);
	assert_int_equal(f->message.type, MESSAGE_STATE);
}

/* Time flies: whatever is repeated without an answer is due. */
static void tick_later(struct fixture *f)
{
	f->ahead_ms += LATER_MS;
	assert_int_equal(session_tick(f->session, clock_ms() + f->ahead_ms, &f->err), 0);
}

static void report(struct fixture *f, uint64_t job)
{
	const struct result result = { .job = job, .attempt = 1 };
	assert_int_equal(session_report(f->session, &result, &f->err), 0);
}

static void flush(struct fixture *f)
{
	assert_int_equal(session_flush(f->session, &f->err), 0);
}

/* The next message of an active session, without the Readys that answer a repeated Welcome. */
static void await_active(struct fixture *f)
{
	do
		await_worker(f);
	while (f->message.type == MESSAGE_READY || f->message.type == MESSAGE_HELLO);
}

static void await_report(struct fixture *f, enum message_type type, uint64_t number)
{
	await_active(f);
	assert_int_equal(f->message.type, type);
	assert_int_equal(f->message.number, number);
}

/* Everything that was sent before has been seen: the next that comes is this beat. */
static void await_nothing_but_beat(struct fixture *f)
{
	const struct running running = { 9, 2, 30 };
	const struct message beat = { .queued = 4, .count = 1, .running = &running };
	assert_int_equal(session_beat(f->session, clock_ms(), &beat, &f->err), 0);
	await_active(f);
	assert_int_equal(f->message.type, MESSAGE_BEAT);
	assert_int_equal(f->message.queued, 4);
	assert_int_equal(f->message.running[0].job, 9);
}

static void test_session_says_hello_again_and_again(void **state)
{
	struct fixture *f = *state;
	await_hello(f);
	assert_int_equal(f->message.lanes, LANES);
	assert_string_equal(f->message.build, SCIAME_VERSION);
	struct wire_id session = f->message.header.session, zero = { { 0 } };
	assert_memory_not_equal(&session, &zero, WIRE_ID_SIZE);
	assert_memory_not_equal(&f->message.instance, &zero, WIRE_ID_SIZE);
	for (int i = 0; i < 5; i++) {
		int64_t due = session_deadline_ms(f->session);
		assert_int_equal(session_tick(f->session, due, &f->err), 0);
		int64_t next = session_deadline_ms(f->session);
		assert_in_range(next - due, 1, 2000);
		await_hello(f);
		assert_memory_equal(&f->header.session, &session, WIRE_ID_SIZE);
	}
	assert_false(session_is_active(f->session));
	assert_false(session_beat_due(f->session, clock_ms() + LATER_MS));
}

static void test_session_joins(void **state)
{
	struct fixture *f = *state;
	join(f);
	assert_int_equal(session_grace_ms(f->session), 77);
	assert_true(session_beat_due(f->session, clock_ms() + 1000));
	assert_false(session_beat_due(f->session, clock_ms() - LATER_MS));
	give(f, 17);
	await_session(f);
	assert_int_equal(f->message.type, MESSAGE_JOBS);
	assert_int_equal(f->message.jobs[0].id, 17);
}

static void test_session_says_ready_to_each_welcome(void **state)
{
	struct fixture *f = *state;
	join(f);
	tell(f, welcome());
	tell_all(f, RUN_RUNNING);
	await_session(f);
	assert_int_equal(f->message.type, MESSAGE_STATE);
	do
		await_worker(f);
	while (f->message.type == MESSAGE_HELLO);
	assert_int_equal(f->message.type, MESSAGE_READY);
	assert_int_equal(f->message.channel, CHANNEL);
}

static void test_session_is_over_when_rejected(void **state)
{
	struct fixture *f = *state;
	int64_t end = deadline_start();
	int status;
	do {
		deadline_check(end);
		await_hello(f);
		tell(f, (struct message) { .type = MESSAGE_REJECT, .text = "it is too old" });
		status = session_receive(f->session, &f->message, &f->err);
	} while (status == 0);
	assert_int_equal(status, -1);
	assert_int_equal(f->err.code, ERROR_PROTOCOL);
	assert_string_equal(f->err.message, "the master refuses this worker: it is too old");
}

/* Dropped: what is for another session or run, and what only workers say. */
static void test_session_drops_what_is_not_for_it(void **state)
{
	struct fixture *f = *state;
	join(f);
	struct wire_header header = f->header;
	f->header.session.bytes[0] ^= 1;
	give(f, 1);
	f->header = header;
	f->header.run.bytes[0] ^= 1;
	give(f, 2);
	tell(f, (struct message) { .type = MESSAGE_REJECT, .text = "not you" });
	tell_all(f, RUN_DONE);
	f->header = header;
	tell(f, (struct message) { .type = MESSAGE_GOODBYE, .text = "" });
	give(f, 3);
	await_session(f);
	assert_int_equal(f->message.type, MESSAGE_JOBS);
	assert_int_equal(f->message.jobs[0].id, 3);
	tell_all(f, RUN_CANCELING);
	await_session(f);
	assert_int_equal(f->message.type, MESSAGE_STATE);
	assert_int_equal(f->message.state, RUN_CANCELING);
}

/* After a cancellation no job that was sent before it may start. */
static void test_session_gives_the_state_before_jobs(void **state)
{
	struct fixture *f = *state;
	struct poll_item items[SESSION_POLL_ITEMS];
	int64_t end = deadline_start();
	join(f);
	give(f, 1);
	tell_all(f, RUN_CANCELING);
	session_poll(f->session, items);
	do {
		deadline_check(end);
		assert_int_equal(
			socket_poll(items, SESSION_POLL_ITEMS, DEADLINE_STEP_MS, &f->err), 0);
	} while (!items[0].ready || !items[1].ready);
	await_session(f);
	assert_int_equal(f->message.type, MESSAGE_STATE);
	await_session(f);
	assert_int_equal(f->message.type, MESSAGE_JOBS);
}

static void test_session_numbers_reports_and_bounds_them(void **state)
{
	struct fixture *f = *state;
	join(f);
	for (uint64_t i = 1; i <= WIRE_BATCH_MAX + 1; i++)
		report(f, i);
	await_report(f, MESSAGE_RESULTS, 1); /* full: it leaves without a flush */
	assert_int_equal(f->message.count, WIRE_BATCH_MAX);
	assert_int_equal(f->message.results[0].job, 1);
	assert_int_equal(session_refuse(f->session, 99, 2, &f->err), 0);
	await_nothing_but_beat(f);
	flush(f);
	await_report(f, MESSAGE_RESULTS, 2);
	assert_int_equal(f->message.count, 1);
	assert_int_equal(f->message.results[0].job, WIRE_BATCH_MAX + 1);
	await_report(f, MESSAGE_REFUSED, 3);
	assert_int_equal(f->message.returned[0].job, 99);
	assert_int_equal(f->message.returned[0].attempt, 2);
	flush(f);
	await_nothing_but_beat(f);
}

static void test_session_sends_a_lost_report_again_until_acknowledged(void **state)
{
	struct fixture *f = *state;
	join(f);
	report(f, 1);
	flush(f);
	report(f, 2);
	flush(f);
	for (int i = 0; i < 3; i++) {
		/* as if nothing of it had arrived */
		await_report(f, MESSAGE_RESULTS, 1);
		assert_int_equal(f->message.results[0].job, 1);
		await_report(f, MESSAGE_RESULTS, 2);
		await_nothing_but_beat(f); /* and not before it is due */
		tick_later(f);
	}
	await_report(f, MESSAGE_RESULTS, 1);
	await_report(f, MESSAGE_RESULTS, 2);
	tell(f, (struct message) { .type = MESSAGE_ACK, .number = 1 });
	tell_all(f, RUN_RUNNING);
	await_session(f);
	tick_later(f);
	await_report(f, MESSAGE_RESULTS, 2);
	tell(f, (struct message) { .type = MESSAGE_ACK, .number = UINT64_MAX });
	tell_all(f, RUN_RUNNING);
	await_session(f);
	tick_later(f);
	await_nothing_but_beat(f);
	report(f, 3);
	flush(f);
	await_report(f, MESSAGE_RESULTS, 3);
}

static void test_session_says_goodbye_after_its_reports(void **state)
{
	struct fixture *f = *state;
	struct error why, none = { .code = ERROR_NONE, .message = "never shown" };
	join(f);
	report(f, 1);
	(void)error_set(&why, ERROR_START, "no lane starts");
	assert_int_equal(session_goodbye(f->session, &why, &f->err), 0);
	await_report(f, MESSAGE_RESULTS, 1);
	await_active(f);
	assert_int_equal(f->message.type, MESSAGE_GOODBYE);
	assert_int_equal(f->message.code, ERROR_START);
	assert_string_equal(f->message.text, "no lane starts");
	assert_int_equal(session_goodbye(f->session, &none, &f->err), 0);
	await_active(f);
	assert_int_equal(f->message.code, ERROR_NONE);
	assert_string_equal(f->message.text, "");
}

static void test_session_of_a_wrong_address_is_refused(void **state)
{
	struct fixture *f = *state;
	char address[SOCKET_ADDRESS_MAX + 1] = "ipc:/";
	memset(address + 5, 'x', sizeof(address) - 6);
	assert_null(session_open(address, 1, &f->err));
	assert_int_equal(f->err.code, ERROR_LIMIT);
	assert_null(session_open("somewhere", 1, &f->err));
	assert_int_equal(f->err.code, ERROR_USAGE);
}

/* Both sides do what is due. True: the roster let something through, see *f. */
static bool step(struct fixture *f)
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
static void await_roster(struct fixture *f)
{
	int64_t end = deadline_start();
	while (!step(f)) {
		deadline_check(end);
		if (!session_is_active(f->session))
			assert_int_equal(session_receive(f->session, &f->message, &f->err), 0);
	}
}

static void test_session_and_roster_do_a_job(void **state)
{
	struct fixture *f = *state;
	const struct job job = {
		.id = 1, .attempt = 2, .kind = 1, .source = "source:a", .target = "target:a"
	};
	await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_READY);
	assert_int_equal(f->member->lanes, LANES);
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
	flush(f);
	await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_RESULTS);
	assert_int_equal(f->member->number, number);
	assert_int_equal(f->message.results[0].attempt, 2);
	/* the acknowledgement: then nothing is left to be sent again */
	assert_int_equal(roster_tick(f->roster, clock_ms() + LATER_MS, &f->err), 0);
	await_session(f);
	assert_int_equal(f->message.type, MESSAGE_STATE);
	tick_later(f);
	const struct message beat = { .queued = 0 };
	assert_int_equal(session_beat(f->session, clock_ms(), &beat, &f->err), 0);
	await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_BEAT);
}

static void test_session_and_roster_count_a_resent_report_once(void **state)
{
	struct fixture *f = *state;
	await_roster(f);
	report(f, 1);
	flush(f);
	/* the master is slow: the worker says it all again, twice, and more */
	tick_later(f);
	report(f, 2);
	flush(f);
	tick_later(f);
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
	struct fixture *f = *state;
	uint64_t last = 0;
	await_roster(f);
	assert_int_equal(roster_tell(f->roster, RUN_CANCELING, &f->err), 0);
	for (int i = 0; i < 5; i++) {
		await_session(f);
		assert_int_equal(f->message.type, MESSAGE_STATE);
		assert_int_equal(f->message.state, RUN_CANCELING);
		assert_true(f->message.number > last);
		last = f->message.number;
		int64_t due = roster_deadline_ms(f->roster);
		assert_int_equal(roster_tick(f->roster, due, &f->err), 0);
	}
	assert_int_equal(roster_tell(f->roster, RUN_DONE, &f->err), 0);
	do
		await_session(f);
	while (f->message.state == RUN_CANCELING);
	assert_int_equal(f->message.state, RUN_DONE);
}

#define PUPPET(name) cmocka_unit_test_setup_teardown(name, setup_puppet, teardown)
#define ROSTER(name) cmocka_unit_test_setup_teardown(name, setup_roster, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PUPPET(test_session_says_hello_again_and_again),
		PUPPET(test_session_joins),
		PUPPET(test_session_says_ready_to_each_welcome),
		PUPPET(test_session_is_over_when_rejected),
		PUPPET(test_session_drops_what_is_not_for_it),
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
