/* SPDX-License-Identifier: MIT */
#include "common/endpoint.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IPC "ipc:"

enum { HOST_MAX = 256, PORT_MAX = 65535, PORT_DIGITS_MAX = 5 };

/* An address of TCP in its parts; the brackets of IPv6 stay outside. */
struct parts {
	char host[HOST_MAX];
	bool brackets;
	uint32_t port;
};

static bool is_folder(const char *address)
{
	return strncmp(address, IPC, strlen(IPC)) == 0;
}

static bool parse_port(const char *text, uint32_t *port)
{
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > PORT_DIGITS_MAX || text[digits] != '\0')
		return false;
	*port = (uint32_t)strtoul(text, NULL, 10);
	return *port >= 1 && *port <= PORT_MAX;
}

/* What may stand in a host: nothing that ZeroMQ would read as more than a host. */
static bool host_is_plain(const struct parts *parts)
{
	struct in6_addr in6;
	if (parts->brackets)
		return inet_pton(AF_INET6, parts->host, &in6) == 1;
	if (strcmp(parts->host, "*") == 0)
		return true;
	for (const char *c = parts->host; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
			return false;
	}
	return parts->host[0] != '\0';
}

static bool parse(const char *address, struct parts *parts)
{
	const char *colon = strrchr(address, ':');
	const char *host = address;
	size_t length = colon ? (size_t)(colon - address) : 0;
	if (length == 0 || !parse_port(colon + 1, &parts->port))
		return false;
	parts->brackets = host[0] == '[' && host[length - 1] == ']';
	if (parts->brackets) {
		host++;
		length -= 2;
	}
	if (length >= sizeof(parts->host))
		return false;
	memcpy(parts->host, host, length);
	parts->host[length] = '\0';
	return host_is_plain(parts);
}

static int check_folder(const char *address, struct error *err)
{
	if (address[strlen(IPC)] != '/')
		return error_set(err, ERROR_USAGE, "'%s' is no address: ipc:/FOLDER is", address);
	if (strlen(address) >= ENDPOINT_FOLDER_MAX)
		return error_set(err, ERROR_LIMIT, "address '%s' is longer than %d bytes", address,
			ENDPOINT_FOLDER_MAX - 1);
	return 0;
}

int endpoint_check(const char *address, uint32_t channels, struct error *err)
{
	struct parts parts;
	uint64_t last = ENDPOINT_PORT_CHANNELS - 1 + (uint64_t)channels;
	if (is_folder(address))
		return check_folder(address, err);
	if (!parse(address, &parts))
		return error_set(err, ERROR_USAGE,
			"'%s' is no address: HOST:PORT is, or [IPv6]:PORT", address);
	if (parts.port + last > PORT_MAX)
		return error_set(err, ERROR_USAGE,
			"'%s': ports %u to %" PRIu64 " are needed, and they end at %d", address,
			parts.port, parts.port + last, PORT_MAX);
	return 0;
}

static void make_folder(char *text, const char *folder, enum endpoint_part part, uint32_t channel)
{
	static const char *const names[] = {
		[ENDPOINT_RESULTS] = "results",
		[ENDPOINT_STATE] = "state",
		[ENDPOINT_DEPOT] = "depot",
		[ENDPOINT_CHANNEL] = "channel",
	};
	char number[16] = "";
	if (part == ENDPOINT_CHANNEL)
		(void)snprintf(number, sizeof(number), "-%u", channel); /* fits */
	(void)snprintf(text, ENDPOINT_MAX, "ipc://%s/%s%s", folder, names[part], number);
}

void endpoint_make(
	char text[ENDPOINT_MAX], const char *address, enum endpoint_part part, uint32_t channel)
{
	static const uint32_t ports[] = {
		[ENDPOINT_RESULTS] = ENDPOINT_PORT_RESULTS,
		[ENDPOINT_STATE] = ENDPOINT_PORT_STATE,
		[ENDPOINT_DEPOT] = ENDPOINT_PORT_DEPOT,
		[ENDPOINT_CHANNEL] = ENDPOINT_PORT_CHANNELS,
	};
	struct parts parts;
	if (is_folder(address)) {
		make_folder(text, address + strlen(IPC), part, channel);
		return;
	}
	bool good = parse(address, &parts);
	assert(good);
	/* ZeroMQ binds to no names, this one apart it would take them for interfaces */
	const char *host = strcmp(parts.host, "localhost") == 0 ? "127.0.0.1" : parts.host;
	uint32_t port = parts.port + ports[part] + (part == ENDPOINT_CHANNEL ? channel : 0);
	(void)snprintf(text, ENDPOINT_MAX, "tcp://%s%s%s:%u", parts.brackets ? "[" : "", host,
		parts.brackets ? "]" : "", port);
}

bool endpoint_is_tcp(const char *address)
{
	return !is_folder(address);
}

bool endpoint_is_ipv6(const char *address)
{
	return address[0] == '[';
}

bool endpoint_is_private(const char *address)
{
	struct parts parts;
	struct in_addr in4;
	struct in6_addr in6;
	if (is_folder(address))
		return true;
	if (!parse(address, &parts))
		return false;
	if (parts.brackets)
		return inet_pton(AF_INET6, parts.host, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6);
	if (inet_pton(AF_INET, parts.host, &in4) == 1)
		return ntohl(in4.s_addr) >> 24 == 127;
	return strcmp(parts.host, "localhost") == 0;
}
