/* SPDX-License-Identifier: MIT */
/* The master's side of the conversation, with a worker that says what the test wants. */
#include "master/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/random.h"
#include "tests/support/deadline.h"
#include "tests/support/tempdir.h"

enum { GRACE_MS = 1234 };

/* A worker's sockets without the worker. */
struct puppet {
	struct wire_header header;
	struct socket *results, *state, *channel;
};

struct fixture {
	char *folder, *address;
	struct roster *roster;
	struct socket_context *context;
	struct wire_decoder *decoder;
	struct puppet puppet;
	struct frame frame;
	struct message message; /* received last */
	struct member *member;  /* from whom */
	struct error err;
};

static void puppet_open(struct fixture *f, struct puppet *puppet)
{
	uint8_t topic[SOCKET_TOPIC_MAX] = { 'W' };
	*puppet = (struct puppet) { 0 };
	random_bytes(&puppet->header.session, WIRE_ID_SIZE);
	memcpy(topic + 1, &puppet->header.session, WIRE_ID_SIZE);
	puppet->results = socket_open(f->context, SOCKET_WORKER_RESULTS, f->address, 0, &f->err);
	puppet->state = socket_open(f->context, SOCKET_WORKER_STATE, f->address, 0, &f->err);
	assert_non_null(puppet->results);
	assert_non_null(puppet->state);
	assert_int_equal(socket_subscribe(puppet->state, "A", 1, &f->err), 0);
	assert_int_equal(socket_subscribe(puppet->state, topic, sizeof(topic), &f->err), 0);
}

static void puppet_close(struct puppet *puppet)
{
	socket_close(puppet->channel);
	socket_close(puppet->state);
	socket_close(puppet->results);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->folder = tempdir_new();
	f->address = xasprintf("ipc:%s", f->folder);
	const struct roster_options options = { f->address, GRACE_MS };
	f->roster = roster_open(&options, &f->err);
	f->context = socket_context_open(&f->err);
	f->decoder = wire_decoder_new();
	assert_non_null(f->roster);
	assert_non_null(f->context);
	puppet_open(f, &f->puppet);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	roster_close(f->roster);
	roster_close(NULL);
	puppet_close(&f->puppet);
	socket_context_close(f->context);
	wire_decoder_free(f->decoder);
	tempdir_free(f->folder);
	free(f->address);
	free(f);
	return 0;
}

static void say(struct fixture *f, struct puppet *puppet, struct message message)
{
	int64_t end = deadline_start();
	message.header = puppet->header;
	(void)wire_pack(&f->frame, &message);
	while (socket_send(puppet->results, &f->frame, &f->err) == 0) {
		struct poll_item item = { .socket = puppet->results, .for_sending = true };
		deadline_check(end);
		assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
	}
}

/* The next thing that the roster lets through. */
static void await_roster(struct fixture *f)
{
	int64_t end = deadline_start();
	int status;
	while ((status = roster_receive(f->roster, &f->message, &f->member, &f->err)) == 0) {
		struct poll_item items[ROSTER_POLL_ITEMS];
		deadline_check(end);
		roster_poll(f->roster, items);
		assert_int_equal(socket_poll(items, 1, DEADLINE_STEP_MS, &f->err), 0);
	}
	assert_int_equal(status, 1);
}

static void await_nothing_but_beat(struct fixture *f, struct puppet *puppet)
{
	static uint64_t beats;
	say(f, puppet, (struct message) { .type = MESSAGE_BEAT, .number = ++beats });
	await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_BEAT);
	assert_int_equal(f->message.number, beats);
}

/* The next message on one of the worker's sockets; the roster takes in whatever there is. */
static void await_socket(struct fixture *f, struct socket *socket)
{
	int64_t end = deadline_start();
	while (socket_receive(socket, &f->frame, &f->err) == 0) {
		struct poll_item item = { .socket = socket };
		deadline_check(end);
		assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
	}
	assert_int_equal(wire_unpack(f->decoder, &f->frame, &f->message, &f->err), 0);
}

/* What the roster says next, without the Welcomes that were not waited for. */
static void await_state(struct fixture *f, enum message_type type)
{
	do
		await_socket(f, f->puppet.state);
	while (f->message.type == MESSAGE_WELCOME);
	assert_int_equal(f->message.type, type);
}

static struct message hello_of(const char *build)
{
	return (struct message) {
		.type = MESSAGE_HELLO, .text = "host", .build = build, .lanes = 3
	};
}

/* Says Hello until the answer comes: the first answers may go where nobody listens yet. */
static void greet(struct fixture *f, struct puppet *puppet, const char *build)
{
	int64_t end = deadline_start();
	struct poll_item item = { .socket = puppet->state };
	do {
		deadline_check(end);
		say(f, puppet, hello_of(build));
		assert_int_equal(roster_receive(f->roster, &f->message, &f->member, &f->err), 0);
		assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
	} while (!item.ready);
	await_socket(f, puppet->state);
}

static void join(struct fixture *f, struct puppet *puppet)
{
	greet(f, puppet, SCIAME_VERSION);
	assert_int_equal(f->message.type, MESSAGE_WELCOME);
	puppet->header.run = f->message.header.run;
	puppet->header.epoch = f->message.header.epoch;
	uint32_t number = f->message.channel;
	puppet->channel =
		socket_open(f->context, SOCKET_WORKER_CHANNEL, f->address, number, &f->err);
	assert_non_null(puppet->channel);
	say(f, puppet, (struct message) { .type = MESSAGE_READY, .channel = number });
	await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_READY);
	assert_int_equal(f->member->number, number);
	assert_true(f->member->active);
}

static void say_results(struct fixture *f, uint64_t number)
{
	const struct result result = { .job = number, .attempt = 1 };
	say(f, &f->puppet,
		(struct message) { .type = MESSAGE_RESULTS,
			.number = number,
			.count = 1,
			.results = &result });
}

static void test_roster_welcomes_and_knows_the_worker(void **state)
{
	struct fixture *f = *state;
	uint32_t list[ROSTER_MEMBERS_MAX];
	assert_int_equal(roster_members(f->roster, list), 0);
	greet(f, &f->puppet, SCIAME_VERSION);
	assert_int_equal(f->message.type, MESSAGE_WELCOME);
	assert_memory_equal(&f->message.header.session, &f->puppet.header.session, WIRE_ID_SIZE);
	assert_int_equal(f->message.channel, 1);
	assert_int_equal(f->message.grace_ms, GRACE_MS);
	assert_int_equal(f->message.state, RUN_RUNNING);
	assert_true(f->message.beat_ms > 0 && f->message.beat_ms < f->message.silence_ms);
	assert_int_equal(roster_members(f->roster, list), 1);
	join(f, &f->puppet);
	assert_int_equal(roster_members(f->roster, list), 1);
	assert_int_equal(list[0], 1);
	assert_int_equal(f->member->lanes, 3);
	assert_string_equal(f->member->name, "host");
}

static void test_roster_repeats_welcome_and_counts_ready_once(void **state)
{
	struct fixture *f = *state;
	join(f, &f->puppet);
	greet(f, &f->puppet, SCIAME_VERSION);
	assert_int_equal(f->message.type, MESSAGE_WELCOME);
	assert_int_equal(f->message.channel, 1);
	say(f, &f->puppet, (struct message) { .type = MESSAGE_READY, .channel = 1 });
	await_nothing_but_beat(f, &f->puppet);
}

static void test_roster_takes_a_beat_for_a_ready_that_was_lost(void **state)
{
	struct fixture *f = *state;
	greet(f, &f->puppet, SCIAME_VERSION);
	f->puppet.header.run = f->message.header.run;
	say(f, &f->puppet, (struct message) { .type = MESSAGE_BEAT, .number = 1 });
	await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_READY);
	assert_true(f->member->active);
	say(f, &f->puppet, (struct message) { .type = MESSAGE_READY, .channel = 1 });
	await_nothing_but_beat(f, &f->puppet);
}

static void test_roster_knows_a_worker_that_takes_no_jobs(void **state)
{
	struct fixture *f = *state;
	const struct job job = { .id = 1, .attempt = 1, .source = "", .target = "" };
	greet(f, &f->puppet, SCIAME_VERSION);
	f->puppet.header.run = f->message.header.run;
	/* it says that it is connected, and is not */
	say(f, &f->puppet, (struct message) { .type = MESSAGE_READY, .channel = 1 });
	await_roster(f);
	int64_t now_ms = clock_ms();
	assert_int_equal(roster_stuck(f->roster, now_ms + 3600000), 0);
	roster_give(f->roster, 1, &job);
	assert_int_equal(roster_flush(f->roster, &f->err), 0);
	assert_int_equal(roster_stuck(f->roster, now_ms), 0);
	assert_int_equal(roster_stuck(f->roster, now_ms + 3600000), 1);
	roster_drop(f->roster, 1);
	assert_int_equal(roster_stuck(f->roster, now_ms + 3600000), 0);
}

static void test_roster_ignores_ready_for_another_channel(void **state)
{
	struct fixture *f = *state;
	greet(f, &f->puppet, SCIAME_VERSION);
	f->puppet.header.run = f->message.header.run;
	say(f, &f->puppet, (struct message) { .type = MESSAGE_READY, .channel = 2 });
	say(f, &f->puppet, (struct message) { .type = MESSAGE_READY, .channel = 1 });
	await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_READY);
	assert_int_equal(f->message.channel, 1);
}

static void test_roster_rejects_other_versions_in_words(void **state)
{
	struct fixture *f = *state;
	uint32_t list[ROSTER_MEMBERS_MAX];
	greet(f, &f->puppet, "0.0.1");
	assert_int_equal(f->message.type, MESSAGE_REJECT);
	assert_string_equal(f->message.text, "it is version 0.0.1, the master " SCIAME_VERSION);
	assert_int_equal(roster_members(f->roster, list), 0);
}

static void test_roster_takes_each_report_once_and_in_order(void **state)
{
	struct fixture *f = *state;
	static const uint64_t sent[] = { 1, 1, 3, 2, 1, 2, 3, 5, 4 };
	static const uint64_t taken[] = { 1, 2, 3, 4 };
	join(f, &f->puppet);
	for (size_t i = 0; i < sizeof(sent) / sizeof(*sent); i++)
		say_results(f, sent[i]);
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
		await_roster(f);
		assert_int_equal(f->message.type, MESSAGE_RESULTS);
		assert_int_equal(f->message.number, taken[i]);
		assert_int_equal(f->message.results[0].job, taken[i]);
	}
	await_nothing_but_beat(f, &f->puppet);
}

static void test_roster_counts_refused_with_results(void **state)
{
	struct fixture *f = *state;
	const struct returned returned = { 9, 1 };
	struct message refused = {
		.type = MESSAGE_REFUSED, .number = 2, .count = 1, .returned = &returned
	};
	join(f, &f->puppet);
	say_results(f, 1);
	await_roster(f);
	say(f, &f->puppet, refused);
	await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_REFUSED);
	assert_int_equal(f->message.returned[0].job, 9);
	say(f, &f->puppet, refused);
	say_results(f, 2);
	await_nothing_but_beat(f, &f->puppet);
}

static void test_roster_answers_a_report_that_comes_again_at_once(void **state)
{
	struct fixture *f = *state;
	join(f, &f->puppet);
	say_results(f, 1);
	await_roster(f);
	say_results(f, 1);
	await_nothing_but_beat(f, &f->puppet);
	await_state(f, MESSAGE_ACK);
	assert_int_equal(f->message.number, 1);
}

static void test_roster_acknowledges_with_the_beat(void **state)
{
	struct fixture *f = *state;
	join(f, &f->puppet);
	say_results(f, 1);
	await_roster(f);
	say_results(f, 2);
	await_roster(f);
	int64_t due = roster_deadline_ms(f->roster);
	assert_int_equal(roster_tick(f->roster, due - 1, &f->err), 0);
	assert_int_equal(roster_deadline_ms(f->roster), due);
	assert_int_equal(roster_tick(f->roster, due, &f->err), 0);
	assert_true(roster_deadline_ms(f->roster) > due);
	await_state(f, MESSAGE_ACK);
	assert_int_equal(f->message.number, 2);
	await_state(f, MESSAGE_STATE);
}

static void test_roster_acknowledges_many_reports_without_a_beat(void **state)
{
	struct fixture *f = *state;
	join(f, &f->puppet);
	for (uint64_t i = 1; i <= 64; i++) {
		say_results(f, i);
		await_roster(f);
	}
	await_state(f, MESSAGE_ACK);
	assert_int_equal(f->message.number, 64);
}

static void test_roster_drops_what_is_not_of_its_run(void **state)
{
	struct fixture *f = *state;
	join(f, &f->puppet);
	struct wire_header header = f->puppet.header;
	f->puppet.header.run.bytes[0] ^= 1;
	say_results(f, 1);
	f->puppet.header = header;
	f->puppet.header.session.bytes[15] ^= 1;
	say_results(f, 1);
	f->puppet.header = header;
	/* what only a master says, and what is no message at all */
	say(f, &f->puppet, (struct message) { .type = MESSAGE_ACK, .number = 1 });
	say(f, &f->puppet, (struct message) { .type = MESSAGE_STATE, .state = RUN_DONE });
	f->frame.size = 3;
	memcpy(f->frame.bytes, "\xFF\xFF\xFF", 3);
	assert_int_equal(socket_send(f->puppet.results, &f->frame, &f->err), 1);
	await_nothing_but_beat(f, &f->puppet);
	say_results(f, 1);
	await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_RESULTS);
}

static void test_roster_sends_jobs_in_order(void **state)
{
	enum { JOBS = 150 };
	struct fixture *f = *state;
	struct job job = { .attempt = 1, .kind = 1, .source = "source:a", .target = "" };
	join(f, &f->puppet);
	for (job.id = 1; job.id <= JOBS; job.id++)
		roster_give(f->roster, 1, &job);
	int64_t end = deadline_start();
	for (uint64_t next = 1; next <= JOBS;) {
		assert_int_equal(roster_flush(f->roster, &f->err), 0);
		if (socket_receive(f->puppet.channel, &f->frame, &f->err) == 0) {
			struct poll_item item = { .socket = f->puppet.channel };
			deadline_check(end);
			assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
			continue;
		}
		assert_int_equal(wire_unpack(f->decoder, &f->frame, &f->message, &f->err), 0);
		assert_memory_equal(
			&f->message.header.session, &f->puppet.header.session, WIRE_ID_SIZE);
		for (size_t i = 0; i < f->message.count; i++)
			assert_int_equal(f->message.jobs[i].id, next++);
	}
	struct poll_item items[ROSTER_POLL_ITEMS];
	roster_poll(f->roster, items);
	assert_null(items[1].socket); /* nothing waits for a channel any more */
}

static void test_roster_waits_for_a_channel_that_nobody_took(void **state)
{
	struct fixture *f = *state;
	struct poll_item items[ROSTER_POLL_ITEMS];
	const struct job job = { .id = 1, .attempt = 1, .source = "", .target = "" };
	greet(f, &f->puppet, SCIAME_VERSION);
	f->puppet.header.run = f->message.header.run;
	say(f, &f->puppet, (struct message) { .type = MESSAGE_READY, .channel = 1 });
	await_roster(f);
	roster_give(f->roster, 1, &job);
	assert_int_equal(roster_flush(f->roster, &f->err), 0);
	roster_poll(f->roster, items);
	assert_non_null(items[1].socket);
	assert_true(items[1].for_sending);
	f->puppet.channel = socket_open(f->context, SOCKET_WORKER_CHANNEL, f->address, 1, &f->err);
	int64_t end = deadline_start();
	do {
		deadline_check(end);
		assert_int_equal(
			socket_poll(items, ROSTER_POLL_ITEMS, DEADLINE_STEP_MS, &f->err), 0);
	} while (!items[1].ready);
	assert_int_equal(roster_flush(f->roster, &f->err), 0);
	await_socket(f, f->puppet.channel);
	assert_int_equal(f->message.jobs[0].id, 1);
}

static void test_roster_forgets_a_dropped_worker(void **state)
{
	struct fixture *f = *state;
	struct puppet second;
	uint32_t list[ROSTER_MEMBERS_MAX];
	const struct job job = { .id = 1, .attempt = 1, .source = "", .target = "" };
	join(f, &f->puppet);
	roster_give(f->roster, 1, &job);
	roster_drop(f->roster, 1);
	roster_drop(f->roster, 1);
	assert_int_equal(roster_members(f->roster, list), 0);
	assert_int_equal(roster_flush(f->roster, &f->err), 0);
	say_results(f, 1);
	puppet_open(f, &second);
	join(f, &second); /* in the same seat, and the report above was dropped */
	assert_int_equal(f->member->number, 2);
	assert_int_equal(roster_members(f->roster, list), 1);
	assert_int_equal(list[0], 2);
	puppet_close(&second);
}

static void test_roster_repeats_the_state_faster_when_it_ends(void **state)
{
	struct fixture *f = *state;
	join(f, &f->puppet);
	assert_int_equal(roster_tick(f->roster, roster_deadline_ms(f->roster), &f->err), 0);
	await_state(f, MESSAGE_STATE);
	assert_int_equal(f->message.state, RUN_RUNNING);
	uint64_t number = f->message.number;
	assert_int_equal(roster_tell(f->roster, RUN_CANCELING, &f->err), 0);
	assert_true(roster_deadline_ms(f->roster) <= clock_ms() + 200);
	for (int i = 0; i < 5; i++) {
		await_state(f, MESSAGE_STATE);
		assert_int_equal(f->message.state, RUN_CANCELING);
		assert_int_equal(f->message.number, ++number);
		int64_t due = roster_deadline_ms(f->roster);
		assert_int_equal(roster_tick(f->roster, due, &f->err), 0);
		assert_int_equal(roster_deadline_ms(f->roster), due + 200);
	}
}

static void test_roster_of_a_wrong_address_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct roster_options nowhere = { "ipc:/nowhere/at/all", 0 };
	assert_null(roster_open(&nowhere, &f->err));
	assert_int_equal(f->err.code, ERROR_NETWORK);
	const struct roster_options wrong = { "nowhere", 0 };
	assert_null(roster_open(&wrong, &f->err));
	assert_int_equal(f->err.code, ERROR_USAGE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_roster_welcomes_and_knows_the_worker),
		CASE(test_roster_repeats_welcome_and_counts_ready_once),
		CASE(test_roster_takes_a_beat_for_a_ready_that_was_lost),
		CASE(test_roster_knows_a_worker_that_takes_no_jobs),
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
