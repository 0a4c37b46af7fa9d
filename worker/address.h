/* SPDX-License-Identifier: MIT */
/*
 * Which network addresses a feed may be fetched from: those that are public. Pure.
 * Sources: the IANA special-purpose registries (RFC 6890 and its updates) for IPv4; for IPv6 only
 * global unicast 2000::/3 without the special blocks in it. Addresses that carry an IPv4 address
 * (mapped, NAT64, 6to4, Teredo, ISATAP) are judged by that one, too.
 */
#ifndef SCIAME_WORKER_ADDRESS_H
#define SCIAME_WORKER_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* false also for families other than AF_INET and AF_INET6. */
bool address_is_public(const struct sockaddr *address, socklen_t size);

/* "192.0.2.1" or "2001:db8::1", for messages; text has INET6_ADDRSTRLEN bytes. */
void address_text(const struct sockaddr *address, socklen_t size, char *text);

#endif
