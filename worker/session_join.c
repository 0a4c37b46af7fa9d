/* SPDX-License-Identifier: MIT */
/* How a session begins, ends, and begins again with a new number. */
#include "worker/session_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/random.h"

enum {
	HELLO_LAST_MS = 2000, /* each Hello comes 1.5 times as late as the one before, up to this */
	AGAIN_FIRST_MS = 100, /* later joins: a random time below this, then below twice as much */
	AGAIN_LAST_MS = 5000, /* up to this */
	NOBODY_MS = 100,      /* the same while there is no connection to say it on */
	REFUSED_MS = 5000,    /* the wait after a Reject */
	REOPEN_MS = 10000,    /* without an answer: connect anew, the name may mean another */
	SAVED_MAX = 4096,     /* successes taken along to the next session; beyond: done again */
};

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
		.lanes = s->options.lanes,
		.pid = (uint32_t)getpid(),
		.roots = s->options.roots,
		.count = s->options.roots_count,
	};
	int sent = session_send(s, &hello, err);
	if (sent == 0 && s->hello_wait_ms > NOBODY_MS)
		s->hello_ms =
			now_ms + NOBODY_MS; /* looking whether somebody is there costs nothing */
	else if (s->again)
		wait_again(s, now_ms);
	else
		wait_first(s, now_ms);
	return sent < 0 ? -1 : 0;
}

int session_open_sockets(struct session *s, struct error *err)
{
	uint8_t topic[SOCKET_TOPIC_MAX] = { 'W' };
	random_bytes(&s->header.session, sizeof(s->header.session));
	memcpy(topic + 1, &s->header.session, WIRE_ID_SIZE);
	s->opened_ms = clock_ms();
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

static void activate(struct session *s, const struct message *m)
{
	int64_t now_ms = clock_ms();
	s->header.run = m->header.run;
	s->header.epoch = m->header.epoch;
	s->beat_ms = m->beat_ms;
	s->silence_ms = m->silence_ms;
	s->grace_ms = m->grace_ms;
	s->channel_number = m->channel;
	s->depot = m->depot;
	s->refusal[0] = '\0';
	s->beat_at_ms = now_ms; /* the master knows at once that it is heard */
	s->active_ms = now_ms;
	s->finished = false;
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

int session_on_welcome(struct session *s, const struct message *m, struct error *err)
{
	struct message ready = { .type = MESSAGE_READY, .channel = m->channel };
	if (s->active) {
		/* it answers a Hello that crossed the first Welcome: so does Ready */
		ready.channel = s->channel_number;
		return session_send(s, &ready, err) < 0 ? -1 : 0;
	}
	uint32_t channel = endpoint_is_tcp(s->address) ? m->port : m->channel;
	s->channel = socket_open(s->context, SOCKET_WORKER_CHANNEL, s->address, channel, err);
	if (!s->channel)
		return -1;
	activate(s, m);
	return session_send(s, &ready, err) < 0 || report_saved(s, err) ? -1 : 1;
}

/* Another version, no room: of the next master, or of the same one later, that may not be so. */
int session_on_reject(struct session *s, const struct message *m, struct error *err)
{
	if (!s->options.patient)
		return error_set(
			err, ERROR_PROTOCOL, "the master refuses this worker: %s", m->text);
	if (strcmp(s->refusal, m->text) != 0)
		log_line("the master refuses this worker: %s; it asks again", m->text);
	(void)snprintf(s->refusal, sizeof(s->refusal), "%s", m->text);
	s->joining_ms = clock_ms(); /* a master is there */
	s->hello_ms = s->joining_ms + REFUSED_MS;
	return 0;
}

bool session_is_orphan(const struct session *s, int64_t now_ms)
{
	return s->options.orphan_ms && now_ms - s->joining_ms >= s->options.orphan_ms;
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
		session_drop_report(s);
	s->results_count = 0;
	s->refused_count = 0;
	s->beats = 0;
	s->reports = 0;
	s->received = 0;
	s->header = (struct wire_header) { 0 };
	s->active = false;
}

int session_join(struct session *s, int64_t now_ms, struct error *err)
{
	if (endpoint_is_tcp(s->address) && now_ms - s->opened_ms >= REOPEN_MS) {
		forget(s);
		if (session_open_sockets(s, err))
			return -1;
	}
	return now_ms >= s->hello_ms ? send_hello(s, now_ms, err) : 0;
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

/* A master that can still hear it need not guess, nor blame what was running. */
static void leave(struct session *s)
{
	struct message goodbye = { .type = MESSAGE_GOODBYE, .text = "it joins again" };
	struct error err;
	(void)session_send(s, &goodbye, &err); /* nobody there is as good */
}

int session_rejoin(struct session *s, int64_t now_ms, struct error *err)
{
	/* one that lived for long, or to the end of its run, joins soon; one that is sent away at
	 * once comes ever later */
	bool lived = s->active && (s->finished || now_ms - s->active_ms >= AGAIN_LAST_MS);
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
	return session_open_sockets(s, err);
}
