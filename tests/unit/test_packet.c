/* SPDX-License-Identifier: MIT */
/* Frames and descriptors between worker and lane. */
#include "worker/packet.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

static struct packet sent, got; /* 32 KiB each */
static struct error err;
static int ends[2];

static int setup(void **state)
{
	(void)state;
	memset(&sent, 0, sizeof(sent));
	memset(&got, 0, sizeof(got));
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		if (ends[i] >= 0)
			assert_int_equal(close(ends[i]), 0);
	}
	return 0;
}

static void close_end(int i)
{
	assert_int_equal(close(ends[i]), 0);
	ends[i] = -1;
}

static void fill(size_t size, uint8_t seed)
{
	sent.frame.size = size;
	for (size_t i = 0; i < size; i++)
		sent.frame.bytes[i] = (uint8_t)(i * 7 + seed);
}

static void assert_same_frame(void)
{
	assert_int_equal(got.frame.size, sent.frame.size);
	assert_memory_equal(got.frame.bytes, sent.frame.bytes, sent.frame.size);
}

static void test_packet_frames_arrive_whole(void **state)
{
	(void)state;
	static const size_t sizes[] = { 1, 100, WIRE_MESSAGE_MAX };
	for (size_t i = 0; i < 3; i++) {
		fill(sizes[i], (uint8_t)i);
		assert_int_equal(packet_send(ends[0], &sent, &err), 1);
		assert_int_equal(packet_receive(ends[1], &got, &err), 1);
		assert_same_frame();
		assert_int_equal(got.count, 0);
	}
}

static void test_packet_frames_keep_their_borders(void **state)
{
	(void)state;
	fill(10, 0);
	assert_int_equal(packet_send(ends[0], &sent, &err), 1);
	fill(20, 1);
	assert_int_equal(packet_send(ends[0], &sent, &err), 1);
	assert_int_equal(packet_receive(ends[1], &got, &err), 1);
	assert_int_equal(got.frame.size, 10);
	assert_int_equal(packet_receive(ends[1], &got, &err), 1);
	assert_same_frame();
}

static bool same_file(int a, int b)
{
	struct stat x, y;
	assert_int_equal(fstat(a, &x), 0);
	assert_int_equal(fstat(b, &y), 0);
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void test_packet_descriptors_travel_in_order(void **state)
{
	(void)state;
	int pipes[2];
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	fill(3, 0);
	sent.count = PACKET_DESCRIPTORS_MAX;
	for (size_t i = 0; i < sent.count; i++)
		sent.descriptors[i] = i == 1 ? ends[0] : pipes[0];
	assert_int_equal(packet_send(ends[0], &sent, &err), 1);
	assert_int_equal(packet_receive(ends[1], &got, &err), 1);
	assert_same_frame();
	assert_int_equal(got.count, PACKET_DESCRIPTORS_MAX);
	for (size_t i = 0; i < got.count; i++) {
		assert_int_not_equal(got.descriptors[i], sent.descriptors[i]);
		assert_true(same_file(got.descriptors[i], sent.descriptors[i]));
		assert_int_equal(fcntl(got.descriptors[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		assert_int_equal(close(got.descriptors[i]), 0);
	}
	assert_true(same_file(pipes[0], pipes[0])); /* the sender's are still open */
	assert_int_equal(close(pipes[0]), 0);
	assert_int_equal(close(pipes[1]), 0);
}

static void test_packet_none_there_is_no_failure(void **state)
{
	(void)state;
	assert_int_equal(packet_receive(ends[1], &got, &err), 0);
}

static void test_packet_full_socket_takes_no_more(void **state)
{
	(void)state;
	size_t count = 0;
	int status;
	fill(WIRE_MESSAGE_MAX, 0);
	while ((status = packet_send(ends[0], &sent, &err)) > 0)
		assert_true(++count < 1000);
	assert_int_equal(status, 0);
	assert_true(count > 0);
	assert_int_equal(packet_receive(ends[1], &got, &err), 1);
	assert_same_frame();
	assert_int_equal(packet_send(ends[0], &sent, &err), 1);
}

static void test_packet_end_of_the_other_side(void **state)
{
	(void)state;
	fill(5, 0);
	assert_int_equal(packet_send(ends[0], &sent, &err), 1);
	close_end(0);
	assert_int_equal(packet_receive(ends[1], &got, &err), 1); /* what was sent still comes */
	assert_same_frame();
	assert_int_equal(packet_receive(ends[1], &got, &err), -1);
	assert_int_equal(err.code, ERROR_LANE);
	assert_string_equal(err.message, "the other side of a lane is gone");
	assert_int_equal(packet_send(ends[1], &sent, &err), -1); /* and no signal */
	assert_int_equal(err.code, ERROR_LANE);
	assert_string_equal(err.message, "send to the other side of a lane: Broken pipe");
}

/* A packet longer than any of ours: refused, and its descriptors are not kept. */
static void test_packet_too_long_is_refused(void **state)
{
	(void)state;
	static uint8_t bytes[WIRE_MESSAGE_MAX + 1];
	assert_int_equal(send(ends[0], bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(packet_receive(ends[1], &got, &err), -1);
	assert_int_equal(err.code, ERROR_PROTOCOL);
	assert_string_equal(err.message, "a packet of a lane was cut");
}

static void test_packet_with_too_many_descriptors_is_refused(void **state)
{
	(void)state;
	enum { MANY = PACKET_DESCRIPTORS_MAX + 2 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * MANY)];
	} control = { 0 };
	char byte = 1;
	int descriptors[MANY];
	struct iovec bytes = { &byte, 1 };
	struct msghdr message = { .msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	for (size_t i = 0; i < MANY; i++)
		descriptors[i] = ends[0];
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(descriptors));
	memcpy(CMSG_DATA(header), descriptors, sizeof(descriptors));
	int before = dup(0);
	assert_int_equal(close(before), 0);
	assert_int_equal(sendmsg(ends[0], &message, 0), 1);
	assert_int_equal(packet_receive(ends[1], &got, &err), -1);
	assert_int_equal(err.code, ERROR_PROTOCOL);
	int after = dup(0);
	assert_int_equal(close(after), 0);
	assert_int_equal(before, after);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_packet_frames_arrive_whole),
		CASE(test_packet_frames_keep_their_borders),
		CASE(test_packet_descriptors_travel_in_order),
		CASE(test_packet_none_there_is_no_failure),
		CASE(test_packet_full_socket_takes_no_more),
		CASE(test_packet_end_of_the_other_side),
		CASE(test_packet_too_long_is_refused),
		CASE(test_packet_with_too_many_descriptors_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
