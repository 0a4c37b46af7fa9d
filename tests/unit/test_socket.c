/* SPDX-License-Identifier: MIT */
/* The three kinds of sockets, over ipc and TCP: what arrives, what does not, what is refused. */
#include "common/socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/endpoint.h"
#include "common/memory.h"
#include "tests/support/deadline.h"
#include "tests/support/ports.h"
#include "tests/support/tempdir.h"

enum {
	PORTS = ENDPOINT_PORT_CHANNELS + 3,
	OPEN_TRIES = 100, /* of ports that somebody else may take first */
};

struct fixture {
	char *folder, *address;
	struct socket_context *context;
	struct socket *master, *worker;
	struct frame sent, got;
	struct error err;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->folder = tempdir_new();
	f->address = xasprintf("ipc:%s", f->folder);
	f->context = socket_context_open(&f->err);
	assert_non_null(f->context);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	socket_close(f->worker);
	socket_close(f->master);
	socket_close(NULL);
	socket_context_close(f->context);
	socket_context_close(NULL);
	tempdir_free(f->folder);
	free(f->address);
	free(f);
	return 0;
}

static struct socket *open_as(struct fixture *f, enum socket_role role, uint32_t channel)
{
	struct socket *socket = socket_open(f->context, role, f->address, channel, &f->err);
	if (!socket)
		fail_msg("%s", f->err.message);
	return socket;
}

static void set_text(struct frame *frame, const char *text)
{
	frame->size = strlen(text);
	memcpy(frame->bytes, text, frame->size);
}

static void wait_for(struct fixture *f, struct socket *socket, bool for_sending)
{
	int64_t end = deadline_start();
	struct poll_item item = { .socket = socket, .for_sending = for_sending };
	while (!item.ready) {
		deadline_check(end);
		assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
	}
}

static void send_text(struct fixture *f, struct socket *socket, const char *text)
{
	set_text(&f->sent, text);
	wait_for(f, socket, true);
	assert_int_equal(socket_send(socket, &f->sent, &f->err), 1);
}

static void assert_receives(struct fixture *f, struct socket *socket, const char *text)
{
	int64_t end = deadline_start();
	while (socket_receive(socket, &f->got, &f->err) == 0) {
		struct poll_item item = { .socket = socket };
		deadline_check(end);
		assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
	}
	assert_int_equal(f->got.size, strlen(text));
	assert_memory_equal(f->got.bytes, text, strlen(text));
}

static void test_socket_results_arrive_in_order(void **state)
{
	struct fixture *f = *state;
	f->master = open_as(f, SOCKET_MASTER_RESULTS, 0);
	f->worker = open_as(f, SOCKET_WORKER_RESULTS, 0);
	assert_int_equal(socket_receive(f->master, &f->got, &f->err), 0);
	send_text(f, f->worker, "one");
	send_text(f, f->worker, "two");
	assert_receives(f, f->master, "one");
	assert_receives(f, f->master, "two");
	assert_int_equal(socket_receive(f->master, &f->got, &f->err), 0);
}

static void test_socket_results_of_many_workers_meet(void **state)
{
	enum { WORKERS = 4 };
	struct fixture *f = *state;
	struct socket *workers[WORKERS];
	f->master = open_as(f, SOCKET_MASTER_RESULTS, 0);
	for (int i = 0; i < WORKERS; i++) {
		workers[i] = open_as(f, SOCKET_WORKER_RESULTS, 0);
		send_text(f, workers[i], "same");
	}
	for (int i = 0; i < WORKERS; i++)
		assert_receives(f, f->master, "same");
	for (int i = 0; i < WORKERS; i++)
		socket_close(workers[i]);
}

static void test_socket_results_wait_for_the_master(void **state)
{
	struct fixture *f = *state;
	f->worker = open_as(f, SOCKET_WORKER_RESULTS, 0);
	set_text(&f->sent, "lost");
	/* nothing is queued for a master that is not there */
	assert_int_equal(socket_send(f->worker, &f->sent, &f->err), 0);
	f->master = open_as(f, SOCKET_MASTER_RESULTS, 0);
	send_text(f, f->worker, "there");
	assert_receives(f, f->master, "there");
}

static void test_socket_longest_message_arrives(void **state)
{
	struct fixture *f = *state;
	f->master = open_as(f, SOCKET_MASTER_RESULTS, 0);
	f->worker = open_as(f, SOCKET_WORKER_RESULTS, 0);
	wait_for(f, f->worker, true);
	f->sent.size = WIRE_MESSAGE_MAX;
	memset(f->sent.bytes, 0xA5, f->sent.size);
	assert_int_equal(socket_send(f->worker, &f->sent, &f->err), 1);
	wait_for(f, f->master, false);
	assert_int_equal(socket_receive(f->master, &f->got, &f->err), 1);
	assert_int_equal(f->got.size, WIRE_MESSAGE_MAX);
	assert_memory_equal(f->got.bytes, f->sent.bytes, WIRE_MESSAGE_MAX);
}

static void publish(struct fixture *f, const char *topic, size_t size, const char *text)
{
	set_text(&f->sent, text);
	assert_true(socket_publish(f->master, topic, size, &f->sent, &f->err) >= 0);
}

static void test_socket_state_goes_by_topic(void **state)
{
	struct fixture *f = *state;
	char mine[SOCKET_TOPIC_MAX] = "Wmine", yours[SOCKET_TOPIC_MAX] = "Wyours";
	f->master = open_as(f, SOCKET_MASTER_STATE, 0);
	f->worker = open_as(f, SOCKET_WORKER_STATE, 0);
	assert_int_equal(socket_subscribe(f->worker, "A", 1, &f->err), 0);
	assert_int_equal(socket_subscribe(f->worker, mine, sizeof(mine), &f->err), 0);
	/* until the subscriptions have arrived nothing comes; the last of them is `mine` */
	int64_t end = deadline_start();
	while (socket_receive(f->worker, &f->got, &f->err) == 0) {
		struct poll_item item = { .socket = f->worker };
		deadline_check(end);
		publish(f, mine, sizeof(mine), "probe");
		assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
	}
	publish(f, "A", 1, "for all");
	publish(f, yours, sizeof(yours), "for another");
	publish(f, "B", 1, "for nobody");
	publish(f, mine, sizeof(mine), "for me");
	do {
		wait_for(f, f->worker, false);
		assert_int_equal(socket_receive(f->worker, &f->got, &f->err), 1);
	} while (f->got.size == 5 && memcmp(f->got.bytes, "probe", 5) == 0);
	assert_int_equal(f->got.size, 7); /* without its topic */
	assert_memory_equal(f->got.bytes, "for all", 7);
	assert_receives(f, f->worker, "for me");
}

static void test_socket_state_without_listeners_is_no_failure(void **state)
{
	struct fixture *f = *state;
	f->master = open_as(f, SOCKET_MASTER_STATE, 0);
	publish(f, "A", 1, "nobody listens");
}

static void test_socket_channel_is_for_one_number(void **state)
{
	struct fixture *f = *state;
	f->master = open_as(f, SOCKET_MASTER_CHANNEL, 7);
	struct socket *other = open_as(f, SOCKET_MASTER_CHANNEL, 8);
	f->worker = open_as(f, SOCKET_WORKER_CHANNEL, 7);
	send_text(f, f->master, "for seven");
	set_text(&f->sent, "for eight");
	assert_int_equal(socket_send(other, &f->sent, &f->err), 0);
	assert_receives(f, f->worker, "for seven");
	socket_close(other);
}

static void test_socket_channel_without_peer_takes_nothing(void **state)
{
	struct fixture *f = *state;
	f->master = open_as(f, SOCKET_MASTER_CHANNEL, 1);
	set_text(&f->sent, "nobody");
	assert_int_equal(socket_send(f->master, &f->sent, &f->err), 0);
	f->worker = open_as(f, SOCKET_WORKER_CHANNEL, 1);
	send_text(f, f->master, "somebody");
	assert_receives(f, f->worker, "somebody");
	socket_close(f->worker);
	f->worker = NULL;
	/* gone: what is sent before ZeroMQ sees it is lost, then nothing is taken */
	int64_t end = deadline_start();
	while (socket_send(f->master, &f->sent, &f->err) == 1)
		deadline_check(end);
}

static void test_socket_channel_is_writable_while_somebody_is_there(void **state)
{
	struct fixture *f = *state;
	f->master = open_as(f, SOCKET_MASTER_CHANNEL, 1);
	assert_false(socket_writable(f->master));
	f->worker = open_as(f, SOCKET_WORKER_CHANNEL, 1);
	wait_for(f, f->master, true);
	assert_true(socket_writable(f->master));
	send_text(f, f->master, "somebody");
	assert_true(socket_writable(f->master));
	socket_close(f->worker);
	f->worker = NULL;
	int64_t end = deadline_start();
	while (socket_writable(f->master))
		deadline_check(end);
}

/* What is abandoned takes nothing along, and nobody waits for it. */
static void test_socket_abandoned_results_do_not_leave(void **state)
{
	struct fixture *f = *state;
	f->worker = open_as(f, SOCKET_WORKER_RESULTS, 0);
	socket_abandon(f->worker);
	socket_abandon(NULL);
	f->master = open_as(f, SOCKET_MASTER_RESULTS, 0);
	f->worker = open_as(f, SOCKET_WORKER_RESULTS, 0);
	send_text(f, f->worker, "of the next");
	assert_receives(f, f->master, "of the next");
}

/* A channel has no mark at which it is full: credits bound it. */
static void test_socket_channel_takes_all_credits(void **state)
{
	enum { MESSAGES = 5000 };
	struct fixture *f = *state;
	f->master = open_as(f, SOCKET_MASTER_CHANNEL, 1);
	f->worker = open_as(f, SOCKET_WORKER_CHANNEL, 1);
	wait_for(f, f->master, true);
	for (size_t i = 0; i < MESSAGES; i++) {
		f->sent.size = sizeof(i);
		memcpy(f->sent.bytes, &i, sizeof(i));
		assert_int_equal(socket_send(f->master, &f->sent, &f->err), 1);
	}
	for (size_t i = 0; i < MESSAGES; i++) {
		wait_for(f, f->worker, false);
		assert_int_equal(socket_receive(f->worker, &f->got, &f->err), 1);
		assert_memory_equal(f->got.bytes, &i, sizeof(i));
	}
}

static void assert_refused(struct fixture *f, const char *address, enum error_code code)
{
	f->err = (struct error) { 0 };
	assert_null(socket_open(f->context, SOCKET_MASTER_RESULTS, address, 0, &f->err));
	assert_int_equal(f->err.code, code);
	assert_true(f->err.message[0] != '\0');
}

static void test_socket_wrong_addresses_are_refused(void **state)
{
	struct fixture *f = *state;
	char address[ENDPOINT_FOLDER_MAX + 1] = "ipc:/";
	assert_refused(f, "", ERROR_USAGE);
	assert_refused(f, "tcp://127.0.0.1:1", ERROR_USAGE);
	assert_refused(f, "ipc:relative", ERROR_USAGE);
	assert_refused(f, "ipc:/no/such/folder", ERROR_NETWORK);
	memset(address + 5, 'x', ENDPOINT_FOLDER_MAX - 5);
	assert_int_equal(strlen(address), ENDPOINT_FOLDER_MAX);
	assert_refused(f, address, ERROR_LIMIT);
	assert_non_null(strstr(f->err.message, "is longer than 79 bytes"));
	address[ENDPOINT_FOLDER_MAX - 1] = '\0'; /* short enough, but it is not there */
	assert_refused(f, address, ERROR_NETWORK);
}

/* A sender that keeps to none of our rules. */
struct stranger {
	void *context, *socket;
};

static struct stranger stranger_open(const struct fixture *f, const char *name)
{
	struct stranger s = { .context = zmq_ctx_new() };
	int linger_ms = 0;
	char *endpoint = xasprintf("ipc://%s/%s", f->folder, name);
	s.socket = zmq_socket(s.context, ZMQ_PUSH);
	assert_non_null(s.socket);
	assert_int_equal(zmq_setsockopt(s.socket, ZMQ_LINGER, &linger_ms, sizeof(linger_ms)), 0);
	assert_int_equal(zmq_connect(s.socket, endpoint), 0);
	free(endpoint);
	return s;
}

static void stranger_close(struct stranger s)
{
	assert_int_equal(zmq_close(s.socket), 0);
	assert_int_equal(zmq_ctx_term(s.context), 0);
}

static void stranger_send(struct stranger s, const void *bytes, size_t size, int flags)
{
	assert_int_equal(zmq_send(s.socket, bytes, size, flags), size);
}

static void test_socket_messages_of_several_parts_are_dropped(void **state)
{
	struct fixture *f = *state;
	f->master = open_as(f, SOCKET_MASTER_RESULTS, 0);
	struct stranger s = stranger_open(f, "results");
	stranger_send(s, "a", 1, ZMQ_SNDMORE);
	stranger_send(s, "b", 1, 0);
	stranger_send(s, "", 0, ZMQ_SNDMORE);
	stranger_send(s, "longer than a byte", 18, ZMQ_SNDMORE);
	stranger_send(s, "c", 1, 0);
	stranger_send(s, "whole", 5, 0);
	assert_receives(f, f->master, "whole");
	assert_int_equal(socket_receive(f->master, &f->got, &f->err), 0);
	stranger_close(s);
}

static void test_socket_too_long_messages_are_dropped(void **state)
{
	struct fixture *f = *state;
	static uint8_t bytes[WIRE_MESSAGE_MAX + SOCKET_TOPIC_MAX];
	f->master = open_as(f, SOCKET_MASTER_RESULTS, 0);
	struct stranger s = stranger_open(f, "results");
	stranger_send(s, bytes, WIRE_MESSAGE_MAX + 1, 0);
	stranger_send(s, bytes, sizeof(bytes), 0);
	stranger_send(s, "good", 4, 0);
	assert_receives(f, f->master, "good");
	stranger_close(s);
}

static void test_socket_poll_sees_descriptors_too(void **state)
{
	struct fixture *f = *state;
	int pipes[2];
	f->master = open_as(f, SOCKET_MASTER_RESULTS, 0);
	assert_int_equal(pipe(pipes), 0);
	struct poll_item items[] = { { .socket = f->master }, { .fd = pipes[0] }, { .fd = -1 } };
	assert_int_equal(socket_poll(items, 3, 0, &f->err), 0);
	assert_false(items[0].ready || items[1].ready || items[2].ready);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	assert_int_equal(socket_poll(items, 3, DEADLINE_MS, &f->err), 0);
	assert_true(items[1].ready);
	assert_false(items[0].ready || items[2].ready);
	int64_t start = clock_us();
	assert_int_equal(socket_poll(items, 1, 20, &f->err), 0);
	assert_true(clock_us() - start >= 19000);
	assert_int_equal(close(pipes[0]), 0);
	assert_int_equal(close(pipes[1]), 0);
}

/* From here on over TCP: the same sockets at ports of loopback. */
static struct socket *open_tcp(
	struct fixture *f, const char *host, enum socket_role role, uint32_t channel)
{
	struct socket *socket = NULL;
	for (int i = 0; i < OPEN_TRIES && !socket; i++) {
		free(f->address);
		f->address = xasprintf("%s:%u", host, ports_find(PORTS));
		socket = socket_open(f->context, role, f->address, channel, &f->err);
	}
	if (!socket)
		fail_msg("%s", f->err.message);
	return socket;
}

static void test_socket_tcp_results_arrive(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost", "[::1]" };
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		f->master = open_tcp(f, hosts[i], SOCKET_MASTER_RESULTS, 0);
		f->worker = open_as(f, SOCKET_WORKER_RESULTS, 0);
		send_text(f, f->worker, "one");
		send_text(f, f->worker, "two");
		assert_receives(f, f->master, "one");
		assert_receives(f, f->master, "two");
		assert_string_equal(socket_sender(f->master), "");
		socket_close(f->worker);
		socket_close(f->master);
	}
	f->worker = f->master = NULL;
}

static void test_socket_tcp_longest_message_arrives(void **state)
{
	struct fixture *f = *state;
	f->master = open_tcp(f, "127.0.0.1", SOCKET_MASTER_RESULTS, 0);
	f->worker = open_as(f, SOCKET_WORKER_RESULTS, 0);
	wait_for(f, f->worker, true);
	f->sent.size = WIRE_MESSAGE_MAX;
	memset(f->sent.bytes, 0xA5, f->sent.size);
	assert_int_equal(socket_send(f->worker, &f->sent, &f->err), 1);
	wait_for(f, f->master, false);
	assert_int_equal(socket_receive(f->master, &f->got, &f->err), 1);
	assert_int_equal(f->got.size, WIRE_MESSAGE_MAX);
	assert_memory_equal(f->got.bytes, f->sent.bytes, WIRE_MESSAGE_MAX);
}

static void test_socket_tcp_state_reaches_subscribers(void **state)
{
	struct fixture *f = *state;
	f->master = open_tcp(f, "127.0.0.1", SOCKET_MASTER_STATE, 0);
	f->worker = open_as(f, SOCKET_WORKER_STATE, 0);
	assert_int_equal(socket_subscribe(f->worker, "A", 1, &f->err), 0);
	int64_t end = deadline_start();
	while (socket_receive(f->worker, &f->got, &f->err) == 0) {
		struct poll_item item = { .socket = f->worker };
		deadline_check(end);
		publish(f, "B", 1, "for nobody");
		publish(f, "A", 1, "for all");
		assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
	}
	assert_int_equal(f->got.size, 7);
	assert_memory_equal(f->got.bytes, "for all", 7);
}

static void test_socket_tcp_channel_is_for_one_number(void **state)
{
	struct fixture *f = *state;
	f->master = open_tcp(f, "127.0.0.1", SOCKET_MASTER_CHANNEL, 1);
	struct socket *other = open_as(f, SOCKET_MASTER_CHANNEL, 2);
	f->worker = open_as(f, SOCKET_WORKER_CHANNEL, 1);
	send_text(f, f->master, "for one");
	assert_false(socket_writable(other));
	assert_receives(f, f->worker, "for one");
	socket_close(f->worker);
	f->worker = NULL;
	int64_t end = deadline_start();
	while (socket_writable(f->master))
		deadline_check(end);
	socket_close(other);
}

static void test_socket_tcp_port_that_is_taken_is_an_error(void **state)
{
	struct fixture *f = *state;
	f->master = open_tcp(f, "127.0.0.1", SOCKET_MASTER_RESULTS, 0);
	assert_null(socket_open(f->context, SOCKET_MASTER_RESULTS, f->address, 0, &f->err));
	assert_int_equal(f->err.code, ERROR_NETWORK);
	assert_non_null(strstr(f->err.message, "Address already in use"));
}

static void test_socket_tcp_wrong_addresses_are_refused(void **state)
{
	struct fixture *f = *state;
	assert_refused(f, "no.such.host.invalid:5555", ERROR_NETWORK);
	assert_refused(f, "192.0.2.1:5555", ERROR_NETWORK); /* of no host, so not of this one */
	assert_refused(f, "127.0.0.1:65536", ERROR_USAGE);
	assert_null(
		socket_open(f->context, SOCKET_WORKER_CHANNEL, "127.0.0.1:65000", 531, &f->err));
	assert_int_equal(f->err.code, ERROR_USAGE);
	assert_null(socket_open(
		f->context, SOCKET_WORKER_CHANNEL, "127.0.0.1:5555", UINT32_MAX, &f->err));
	assert_int_equal(f->err.code, ERROR_USAGE);
}

/* A worker with keys says nothing to a master that has none: it would be in the clear. */
static void test_socket_tcp_worker_with_keys_tells_an_open_master_nothing(void **state)
{
	struct fixture *f = *state;
	struct key_pair own;
	struct socket_context *secure = socket_context_open(&f->err);
	assert_int_equal(zmq_curve_keypair(own.public_key, own.secret_key), 0);
	socket_context_secure(secure, &own, own.public_key);
	f->master = open_tcp(f, "127.0.0.1", SOCKET_MASTER_RESULTS, 0);
	struct socket *careful = socket_open(secure, SOCKET_WORKER_RESULTS, f->address, 0, &f->err);
	assert_non_null(careful);
	set_text(&f->sent, "secret");
	/* others come and go meanwhile */
	for (int i = 0; i < 20; i++) {
		assert_int_equal(socket_send(careful, &f->sent, &f->err), 0);
		f->worker = open_as(f, SOCKET_WORKER_RESULTS, 0);
		set_text(&f->sent, "open");
		send_text(f, f->worker, "open");
		assert_receives(f, f->master, "open");
		socket_close(f->worker);
		f->worker = NULL;
	}
	assert_int_equal(socket_receive(f->master, &f->got, &f->err), 0);
	socket_abandon(careful);
	socket_context_close(secure);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_socket_results_arrive_in_order),
		CASE(test_socket_results_of_many_workers_meet),
		CASE(test_socket_results_wait_for_the_master),
		CASE(test_socket_longest_message_arrives),
		CASE(test_socket_state_goes_by_topic),
		CASE(test_socket_state_without_listeners_is_no_failure),
		CASE(test_socket_channel_is_for_one_number),
		CASE(test_socket_channel_without_peer_takes_nothing),
		CASE(test_socket_channel_is_writable_while_somebody_is_there),
		CASE(test_socket_abandoned_results_do_not_leave),
		CASE(test_socket_channel_takes_all_credits),
		CASE(test_socket_wrong_addresses_are_refused),
		CASE(test_socket_messages_of_several_parts_are_dropped),
		CASE(test_socket_too_long_messages_are_dropped),
		CASE(test_socket_poll_sees_descriptors_too),
		CASE(test_socket_tcp_results_arrive),
		CASE(test_socket_tcp_longest_message_arrives),
		CASE(test_socket_tcp_state_reaches_subscribers),
		CASE(test_socket_tcp_channel_is_for_one_number),
		CASE(test_socket_tcp_port_that_is_taken_is_an_error),
		CASE(test_socket_tcp_wrong_addresses_are_refused),
		CASE(test_socket_tcp_worker_with_keys_tells_an_open_master_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
