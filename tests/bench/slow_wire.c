/* SPDX-License-Identifier: MIT */
/*
 * A wire that takes its time: two network interfaces, "far0" in the network namespace that it is
 * started in and "near0" in a new one, which is its own. What is sent into one comes out of the
 * other DELAY_MS later, packet by packet, so that everything is delayed as by a real distance:
 * connecting, requests, acknowledgements, and the windows of TCP that grow by them. It stands for
 * netem, which many kernels don't have. A proxy would answer the client's connect at once.
 *
 *     slow_wire DELAY_MS      prints "ready", works until its stdin ends, prints what it did
 *
 * The interfaces carry segments unsplit, as network cards do, so that the wire costs little; for
 * TCP they count as packets of the interface's MTU all the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memory.h"

enum {
	PACKETS_MAX = 16384, /* under way in one direction; more are lost, and told at the end */
	PACKET_BYTES_MAX = 65536 + 512,
	DELAY_MS_MAX = 60000,
	US_PER_MS = 1000,
	US_PER_S = 1000000,
	NS_PER_US = 1000,
};

struct packet {
	int64_t due_us;
	char *data;
	size_t size;
};

/* One direction: what came in at `in` and is to go out at `out`, oldest at `first`. */
struct direction {
	int in, out;
	struct packet packets[PACKETS_MAX];
	size_t first, count;
	unsigned long long passed, lost, bytes;
};

static _Noreturn void fail(const char *what)
{
	(void)fprintf(stderr, "slow_wire: %s: %s\n", what, strerror(errno));
	exit(3);
}

static int open_interface(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		fail("open /dev/net/tun");
	(void)strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	if (ioctl(fd, TUNSETIFF, &request))
		fail(name);
	if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4))
		fail("carry segments unsplit");
	return fd;
}

static void take_in(struct direction *direction, int64_t delay_us)
{
	static char buffer[PACKET_BYTES_MAX];
	ssize_t size;
	while ((size = read(direction->in, buffer, sizeof(buffer))) > 0) {
		if (direction->count == PACKETS_MAX) {
			direction->lost++;
			continue;
		}
		size_t i = (direction->first + direction->count++) % PACKETS_MAX;
		struct packet *packet = &direction->packets[i];
		*packet = (struct packet) {
			.due_us = clock_us() + delay_us,
			.size = (size_t)size,
			.data = xmalloc((size_t)size),
		};
		memcpy(packet->data, buffer, (size_t)size);
	}
	if (size < 0 && errno != EAGAIN)
		fail("read");
}

/* Sends what is due; when the next packet is, or -1. */
static int64_t give_out(struct direction *direction)
{
	while (direction->count > 0) {
		struct packet *packet = &direction->packets[direction->first];
		if (packet->due_us > clock_us())
			return packet->due_us;
		/* an interface that isn't up yet loses what comes, like any other */
		ssize_t written = write(direction->out, packet->data, packet->size);
		if (written == (ssize_t)packet->size) {
			direction->passed++;
			direction->bytes += packet->size - sizeof(struct virtio_net_hdr);
		} else {
			direction->lost++;
		}
		free(packet->data);
		direction->first = (direction->first + 1) % PACKETS_MAX;
		direction->count--;
	}
	return -1;
}

static struct timespec *time_left(int64_t due_us, struct timespec *left)
{
	if (due_us < 0)
		return NULL;
	int64_t us = due_us - clock_us();
	us = us > 0 ? us : 0;
	left->tv_sec = us / US_PER_S;
	left->tv_nsec = us % US_PER_S * NS_PER_US;
	return left;
}

static int64_t sooner(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static void carry(struct direction *there, struct direction *back, int64_t delay_us)
{
	struct timespec left;
	struct pollfd polled[] = {
		{ .fd = there->in, .events = POLLIN },
		{ .fd = back->in, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};
	while (!polled[2].revents) {
		int64_t due_us = sooner(give_out(there), give_out(back));
		if (ppoll(polled, 3, time_left(due_us, &left), NULL) < 0 && errno != EINTR)
			fail("poll");
		take_in(there, delay_us);
		take_in(back, delay_us);
	}
}

int main(int argc, char **argv)
{
	long delay_ms = argc == 2 ? strtol(argv[1], NULL, 10) : -1;
	if (delay_ms < 0 || delay_ms > DELAY_MS_MAX) {
		(void)fprintf(stderr, "usage: slow_wire DELAY_MS\n");
		return 2;
	}
	struct direction *there = xcalloc(1, sizeof(*there)), *back = xcalloc(1, sizeof(*back));
	there->out = back->in = open_interface("far0");
	if (unshare(CLONE_NEWNET))
		fail("unshare");
	there->in = back->out = open_interface("near0");
	(void)puts("ready");
	(void)fflush(stdout);
	carry(there, back, delay_ms * US_PER_MS);
	(void)printf(
		"there %llu packets %llu bytes %llu lost, back %llu packets %llu bytes %llu lost\n",
		there->passed, there->bytes, there->lost, back->passed, back->bytes, back->lost);
	free(there);
	free(back);
	return 0;
}
