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
	HELLO_FIRST_MS = 2,    /* the first Hello is repeated after this, then 1.5 times as late */
	HELLO_LAST_MS = 2000,  /* up to this */
	AGAIN_FIRST_MS = 100,  /* later joins: a random time below this, then below twice as much */
	AGAIN_LAST_MS = 5000,  /* up to this */
	FENCE_EARLY_MS = 1000, /* so long before the master gives a worker up, it gives up itself */
	RESEND_MS = 2000,      /* a report without acknowledgement is sent again after this */
	STRIKES_LOGGED_MAX = 3,
	SAVED_MAX = 4096, /* successes taken along to the next session; beyond: done again */
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
	uint32_t lanes, channel_number, beat_ms, silence_ms, grace_ms;
	bool active, again;              /* again: it is not the first join */
	int64_t joining_ms, orphan_ms;   /* since when; for how long at most */
	int64_t active_ms, heard_ms;     /* since when; the last word of the master */
	int64_t hello_ms, hello_wait_ms; /* when; the wait after it, or its upper limit */
	int64_t beat_at_ms, resend_at_ms;
	uint64_t beats, reports, received; /* numbers given so far; jobs */
	struct wire_id saved_run;          /* of the last session that was active */
	uint32_t saved_epoch;              /* the same: each numbers its own jobs */
	struct result *saved;              /* successes that its master may not know of */
	size_t saved_count;
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

/* The first join waits for a master that is starting, or for a word that was lost on the way. */
static void wait_first(struct session *s, int64_t now_ms)
{
	s->hello_ms = now_ms + s->hello_wait_ms;
	s->hello_wait_ms += s->hello_wait_ms / 2;
	if (s->hello_wait_ms > HELLO_LAST_MS)
		s->hello_wait_ms = HELLO_LAST_MS;
}

/* Whatever made a thousand workers join again, they must not all do so at once. */
static void wait_again(struct session *s, int64_t now_ms)
{
	uint64_t dice;
	random_bytes(&dice, sizeof(dice));
	s->hello_ms = now_ms + 1 + (int64_t)(dice % (uint64_t)s->hello_wait_ms);
	s->hello_wait_ms *= 2;
	if (s->hello_wait_ms > AGAIN_LAST_MS)
		s->hello_wait_ms = AGAIN_LAST_MS;
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
		.pid = (uint32_t)getpid(),
	};
	if (s->again)
		wait_again(s, now_ms);
	else
		wait_first(s, now_ms);
	return send_message(s, &hello, err);
}

/* Of a session with a number of its own. */
static int open_sockets(struct session *s, struct error *err)
{
	uint8_t topic[SOCKET_TOPIC_MAX] = { 'W' };
	random_bytes(&s->header.session, sizeof(s->header.session));
	memcpy(topic + 1, &s->header.session, WIRE_ID_SIZE);
	s->results = socket_open(s->context, SOCKET_WORKER_RESULTS, s->address, 0, err);
	if (!s->results)
		return -1;
	s->state = socket_open(s->context, SOCKET_WORKER_STATE, s->address, 0, err);
	if (!s->state)
		return -1;
	if (socket_subscribe(s->state, "A", 1, err))
		return -1;
	return socket_subscribe(s->state, topic, sizeof(topic), err);
}

struct session *session_open(const struct session_options *options, struct error *err)
{
	if (strlen(options->address) >= SOCKET_ADDRESS_MAX) {
		(void)error_set(err, ERROR_LIMIT, "the master's address is longer than %d bytes",
			SOCKET_ADDRESS_MAX - 1);
		return NULL;
	}
	struct session *s = xcalloc(1, sizeof(*s));
	memcpy(s->address, options->address, strlen(options->address) + 1);
	random_bytes(&s->instance, sizeof(s->instance));
	s->lanes = options->lanes;
	s->orphan_ms = options->orphan_ms;
	s->hello_wait_ms = HELLO_FIRST_MS;
	s->decoder = wire_decoder_new();
	s->last = &s->first;
	s->joining_ms = clock_ms();
	s->hello_ms = s->joining_ms;
	s->context = socket_context_open(err);
	if (!s->context || open_sockets(s, err)) {
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
	free(s->saved);
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

int64_t session_silence_max_ms(const struct session *s)
{
	if (!s->active)
		return 0;
	return s->silence_ms > 2 * FENCE_EARLY_MS ? s->silence_ms - FENCE_EARLY_MS
						  : s->silence_ms / 2;
}

bool session_is_silent(const struct session *s, int64_t now_ms)
{
	return s->active && now_ms - s->heard_ms >= session_silence_max_ms(s);
}

void session_forgive(struct session *s, int64_t still_ms)
{
	s->heard_ms += still_ms;
}

void session_poll(const struct session *s, struct poll_item *items)
{
	items[0] = (struct poll_item) { .socket = s->state };
	/* before the Welcome there is no channel; the state socket is simply listed twice */
	items[1] = (struct poll_item) { .socket = s->channel ? s->channel : s->state };
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

static void activate(struct session *s, const struct message *m)
{
	int64_t now_ms = clock_ms();
	s->header.run = m->header.run;
	s->header.epoch = m->header.epoch;
	s->beat_ms = m->beat_ms;
	s->silence_ms = m->silence_ms;
	s->grace_ms = m->grace_ms;
	s->channel_number = m->channel;
	s->beat_at_ms = now_ms; /* the master knows at once that it is heard */
	s->active_ms = now_ms;
	s->heard_ms = now_ms;
	s->active = true;
}

/* What another session could not tell the same start of the same master. */
static int report_saved(struct session *s, struct error *err)
{
	bool same = memcmp(&s->saved_run, &s->header.run, WIRE_ID_SIZE) == 0 &&
		    s->saved_epoch == s->header.epoch;
	int status = 0;
	for (size_t i = 0; same && i < s->saved_count && status == 0; i++)
		status = session_report(s, &s->saved[i], err);
	s->saved_count = 0;
	return status;
}

/* 1: the session has just become active. */
static int on_welcome(struct session *s, const struct message *m, struct error *err)
{
	struct message ready = { .type = MESSAGE_READY, .channel = m->channel };
	if (s->active) {
		/* it answers a Hello that crossed the first Welcome: so does Ready */
		ready.channel = s->channel_number;
		return send_message(s, &ready, err);
	}
	s->channel = socket_open(s->context, SOCKET_WORKER_CHANNEL, s->address, m->channel, err);
	if (!s->channel)
		return -1;
	activate(s, m);
	return send_message(s, &ready, err) || report_saved(s, err) ? -1 : 1;
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

/*
 * A master that was started anew in the same run knows nothing of this session: the word of its
 * epoch says that it has ended.
 */
static bool is_of_later_epoch(const struct session *s, const struct message *m)
{
	return m->type == MESSAGE_STATE && m->header.epoch > s->header.epoch;
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
	s->heard_ms = clock_ms();
	if (is_of_later_epoch(s, m)) {
		m->type = MESSAGE_EVICT;
		m->text = "it was started anew";
		return 1;
	}
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
		s->received += m->count;
		return 1;
	case MESSAGE_STATE:
	case MESSAGE_EVICT:
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

/* Everything that is kept goes out once more: the master drops what it has. */
static int resend(struct session *s, int64_t now_ms, struct error *err)
{
	s->resend_at_ms = now_ms + RESEND_MS;
	for (struct kept *kept = s->first; kept; kept = kept->next)
		kept->sent = false;
	return send_unsent(s, err);
}

static bool is_orphan(const struct session *s, int64_t now_ms)
{
	return s->orphan_ms && now_ms - s->joining_ms >= s->orphan_ms;
}

int session_tick(struct session *s, int64_t now_ms, struct error *err)
{
	if (!s->active && is_orphan(s, now_ms))
		return error_set(err, ERROR_NETWORK, "no master has answered for %g s",
			(double)s->orphan_ms / 1000.0);
	if (!s->active)
		return now_ms >= s->hello_ms ? send_hello(s, now_ms, err) : 0;
	if (s->first && now_ms >= s->resend_at_ms)
		return resend(s, now_ms, err);
	return send_unsent(s, err);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t session_deadline_ms(const struct session *s)
{
	if (!s->active)
		return s->orphan_ms ? earlier(s->hello_ms, s->joining_ms + s->orphan_ms)
				    : s->hello_ms;
	int64_t deadline_ms = earlier(s->beat_at_ms, s->heard_ms + session_silence_max_ms(s));
	return s->first ? earlier(deadline_ms, s->resend_at_ms) : deadline_ms;
}

bool session_beat_due(const struct session *s, int64_t now_ms)
{
	return s->active && now_ms >= s->beat_at_ms;
}

void session_beat_soon(struct session *s)
{
	s->beat_at_ms = clock_ms();
}

int session_beat(struct session *s, int64_t now_ms, const struct message *beat, struct error *err)
{
	struct message message = *beat;
	message.type = MESSAGE_BEAT;
	message.number = ++s->beats;
	message.received = s->received;
	s->beat_at_ms = now_ms + s->beat_ms;
	return send_message(s, &message, err);
}

static void save(struct session *s, const struct result *results, size_t count)
{
	for (size_t i = 0; i < count && s->saved_count < SAVED_MAX; i++) {
		if (results[i].code == ERROR_NONE)
			s->saved[s->saved_count++] = results[i];
	}
}

/* The successes among what no master has acknowledged, the oldest first. */
static void save_all(struct session *s)
{
	struct message message;
	struct error err;
	s->saved_run = s->header.run;
	s->saved_epoch = s->header.epoch;
	s->saved_count = 0;
	if (!s->saved)
		s->saved = xcalloc(SAVED_MAX, sizeof(*s->saved));
	for (const struct kept *kept = s->first; kept; kept = kept->next) {
		s->frame.size = kept->size;
		memcpy(s->frame.bytes, kept->bytes, kept->size);
		int status = wire_unpack(s->decoder, &s->frame, &message, &err);
		assert(status == 0); /* it was packed here */
		if (message.type == MESSAGE_RESULTS)
			save(s, message.results, message.count);
	}
	save(s, s->waiting, s->results_count);
}

/* Nothing of the old session is left, neither on the way nor to be sent again. */
static void forget(struct session *s)
{
	socket_abandon(s->channel);
	socket_abandon(s->state);
	socket_close(s->results); /* its Goodbye may still leave */
	s->channel = NULL;
	s->state = NULL;
	s->results = NULL;
	while (s->first)
		drop_first(s);
	s->results_count = 0;
	s->refused_count = 0;
	s->beats = 0;
	s->reports = 0;
	s->received = 0;
	s->header = (struct wire_header) { 0 };
	s->active = false;
}

/* A master that can still hear it need not guess, nor blame what was running. */
static void leave(struct session *s)
{
	struct message goodbye = { .type = MESSAGE_GOODBYE, .text = "it joins again" };
	struct error err;
	(void)send_message(s, &goodbye, &err); /* nobody there is as good */
}

int session_rejoin(struct session *s, int64_t now_ms, struct error *err)
{
	/* one that lived for long joins soon; one that is sent away at once comes ever later */
	bool lived = s->active && now_ms - s->active_ms >= AGAIN_LAST_MS;
	if (s->active) {
		save_all(s);
		leave(s);
	}
	forget(s);
	if (!s->again || lived)
		s->hello_wait_ms = AGAIN_FIRST_MS;
	s->again = true;
	s->joining_ms = now_ms;
	wait_again(s, now_ms);
	return open_sockets(s, err);
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
