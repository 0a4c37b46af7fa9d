/* SPDX-License-Identifier: MIT */
/* TCP ports of 127.0.0.1 that nobody has, for a master of a test. */
#ifndef SCIAME_TESTS_SUPPORT_PORTS_H
#define SCIAME_TESTS_SUPPORT_PORTS_H

#include <stdint.h>

/*
 * The first of `count` free ports in a row, below those that the kernel gives to connections.
 * Another process may take one before the caller does: who opens them tries again with the next.
 */
uint32_t ports_find(uint32_t count);

#endif
