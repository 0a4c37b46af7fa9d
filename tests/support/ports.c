/* SPDX-License-Identifier: MIT */
#include "tests/support/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/random.h"

enum { FIRST = 10000, LAST = 30000, TRIES = 1000 };

static bool is_free(uint32_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	bool bound = bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
	assert_int_equal(close(fd), 0);
	return bound;
}

uint32_t ports_find(uint32_t count)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t number, found = 0;
		random_bytes(&number, sizeof(number));
		uint32_t first = FIRST + number % (LAST - FIRST - count);
		while (found < count && is_free(first + found))
			found++;
		if (found == count)
			return first;
	}
	fail_msg("no %u free ports in a row", count);
	return 0;
}
