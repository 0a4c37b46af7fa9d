/* SPDX-License-Identifier: MIT */
/* Many plain TCP connections to a port of 127.0.0.1, of peers that do not speak ZeroMQ. */
#ifndef SCIAME_TESTS_SUPPORT_CROWD_H
#define SCIAME_TESTS_SUPPORT_CROWD_H

#include <stddef.h>
#include <stdint.h>

/* Connects `count` times and sends these bytes on each; NULL: nothing, which is half open. */
void crowd_open(int *connections, size_t count, uint32_t port, const char *bytes, size_t size);
void crowd_close(const int *connections, size_t count);

/* Connects once more and leaves this process no descriptor to accept it with; then it has again. */
void crowd_without_descriptors(uint32_t port);
void crowd_with_descriptors(void);

#endif
