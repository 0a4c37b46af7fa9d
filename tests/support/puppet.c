/* SPDX-License-Identifier: MIT */
#include "tests/support/puppet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/random.h"
#include "tests/support/deadline.h"
#include "tests/support/tempdir.h"

int puppet_prepare(void **state)
{
	struct puppet *f = xcalloc(1, sizeof(*f));
	f->folder = tempdir_new();
	f->address = xasprintf("ipc:%s", f->folder);
	f->decoder = wire_decoder_new();
	*state = f;
	return 0;
}

void puppet_open_session(struct puppet *f)
{
	const struct session_options options = {
		.address = f->address, .lanes = PUPPET_LANES, .orphan_ms = PUPPET_ORPHAN_MS
	};
	f->session = session_open(&options, &f->err);
}

int puppet_setup(void **state)
{
	(void)puppet_prepare(state); /* it can't fail */
	struct puppet *f = *state;
	f->context = socket_context_open(&f->err);
	f->results = socket_open(f->context, SOCKET_MASTER_RESULTS, f->address, 0, &f->err);
	f->state = socket_open(f->context, SOCKET_MASTER_STATE, f->address, 0, &f->err);
	f->channel =
		socket_open(f->context, SOCKET_MASTER_CHANNEL, f->address, PUPPET_CHANNEL, &f->err);
	puppet_open_session(f);
	assert_true(f->results && f->state && f->channel && f->session);
	return 0;
}

int puppet_teardown(void **state)
{
	struct puppet *f = *state;
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

void puppet_await_worker(struct puppet *f)
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

void puppet_await_session(struct puppet *f)
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

void puppet_await_hello(struct puppet *f)
{
	puppet_await_worker(f);
	assert_int_equal(f->message.type, MESSAGE_HELLO);
	f->header.session = f->message.header.session;
}

void puppet_tell(struct puppet *f, struct message message)
{
	uint8_t topic[SOCKET_TOPIC_MAX] = { 'W' };
	memcpy(topic + 1, &f->header.session, WIRE_ID_SIZE);
	message.header = f->header;
	(void)wire_pack(&f->frame, &message);
	assert_true(socket_publish(f->state, topic, sizeof(topic), &f->frame, &f->err) >= 0);
}

void puppet_tell_all(struct puppet *f, enum run_state run_state)
{
	static uint64_t number;
	struct message message = { .type = MESSAGE_STATE,
		.state = run_state,
		.number = ++number,
		.header.run = f->header.run,
		.header.epoch = f->header.epoch };
	(void)wire_pack(&f->frame, &message);
	assert_true(socket_publish(f->state, "A", 1, &f->frame, &f->err) >= 0);
}

struct message puppet_welcome(void)
{
	return (struct message) { .type = MESSAGE_WELCOME,
		.channel = PUPPET_CHANNEL,
		.beat_ms = 1000,
		.silence_ms = PUPPET_SILENCE_MS,
		.grace_ms = 77,
		.state = RUN_RUNNING };
}

void puppet_give(struct puppet *f, uint64_t id)
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

void puppet_join_run(struct puppet *f)
{
	int64_t end = deadline_start();
	while (!session_is_active(f->session)) {
		deadline_check(end);
		puppet_await_hello(f);
		puppet_tell(f, puppet_welcome());
		int status = session_receive(f->session, &f->message, &f->err);
		assert_int_equal(status, session_is_active(f->session) ? 1 : 0);
	}
	assert_int_equal(f->message.type, MESSAGE_WELCOME);
	assert_int_equal(f->message.state, RUN_RUNNING);
	do
		puppet_await_worker(f);
	while (f->message.type == MESSAGE_HELLO);
	assert_int_equal(f->message.type, MESSAGE_READY);
	assert_int_equal(f->message.channel, PUPPET_CHANNEL);
	assert_memory_equal(&f->message.header.run, &f->header.run, WIRE_ID_SIZE);
	/* no Welcome is left on the way: what was published before this State has arrived */
	puppet_tell_all(f, RUN_RUNNING);
	puppet_await_session(f);
	assert_int_equal(f->message.type, MESSAGE_STATE);
}

void puppet_join(struct puppet *f)
{
	random_bytes(&f->header.run, WIRE_ID_SIZE);
	f->header.epoch = 1;
	puppet_join_run(f);
}

void puppet_tick_later(struct puppet *f)
{
	f->ahead_ms += PUPPET_LATER_MS;
	assert_int_equal(session_tick(f->session, clock_ms() + f->ahead_ms, &f->err), 0);
}

void puppet_report(struct puppet *f, uint64_t job)
{
	const struct result result = { .job = job, .attempt = 1 };
	assert_int_equal(session_report(f->session, &result, &f->err), 0);
}

void puppet_flush(struct puppet *f)
{
	assert_int_equal(session_flush(f->session, &f->err), 0);
}

void puppet_await_active(struct puppet *f)
{
	do
		puppet_await_worker(f);
	while (f->message.type == MESSAGE_READY || f->message.type == MESSAGE_HELLO);
}

void puppet_await_report(struct puppet *f, enum message_type type, uint64_t number)
{
	puppet_await_active(f);
	assert_int_equal(f->message.type, type);
	assert_int_equal(f->message.number, number);
}

void puppet_await_nothing_but_beat(struct puppet *f)
{
	const struct running running = { 9, 2, 30 };
	const struct message beat = { .queued = 4, .count = 1, .running = &running };
	assert_int_equal(session_beat(f->session, clock_ms(), &beat, &f->err), 0);
	puppet_await_active(f);
	assert_int_equal(f->message.type, MESSAGE_BEAT);
	assert_int_equal(f->message.queued, 4);
	assert_int_equal(f->message.running[0].job, 9);
}
