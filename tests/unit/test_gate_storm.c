/* SPDX-License-Identifier: MIT */
/* Whatever comes to the ports of a master, it is counted and keeps no friend out. */
#include "common/gate.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <zmq.h>

#include "tests/support/crowd.h"
#include "tests/support/deadline.h"
#include "tests/support/gated.h"

enum {
	ALICES = 1, /* her channel */
	CROWD = 100,
	STORMS = 20,
};

/* All that comes without a key is counted exactly once; meanwhile friends get in. */
static void assert_crowd_is_counted(struct gated *f, const char *bytes, size_t size)
{
	int crowd[CROWD];
	crowd_open(crowd, CROWD, f->port, bytes, size);
	f->counts = (struct gate_counts) { 0 };
	gated_wait_for(f, &f->counts.broken, CROWD);
	crowd_close(crowd, CROWD);
	gated_gets_in(f, &f->alice, "alice");
	gated_take_counts(f);
	assert_int_equal(f->counts.broken, CROWD);
	assert_int_equal(f->counts.strangers + f->counts.misdirected, 0);
}

static void test_gate_counts_garbage(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char old[] = "\xff\0\0\0\0\0\0\0\1\x7f\0\0"; /* ZMTP 1.0 */
	static const char older[] = "\xff\0\0\0\0\0\0\0\1\x7e\0"; /* without a version */
	struct gated *f = *state;
	assert_crowd_is_counted(f, request, strlen(request));
	assert_crowd_is_counted(f, old, sizeof(old) - 1);
	assert_crowd_is_counted(f, older, sizeof(older) - 1);
	assert_crowd_is_counted(f, "\0", 1);
}

/* Right up to the key, and then nonsense. */
static void test_gate_counts_broken_handshakes(void **state)
{
	struct gated *f = *state;
	char bytes[64 + 2 + 200] = "\xff\0\0\0\0\0\0\0\1\x7f\3\1CURVE";
	memcpy(bytes + 64, "\4\xc8\5HELLO\1\0", 10); /* a command of 200 bytes */
	assert_crowd_is_counted(f, bytes, sizeof(bytes));
	memcpy(bytes + 64, "\0\xc8nonsense", 10);
	assert_crowd_is_counted(f, bytes, sizeof(bytes));
}

static void test_gate_counts_other_mechanisms_as_strangers(void **state)
{
	static const char *const mechanisms[] = { "NULL", "PLAIN", "GSSAPI", "CURVE2", "" };
	struct gated *f = *state;
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
		char greeting[64] = "\xff\0\0\0\0\0\0\0\1\x7f\3\1";
		int crowd[CROWD];
		memcpy(greeting + 12, mechanisms[i], strlen(mechanisms[i]));
		f->counts = (struct gate_counts) { 0 };
		crowd_open(crowd, CROWD, f->port, greeting, sizeof(greeting));
		gated_wait_for(f, &f->counts.strangers, CROWD);
		crowd_close(crowd, CROWD);
		gated_gets_in(f, &f->alice, "alice");
		gated_take_counts(f);
		assert_int_equal(f->counts.strangers, CROWD);
		assert_int_equal(f->counts.broken, 0); /* none is counted twice */
	}
}

static void test_gate_counts_those_that_hang_up(void **state)
{
	struct gated *f = *state;
	int crowd[CROWD];
	crowd_open(crowd, CROWD, f->port, NULL, 0);
	crowd_close(crowd, CROWD);
	gated_wait_for(f, &f->counts.broken, CROWD);
	gated_gets_in(f, &f->alice, "alice");
	gated_take_counts(f);
	assert_int_equal(f->counts.broken, CROWD);
}

static void test_gate_half_open_connections_keep_nobody_out(void **state)
{
	struct gated *f = *state;
	int crowd[CROWD], other[CROWD];
	crowd_open(crowd, CROWD, f->port, NULL, 0);
	crowd_open(other, CROWD, f->port, "\xff\0\0\0\0\0\0\0\1\x7f\3", 11);
	gated_gets_in(f, &f->alice, "alice");
	gated_take_counts(f);
	assert_true(f->counts.broken < 2 * CROWD); /* they were still there */
	gated_wait_for(f, &f->counts.broken, 2 * CROWD);
	gated_gets_in(f, &f->alice, "alice");
	crowd_close(crowd, CROWD);
	crowd_close(other, CROWD);
	gated_take_counts(f);
	assert_int_equal(f->counts.broken, 2 * CROWD);
}

/* The end of a friend's connection is none of its failures. */
static void test_gate_does_not_count_friends_that_leave(void **state)
{
	struct gated *f = *state;
	for (int i = 0; i < 20; i++)
		gated_gets_in(f, i % 2 ? &f->alice : &f->bob, i % 2 ? "alice" : "bob");
	int crowd[1];
	crowd_open(crowd, 1, f->port, "x", 1);
	gated_wait_for(f, &f->counts.broken, 1);
	crowd_close(crowd, 1);
	gated_take_counts(f);
	assert_int_equal(f->counts.broken, 1);
	assert_int_equal(f->counts.strangers, 0);
}

/* Out of descriptors ZeroMQ tries to accept in a loop: that is one thing that failed. */
static void test_gate_survives_the_end_of_descriptors(void **state)
{
	struct gated *f = *state;
	crowd_without_descriptors(f->port);
	gated_wait_for(f, &f->counts.broken, 1);
	crowd_with_descriptors();
	gated_gets_in(f, &f->alice, "alice");
	gated_take_counts(f);
	assert_in_range(f->counts.broken, 1, CROWD);
}

/* Requests that libzmq does not make, from inside: each is answered, and none is the last. */
static void test_gate_answers_malformed_requests(void **state)
{
	static char long_frame[10000];
	static const char *const frames[] = { "1.0", "1", "results", "127.0.0.1", "", "CURVE" };
	struct gated *f = *state;
	memset(long_frame, 'x', sizeof(long_frame));
	for (int count = 1; count <= 20; count++) {
		for (int odd = -1; odd < count; odd++) {
			void *asker = zmq_socket(socket_context_raw(f->context), ZMQ_REQ);
			int patience_ms = DEADLINE_MS;
			char code[8] = "";
			assert_int_equal(
				zmq_setsockopt(asker, ZMQ_RCVTIMEO, &patience_ms, sizeof(int)), 0);
			assert_int_equal(zmq_connect(asker, "inproc://zeromq.zap.01"), 0);
			for (int i = 0; i < count; i++) {
				const char *text = i < 6 ? frames[i] : "short";
				int more = i + 1 < count ? ZMQ_SNDMORE : 0;
				size_t size = i == odd ? sizeof(long_frame) : strlen(text);
				assert_int_equal(
					zmq_send(asker, i == odd ? long_frame : text, size, more),
					size);
			}
			for (int i = 0; i < 3; i++)
				assert_true(zmq_recv(asker, code, sizeof(code) - 1, 0) >= 0);
			bool cut = count < 6 || odd == 0;
			assert_string_equal(code, cut ? "500" : "400");
			assert_int_equal(zmq_close(asker), 0);
		}
	}
	gated_gets_in(f, &f->alice, "alice");
}

/* One with an allowed key, as libzmq asks; what the name of the socket makes of the answer. */
static void assert_domain(struct gated *f, const char *domain, const char *expected)
{
	const char *const frames[] = { "1.0", "1", domain, "127.0.0.1", "", "CURVE" };
	void *asker = zmq_socket(socket_context_raw(f->context), ZMQ_REQ);
	uint8_t key[32];
	char code[8] = "";
	assert_int_equal(zmq_connect(asker, "inproc://zeromq.zap.01"), 0);
	for (size_t i = 0; i < 6; i++)
		assert_true(zmq_send(asker, frames[i], strlen(frames[i]), ZMQ_SNDMORE) >= 0);
	assert_non_null(zmq_z85_decode(key, f->alice.public_key));
	assert_int_equal(zmq_send(asker, key, sizeof(key), 0), sizeof(key));
	for (int i = 0; i < 3; i++)
		assert_true(zmq_recv(asker, code, sizeof(code) - 1, 0) >= 0);
	assert_string_equal(code, expected);
	assert_int_equal(zmq_close(asker), 0);
}

static void test_gate_knows_the_masters_sockets_only(void **state)
{
	static const char *const bad[] = { "", "result", "resultss", "channel-", "channel-0",
		"channel- 1", "channel-+1", "channel--1", "channel-1x", "channel-1024",
		"channel-00001", "channel-4294967297", "channel-18446744073709551617", "Channel-1",
		"channel" };
	struct gated *f = *state;
	assert_domain(f, "results", "200");
	assert_domain(f, "state", "200");
	assert_domain(f, "depot", "200");
	assert_domain(f, "channel-1", "200");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_domain(f, bad[i], "400");
	gated_take_counts(f);
	assert_int_equal(f->counts.misdirected, sizeof(bad) / sizeof(bad[0]));
}

/* In the middle of a storm of failing connections; it would hang if an event was not read. */
static void test_gate_closes_in_a_storm(void **state)
{
	struct gated *f = *state;
	for (int i = 0; i < STORMS; i++) {
		int crowd[CROWD], other[CROWD];
		crowd_open(crowd, CROWD, f->port, "GET /", 5);
		crowd_open(other, CROWD, f->port + 1, "GET /", 5);
		socket_close(f->results);
		socket_close(f->state);
		gate_close(f->gate);
		socket_context_close(f->context);
		crowd_close(crowd, CROWD);
		crowd_close(other, CROWD);
		f->context = socket_context_open(&f->err);
		socket_context_secure(f->context, &f->master, NULL);
		f->gate = gate_open(f->context, f->list, &f->err);
		assert_non_null(f->gate);
		gated_open_sockets(f);
		gated_must(f, gate_watch(f->gate, f->results, &f->err));
		gated_must(f, gate_watch(f->gate, f->state, &f->err));
	}
	gated_gets_in(f, &f->alice, "alice");
}

/* What the owner asks for while strangers are judged: for the thread sanitizer. */
static void test_gate_serves_its_owner_meanwhile(void **state)
{
	struct gated *f = *state;
	struct stranger s = stranger_open(ZMQ_PUSH);
	struct timespec times[2] = { { 0, UTIME_OMIT }, { 0, 0 } };
	stranger_curve(s, f->stranger.public_key, f->stranger.secret_key, f->master.public_key);
	stranger_connect(f, s, ENDPOINT_RESULTS);
	int64_t end = deadline_start();
	while (f->counts.strangers < 1) {
		deadline_check(end);
		times[1].tv_sec++;
		assert_int_equal(utimensat(AT_FDCWD, f->list, times, 0), 0);
		assert_int_equal(gate_refresh(f->gate, &f->err), 1);
		gate_assign(f->gate, ALICES, times[1].tv_sec % 2 ? "bob" : "alice");
		assert_true(gate_allows(f->gate, "bob"));
		gated_take_counts(f);
	}
	stranger_close(s);
	gated_gets_in(f, &f->alice, "alice");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, gated_setup, gated_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_gate_counts_garbage),
		CASE(test_gate_counts_broken_handshakes),
		CASE(test_gate_counts_other_mechanisms_as_strangers),
		CASE(test_gate_counts_those_that_hang_up),
		CASE(test_gate_half_open_connections_keep_nobody_out),
		CASE(test_gate_does_not_count_friends_that_leave),
		CASE(test_gate_survives_the_end_of_descriptors),
		CASE(test_gate_answers_malformed_requests),
		CASE(test_gate_knows_the_masters_sockets_only),
		CASE(test_gate_closes_in_a_storm),
		CASE(test_gate_serves_its_owner_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
