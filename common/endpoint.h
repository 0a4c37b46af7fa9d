/* SPDX-License-Identifier: MIT */
/*
 * Where a master is, and the endpoints of ZeroMQ that follow from it. Pure: no name is resolved.
 *
 * An address is "ipc:/FOLDER" (a private 0700 folder that holds the sockets: one host) or
 * "HOST:PORT" ("[::1]:PORT"; to listen on, HOST may be "*" or the name of an interface).
 */
#ifndef SCIAME_COMMON_ENDPOINT_H
#define SCIAME_COMMON_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum {
	ENDPOINT_FOLDER_MAX = 80,   /* bytes of an ipc address with the NUL: sun_path holds 108 */
	ENDPOINT_ADDRESS_MAX = 272, /* bytes of any address with the NUL: a name of 255, a port */
	ENDPOINT_MAX = ENDPOINT_ADDRESS_MAX + 32,
	/* TCP: ports of a master, counted from the one in its address */
	ENDPOINT_PORT_RESULTS = 0,
	ENDPOINT_PORT_STATE = 1,
	ENDPOINT_PORT_DEPOT = 2,
	ENDPOINT_PORT_CHANNELS = 5, /* the first; one for each worker at a time */
	ENDPOINT_CHANNELS_MAX = 1024,
};

enum endpoint_part {
	ENDPOINT_RESULTS,
	ENDPOINT_STATE,
	ENDPOINT_DEPOT,
	ENDPOINT_CHANNEL,
};

/* Whether the text has the form of an address; `channels` ports must fit behind that of TCP. */
int endpoint_check(const char *address, uint32_t channels, struct error *err);

/*
 * "ipc:///FOLDER/results" or "tcp://HOST:PORT" into text. channel: of ENDPOINT_CHANNEL, the number
 * of a socket in the folder or of a port, from 0. The address was checked.
 */
void endpoint_make(
	char text[ENDPOINT_MAX], const char *address, enum endpoint_part part, uint32_t channel);

bool endpoint_is_tcp(const char *address);

/* Whether its host is written as an IPv6 address: ZeroMQ has to be told. */
bool endpoint_is_ipv6(const char *address);

/*
 * Whether only this host can reach it: a folder, 127.0.0.0/8, ::1 or "localhost". Any other name
 * counts as public, whatever it resolves to.
 */
bool endpoint_is_private(const char *address);

#endif
