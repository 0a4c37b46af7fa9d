/* SPDX-License-Identifier: MIT */
#include "master/roster.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/random.h"

enum {
	BEAT_MS = 1000,       /* how often the state is repeated */
	BEAT_URGENT_MS = 200, /* while canceling, and at the end */
	SILENCE_MS = 5000, /* told to workers: after this without a word the other side is gone */
	ACK_REPORTS = 64,  /* acknowledge at the latest after so many reports; else with a beat */
	STRIKES_LOGGED_MAX = 10,
};

struct seat {
	struct member member; /* number 0: the seat is free */
	struct wire_id session, instance;
	struct socket *channel;
	uint64_t seen, acked; /* reports */
	int64_t given_ms;     /* since when something waits in the outbox */
	size_t given, capacity;
	struct job *outbox; /* shallow copies, oldest first */
};

struct roster {
	struct roster_options options;
	struct socket_context *context;
	struct socket *results, *state;
	struct wire_header header;
	struct wire_decoder *decoder;
	enum run_state run_state;
	uint64_t states; /* numbers given so far */
	uint32_t last_number;
	int64_t beat_at_ms;
	unsigned strikes;
	size_t count; /* seats in use are below this */
	struct seat seats[ROSTER_MEMBERS_MAX];
	struct frame frame;
};

struct roster *roster_open(const struct roster_options *options, struct error *err)
{
	struct roster *r = xcalloc(1, sizeof(*r));
	r->options = *options;
	r->run_state = RUN_RUNNING;
	r->header.epoch = 1;
	random_bytes(&r->header.run, sizeof(r->header.run));
	r->decoder = wire_decoder_new();
	r->beat_at_ms = clock_ms();
	r->context = socket_context_open(err);
	if (r->context)
		r->results =
			socket_open(r->context, SOCKET_MASTER_RESULTS, options->address, 0, err);
	if (r->results)
		r->state = socket_open(r->context, SOCKET_MASTER_STATE, options->address, 0, err);
	if (r->state)
		return r;
	roster_close(r);
	return NULL;
}

static void seat_release(struct seat *seat)
{
	socket_close(seat->channel);
	free(seat->outbox);
	*seat = (struct seat) { 0 };
}

void roster_close(struct roster *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->count; i++)
		seat_release(&r->seats[i]);
	socket_close(r->results);
	socket_close(r->state);
	socket_context_close(r->context);
	wire_decoder_free(r->decoder);
	free(r);
}

/* A worker whose channel is not connected yet: wait for it instead of trying again and again. */
static struct socket *blocked_channel(const struct roster *r)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->seats[i].given > 0)
			return r->seats[i].channel;
	}
	return NULL;
}

void roster_poll(const struct roster *r, struct poll_item *items)
{
	struct socket *blocked = blocked_channel(r);
	items[0] = (struct poll_item) { .socket = r->results };
	items[1] = (struct poll_item) { .socket = blocked, .fd = -1, .for_sending = true };
}

static struct seat *find_session(struct roster *r, const struct wire_id *session)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->seats[i].member.number &&
			memcmp(&r->seats[i].session, session, sizeof(*session)) == 0)
			return &r->seats[i];
	}
	return NULL;
}

static struct seat *find_member(struct roster *r, uint32_t number)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->seats[i].member.number == number)
			return &r->seats[i];
	}
	return NULL;
}

static int publish(struct roster *r, const void *topic, size_t size, struct message *message,
	struct error *err)
{
	message->header.run = r->header.run;
	message->header.epoch = r->header.epoch;
	(void)wire_pack(&r->frame, message); /* a count only for batches, none of which goes here */
	/* nobody there is fine: it is repeated */
	return socket_publish(r->state, topic, size, &r->frame, err) < 0 ? -1 : 0;
}

static int tell_one(
	struct roster *r, const struct wire_id *session, struct message *message, struct error *err)
{
	uint8_t topic[SOCKET_TOPIC_MAX] = { 'W' };
	memcpy(topic + 1, session, sizeof(*session));
	message->header.session = *session;
	return publish(r, topic, sizeof(topic), message, err);
}

static int reject(struct roster *r, const struct message *hello, const char *why, struct error *err)
{
	struct message message = { .type = MESSAGE_REJECT, .text = why };
	log_line("worker on %s refused: %s", hello->text, why);
	return tell_one(r, &hello->header.session, &message, err);
}

static struct seat *free_seat(struct roster *r)
{
	for (size_t i = 0; i < r->count; i++) {
		if (!r->seats[i].member.number)
			return &r->seats[i];
	}
	return r->count < ROSTER_MEMBERS_MAX ? &r->seats[r->count++] : NULL;
}

/* A new session: a seat and a channel of its own. NULL when there is no room. */
static struct seat *admit(struct roster *r, const struct message *hello, struct error *err)
{
	struct seat *seat = free_seat(r);
	if (!seat) {
		(void)error_set(err, ERROR_LIMIT, "more than %d workers", ROSTER_MEMBERS_MAX);
		return NULL;
	}
	uint32_t number = r->last_number + 1;
	struct socket *channel =
		socket_open(r->context, SOCKET_MASTER_CHANNEL, r->options.address, number, err);
	if (!channel)
		return NULL;
	r->last_number = number;
	*seat = (struct seat) {
		.member = { .number = number, .lanes = hello->lanes },
		.session = hello->header.session,
		.instance = hello->instance,
		.channel = channel,
	};
	(void)snprintf(seat->member.name, sizeof(seat->member.name), "%s", hello->text);
	return seat;
}

static int on_hello(struct roster *r, const struct message *hello, struct error *err)
{
	struct error why;
	struct seat *seat = find_session(r, &hello->header.session);
	if (!seat && strcmp(hello->build, SCIAME_VERSION) != 0) {
		(void)error_set(&why, ERROR_PROTOCOL, "it is version %s, the master %s",
			hello->build, SCIAME_VERSION);
		return reject(r, hello, why.message, err);
	}
	if (!seat)
		seat = admit(r, hello, &why);
	if (!seat)
		return reject(r, hello, why.message, err);
	struct message welcome = {
		.type = MESSAGE_WELCOME,
		.channel = seat->member.number,
		.beat_ms = BEAT_MS,
		.silence_ms = SILENCE_MS,
		.grace_ms = r->options.grace_ms,
		.state = r->run_state,
	};
	return tell_one(r, &seat->session, &welcome, err);
}

static int acknowledge(struct roster *r, struct seat *seat, struct error *err)
{
	struct message ack = { .type = MESSAGE_ACK, .number = seat->seen };
	seat->acked = seat->seen;
	return tell_one(r, &seat->session, &ack, err);
}

/* Reports count once and in order: what came before or too early is dropped; it comes again. */
static int on_report(
	struct roster *r, struct seat *seat, const struct message *m, struct error *err)
{
	if (m->number <= seat->seen)
		return acknowledge(r, seat, err);
	if (m->number != seat->seen + 1)
		return 0;
	seat->seen = m->number;
	if (seat->seen - seat->acked >= ACK_REPORTS && acknowledge(r, seat, err))
		return -1;
	return 1;
}

static int on_message(
	struct roster *r, struct message *m, struct member **member, struct error *err)
{
	if (m->type == MESSAGE_HELLO)
		return on_hello(r, m, err);
	struct seat *seat = find_session(r, &m->header.session);
	if (!seat || memcmp(&m->header.run, &r->header.run, WIRE_ID_SIZE) != 0)
		return 0; /* of a session that has ended, or of another run */
	*member = &seat->member;
	switch (m->type) {
	case MESSAGE_READY:
		if (seat->member.active || m->channel != seat->member.number)
			return 0;
		seat->member.active = true;
		return 1;
	case MESSAGE_RESULTS:
	case MESSAGE_REFUSED:
		return on_report(r, seat, m, err);
	case MESSAGE_BEAT:
		/* a worker that beats is connected: its Ready was lost on the way */
		if (!seat->member.active)
			m->type = MESSAGE_READY;
		seat->member.active = true;
		return 1;
	case MESSAGE_GOODBYE:
		return 1;
	case MESSAGE_HELLO:
	case MESSAGE_WELCOME:
	case MESSAGE_STATE:
	case MESSAGE_JOBS:
	case MESSAGE_ACK:
	case MESSAGE_REJECT:
		break; /* a worker sends none of these */
	}
	return 0;
}

int roster_receive(
	struct roster *r, struct message *message, struct member **member, struct error *err)
{
	for (;;) {
		struct error strike;
		int got = socket_receive(r->results, &r->frame, err);
		if (got <= 0)
			return got;
		if (wire_unpack(r->decoder, &r->frame, message, &strike)) {
			if (r->strikes++ < STRIKES_LOGGED_MAX)
				log_line("message dropped: %s", strike.message);
			continue;
		}
		int status = on_message(r, message, member, err);
		if (status)
			return status;
	}
}

void roster_give(struct roster *r, uint32_t number, const struct job *job)
{
	struct seat *seat = find_member(r, number);
	assert(seat && seat->member.active);
	if (seat->given == seat->capacity) {
		seat->capacity = seat->capacity ? 2 * seat->capacity : WIRE_BATCH_MAX;
		seat->outbox = xreallocarray(seat->outbox, seat->capacity, sizeof(*seat->outbox));
	}
	if (seat->given == 0)
		seat->given_ms = clock_ms();
	seat->outbox[seat->given++] = *job;
}

static int flush(struct roster *r, struct seat *seat, struct error *err)
{
	size_t done = 0;
	int status = 1;
	while (done < seat->given && status > 0) {
		struct message jobs = {
			.type = MESSAGE_JOBS,
			.header = r->header,
			.jobs = seat->outbox + done,
			.count = seat->given - done,
		};
		jobs.header.session = seat->session;
		size_t taken = wire_pack(&r->frame, &jobs);
		status = socket_send(seat->channel, &r->frame, err);
		if (status > 0)
			done += taken;
	}
	seat->given -= done;
	if (done > 0)
		seat->given_ms = clock_ms();
	memmove(seat->outbox, seat->outbox + done, seat->given * sizeof(*seat->outbox));
	return status < 0 ? -1 : 0;
}

int roster_flush(struct roster *r, struct error *err)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->seats[i].given > 0 && flush(r, &r->seats[i], err))
			return -1;
	}
	return 0;
}

uint32_t roster_stuck(const struct roster *r, int64_t now_ms)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct seat *seat = &r->seats[i];
		if (seat->given > 0 && now_ms - seat->given_ms > SILENCE_MS)
			return seat->member.number;
	}
	return 0;
}

void roster_drop(struct roster *r, uint32_t number)
{
	struct seat *seat = find_member(r, number);
	if (seat)
		seat_release(seat);
}

size_t roster_members(const struct roster *r, uint32_t *list)
{
	size_t count = 0;
	for (size_t i = 0; i < r->count; i++) {
		if (r->seats[i].member.number)
			list[count++] = r->seats[i].member.number;
	}
	return count;
}

static int64_t beat_ms(const struct roster *r)
{
	return r->run_state == RUN_RUNNING ? BEAT_MS : BEAT_URGENT_MS;
}

static int publish_state(struct roster *r, int64_t now_ms, struct error *err)
{
	struct message state = {
		.type = MESSAGE_STATE,
		.number = ++r->states,
		.state = r->run_state,
	};
	r->beat_at_ms = now_ms + beat_ms(r);
	return publish(r, "A", 1, &state, err);
}

int roster_tell(struct roster *r, enum run_state state, struct error *err)
{
	assert(state >= r->run_state); /* a run never goes back to an earlier state */
	r->run_state = state;
	return publish_state(r, clock_ms(), err);
}

int roster_tick(struct roster *r, int64_t now_ms, struct error *err)
{
	if (now_ms < r->beat_at_ms)
		return 0;
	for (size_t i = 0; i < r->count; i++) {
		struct seat *seat = &r->seats[i];
		if (seat->member.active && seat->seen > seat->acked && acknowledge(r, seat, err))
			return -1;
	}
	return publish_state(r, now_ms, err);
}

int64_t roster_deadline_ms(const struct roster *r)
{
	return r->beat_at_ms;
}
