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
#include "worker/session_state.h"

enum {
	FENCE_EARLY_MS = 1000, /* so long before the master gives a worker up, it gives up itself */
	RESEND_MS = 2000,      /* a report without acknowledgement is sent again after this */
	STRIKES_LOGGED_MAX = 3,
};

int session_send(struct session *s, struct message *message, struct error *err)
{
	message->header = s->header;
	(void)wire_pack(&s->frame, message); /* a count only for batches, none of which goes here */
	return socket_send(s->results, &s->frame, err);
}

void session_drop_report(struct session *s)
{
	struct kept *kept = s->first;
	s->first = kept->next;
	if (!s->first)
		s->last = &s->first;
	free(kept);
}

struct session *session_open(const struct session_options *options, struct error *err)
{
	if (strlen(options->address) >= ENDPOINT_ADDRESS_MAX) {
		(void)error_set(err, ERROR_LIMIT, "the master's address is longer than %d bytes",
			ENDPOINT_ADDRESS_MAX - 1);
		return NULL;
	}
	struct session *s = xcalloc(1, sizeof(*s));
	memcpy(s->address, options->address, strlen(options->address) + 1);
	random_bytes(&s->instance, sizeof(s->instance));
	s->options = *options;
	s->hello_wait_ms = SESSION_HELLO_FIRST_MS;
	s->decoder = wire_decoder_new();
	s->last = &s->first;
	s->joining_ms = clock_ms();
	s->hello_ms = s->joining_ms;
	s->context = socket_context_open(err);
	if (s->context && options->keys)
		socket_context_secure(s->context, options->keys, options->master_key);
	if (!s->context || session_open_sockets(s, err)) {
		session_close(s);
		return NULL;
	}
	return s;
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
		session_drop_report(s);
	free(s->saved);
	free(s);
}

bool session_is_active(const struct session *s)
{
	return s->active;
}

int session_open_depot(struct session *s, struct socket **socket, struct error *err)
{
	*socket = NULL;
	if (!s->active || !s->depot)
		return 0;
	*socket = socket_open(s->context, SOCKET_WORKER_DEPOT, s->address, 0, err);
	return *socket ? 1 : -1;
}

const struct wire_header *session_header(const struct session *s)
{
	return &s->header;
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

static void on_ack(struct session *s, uint64_t number)
{
	while (s->first && s->first->number <= number)
		session_drop_report(s);
	s->resend_at_ms = clock_ms() + RESEND_MS;
}

/* Whether the message is for this session and this run (the states of a master are for all). */
static bool is_ours(const struct session *s, const struct message *m)
{
	if (m->type != MESSAGE_STATE && s->active &&
		memcmp(&m->header.run, &s->header.run, WIRE_ID_SIZE) != 0)
		return false;
	return m->type == MESSAGE_STATE
		       ? s->active
		       : memcmp(&m->header.session, &s->header.session, WIRE_ID_SIZE) == 0;
}

/*
 * A master that was started anew, in the same run or in another one, knows nothing of this session:
 * its word says that the session has ended. Only one master at a time has an address.
 */
static bool is_of_another_start(const struct session *s, const struct message *m)
{
	return m->type == MESSAGE_STATE &&
	       (m->header.epoch > s->header.epoch ||
		       memcmp(&m->header.run, &s->header.run, WIRE_ID_SIZE) != 0);
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
	if (is_of_another_start(s, m)) {
		m->type = MESSAGE_EVICT;
		m->text = "it was started anew";
		return 1;
	}
	switch (m->type) {
	case MESSAGE_WELCOME:
		return session_on_welcome(s, m, err);
	case MESSAGE_ACK:
		on_ack(s, m->number);
		return 0;
	case MESSAGE_REJECT:
		return session_on_reject(s, m, err);
	case MESSAGE_JOBS:
		s->received += m->count;
		return 1;
	case MESSAGE_STATE:
		s->finished = m->state == RUN_DONE;
		return 1;
	case MESSAGE_EVICT:
		return 1;
	case MESSAGE_HELLO:
	case MESSAGE_READY:
	case MESSAGE_BEAT:
	case MESSAGE_RESULTS:
	case MESSAGE_REFUSED:
	case MESSAGE_GOODBYE:
	case MESSAGE_ASK:
	case MESSAGE_MEMBERS:
		break; /* a master sends none of these to a worker */
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

int session_tick(struct session *s, int64_t now_ms, struct error *err)
{
	if (!s->active && session_is_orphan(s, now_ms))
		return error_set(err, ERROR_NETWORK, "no master has answered for %g s",
			(double)s->options.orphan_ms / 1000.0);
	if (!s->active)
		return session_join(s, now_ms, err);
	if (s->first && now_ms >= s->resend_at_ms)
		return resend(s, now_ms, err);
	return send_unsent(s, err);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t join_deadline_ms(const struct session *s)
{
	int64_t orphan_ms = s->options.orphan_ms;
	return orphan_ms ? earlier(s->hello_ms, s->joining_ms + orphan_ms) : s->hello_ms;
}

int64_t session_deadline_ms(const struct session *s)
{
	if (!s->active)
		return join_deadline_ms(s);
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
	return session_send(s, &message, err) < 0 ? -1 : 0;
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
	return session_send(s, &goodbye, err) < 0 ? -1 : 0;
}
