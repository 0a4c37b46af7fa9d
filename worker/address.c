/* SPDX-License-Identifier: MIT */
/* Two tables of what is not public, and the places where IPv6 addresses carry IPv4 ones. */
#include "worker/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * IANA IPv4 Special-Purpose Address Registry, and multicast. Blocks that are globally reachable
 * only as anycast services of the network (192.0.0.9, 192.88.99.0/24) count as special, too: no
 * feed is served from there.
 */
static const struct {
	uint32_t prefix;
	unsigned bits;
} special4[] = {
	{ 0x00000000, 8 },  /* 0.0.0.0/8, "this network": Linux connects to itself */
	{ 0x0A000000, 8 },  /* 10.0.0.0/8, private */
	{ 0x64400000, 10 }, /* 100.64.0.0/10, shared by carriers; metadata service of one cloud */
	{ 0x7F000000, 8 },  /* 127.0.0.0/8, loopback */
	{ 0xA9FE0000, 16 }, /* 169.254.0.0/16, link-local; metadata service of most clouds */
	{ 0xAC100000, 12 }, /* 172.16.0.0/12, private */
	{ 0xC0000000, 24 }, /* 192.0.0.0/24, protocol assignments */
	{ 0xC0000200, 24 }, /* 192.0.2.0/24, documentation */
	{ 0xC0586300, 24 }, /* 192.88.99.0/24, relays of 6to4, deprecated */
	{ 0xC0A80000, 16 }, /* 192.168.0.0/16, private */
	{ 0xC6120000, 15 }, /* 198.18.0.0/15, benchmarks */
	{ 0xC6336400, 24 }, /* 198.51.100.0/24, documentation */
	{ 0xCB007100, 24 }, /* 203.0.113.0/24, documentation */
	{ 0xE0000000, 4 },  /* 224.0.0.0/4, multicast */
	{ 0xF0000000, 4 },  /* 240.0.0.0/4, reserved, and broadcast */
};

/*
 * Inside 2000::/3, by the first 64 bits: IANA IPv6 Special-Purpose Address Registry. 2001::/23 is
 * refused as a whole but for Teredo: what is globally reachable in it are anycast services and
 * identifiers that are no addresses.
 */
static const struct {
	uint64_t prefix;
	unsigned bits;
} special6[] = {
	{ 0x2001000000000000, 23 }, /* 2001::/23, protocol assignments */
	{ 0x20010DB800000000, 32 }, /* 2001:db8::/32, documentation */
	{ 0x3FFF000000000000, 20 }, /* 3fff::/20, documentation (RFC 9637) */
};

static bool is_public4(uint32_t address)
{
	for (size_t i = 0; i < sizeof(special4) / sizeof(*special4); i++) {
		if ((address ^ special4[i].prefix) >> (32 - special4[i].bits) == 0)
			return false;
	}
	return true;
}

static bool is_global_unicast(uint64_t high)
{
	if (high >> 61 != 1) /* 2000::/3: the first three bits are 001 */
		return false;
	for (size_t i = 0; i < sizeof(special6) / sizeof(*special6); i++) {
		if ((high ^ special6[i].prefix) >> (64 - special6[i].bits) == 0)
			return false;
	}
	return true;
}

/* RFC 5214, 6.1: 0000:5EFE and the IPv4 address; the two bits for "universal" and "group" may be
 * set. */
static bool is_isatap(uint64_t low)
{
	return ((low >> 32) & ~UINT64_C(0x03000000)) == 0x5EFE;
}

/*
 * high and low: the halves of the address. A provider's own NAT64 or 6rd prefix can't be told from
 * any other global unicast prefix.
 */
static bool is_public6(uint64_t high, uint64_t low)
{
	if (high == 0 && low >> 32 == 0xFFFF) /* ::ffff:0:0/96, mapped: the kernel uses IPv4 */
		return is_public4((uint32_t)low);
	if (high == 0x0064FF9B00000000 && low >> 32 == 0) /* 64:ff9b::/96, NAT64 (RFC 6052) */
		return is_public4((uint32_t)low);
	if (high >> 32 == 0x20010000) /* 2001::/32, Teredo (RFC 4380, 4): server, client inverted */
		return is_public4((uint32_t)high) && is_public4(~(uint32_t)low);
	if (high >> 48 == 0x2002 && !is_public4((uint32_t)(high >> 16))) /* 6to4 (RFC 3056) */
		return false;
	if (is_isatap(low) && !is_public4((uint32_t)low))
		return false;
	return is_global_unicast(high);
}

bool address_is_public(const struct sockaddr *address, socklen_t size)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
	if (size >= sizeof(in4) && address->sa_family == AF_INET) {
		memcpy(&in4, address, sizeof(in4));
		return is_public4(ntohl(in4.sin_addr.s_addr));
	}
	if (size >= sizeof(in6) && address->sa_family == AF_INET6) {
		uint64_t halves[2];
		memcpy(&in6, address, sizeof(in6));
		memcpy(halves, &in6.sin6_addr, sizeof(halves));
		return is_public6(be64toh(halves[0]), be64toh(halves[1]));
	}
	return false;
}

void address_text(const struct sockaddr *address, socklen_t size, char *text)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
	const char *written = NULL;
	if (size >= sizeof(in4) && address->sa_family == AF_INET) {
		memcpy(&in4, address, sizeof(in4));
		written = inet_ntop(AF_INET, &in4.sin_addr, text, INET6_ADDRSTRLEN);
	} else if (size >= sizeof(in6) && address->sa_family == AF_INET6) {
		memcpy(&in6, address, sizeof(in6));
		written = inet_ntop(AF_INET6, &in6.sin6_addr, text, INET6_ADDRSTRLEN);
	} else {
		memcpy(text, "unknown", sizeof("unknown"));
		return;
	}
	assert(written); /* fails only for other families and too little room */
}
