/* SPDX-License-Identifier: MIT */
/* Reports are numbered and kept until acknowledged, so that none is lost and none counts twice. */
#include "worker/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/random.h"

enum {
	HELLO_FIRST_MS = 2,   /* the first Hello is repeated after this, then 1.5 times as late */
	HELLO_LAST_MS = 2000, /* up to this */
	RESEND_MS = 2000,     /* a report without acknowledgement is sent again after this */
	STRIKES_LOGGED_MAX = 3,
};

/* One packed report, kept until the master has it. */
struct kept {
	struct kept *next;
	uint64_t number;
	bool sent;
	size_t size;
	uint8_t bytes[];
};

struct session {
	struct socket_context *context;
	struct socket *results, *state, *channel;
	char address[SOCKET_ADDRESS_MAX];
	struct wire_header header;
	struct wire_id instance;
	struct wire_decoder *decoder;
	uint32_t lanes, channel_number, beat_ms, grace_ms;
	bool active;
	int64_t hello_ms, hello_wait_ms, beat_at_ms, resend_at_ms;
	uint64_t beats, reports; /* numbers given so far */
	unsigned strikes;
	struct kept *first, **last;
	size_t results_count, refused_count;
	struct result waiting[WIRE_BATCH_MAX];
	struct returned refused[WIRE_BATCH_MAX];
	struct frame frame;
};

static int send_message(struct session *s, struct message *message, struct error *err)
{
	message->header = s->header;
	(void)wire_pack(&s->frame, message); /* a count only for batches, none of which goes here */
	return socket_send(s->results, &s->frame, err) < 0 ? -1 : 0;
}

static int send_hello(struct session *s, int64_t now_ms, struct error *err)
{
	char host[WIRE_NAME_MAX] = "";
	if (gethostname(host, sizeof(host) - 1))
		host[0] = '\0'; /* the name is only for people */
	struct message hello = {
		.type = MESSAGE_HELLO,
		.instance = s->instance,
		.text = host,
		.build = SCIAME_VERSION,
		.lanes = s->lanes,
	};
	s->hello_ms = now_ms + s->hello_wait_ms;
	s->hello_wait_ms += s->hello_wait_ms / 2;
	if (s->hello_wait_ms > HELLO_LAST_MS)
		s->hello_wait_ms = HELLO_LAST_MS;
	return send_message(s, &hello, err);
}

static int open_sockets(struct session *s, struct error *err)
{
	uint8_t topic[SOCKET_TOPIC_MAX] = { 'W' };
	memcpy(topic + 1, &s->header.session, WIRE_ID_SIZE);
	s->context = socket_context_open(err);
	if (!s->context)
		return -1;
	s->results = socket_open(s->context, SOCKET_WORKER_RESULTS, s->address, 0, err);
	s->state = socket_open(s->context, SOCKET_WORKER_STATE, s->address, 0, err);
	if (!s->results || !s->state)
		return -1;
	if (socket_subscribe(s->state, "A", 1, err))
		return -1;
	return socket_subscribe(s->state, topic, sizeof(topic), err);
}

struct session *session_open(const char *address, uint32_t lanes, struct error *err)
{
	if (strlen(address) >= SOCKET_ADDRESS_MAX) {
		(void)error_set(err, ERROR_LIMIT, "the master's address is longer than %d bytes",
			SOCKET_ADDRESS_MAX - 1);
		return NULL;
	}
	struct session *s = xcalloc(1, sizeof(*s));
	memcpy(s->address, address, strlen(address) + 1);
	random_bytes(&s->instance, sizeof(s->instance));
	random_bytes(&s->header.session, sizeof(s->header.session));
	s->lanes = lanes;
	s->hello_wait_ms = HELLO_FIRST_MS;
	s->decoder = wire_decoder_new();
	s->last = &s->first;
	s->hello_ms = clock_ms();
	if (open_sockets(s, err)) {
		session_close(s);
		return NULL;
	}
	return s;
}

static void drop_first(struct session *s)
{
	struct kept *kept = s->first;
	s->first = kept->next;
	if (!s->first)
		s->last = &s->first;
	free(kept);
}

void session_close(struct session *s)
{
	if (!s)
		return;
	socket_close(s->channel);
	socket_close(s->state);
	socket_close(s->results);
	socket_context_close(s->context);
	wire_decoder_free(s->decoder);
	while (s->first)
		drop_first(s);
	free(s);
}

bool session_is_active(const struct session *s)
{
	return s->active;
}

uint32_t session_grace_ms(const struct session *s)
{
	return s->grace_ms;
}

void session_poll(const struct session *s, struct poll_item *items)
{
	items[0] = (struct poll_item) { .socket = s->state };
	/* before the Welcome there is no channel; the state socket is simply listed twice */
	items[1] = (struct poll_item) { .socket = s->channel ? s->channel : s->state };
}

static int on_welcome(struct session *s, const struct message *m, struct error *err)
{
	struct message ready = { .type = MESSAGE_READY, .channel = m->channel };
	if (!s->active) {
		s->header.run = m->header.run;
		s->header.epoch = m->header.epoch;
		s->beat_ms = m->beat_ms;
		s->grace_ms = m->grace_ms;
		s->channel_number = m->channel;
		s->beat_at_ms = clock_ms() + s->beat_ms;
		s->channel =
			socket_open(s->context, SOCKET_WORKER_CHANNEL, s->address, m->channel, err);
		if (!s->channel)
			return -1;
		s->active = true;
	}
	/* a Welcome that comes again answers a Hello that crossed it: so does Ready */
	ready.channel = s->channel_number;
	return send_message(s, &ready, err);
}

static void on_ack(struct session *s, uint64_t number)
{
	while (s->first && s->first->number <= number)
		drop_first(s);
	s->resend_at_ms = clock_ms() + RESEND_MS;
}

/* Whether the message is for this session and this run (states of a run are for all of it). */
static bool is_ours(const struct session *s, const struct message *m)
{
	if (s->active && memcmp(&m->header.run, &s->header.run, WIRE_ID_SIZE) != 0)
		return false;
	return m->type == MESSAGE_STATE
		       ? s->active
		       : memcmp(&m->header.session, &s->header.session, WIRE_ID_SIZE) == 0;
}

/* A frame on either socket: 1 when the caller must see it, 0 when it was dealt with. */
static int on_frame(struct session *s, struct message *m, struct error *err)
{
	struct error strike;
	if (wire_unpack(s->decoder, &s->frame, m, &strike)) {
		if (s->strikes++ < STRIKES_LOGGED_MAX)
			log_line("dropped: %s", strike.message);
		return 0;
	}
	if (!is_ours(s, m))
		return 0;
	switch (m->type) {
	case MESSAGE_WELCOME:
		return on_welcome(s, m, err);
	case MESSAGE_ACK:
		on_ack(s, m->number);
		return 0;
	case MESSAGE_REJECT:
		return error_set(
			err, ERROR_PROTOCOL, "the master refuses this worker: %s", m->text);
	case MESSAGE_JOBS:
	case MESSAGE_STATE:
		return 1;
	case MESSAGE_HELLO:
	case MESSAGE_READY:
	case MESSAGE_BEAT:
	case MESSAGE_RESULTS:
	case MESSAGE_REFUSED:
	case MESSAGE_GOODBYE:
		break; /* a master sends none of these */
	}
	return 0;
}

int session_receive(struct session *s, struct message *message, struct error *err)
{
	/* the state first: after a cancellation no job that was sent before it may start */
	for (;;) {
		int got = socket_receive(s->state, &s->frame, err);
		if (got == 0 && s->channel)
			got = socket_receive(s->channel, &s->frame, err);
		if (got <= 0)
			return got;
		int status = on_frame(s, message, err);
		if (status)
			return status;
	}
}

static int send_kept(struct session *s, struct kept *kept, struct error *err)
{
	s->frame.size = kept->size;
	memcpy(s->frame.bytes, kept->bytes, kept->size);
	int status = socket_send(s->results, &s->frame, err);
	kept->sent = kept->sent || status > 0;
	return status;
}

/* Sends every kept report that was not sent yet, in order. */
static int send_unsent(struct session *s, struct error *err)
{
	for (struct kept *kept = s->first; kept; kept = kept->next) {
		int status = kept->sent ? 1 : send_kept(s, kept, err);
		if (status <= 0)
			return status;
	}
	return 0;
}

/* Packs the front of a batch as the next report and keeps it; returns how many went in. */
static size_t keep(struct session *s, struct message *message)
{
	message->header = s->header;
	message->number = ++s->reports;
	size_t taken = wire_pack(&s->frame, message);
	struct kept *kept = xmalloc(sizeof(*kept) + s->frame.size);
	*kept = (struct kept) { .number = message->number, .size = s->frame.size };
	memcpy(kept->bytes, s->frame.bytes, s->frame.size);
	if (!s->first)
		s->resend_at_ms = clock_ms() + RESEND_MS;
	*s->last = kept;
	s->last = &kept->next;
	return taken;
}

int session_flush(struct session *s, struct error *err)
{
	for (size_t done = 0; done < s->results_count;) {
		struct message message = { .type = MESSAGE_RESULTS };
		message.results = s->waiting + done;
		message.count = s->results_count - done;
		done += keep(s, &message);
	}
	s->results_count = 0;
	for (size_t done = 0; done < s->refused_count;) {
		struct message message = { .type = MESSAGE_REFUSED };
		message.returned = s->refused + done;
		message.count = s->refused_count - done;
		done += keep(s, &message);
	}
	s->refused_count = 0;
	return send_unsent(s, err);
}

int session_report(struct session *s, const struct result *result, struct error *err)
{
	s->waiting[s->results_count++] = *result;
	return s->results_count == WIRE_BATCH_MAX ? session_flush(s, err) : 0;
}

int session_refuse(struct session *s, uint64_t job, uint32_t attempt, struct error *err)
{
	s->refused[s->refused_count++] = (struct returned) { job, attempt };
	return s->refused_count == WIRE_BATCH_MAX ? session_flush(s, err) : 0;
}

/* Everything that is kept goes out once more: the master drops what it has. */
static int resend(struct session *s, int64_t now_ms, struct error *err)
{
	s->resend_at_ms = now_ms + RESEND_MS;
	for (struct kept *kept = s->first; kept; kept = kept->next)
		kept->sent = false;
	return send_unsent(s, err);
}

int session_tick(struct session *s, int64_t now_ms, struct error *err)
{
	if (!s->active)
		return now_ms >= s->hello_ms ? send_hello(s, now_ms, err) : 0;
	if (s->first && now_ms >= s->resend_at_ms)
		return resend(s, now_ms, err);
	return send_unsent(s, err);
}

int64_t session_deadline_ms(const struct session *s)
{
	if (!s->active)
		return s->hello_ms;
	return s->first && s->resend_at_ms < s->beat_at_ms ? s->resend_at_ms : s->beat_at_ms;
}

bool session_beat_due(const struct session *s, int64_t now_ms)
{
	return s->active && now_ms >= s->beat_at_ms;
}

int session_beat(struct session *s, int64_t now_ms, const struct message *beat, struct error *err)
{
	struct message message = *beat;
	message.type = MESSAGE_BEAT;
	message.number = ++s->beats;
	s->beat_at_ms = now_ms + s->beat_ms;
	return send_message(s, &message, err);
}

int session_goodbye(struct session *s, const struct error *why, struct error *err)
{
	struct message goodbye = {
		.type = MESSAGE_GOODBYE,
		.text = why->code == ERROR_NONE ? "" : why->message,
		.code = why->code,
	};
	if (session_flush(s, err))
		return -1;
	return send_message(s, &goodbye, err);
}
