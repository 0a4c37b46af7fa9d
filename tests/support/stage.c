/* SPDX-License-Identifier: MIT */
#include "tests/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"
#include "common/random.h"
#include "tests/support/deadline.h"
#include "tests/support/tempdir.h"

void actor_open(struct stage *f, struct actor *actor)
{
	uint8_t topic[SOCKET_TOPIC_MAX] = { 'W' };
	*actor = (struct actor) { 0 };
	random_bytes(&actor->header.session, WIRE_ID_SIZE);
	actor->instance = actor->header.session;
	memcpy(topic + 1, &actor->header.session, WIRE_ID_SIZE);
	actor->results = socket_open(f->context, SOCKET_WORKER_RESULTS, f->address, 0, &f->err);
	actor->state = socket_open(f->context, SOCKET_WORKER_STATE, f->address, 0, &f->err);
	assert_non_null(actor->results);
	assert_non_null(actor->state);
	assert_int_equal(socket_subscribe(actor->state, "A", 1, &f->err), 0);
	assert_int_equal(socket_subscribe(actor->state, topic, sizeof(topic), &f->err), 0);
}

void actor_close(struct actor *actor)
{
	socket_close(actor->channel);
	socket_close(actor->state);
	socket_close(actor->results);
}

int stage_setup(void **state)
{
	struct stage *f = xcalloc(1, sizeof(*f));
	f->folder = tempdir_new();
	f->address = xasprintf("ipc:%s", f->folder);
	const struct roster_options options = { .entrances = { { .address = f->address } },
		.entrances_count = 1,
		.grace_ms = STAGE_GRACE_MS,
		.run.bytes = { 1, 2, 3 },
		.epoch = 7 };
	f->roster = roster_open(&options, &f->err);
	f->context = socket_context_open(&f->err);
	f->decoder = wire_decoder_new();
	assert_non_null(f->roster);
	assert_non_null(f->context);
	actor_open(f, &f->actor);
	*state = f;
	return 0;
}

int stage_teardown(void **state)
{
	struct stage *f = *state;
	roster_close(f->roster);
	roster_close(NULL);
	actor_close(&f->actor);
	socket_context_close(f->context);
	wire_decoder_free(f->decoder);
	tempdir_free(f->folder);
	free(f->address);
	free(f);
	return 0;
}

void stage_say(struct stage *f, struct actor *actor, struct message message)
{
	int64_t end = deadline_start();
	message.header = actor->header;
	(void)wire_pack(&f->frame, &message);
	while (socket_send(actor->results, &f->frame, &f->err) == 0) {
		struct poll_item item = { .socket = actor->results, .for_sending = true };
		deadline_check(end);
		assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
	}
}

/* The next thing that the roster lets through. */
void stage_await_roster(struct stage *f)
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

void stage_await_nothing_but_beat(struct stage *f, struct actor *actor)
{
	static uint64_t beats;
	stage_say(f, actor, (struct message) { .type = MESSAGE_BEAT, .number = ++beats });
	stage_await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_BEAT);
	assert_int_equal(f->message.number, beats);
}

/* The next message on one of the worker's sockets; the roster takes in whatever there is. */
void stage_await_socket(struct stage *f, struct socket *socket)
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
void stage_await_state(struct stage *f, enum message_type type)
{
	do
		stage_await_socket(f, f->actor.state);
	while (f->message.type == MESSAGE_WELCOME);
	assert_int_equal(f->message.type, type);
}

/* Each actor is a process of its own. */
static struct message hello_of(const struct actor *actor, const char *build)
{
	return (struct message) { .type = MESSAGE_HELLO,
		.text = "host",
		.build = build,
		.lanes = 3,
		.pid = 77,
		.instance = actor->instance };
}

/* Says Hello until the answer comes: the first answers may go where nobody listens yet. */
void stage_greet(struct stage *f, struct actor *actor, const char *build)
{
	int64_t end = deadline_start();
	struct poll_item item = { .socket = actor->state };
	do {
		deadline_check(end);
		stage_say(f, actor, hello_of(actor, build));
		assert_int_equal(roster_receive(f->roster, &f->message, &f->member, &f->err), 0);
		assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
	} while (!item.ready);
	stage_await_socket(f, actor->state);
}

void stage_join(struct stage *f, struct actor *actor)
{
	stage_greet(f, actor, SCIAME_VERSION);
	assert_int_equal(f->message.type, MESSAGE_WELCOME);
	actor->header.run = f->message.header.run;
	actor->header.epoch = f->message.header.epoch;
	uint32_t number = f->message.channel;
	actor->channel =
		socket_open(f->context, SOCKET_WORKER_CHANNEL, f->address, number, &f->err);
	assert_non_null(actor->channel);
	stage_say(f, actor, (struct message) { .type = MESSAGE_READY, .channel = number });
	stage_await_roster(f);
	assert_int_equal(f->message.type, MESSAGE_READY);
	assert_int_equal(f->member->number, number);
	assert_true(f->member->active);
}

void stage_say_results(struct stage *f, uint64_t number)
{
	const struct result result = { .job = number, .attempt = 1 };
	stage_say(f, &f->actor,
		(struct message) { .type = MESSAGE_RESULTS,
			.number = number,
			.count = 1,
			.results = &result });
}
