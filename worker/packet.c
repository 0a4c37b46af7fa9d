/* SPDX-License-Identifier: MIT */
#include "worker/packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * PACKET_DESCRIPTORS_MAX)];
};

int packet_send(int socket, const struct packet *packet, struct error *err)
{
	union control control = { 0 };
	struct iovec bytes = { (void *)packet->frame.bytes, packet->frame.size };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };
	size_t size = sizeof(int) * packet->count;
	if (packet->count) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(size);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(header), packet->descriptors, size);
	}
	for (;;) {
		if (sendmsg(socket, &message, MSG_NOSIGNAL) >= 0)
			return 1;
		if (errno == EAGAIN)
			return 0;
		if (errno != EINTR)
			return error_errno(err, ERROR_LANE, "send to the other side of a lane");
	}
}

static void take_descriptors(struct packet *packet, struct msghdr *message)
{
	packet->count = 0;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		packet->count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(packet->descriptors, CMSG_DATA(h), packet->count * sizeof(int));
	}
}

int packet_receive(int socket, struct packet *packet, struct error *err)
{
	union control control;
	struct iovec bytes = { packet->frame.bytes, sizeof(packet->frame.bytes) };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };
	ssize_t size;
	do {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control);
		size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	} while (size < 0 && errno == EINTR);
	if (size < 0 && errno == EAGAIN)
		return 0;
	if (size < 0)
		return error_errno(err, ERROR_LANE, "receive from the other side of a lane");
	if (size == 0)
		return error_set(err, ERROR_LANE, "the other side of a lane is gone");
	take_descriptors(packet, &message);
	packet->frame.size = (size_t)size;
	if (!(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 1;
	for (size_t i = 0; i < packet->count; i++)
		(void)close(packet->descriptors[i]); /* never used */
	return error_set(err, ERROR_PROTOCOL, "a packet of a lane was cut");
}
