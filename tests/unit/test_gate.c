/* SPDX-License-Identifier: MIT */
/* Real sockets of ZeroMQ on loopback: who gets in, and who does not. */
#include "common/gate.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "common/endpoint.h"
#include "common/memory.h"
#include "tests/support/deadline.h"
#include "tests/support/gated.h"
#include "tests/support/tempdir.h"

enum {
	REFUSALS = 1, /* of a stranger that are waited for: some of them never try again */
	ALICES = 1,   /* her channel */
	NOBODYS = 2,
};

/* Connects and is refused as `count` says; nothing of it is ever seen. */
static void assert_kept_out(struct gated *f, struct stranger s, const uint64_t *count)
{
	stranger_connect(f, s, ENDPOINT_RESULTS);
	assert_int_equal(zmq_send(s.socket, "forged", 6, 0), 6);
	gated_wait_for(f, count, REFUSALS);
	gated_gets_in(f, &f->bob, "bob"); /* the first message that arrives is bob's */
	assert_int_equal(socket_receive(f->results, &f->frame, &f->err), 0);
	stranger_close(s);
}

static void test_gate_lets_allowed_keys_in(void **state)
{
	struct gated *f = *state;
	gated_gets_in(f, &f->alice, "alice");
	gated_gets_in(f, &f->bob, "bob");
	gated_gets_in(f, &f->alice, "alice");
	gated_take_counts(f);
	assert_int_equal(f->counts.strangers + f->counts.misdirected + f->counts.broken, 0);
	assert_string_equal(f->counts.last, "");
}

static void test_gate_lets_allowed_keys_hear_the_state(void **state)
{
	struct gated *f = *state;
	struct friend friend = friend_open(f, SOCKET_WORKER_STATE, &f->alice, 0);
	gated_must(f, socket_subscribe(friend.socket, "A", 1, &f->err));
	int64_t end = deadline_start();
	struct frame news = { .size = 4, .bytes = "news" };
	while (socket_receive(friend.socket, &f->frame, &f->err) == 0) {
		deadline_check(end);
		assert_true(socket_publish(f->state, "A", 1, &news, &f->err) >= 0);
		gated_wait_step(f, friend.socket, false);
	}
	assert_memory_equal(f->frame.bytes, "news", 4);
	friend_close(friend);
}

/* A port that was closed a moment ago is not free at once. */
static struct socket *open_channel(struct gated *f, uint32_t channel)
{
	int64_t end = deadline_start();
	struct socket *socket = NULL;
	while (!socket) {
		deadline_check(end);
		socket = socket_open(
			f->context, SOCKET_MASTER_CHANNEL, f->address, channel, &f->err);
	}
	return socket;
}

static void test_gate_channel_is_for_its_owner(void **state)
{
	struct gated *f = *state;
	struct socket *channel = open_channel(f, ALICES);
	struct friend bob = friend_open(f, SOCKET_WORKER_CHANNEL, &f->bob, ALICES);
	gated_wait_for(f, &f->counts.misdirected, 1);
	assert_false(socket_writable(channel));
	struct friend alice = friend_open(f, SOCKET_WORKER_CHANNEL, &f->alice, ALICES);
	gated_send(f, channel, "for alice");
	gated_receives(f, alice.socket, "for alice");
	assert_int_equal(socket_receive(bob.socket, &f->frame, &f->err), 0);
	friend_close(alice);
	friend_close(bob);
	socket_close(channel);
	/* the next one who has it */
	gate_assign(f->gate, ALICES, "bob");
	channel = open_channel(f, ALICES);
	bob = friend_open(f, SOCKET_WORKER_CHANNEL, &f->bob, ALICES);
	gated_send(f, channel, "for bob");
	gated_receives(f, bob.socket, "for bob");
	friend_close(bob);
	socket_close(channel);
	assert_int_equal(f->counts.strangers, 0);
}

static void test_gate_channel_begins_and_ends_with_nobody(void **state)
{
	struct gated *f = *state;
	for (int i = 0; i < 2; i++) {
		struct socket *channel = open_channel(f, NOBODYS);
		struct friend alice = friend_open(f, SOCKET_WORKER_CHANNEL, &f->alice, NOBODYS);
		f->counts.misdirected = 0;
		gated_wait_for(f, &f->counts.misdirected, 1);
		assert_false(socket_writable(channel));
		friend_close(alice);
		socket_close(channel);
		gate_assign(f->gate, NOBODYS, "alice");
		gate_assign(f->gate, NOBODYS, NULL);
	}
}

static void test_gate_keeps_random_keys_out(void **state)
{
	struct gated *f = *state;
	struct stranger s = stranger_open(ZMQ_PUSH);
	stranger_curve(s, f->stranger.public_key, f->stranger.secret_key, f->master.public_key);
	assert_kept_out(f, s, &f->counts.strangers);
	assert_string_equal(f->counts.last, "127.0.0.1");
	assert_int_equal(f->counts.misdirected + f->counts.broken, 0);
}

/* The master's own key is on no list, either. */
static void test_gate_keeps_the_master_out(void **state)
{
	struct gated *f = *state;
	struct stranger s = stranger_open(ZMQ_PUSH);
	stranger_curve(s, f->master.public_key, f->master.secret_key, f->master.public_key);
	assert_kept_out(f, s, &f->counts.strangers);
}

static void test_gate_keeps_strangers_from_the_state(void **state)
{
	struct gated *f = *state;
	struct frame news = { .size = 4, .bytes = "news" };
	struct stranger s = stranger_open(ZMQ_SUB);
	char bytes[16];
	stranger_curve(s, f->stranger.public_key, f->stranger.secret_key, f->master.public_key);
	assert_int_equal(zmq_setsockopt(s.socket, ZMQ_SUBSCRIBE, "", 0), 0);
	stranger_connect(f, s, ENDPOINT_STATE);
	while (f->counts.strangers < REFUSALS) {
		assert_true(socket_publish(f->state, "A", 1, &news, &f->err) >= 0);
		gated_wait_for(f, &f->counts.strangers, f->counts.strangers + 1);
	}
	assert_int_equal(zmq_recv(s.socket, bytes, sizeof(bytes), ZMQ_DONTWAIT), -1);
	stranger_close(s);
}

/* Which of the two notices first that their mechanisms differ is chance: see gate_counts. */
static void test_gate_keeps_those_without_keys_out(void **state)
{
	struct gated *f = *state;
	assert_kept_out(f, stranger_open(ZMQ_PUSH), &f->refused);
	assert_int_equal(f->counts.misdirected, 0);
}

static void test_gate_keeps_passwords_out(void **state)
{
	struct gated *f = *state;
	struct stranger s = stranger_open(ZMQ_PUSH);
	assert_int_equal(zmq_setsockopt(s.socket, ZMQ_PLAIN_USERNAME, "alice", 5), 0);
	assert_int_equal(zmq_setsockopt(s.socket, ZMQ_PLAIN_PASSWORD, "secret", 6), 0);
	assert_kept_out(f, s, &f->refused);
	assert_int_equal(f->counts.misdirected, 0);
}

/* Public keys are no secret: alice's and the master's prove nothing. */
static void test_gate_keeps_stolen_public_keys_out(void **state)
{
	struct gated *f = *state;
	struct stranger s = stranger_open(ZMQ_PUSH);
	stranger_curve(s, f->alice.public_key, f->stranger.secret_key, f->master.public_key);
	assert_kept_out(f, s, &f->counts.broken);
	assert_int_equal(f->counts.strangers, 0);
}

/* Alice, who takes another one for her master. */
static void test_gate_keeps_those_of_another_master_out(void **state)
{
	struct gated *f = *state;
	struct stranger s = stranger_open(ZMQ_PUSH);
	stranger_curve(s, f->alice.public_key, f->alice.secret_key, f->bob.public_key);
	assert_kept_out(f, s, &f->counts.broken);
}

/* alice's line becomes a comment of the same length: only the time of change differs. */
static void revoke_alice(struct gated *f)
{
	struct timespec times[2] = { { 0, UTIME_OMIT }, { 12345, 0 } };
	FILE *file = fopen(f->list, "r+e");
	char line[128] = "";
	long at = 0;
	assert_non_null(file);
	while (!strstr(line, " alice")) {
		at = ftell(file);
		assert_non_null(fgets(line, sizeof(line), file));
	}
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	assert_int_equal(fputc('#', file), '#');
	assert_int_equal(fclose(file), 0);
	assert_int_equal(utimensat(AT_FDCWD, f->list, times, 0), 0);
}

static void test_gate_keeps_revoked_keys_out(void **state)
{
	struct gated *f = *state;
	gated_gets_in(f, &f->alice, "alice");
	assert_true(gate_allows(f->gate, "alice"));
	assert_int_equal(gate_refresh(f->gate, &f->err), 0);
	revoke_alice(f);
	assert_true(gate_allows(f->gate, "alice")); /* until it is read */
	assert_int_equal(gate_refresh(f->gate, &f->err), 1);
	assert_int_equal(gate_refresh(f->gate, &f->err), 0);
	assert_false(gate_allows(f->gate, "alice"));
	assert_true(gate_allows(f->gate, "bob"));
	struct stranger s = stranger_open(ZMQ_PUSH);
	stranger_curve(s, f->alice.public_key, f->alice.secret_key, f->master.public_key);
	assert_kept_out(f, s, &f->counts.strangers);
}

static void test_gate_lets_new_keys_in(void **state)
{
	struct gated *f = *state;
	struct key_pair carol;
	size_t made;
	char *name = (char *)"carol";
	gated_must(f, keys_make(f->folder, &name, 1, &made, &f->err));
	gated_must(f, keys_read(&carol, tempdir_path(f->folder, "carol.key"), &f->err));
	assert_int_equal(gate_refresh(f->gate, &f->err), 1);
	gated_gets_in(f, &carol, "carol");
}

static void test_gate_list_that_can_not_be_read_leaves_the_old_one(void **state)
{
	struct gated *f = *state;
	char *aside = xasprintf("%s.aside", f->list);
	assert_int_equal(rename(f->list, aside), 0);
	assert_int_equal(gate_refresh(f->gate, &f->err), -1);
	assert_int_equal(gate_refresh(f->gate, &f->err), 0); /* said once */
	gated_gets_in(f, &f->alice, "alice");
	tempdir_write(f->folder, "allowed", "nonsense\n");
	assert_int_equal(gate_refresh(f->gate, &f->err), -1); /* another reason */
	assert_non_null(strstr(f->err.message, "line 1"));
	assert_int_equal(gate_refresh(f->gate, &f->err), 0);
	gated_gets_in(f, &f->alice, "alice");
	assert_int_equal(rename(aside, f->list), 0);
	assert_int_equal(gate_refresh(f->gate, &f->err), 1);
	assert_int_equal(gate_refresh(f->gate, &f->err), 0);
	/* readable again without any other change: what was missed meanwhile is not lost */
	assert_int_equal(chmod(f->list, 0666), 0);
	revoke_alice(f);
	assert_int_equal(gate_refresh(f->gate, &f->err), -1);
	assert_int_equal(chmod(f->list, 0644), 0);
	assert_int_equal(gate_refresh(f->gate, &f->err), 1);
	assert_false(gate_allows(f->gate, "alice"));
	free(aside);
}

static void test_gate_does_not_open_without_a_list(void **state)
{
	struct gated *f = *state;
	tempdir_write(f->folder, "allowed", "nonsense\n");
	assert_null(gate_open(f->context, f->list, &f->err));
	assert_int_equal(unlink(f->list), 0);
	assert_null(gate_open(f->context, f->list, &f->err));
	assert_non_null(strstr(f->err.message, "No such file"));
}

static void test_gate_is_alone_in_its_context(void **state)
{
	struct gated *f = *state;
	assert_null(gate_open(f->context, f->list, &f->err));
	assert_int_equal(f->err.code, ERROR_START);
	gated_gets_in(f, &f->alice, "alice");
}

/* Keys, but nobody who knows who is allowed: then nobody is (ZMQ_ZAP_ENFORCE_DOMAIN). */
static void test_gate_that_is_missing_keeps_everybody_out(void **state)
{
	enum { EVENTS = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED };
	struct gated *f = *state;
	struct stranger alice = stranger_open(ZMQ_PUSH);
	gated_open_sockets(f);
	stranger_curve(alice, f->alice.public_key, f->alice.secret_key, f->master.public_key);
	assert_int_equal(zmq_socket_monitor(alice.socket, "inproc://events", EVENTS), 0);
	void *events = zmq_socket(alice.context, ZMQ_PAIR);
	int patience_ms = DEADLINE_MS;
	assert_int_equal(zmq_setsockopt(events, ZMQ_RCVTIMEO, &patience_ms, sizeof(int)), 0);
	assert_int_equal(zmq_connect(events, "inproc://events"), 0);
	stranger_connect(f, alice, ENDPOINT_RESULTS);
	assert_int_equal(zmq_send(alice.socket, "hello", 5, 0), 5);
	for (int i = 0; i < REFUSALS; i++) {
		uint8_t event[6] = { 0 }, address[256];
		uint16_t number;
		assert_int_equal(zmq_recv(events, event, sizeof(event), 0), sizeof(event));
		memcpy(&number, event, sizeof(number));
		assert_int_equal(number, ZMQ_EVENT_DISCONNECTED);
		assert_true(zmq_recv(events, address, sizeof(address), 0) >= 0);
	}
	assert_int_equal(socket_receive(f->results, &f->frame, &f->err), 0);
	assert_int_equal(zmq_close(events), 0);
	stranger_close(alice);
}

/* In the context of a gate, over ipc and without keys: the gate is not even asked. */
static void test_gate_leaves_folders_alone(void **state)
{
	struct gated *f = *state;
	char *address = xasprintf("ipc:%s", f->folder);
	struct socket_context *context = socket_context_open(&f->err);
	struct socket *master = socket_open(f->context, SOCKET_MASTER_RESULTS, address, 0, &f->err);
	struct socket *channel =
		socket_open(f->context, SOCKET_MASTER_CHANNEL, address, NOBODYS, &f->err);
	struct socket *worker = socket_open(context, SOCKET_WORKER_RESULTS, address, 0, &f->err);
	struct socket *jobs =
		socket_open(context, SOCKET_WORKER_CHANNEL, address, NOBODYS, &f->err);
	assert_true(master && channel && worker && jobs);
	gated_send(f, worker, "hello");
	gated_receives(f, master, "hello");
	assert_string_equal(socket_sender(master), "");
	gated_send(f, channel, "jobs");
	gated_receives(f, jobs, "jobs");
	gated_take_counts(f);
	assert_int_equal(f->counts.strangers + f->counts.misdirected + f->counts.broken, 0);
	socket_close(jobs);
	socket_close(worker);
	socket_close(channel);
	socket_close(master);
	socket_context_close(context);
	free(address);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, gated_setup, gated_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_gate_lets_allowed_keys_in),
		CASE(test_gate_lets_allowed_keys_hear_the_state),
		CASE(test_gate_channel_is_for_its_owner),
		CASE(test_gate_channel_begins_and_ends_with_nobody),
		CASE(test_gate_keeps_random_keys_out),
		CASE(test_gate_keeps_the_master_out),
		CASE(test_gate_keeps_strangers_from_the_state),
		CASE(test_gate_keeps_those_without_keys_out),
		CASE(test_gate_keeps_passwords_out),
		CASE(test_gate_keeps_stolen_public_keys_out),
		CASE(test_gate_keeps_those_of_another_master_out),
		CASE(test_gate_keeps_revoked_keys_out),
		CASE(test_gate_lets_new_keys_in),
		CASE(test_gate_list_that_can_not_be_read_leaves_the_old_one),
		cmocka_unit_test_setup_teardown(test_gate_does_not_open_without_a_list,
			gated_setup_ungated, gated_teardown),
		CASE(test_gate_is_alone_in_its_context),
		cmocka_unit_test_setup_teardown(test_gate_that_is_missing_keeps_everybody_out,
			gated_setup_ungated, gated_teardown),
		CASE(test_gate_leaves_folders_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
