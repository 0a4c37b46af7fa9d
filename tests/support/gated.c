/* SPDX-License-Identifier: MIT */
#include "tests/support/gated.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zmq.h>

#include "common/memory.h"
#include "tests/support/deadline.h"
#include "tests/support/ports.h"
#include "tests/support/tempdir.h"

enum {
	PORTS = ENDPOINT_PORT_CHANNELS + 4,
	OPEN_TRIES = 100,
};

void gated_must(const struct gated *f, int status)
{
	if (status < 0)
		fail_msg("%s", f->err.message);
}

static void make_keys(struct gated *f)
{
	static char *const names[] = { (char *)"alice", (char *)"bob" };
	size_t made;
	f->folder = tempdir_new();
	gated_must(f, keys_make(f->folder, names, 2, &made, &f->err));
	gated_must(f, keys_read(&f->master, tempdir_path(f->folder, "master.key"), &f->err));
	gated_must(f, keys_read(&f->alice, tempdir_path(f->folder, "alice.key"), &f->err));
	gated_must(f, keys_read(&f->bob, tempdir_path(f->folder, "bob.key"), &f->err));
	assert_int_equal(zmq_curve_keypair(f->stranger.public_key, f->stranger.secret_key), 0);
	f->list = xstrdup(tempdir_path(f->folder, "allowed"));
}

/* Between the finding of ports and the taking of them somebody else may have been faster. */
void gated_open_sockets(struct gated *f)
{
	for (int i = 0; i < OPEN_TRIES; i++) {
		free(f->address);
		f->port = ports_find(PORTS);
		f->address = xasprintf("127.0.0.1:%u", f->port);
		f->results = socket_open(f->context, SOCKET_MASTER_RESULTS, f->address, 0, &f->err);
		f->state = socket_open(f->context, SOCKET_MASTER_STATE, f->address, 0, &f->err);
		if (f->results && f->state)
			return;
		socket_close(f->results);
		socket_close(f->state);
	}
	fail_msg("%s", f->err.message);
}

int gated_setup_ungated(void **state)
{
	struct gated *f = xcalloc(1, sizeof(*f));
	*state = f;
	make_keys(f);
	f->context = socket_context_open(&f->err);
	assert_non_null(f->context);
	socket_context_secure(f->context, &f->master, NULL);
	return 0;
}

int gated_setup(void **state)
{
	(void)gated_setup_ungated(state);
	struct gated *f = *state;
	f->gate = gate_open(f->context, f->list, &f->err);
	if (!f->gate)
		fail_msg("%s", f->err.message);
	gated_open_sockets(f);
	gated_must(f, gate_watch(f->gate, f->results, &f->err));
	gated_must(f, gate_watch(f->gate, f->state, &f->err));
	gate_assign(f->gate, 1, "alice");
	return 0;
}

int gated_teardown(void **state)
{
	struct gated *f = *state;
	socket_close(f->results);
	socket_close(f->state);
	gate_close(f->gate);
	gate_close(NULL);
	socket_context_close(f->context);
	tempdir_free(f->folder);
	free(f->list);
	free(f->address);
	free(f);
	return 0;
}

struct friend friend_open(
	struct gated *f, enum socket_role role, const struct key_pair *own, uint32_t channel)
{
	struct friend friend = { .context = socket_context_open(&f->err) };
	assert_non_null(friend.context);
	socket_context_secure(friend.context, own, f->master.public_key);
	friend.socket = socket_open(friend.context, role, f->address, channel, &f->err);
	assert_non_null(friend.socket);
	return friend;
}

void friend_close(struct friend friend)
{
	socket_abandon(friend.socket);
	socket_context_close(friend.context);
}

void gated_wait_step(struct gated *f, struct socket *socket, bool for_sending)
{
	struct poll_item item = { .socket = socket, .for_sending = for_sending };
	gated_must(f, socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err));
}

void gated_send(struct gated *f, struct socket *socket, const char *text)
{
	int64_t end = deadline_start();
	f->frame.size = strlen(text);
	memcpy(f->frame.bytes, text, f->frame.size);
	while (socket_send(socket, &f->frame, &f->err) == 0) {
		deadline_check(end);
		gated_wait_step(f, socket, true);
	}
}

void gated_receives(struct gated *f, struct socket *socket, const char *text)
{
	int64_t end = deadline_start();
	while (socket_receive(socket, &f->frame, &f->err) == 0) {
		deadline_check(end);
		gated_wait_step(f, socket, false);
	}
	assert_int_equal(f->frame.size, strlen(text));
	assert_memory_equal(f->frame.bytes, text, strlen(text));
}

void gated_gets_in(struct gated *f, const struct key_pair *own, const char *name)
{
	struct friend friend = friend_open(f, SOCKET_WORKER_RESULTS, own, 0);
	gated_send(f, friend.socket, name);
	gated_receives(f, f->results, name);
	assert_string_equal(socket_sender(f->results), name);
	friend_close(friend);
}

void gated_take_counts(struct gated *f)
{
	struct gate_counts counts;
	gate_take_counts(f->gate, &counts);
	f->counts.strangers += counts.strangers;
	f->counts.misdirected += counts.misdirected;
	f->counts.broken += counts.broken;
	f->refused += counts.strangers + counts.misdirected + counts.broken;
	if (counts.last[0])
		memcpy(f->counts.last, counts.last, sizeof(counts.last));
}

void gated_wait_for(struct gated *f, const uint64_t *count, uint64_t enough)
{
	int64_t end = deadline_start();
	for (gated_take_counts(f); *count < enough; gated_take_counts(f)) {
		deadline_check(end);
		gated_wait_step(f, f->results, false);
	}
}

struct stranger stranger_open(int type)
{
	struct stranger s = { .context = zmq_ctx_new() };
	int linger_ms = 0;
	s.socket = zmq_socket(s.context, type);
	assert_non_null(s.socket);
	assert_int_equal(zmq_setsockopt(s.socket, ZMQ_LINGER, &linger_ms, sizeof(linger_ms)), 0);
	return s;
}

void stranger_curve(
	struct stranger s, const char *public_key, const char *secret_key, const char *server_key)
{
	assert_int_equal(zmq_setsockopt(s.socket, ZMQ_CURVE_PUBLICKEY, public_key, 41), 0);
	assert_int_equal(zmq_setsockopt(s.socket, ZMQ_CURVE_SECRETKEY, secret_key, 41), 0);
	assert_int_equal(zmq_setsockopt(s.socket, ZMQ_CURVE_SERVERKEY, server_key, 41), 0);
}

void stranger_connect(struct gated *f, struct stranger s, enum endpoint_part part)
{
	char endpoint[ENDPOINT_MAX];
	endpoint_make(endpoint, f->address, part, 0);
	assert_int_equal(zmq_connect(s.socket, endpoint), 0);
}

void stranger_close(struct stranger s)
{
	assert_int_equal(zmq_close(s.socket), 0);
	assert_int_equal(zmq_ctx_term(s.context), 0);
}
