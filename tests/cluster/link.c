/* SPDX-License-Identifier: MIT */
#include "tests/cluster/link.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memory.h"
#include "tests/cluster/flow.h"

enum { CHUNK = 64 << 10 }; /* bytes of one read */

/* One socket. What is read from it goes into `out` and on to the other side. */
struct side {
	struct watch watch;
	struct link *link;
	struct flow out;
	int fd;
	uint32_t wanted; /* what epoll is asked for */
	bool watched;    /* by epoll */
	bool ended;      /* nothing more comes from it */
	bool full;       /* it takes nothing until epoll says so */
	bool deaf;       /* it takes nothing any more */
	bool closed;     /* its sending half is handed on to the other side */
};

/* sides[LINK_UP] is the one whose bytes go up: who connected to us. */
struct link {
	struct traffic *traffic;
	struct side sides[LINK_WAYS];
	bool connecting, over;
};

static struct side *other(struct side *side)
{
	return &side->link->sides[side == &side->link->sides[LINK_UP] ? LINK_DOWN : LINK_UP];
}

static void reset_socket(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	/* where it fails the other end sees a FIN instead, and the test what it looks for not */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	(void)close(fd);
}

static void end_link(struct link *link, bool reset)
{
	for (int way = 0; way < LINK_WAYS; way++) {
		struct side *side = &link->sides[way];
		flow_clear(&side->out);
		if (side->fd >= 0 && reset)
			reset_socket(side->fd);
		else if (side->fd >= 0)
			(void)close(side->fd); /* both ways have ended before */
		side->fd = -1;
	}
	link->over = true;
}

/* Asks epoll for what can be dealt with, and no more: it would tell again and again. */
static void want(struct side *side)
{
	const struct link *link = side->link;
	const struct traffic *traffic = link->traffic;
	bool connecting = link->connecting && side == &link->sides[LINK_DOWN];
	uint32_t wanted = 0;
	if (link->over || !side->watched)
		return;
	if (!side->ended && !connecting &&
		side->out.held <
			(traffic->held < LINK_HELD_ALL_MAX ? LINK_HELD_MAX : LINK_HELD_MIN))
		wanted |= EPOLLIN;
	if (side->full || connecting)
		wanted |= EPOLLOUT;
	if (wanted == side->wanted)
		return;
	struct epoll_event event = { .events = wanted, .data.ptr = &side->watch };
	int failed = epoll_ctl(traffic->epoll, EPOLL_CTL_MOD, side->fd, &event);
	assert(!failed);
	side->wanted = wanted;
}

/* One read. False when there is nothing more now. */
static bool take_some(struct side *side)
{
	static char chunk[CHUNK];
	int64_t due_us = clock_us() + side->link->traffic->delay_us;
	if (side->ended)
		return false;
	ssize_t size = recv(side->fd, chunk, sizeof(chunk), 0);
	if (size > 0) {
		if (!other(side)->deaf)
			flow_put(&side->out, PACKET_DATA, due_us, chunk, (size_t)size);
		return true;
	}
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	side->ended = true;
	flow_put(&side->out, size == 0 ? PACKET_CLOSE : PACKET_BREAK, due_us, NULL, 0);
	return false;
}

/*
 * The socket is gone. What it had sent before counts; then the other side has to learn of it, also
 * when its sending half was closed in good order earlier.
 */
static void lose(struct side *side)
{
	side->deaf = true;
	side->full = false;
	flow_clear(&other(side)->out);
	while (take_some(side))
		;
	side->ended = true;
	flow_put(&side->out, PACKET_BREAK, clock_us() + side->link->traffic->delay_us, NULL, 0);
}

static void finish_connect(struct link *link)
{
	struct side *side = &link->sides[LINK_DOWN];
	int number = 0;
	socklen_t size = sizeof(number);
	if (getsockopt(side->fd, SOL_SOCKET, SO_ERROR, &number, &size))
		number = errno;
	if (number) {
		link->traffic->refused++;
		end_link(link, true);
		return;
	}
	link->connecting = false;
}

static void side_ready(struct watch *watch, uint32_t events)
{
	struct side *side = (struct side *)watch;
	struct link *link = side->link;
	if (link->over)
		return;
	if (link->connecting && side == &link->sides[LINK_DOWN]) {
		finish_connect(link);
		return;
	}
	if (events & EPOLLOUT)
		side->full = false;
	if (events & EPOLLIN)
		(void)take_some(side);
	if (events & (EPOLLHUP | EPOLLERR)) {
		while (take_some(side))
			;
		if (events & EPOLLERR && !side->deaf)
			lose(side);
		/* these events can't be switched off, and tell nothing new from now on */
		if (!side->ended)
			return;
		int failed = epoll_ctl(link->traffic->epoll, EPOLL_CTL_DEL, side->fd, NULL);
		assert(!failed);
		side->watched = false;
		side->full = false; /* what is sent from now on fails at once */
	}
}

/* False when the other side takes nothing now, or can't any more. */
static bool give_data(struct side *side, struct packet *packet)
{
	struct side *sink = other(side);
	struct traffic *traffic = side->link->traffic;
	size_t size = packet->size - packet->taken;
	int flags = MSG_NOSIGNAL;
	if (traffic->segment > 0) {
		size = size < traffic->segment ? size : traffic->segment;
		/* else what can't be sent at once travels in one segment with what comes next */
		flags |= MSG_EOR;
	}
	ssize_t sent = send(sink->fd, packet->data + packet->taken, size, flags);
	if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
		sink->full = true;
		return false;
	}
	if (sent < 0) {
		lose(sink);
		return false;
	}
	flow_take(&side->out, (size_t)sent);
	traffic->passed[side == &side->link->sides[LINK_UP] ? LINK_UP : LINK_DOWN] += (size_t)sent;
	/* one segment in a turn: so the receiver has a chance to see each by itself */
	return traffic->segment == 0;
}

static bool give(struct side *side, struct packet *packet)
{
	switch (packet->type) {
	case PACKET_DATA:
		return give_data(side, packet);
	case PACKET_CLOSE:
		/* fails where that socket is gone, which its own flow tells */
		(void)shutdown(other(side)->fd, SHUT_WR);
		side->closed = true;
		flow_take(&side->out, 0);
		return true;
	case PACKET_BREAK:
		end_link(side->link, true);
		return false;
	}
	return false;
}

/* Whether the first packet may go on when its time has come. */
static bool is_free(const struct link *link, int way)
{
	const struct side *sink = &link->sides[way == LINK_UP ? LINK_DOWN : LINK_UP];
	return link->sides[way].out.first && !link->traffic->cut[way] && !link->connecting &&
	       (!sink->full || link->sides[way].out.first->type == PACKET_BREAK);
}

void link_run(struct link *link, int64_t now_us)
{
	for (int way = 0; way < LINK_WAYS && !link->over; way++) {
		struct side *side = &link->sides[way];
		while (is_free(link, way) && side->out.first->due_us <= now_us)
			if (!give(side, side->out.first))
				break;
	}
	if (link->over)
		return;
	if (link->sides[LINK_UP].closed && link->sides[LINK_DOWN].closed &&
		!link->sides[LINK_UP].out.first && !link->sides[LINK_DOWN].out.first) {
		end_link(link, false);
		return;
	}
	want(&link->sides[LINK_UP]);
	want(&link->sides[LINK_DOWN]);
}

int64_t link_due_us(const struct link *link)
{
	int64_t due_us = -1;
	for (int way = 0; way < LINK_WAYS && !link->over; way++)
		if (is_free(link, way)) {
			int64_t mine = link->sides[way].out.first->due_us;
			due_us = due_us < 0 || mine < due_us ? mine : due_us;
		}
	return due_us;
}

size_t link_held(const struct link *link)
{
	return link->sides[LINK_UP].out.held + link->sides[LINK_DOWN].out.held;
}

void link_reset(struct link *link)
{
	link->traffic->resets++;
	end_link(link, true);
}

bool link_is_over(const struct link *link)
{
	return link->over;
}

void link_free(struct link *link)
{
	if (!link)
		return;
	end_link(link, true);
	free(link);
}

static int add(struct link *link, int way, int fd, uint32_t wanted)
{
	struct side *side = &link->sides[way];
	int yes = 1;
	*side = (struct side) {
		.watch.ready = side_ready,
		.link = link,
		.fd = fd,
		.wanted = wanted,
		.watched = true,
	};
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)))
		return -1;
	struct epoll_event event = { .events = wanted, .data.ptr = &side->watch };
	return epoll_ctl(link->traffic->epoll, EPOLL_CTL_ADD, fd, &event);
}

struct link *link_new(struct traffic *traffic, int near, const struct sockaddr_in *target)
{
	struct link *link = xcalloc(1, sizeof(*link));
	link->traffic = traffic;
	link->connecting = true;
	link->sides[LINK_UP].fd = near;
	link->sides[LINK_DOWN].fd = -1;
	int far = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (far < 0)
		goto out;
	link->sides[LINK_DOWN].fd = far;
	if (connect(far, (const struct sockaddr *)target, sizeof(*target)) && errno != EINPROGRESS)
		goto out;
	if (add(link, LINK_UP, near, EPOLLIN) || add(link, LINK_DOWN, far, EPOLLOUT))
		goto out;
	return link;
out:
	traffic->refused++;
	int number = errno;
	link_free(link);
	errno = number;
	return NULL;
}
