/* SPDX-License-Identifier: MIT */
/* The conversation: what workers say and what they are told. */
#include "master/roster.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "master/roster_state.h"

enum {
	BEAT_MS = 1000,       /* how often the state is repeated */
	BEAT_URGENT_MS = 200, /* while canceling, and at the end */
	CALL_MS = 100,        /* between two words to one whose connection broke */
	SILENCE_MS = 5000, /* told to workers: after this without a word the other side is gone */
	ACK_REPORTS = 64,  /* acknowledge at the latest after so many reports; else with a beat */
	REFRESH_MS = 1000, /* how often it is looked whether the list of keys has changed */
};

static void collect_complaints(struct roster *r, struct entrance *entrance)
{
	struct gate_counts counts;
	entrance_take_counts(entrance, &counts);
	complaints_refused(&r->complaints, &counts);
}

void roster_close(struct roster *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->count; i++)
		roster_release(&r->seats[i]);
	for (size_t i = 0; i < ROSTER_ENTRANCES_MAX; i++) {
		if (r->entrances[i])
			collect_complaints(r, r->entrances[i]);
		entrance_close(r->entrances[i]);
	}
	complaints_say(&r->complaints, -1);
	wire_decoder_free(r->decoder);
	free(r);
}

struct roster *roster_open(const struct roster_options *options, struct error *err)
{
	struct roster *r = xcalloc(1, sizeof(*r));
	assert(options->entrances_count > 0 && options->entrances_count <= ROSTER_ENTRANCES_MAX);
	r->options = *options;
	r->run_state = RUN_RUNNING;
	r->header.epoch = options->epoch;
	r->header.run = options->run;
	if (gethostname(r->host, sizeof(r->host) - 1))
		r->host[0] = '\0'; /* then no worker is known to be on this host */
	r->decoder = wire_decoder_new();
	r->beat_at_ms = clock_ms();
	for (size_t i = 0; i < options->entrances_count; i++) {
		r->entrances[i] = entrance_open(&options->entrances[i], err);
		if (!r->entrances[i]) {
			roster_close(r);
			return NULL;
		}
	}
	return r;
}

/* A worker whose channel is not connected yet: wait for it instead of trying again and again. */
static struct socket *blocked_channel(const struct roster *r)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->seats[i].given > 0)
			return r->seats[i].channel.socket;
	}
	return NULL;
}

void roster_poll(const struct roster *r, struct poll_item *items)
{
	struct socket *blocked = blocked_channel(r);
	for (size_t i = 0; i < ROSTER_ENTRANCES_MAX; i++) {
		struct entrance *entrance = r->entrances[i];
		items[i] = (struct poll_item) { .fd = -1 };
		if (entrance)
			items[i].socket = entrance_results(entrance);
	}
	items[ROSTER_ENTRANCES_MAX] =
		(struct poll_item) { .socket = blocked, .fd = -1, .for_sending = true };
}

static int publish(struct roster *r, struct entrance *entrance, const void *topic, size_t size,
	struct error *err)
{
	/* nobody there is fine: it is repeated */
	return socket_publish(entrance_state(entrance), topic, size, &r->frame, err) < 0 ? -1 : 0;
}

static void pack(struct roster *r, struct message *message)
{
	message->header.run = r->header.run;
	message->header.epoch = r->header.epoch;
	(void)wire_pack(&r->frame, message); /* a count only for batches, none of which goes here */
}

int roster_tell_one(struct roster *r, struct entrance *entrance, const struct wire_id *session,
	struct message *message, struct error *err)
{
	uint8_t topic[SOCKET_TOPIC_MAX] = { 'W' };
	memcpy(topic + 1, session, sizeof(*session));
	message->header.session = *session;
	pack(r, message);
	return publish(r, entrance, topic, sizeof(topic), err);
}

static int tell_seat(
	struct roster *r, const struct seat *seat, struct message *message, struct error *err)
{
	struct wire_id session = seat->session;
	return roster_tell_one(r, seat->entrance, &session, message, err);
}

/* Why this worker can't take part; 0: it can. */
static int examine(struct roster *r, const struct entrance *entrance, const struct message *hello,
	struct error *why)
{
	const char *banned = roster_node(r, &hello->instance)->banned;
	if (strcmp(hello->build, SCIAME_VERSION) != 0)
		return error_set(why, ERROR_PROTOCOL, "it is version %s, the master %s",
			hello->build, SCIAME_VERSION);
	if (banned)
		return error_set(why, ERROR_PROTOCOL, "%s", banned);
	for (size_t i = 0; !entrance_depot(entrance) && i < r->options.roots_count; i++) {
		const char *root = r->options.roots[i];
		int length = (int)strcspn(root, "=");
		bool served = false;
		for (size_t k = 0; k < hello->count && !served; k++)
			served = strncmp(hello->roots[k], root, (size_t)length) == 0 &&
				 hello->roots[k][length] == '\0';
		if (!served)
			return error_set(why, ERROR_PROTOCOL,
				"it serves no root '%.*s'; start it with --root %.*s=FOLDER, or "
				"the master with --transfer inline",
				length, root, length, root);
	}
	return 0;
}

static int reject(struct roster *r, struct entrance *entrance, const struct message *hello,
	const char *why, struct error *err)
{
	struct message message = { .type = MESSAGE_REJECT, .text = why };
	struct wire_id session = hello->header.session;
	log_line("worker on %s refused: %s", hello->text, why);
	return roster_tell_one(r, entrance, &session, &message, err);
}

static int on_hello(
	struct roster *r, struct entrance *entrance, const struct message *hello, struct error *err)
{
	struct error why;
	struct seat *seat = roster_session(r, &hello->header.session);
	/* who comes now waits for the next master */
	if (!seat && r->run_state == RUN_DONE)
		return 0;
	if (!seat && examine(r, entrance, hello, &why))
		return reject(r, entrance, hello, why.message, err);
	if (!seat)
		seat = roster_admit(r, hello, entrance, &why);
	if (!seat)
		return reject(r, entrance, hello, why.message, err);
	struct message welcome = {
		.type = MESSAGE_WELCOME,
		.channel = seat->member.number,
		.port = seat->channel.port,
		.depot = entrance_depot(entrance) != NULL,
		.beat_ms = BEAT_MS,
		.silence_ms = SILENCE_MS,
		.grace_ms = r->options.grace_ms,
		.state = r->run_state,
	};
	return tell_seat(r, seat, &welcome, err);
}

static int acknowledge(struct roster *r, struct seat *seat, struct error *err)
{
	struct message ack = { .type = MESSAGE_ACK, .number = seat->seen };
	seat->acked = seat->seen;
	return tell_seat(r, seat, &ack, err);
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
	seat->done += m->type == MESSAGE_RESULTS ? m->count : 0;
	if (seat->seen - seat->acked >= ACK_REPORTS && acknowledge(r, seat, err))
		return -1;
	return 1;
}

/*
 * From a session that has ended for us: its successes may count, and it has to join anew. Those of
 * an earlier epoch speak of other jobs: each start of the master numbers its own.
 */
static int on_stranger(
	struct roster *r, struct entrance *entrance, const struct message *m, struct error *err)
{
	struct message evict = { .type = MESSAGE_EVICT,
		.text = "the master has given this session up" };
	if (m->type == MESSAGE_RESULTS)
		return m->header.epoch == r->header.epoch;
	if (m->type != MESSAGE_BEAT && m->type != MESSAGE_READY)
		return 0;
	struct wire_id session = m->header.session;
	return roster_tell_one(r, entrance, &session, &evict, err);
}

static void note_beat(struct seat *seat, const struct message *m)
{
	seat->load = m->load;
	seat->running = (uint32_t)m->count;
	seat->queued = m->queued;
	seat->draining = m->draining;
}

static int on_member(struct roster *r, struct seat *seat, struct message *m, struct error *err)
{
	switch (m->type) {
	case MESSAGE_READY:
		if (seat->member.active || m->channel != seat->member.number)
			return 0;
		roster_activate(r, seat);
		return 1;
	case MESSAGE_RESULTS:
	case MESSAGE_REFUSED:
		return on_report(r, seat, m, err);
	case MESSAGE_BEAT:
		note_beat(seat, m);
		/* a worker that beats is connected: its Ready was lost on the way */
		if (!seat->member.active) {
			m->type = MESSAGE_READY;
			roster_activate(r, seat);
		}
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
	case MESSAGE_ASK:
	case MESSAGE_MEMBERS:
		break; /* a worker sends none of these */
	}
	return 0;
}

/* Whether a message of this session may come in here, under this name. */
static bool is_itself(const struct seat *seat, const struct entrance *entrance)
{
	return seat->entrance == entrance &&
	       strcmp(seat->member.key, socket_sender(entrance_results(entrance))) == 0;
}

static int on_message(struct roster *r, struct entrance *entrance, struct message *m,
	struct member **member, struct error *err)
{
	struct seat *seat = roster_session(r, &m->header.session);
	*member = NULL;
	if (seat && !is_itself(seat, entrance)) {
		complaints_foreign(&r->complaints);
		return 0;
	}
	if (m->type == MESSAGE_HELLO)
		return on_hello(r, entrance, m, err);
	if (m->type == MESSAGE_ASK) {
		struct wire_id session = m->header.session;
		return roster_answer(r, entrance, &session, err);
	}
	if (memcmp(&m->header.run, &r->header.run, WIRE_ID_SIZE) != 0)
		return 0; /* of another run */
	if (!seat)
		return on_stranger(r, entrance, m, err);
	*member = &seat->member;
	return on_member(r, seat, m, err);
}

static int receive_at(struct roster *r, struct entrance *entrance, struct message *message,
	struct member **member, struct error *err)
{
	for (;;) {
		struct error strike;
		int got = socket_receive(entrance_results(entrance), &r->frame, err);
		if (got <= 0)
			return got;
		if (wire_unpack(r->decoder, &r->frame, message, &strike)) {
			complaints_malformed(&r->complaints, &strike);
			continue;
		}
		int status = on_message(r, entrance, message, member, err);
		if (status)
			return status;
	}
}

int roster_receive(
	struct roster *r, struct message *message, struct member **member, struct error *err)
{
	int status = 0;
	for (size_t i = 0; i < r->options.entrances_count && status == 0; i++)
		status = receive_at(r, r->entrances[i], message, member, err);
	return status;
}

void roster_give(struct roster *r, uint32_t number, const struct job *job)
{
	struct seat *seat = roster_seat(r, number);
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
		status = socket_send(seat->channel.socket, &r->frame, err);
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

int roster_evict(struct roster *r, uint32_t number, const char *why, struct error *err)
{
	const struct seat *seat = roster_seat(r, number);
	struct message message = { .type = MESSAGE_EVICT, .text = why };
	assert(seat);
	return tell_seat(r, seat, &message, err);
}

struct socket *roster_depot(const struct roster *r)
{
	struct socket *depot = NULL;
	for (size_t i = 0; i < r->options.entrances_count && !depot; i++)
		depot = entrance_depot(r->entrances[i]);
	return depot;
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
	pack(r, &state);
	for (size_t i = 0; i < r->options.entrances_count; i++) {
		if (publish(r, r->entrances[i], "A", 1, err))
			return -1;
	}
	return 0;
}

int roster_tell(struct roster *r, enum run_state state, struct error *err)
{
	/* a run never goes back to an earlier state */
	assert(run_state_rank(state) >= run_state_rank(r->run_state));
	r->run_state = state;
	return publish_state(r, clock_ms(), err);
}

/* Who was struck off the list of keys has to go. */
static int evict_revoked(struct roster *r, struct entrance *entrance, struct error *err)
{
	struct message message = { .type = MESSAGE_EVICT, .text = "its key is no longer allowed" };
	for (size_t i = 0; i < r->count; i++) {
		struct seat *seat = &r->seats[i];
		if (!seat->member.number || seat->entrance != entrance ||
			entrance_allows(entrance, seat->member.key))
			continue;
		log_line("worker on %s: key '%s' is no longer allowed", seat->member.name,
			seat->member.key);
		if (tell_seat(r, seat, &message, err))
			return -1;
		/* and if it does not: its connection ends with its seat */
		seat->superseded = true;
	}
	return 0;
}

static int refresh(struct roster *r, int64_t now_ms, struct error *err)
{
	if (now_ms < r->refresh_at_ms)
		return 0;
	r->refresh_at_ms = now_ms + REFRESH_MS;
	for (size_t i = 0; i < r->options.entrances_count; i++) {
		struct error why;
		int changed = entrance_refresh(r->entrances[i], &why);
		if (changed < 0)
			log_line("%s; who was allowed before still is", why.message);
		if (changed > 0 && evict_revoked(r, r->entrances[i], err))
			return -1;
		collect_complaints(r, r->entrances[i]);
	}
	complaints_say(&r->complaints, now_ms);
	return 0;
}

/*
 * One whose connection broke would notice it only when its silence has lasted for too long. The
 * connection that this travels on may have broken as well: it is said again until it is back.
 */
static int call_back(struct roster *r, int64_t now_ms, struct error *err)
{
	struct message message = { .type = MESSAGE_EVICT, .text = "its connection broke" };
	for (size_t i = 0; i < r->count; i++) {
		struct seat *seat = &r->seats[i];
		if (!seat->member.remote || !roster_is_cut_off(seat, now_ms) ||
			now_ms - seat->called_ms < CALL_MS)
			continue;
		seat->called_ms = now_ms;
		if (tell_seat(r, seat, &message, err))
			return -1;
	}
	return 0;
}

int roster_tick(struct roster *r, int64_t now_ms, struct error *err)
{
	if (refresh(r, now_ms, err) || call_back(r, now_ms, err))
		return -1;
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
