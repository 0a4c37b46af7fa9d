/* SPDX-License-Identifier: MIT */
#include "tests/support/crowd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int late = -1;
static struct rlimit limit;

static int new_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	return fd;
}

static void connect_to(int fd, uint32_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
}

void crowd_open(int *connections, size_t count, uint32_t port, const char *bytes, size_t size)
{
	for (size_t i = 0; i < count; i++) {
		connections[i] = new_socket();
		connect_to(connections[i], port);
		/* whoever is hung up on already has been noticed */
		if (bytes)
			(void)send(connections[i], bytes, size, MSG_NOSIGNAL);
	}
}

void crowd_close(const int *connections, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(close(connections[i]), 0);
}

void crowd_without_descriptors(uint32_t port)
{
	late = new_socket();
	/* the lowest number that is free is the next one that would be used */
	int next = dup(late);
	assert_true(next >= 0);
	assert_int_equal(close(next), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	const struct rlimit none = { .rlim_cur = (rlim_t)next, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	connect_to(late, port);
}

void crowd_with_descriptors(void)
{
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(close(late), 0);
	late = -1;
}
