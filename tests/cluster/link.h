/* SPDX-License-Identifier: MIT */
/*
 * One connection through the proxy: two sockets, and a flow for each direction.
 *
 *     link_new -> events of epoll (watch.ready) and link_run, again and again -> link_is_over
 *     -> link_free
 *
 * An end that closes its sending half closes that half at the other end, after the same delay and
 * behind all bytes; an end that breaks (RST) breaks the other. What nobody takes waits here up to a
 * limit, then the proxy stops reading, so that the sender's own TCP makes it wait.
 */
#ifndef SCIAME_TESTS_CLUSTER_LINK_H
#define SCIAME_TESTS_CLUSTER_LINK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINK_UP, LINK_DOWN, LINK_WAYS }; /* to the target, and from it */

enum {
	LINK_HELD_MAX = 16 << 20, /* bytes that wait in one direction of one link */
	LINK_HELD_ALL_MAX =
		64 << 20, /* in all of them; beyond, each direction has its LINK_HELD_MIN */
	LINK_HELD_MIN = 128 << 10, /* so that those that nobody reads don't hold up the others */
};

/* What becomes ready in epoll; the event's pointer leads here. */
struct watch {
	void (*ready)(struct watch *watch, uint32_t events);
};

/* What all links share. */
struct traffic {
	int epoll;
	int64_t delay_us;    /* each way */
	size_t segment;      /* bytes sent at once at most; 0: as they come */
	bool cut[LINK_WAYS]; /* nothing goes on in this direction */
	size_t held;         /* bytes of memory that wait; the caller of link_run adds them up */
	unsigned long long passed[LINK_WAYS];
	unsigned long long refused; /* links whose target took no connection */
	unsigned long long resets;  /* by link_reset */
};

struct link;

/* Takes near, which was accepted; connects to target. NULL with errno: near is reset. */
struct link *link_new(struct traffic *traffic, int near, const struct sockaddr_in *target);

/* Hands on what is due. */
void link_run(struct link *link, int64_t now_us);

/* When link_run has something to do; -1: only after an event. */
int64_t link_due_us(const struct link *link);

size_t link_held(const struct link *link);

/* Both ends see a reset at once; what is on its way is lost. */
void link_reset(struct link *link);

bool link_is_over(const struct link *link);

/* Sockets that are still open are reset. NULL is accepted. Not while events of it may come. */
void link_free(struct link *link);

#endif
