/* SPDX-License-Identifier: MIT */
#include "master/roster.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"

enum {
	BEAT_MS = 1000,       /* how often the state is repeated */
	BEAT_URGENT_MS = 200, /* while canceling, and at the end */
	SILENCE_MS = 5000, /* told to workers: after this without a word the other side is gone */
	ACK_REPORTS = 64,  /* acknowledge at the latest after so many reports; else with a beat */
	STRIKES_LOGGED_MAX = 10,
	READY_MS = 10000,   /* a seat without its Ready is given to others after this */
	CONNECTED_MS = 100, /* how often connections are looked at */
	EXPECTED_MS = 10,   /* the same while somebody is expected to go */
	DRAIN_MS = 50,      /* from a broken connection to its end: what was sent is read by then */
};

/* A process of a worker, so that its sessions are known as such. */
struct node {
	struct wire_id instance;
	uint32_t number;    /* 0: none */
	const char *banned; /* why, or NULL */
};

struct seat {
	struct member member; /* number 0: the seat is free */
	struct wire_id session, instance;
	struct socket *channel;
	uint64_t seen, acked; /* reports */
	int64_t welcomed_ms;
	int64_t broken_ms; /* since when its channel has no peer; 0: it has, or had none yet */
	bool connected;    /* its channel had a peer once */
	bool superseded;   /* its process has another session */
	size_t given, capacity;
	struct job *outbox;  /* the oldest first; what they point to is in */
	struct job **copies; /* these, one for each */
};

struct roster {
	struct roster_options options;
	struct socket_context *context;
	struct socket *results, *state;
	struct wire_header header;
	struct wire_decoder *decoder;
	enum run_state run_state;
	uint64_t states; /* numbers given so far */
	uint32_t last_number, last_node;
	int64_t beat_at_ms, look_at_ms, expect_until_ms;
	unsigned strikes;
	size_t count; /* seats in use are below this */
	struct seat seats[ROSTER_MEMBERS_MAX];
	char host[WIRE_NAME_MAX];
	struct node nodes[ROSTER_NODES_MAX]; /* a ring: the oldest makes room */
	struct frame frame;
};

struct roster *roster_open(const struct roster_options *options, struct error *err)
{
	struct roster *r = xcalloc(1, sizeof(*r));
	r->options = *options;
	r->run_state = RUN_RUNNING;
	r->header.epoch = options->epoch;
	r->header.run = options->run;
	if (gethostname(r->host, sizeof(r->host) - 1))
		r->host[0] = '\0'; /* then no worker is known to be on this host */
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
	for (size_t i = 0; i < seat->given; i++)
		free(seat->copies[i]);
	free(seat->copies);
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

const struct member *roster_find(const struct roster *r, uint32_t number)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->seats[i].member.number == number)
			return &r->seats[i].member;
	}
	return NULL;
}

const struct member *roster_find_local(const struct roster *r, uint32_t pid)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct member *member = &r->seats[i].member;
		if (member->number && !r->seats[i].superseded && member->pid == pid &&
			strcmp(member->name, r->host) == 0)
			return member;
	}
	return NULL;
}

static struct node *find_node(struct roster *r, const struct wire_id *instance)
{
	for (size_t i = 0; i < ROSTER_NODES_MAX && r->nodes[i].number; i++) {
		if (memcmp(&r->nodes[i].instance, instance, sizeof(*instance)) == 0)
			return &r->nodes[i];
	}
	struct node *node = &r->nodes[r->last_node % ROSTER_NODES_MAX];
	*node = (struct node) { .instance = *instance, .number = ++r->last_node };
	return node;
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

/* Sessions of a process that has just begun another one; a forged one was never active. */
static void supersede(struct roster *r, uint32_t node)
{
	for (size_t i = 0; i < r->count; i++) {
		struct seat *seat = &r->seats[i];
		if (seat->member.number && seat->member.node == node)
			seat->superseded = true;
	}
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
	uint32_t node = find_node(r, &hello->instance)->number;
	supersede(r, node);
	*seat = (struct seat) {
		.member = { .number = number,
			.node = node,
			.lanes = hello->lanes,
			.pid = hello->pid },
		.welcomed_ms = clock_ms(),
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
	const char *banned = find_node(r, &hello->instance)->banned;
	if (banned)
		return reject(r, hello, banned, err);
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

static int evict(
	struct roster *r, const struct wire_id *session, const char *why, struct error *err)
{
	struct message message = { .type = MESSAGE_EVICT, .text = why };
	return tell_one(r, session, &message, err);
}

/*
 * From a session that has ended for us: its successes may count, and it has to join anew. Those of
 * an earlier epoch speak of other jobs: each start of the master numbers its own.
 */
static int on_stranger(
	struct roster *r, const struct message *m, struct member **member, struct error *err)
{
	*member = NULL;
	if (m->type == MESSAGE_RESULTS)
		return m->header.epoch == r->header.epoch;
	if (m->type != MESSAGE_BEAT && m->type != MESSAGE_READY)
		return 0;
	struct wire_id session = m->header.session;
	return evict(r, &session, "the master has given this session up", err);
}

static int on_message(
	struct roster *r, struct message *m, struct member **member, struct error *err)
{
	if (m->type == MESSAGE_HELLO)
		return on_hello(r, m, err);
	if (memcmp(&m->header.run, &r->header.run, WIRE_ID_SIZE) != 0)
		return 0; /* of another run */
	struct seat *seat = find_session(r, &m->header.session);
	if (!seat)
		return on_stranger(r, m, member, err);
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
	case MESSAGE_EVICT:
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
		seat->copies = xreallocarray(seat->copies, seat->capacity, sizeof(*seat->copies));
	}
	seat->copies[seat->given] = job_copy(job);
	seat->outbox[seat->given] = *seat->copies[seat->given];
	seat->given++;
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
		if (status > 0) {
			done += taken;
			seat->connected = true; /* also if it is gone before the first look */
		}
	}
	for (size_t i = 0; i < done; i++)
		free(seat->copies[i]);
	seat->given -= done;
	memmove(seat->outbox, seat->outbox + done, seat->given * sizeof(*seat->outbox));
	memmove(seat->copies, seat->copies + done, seat->given * sizeof(*seat->copies));
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

/* Notes whether the connection of an active seat stands. */
static void look(struct seat *seat, int64_t now_ms)
{
	bool writable = socket_writable(seat->channel);
	seat->connected = seat->connected || writable;
	if (writable || !seat->connected)
		seat->broken_ms = 0;
	else if (seat->broken_ms == 0)
		seat->broken_ms = now_ms;
}

void roster_expect_gone(struct roster *r)
{
	r->expect_until_ms = clock_ms() + BEAT_MS;
}

static int64_t look_again_ms(const struct roster *r, int64_t now_ms)
{
	return now_ms + (now_ms < r->expect_until_ms ? EXPECTED_MS : CONNECTED_MS);
}

static bool has_gone(const struct seat *seat, int64_t now_ms)
{
	return seat->superseded || (seat->broken_ms && now_ms - seat->broken_ms >= DRAIN_MS);
}

const struct member *roster_gone(struct roster *r, int64_t now_ms, bool *blame)
{
	bool looks = now_ms >= r->look_at_ms;
	const struct member *gone = NULL;
	for (size_t i = 0; i < r->count; i++) {
		struct seat *seat = &r->seats[i];
		if (!seat->member.number)
			continue;
		if (!seat->member.active &&
			(seat->superseded || now_ms - seat->welcomed_ms >= READY_MS)) {
			seat_release(seat); /* nobody but us knows of it */
			continue;
		}
		if (seat->member.active && looks)
			look(seat, now_ms);
		if (seat->member.active && has_gone(seat, now_ms)) {
			*blame = !seat->superseded;
			gone = &seat->member;
		}
	}
	if (looks)
		r->look_at_ms = look_again_ms(r, now_ms);
	return gone;
}

int roster_evict(struct roster *r, uint32_t number, const char *why, struct error *err)
{
	const struct seat *seat = find_member(r, number);
	assert(seat);
	struct wire_id session = seat->session;
	return evict(r, &session, why, err);
}

void roster_ban(struct roster *r, uint32_t number, const char *why)
{
	const struct seat *seat = find_member(r, number);
	assert(seat);
	find_node(r, &seat->instance)->banned = why;
}

void roster_drop(struct roster *r, uint32_t number)
{
	struct seat *seat = find_member(r, number);
	if (seat)
		seat_release(seat);
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
	/* a run never goes back to an earlier state */
	assert(run_state_rank(state) >= run_state_rank(r->run_state));
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
	bool looks = false;
	for (size_t i = 0; i < r->count && !looks; i++)
		looks = r->seats[i].member.number != 0;
	return looks && r->look_at_ms < r->beat_at_ms ? r->look_at_ms : r->beat_at_ms;
}
