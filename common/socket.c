/* SPDX-License-Identifier: MIT */
/* The only includer of zmq.h. */
#include "common/socket.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/memory.h"

#define IPC "ipc:"

enum {
	SOCKETS_MAX = 4096, /* of one context: three and a channel for each session */
	QUEUE_MAX = 1000,   /* messages queued by ZeroMQ where credits do not bound them */
	LINGER_MS = 2000,   /* how long close waits for results to leave */
	POLL_ITEMS_MAX = 16384,
};

struct socket {
	void *zmq;
	enum socket_role role;
};

struct socket_context {
	void *zmq;
};

struct role {
	int type;
	int send_max, receive_max; /* high-water marks; 0 is no limit */
	int linger_ms;
	bool binds;
	const char *name;
};

/* Channels have no high-water mark: credits bound them, and a mark of credit + 1 refuses sends
 * below the credit and costs a factor of 5 to 10. */
static const struct role roles[] = {
	[SOCKET_MASTER_RESULTS] = { ZMQ_PULL, 0, QUEUE_MAX, 0, true, "results" },
	[SOCKET_MASTER_STATE] = { ZMQ_PUB, QUEUE_MAX, 0, 0, true, "state" },
	[SOCKET_MASTER_CHANNEL] = { ZMQ_PUSH, 0, 0, 0, true, "channel" },
	[SOCKET_WORKER_RESULTS] = { ZMQ_PUSH, QUEUE_MAX, 0, LINGER_MS, false, "results" },
	[SOCKET_WORKER_STATE] = { ZMQ_SUB, 0, QUEUE_MAX, 0, false, "state" },
	[SOCKET_WORKER_CHANNEL] = { ZMQ_PULL, 0, 0, 0, false, "channel" },
};

static int fail(struct error *err, const char *what)
{
	int number = zmq_errno();
	return error_set(err, ERROR_NETWORK, "%s: %s", what, zmq_strerror(number));
}

struct socket_context *socket_context_open(struct error *err)
{
	void *zmq = zmq_ctx_new();
	if (!zmq || zmq_ctx_set(zmq, ZMQ_MAX_SOCKETS, SOCKETS_MAX)) {
		(void)fail(err, "start ZeroMQ");
		if (zmq)
			(void)zmq_ctx_term(zmq); /* nothing is open in it */
		return NULL;
	}
	struct socket_context *context = xmalloc(sizeof(*context));
	context->zmq = zmq;
	return context;
}

void socket_context_close(struct socket_context *context)
{
	if (!context)
		return;
	while (zmq_ctx_term(context->zmq) && zmq_errno() == EINTR) {
	}
	free(context);
}

struct endpoint {
	char text[SOCKET_ADDRESS_MAX + 32];
};

static int make_endpoint(struct endpoint *endpoint, const char *address, const struct role *role,
	uint32_t channel, struct error *err)
{
	if (strncmp(address, IPC, strlen(IPC)) != 0 || address[strlen(IPC)] != '/')
		return error_set(err, ERROR_USAGE, "a master's address is ipc:/DIRECTORY, not '%s'",
			address);
	if (strlen(address) >= SOCKET_ADDRESS_MAX)
		return error_set(err, ERROR_LIMIT, "address '%s' is longer than %d bytes", address,
			SOCKET_ADDRESS_MAX - 1);
	if (role == &roles[SOCKET_MASTER_CHANNEL] || role == &roles[SOCKET_WORKER_CHANNEL])
		(void)snprintf(endpoint->text, sizeof(endpoint->text), "ipc://%s/%s-%u",
			address + strlen(IPC), role->name, channel);
	else
		(void)snprintf(endpoint->text, sizeof(endpoint->text), "ipc://%s/%s",
			address + strlen(IPC), role->name);
	return 0;
}

static int set_options(void *zmq, const struct role *role, enum socket_role number)
{
	int64_t message_max = SOCKET_TOPIC_MAX + WIRE_MESSAGE_MAX;
	int on = 1, never = -1, handshake_ms = 2000;
	/* a channel is never connected again, so that no pause of either side may cut it */
	if (number == SOCKET_MASTER_CHANNEL || number == SOCKET_WORKER_CHANNEL)
		handshake_ms = 0;
	if (zmq_setsockopt(zmq, ZMQ_LINGER, &role->linger_ms, sizeof(int)) ||
		zmq_setsockopt(zmq, ZMQ_SNDHWM, &role->send_max, sizeof(int)) ||
		zmq_setsockopt(zmq, ZMQ_RCVHWM, &role->receive_max, sizeof(int)) ||
		zmq_setsockopt(zmq, ZMQ_MAXMSGSIZE, &message_max, sizeof(message_max)) ||
		zmq_setsockopt(zmq, ZMQ_HANDSHAKE_IVL, &handshake_ms, sizeof(int)))
		return -1;
	if (number == SOCKET_WORKER_RESULTS && zmq_setsockopt(zmq, ZMQ_IMMEDIATE, &on, sizeof(int)))
		return -1;
	if (number == SOCKET_WORKER_CHANNEL &&
		zmq_setsockopt(zmq, ZMQ_RECONNECT_IVL, &never, sizeof(int)))
		return -1;
	return 0;
}

struct socket *socket_open(struct socket_context *context, enum socket_role number,
	const char *address, uint32_t channel, struct error *err)
{
	const struct role *role = &roles[number];
	struct endpoint endpoint;
	if (make_endpoint(&endpoint, address, role, channel, err))
		return NULL;
	void *zmq = zmq_socket(context->zmq, role->type);
	if (!zmq || set_options(zmq, role, number) ||
		(role->binds ? zmq_bind(zmq, endpoint.text) : zmq_connect(zmq, endpoint.text))) {
		(void)fail(err, endpoint.text);
		if (zmq)
			(void)zmq_close(zmq); /* it was never used */
		return NULL;
	}
	struct socket *socket = xmalloc(sizeof(*socket));
	*socket = (struct socket) { zmq, number };
	return socket;
}

void socket_close(struct socket *socket)
{
	if (!socket)
		return;
	(void)zmq_close(socket->zmq); /* fails only for what is no socket */
	free(socket);
}

void socket_abandon(struct socket *socket)
{
	const int linger_ms = 0;
	/* fails only for what is no socket */
	if (socket)
		(void)zmq_setsockopt(socket->zmq, ZMQ_LINGER, &linger_ms, sizeof(linger_ms));
	socket_close(socket);
}

static int sent(int status, struct error *err)
{
	if (status >= 0)
		return 1;
	if (zmq_errno() == EAGAIN || zmq_errno() == EINTR)
		return 0;
	return fail(err, "send");
}

int socket_send(struct socket *socket, const struct frame *frame, struct error *err)
{
	return sent(zmq_send(socket->zmq, frame->bytes, frame->size, ZMQ_DONTWAIT), err);
}

int socket_publish(struct socket *socket, const void *topic, size_t topic_size,
	const struct frame *frame, struct error *err)
{
	uint8_t bytes[SOCKET_TOPIC_MAX + WIRE_MESSAGE_MAX];
	assert(socket->role == SOCKET_MASTER_STATE && topic_size <= SOCKET_TOPIC_MAX);
	memcpy(bytes, topic, topic_size);
	memcpy(bytes + topic_size, frame->bytes, frame->size);
	return sent(zmq_send(socket->zmq, bytes, topic_size + frame->size, ZMQ_DONTWAIT), err);
}

bool socket_writable(struct socket *socket)
{
	int events = 0;
	size_t size = sizeof(events);
	/* without a high-water mark a socket can be written as long as it has a peer */
	return zmq_getsockopt(socket->zmq, ZMQ_EVENTS, &events, &size) == 0 &&
	       (events & ZMQ_POLLOUT) != 0;
}

/* How many bytes in front of a published message are its topic. */
static size_t topic_size(const struct socket *socket, const uint8_t *bytes, size_t size)
{
	if (socket->role != SOCKET_WORKER_STATE || size == 0)
		return 0;
	return bytes[0] == 'W' ? SOCKET_TOPIC_MAX : 1;
}

/* The remaining parts of a message of which the first was just received. */
static bool has_more(struct socket *socket)
{
	int more = 0;
	size_t size = sizeof(more);
	return zmq_getsockopt(socket->zmq, ZMQ_RCVMORE, &more, &size) == 0 && more;
}

/* No message of ours has several parts: all of this one is dropped. */
static void drop_parts(struct socket *socket)
{
	char byte;
	while (has_more(socket) && zmq_recv(socket->zmq, &byte, sizeof(byte), ZMQ_DONTWAIT) >= 0) {
	}
}

int socket_receive(struct socket *socket, struct frame *frame, struct error *err)
{
	zmq_msg_t message;
	for (;;) {
		(void)zmq_msg_init(&message); /* always succeeds */
		if (zmq_msg_recv(&message, socket->zmq, ZMQ_DONTWAIT) < 0) {
			int number = zmq_errno();
			(void)zmq_msg_close(&message); /* it is empty */
			return number == EAGAIN || number == EINTR ? 0 : fail(err, "receive");
		}
		const uint8_t *bytes = zmq_msg_data(&message);
		size_t size = zmq_msg_size(&message);
		size_t topic = topic_size(socket, bytes, size);
		bool parts = has_more(socket);
		bool good = !parts && size >= topic && size - topic <= sizeof(frame->bytes);
		if (good) {
			frame->size = size - topic;
			memcpy(frame->bytes, bytes + topic, frame->size);
		}
		(void)zmq_msg_close(&message); /* it is a message: see above */
		if (parts)
			drop_parts(socket);
		if (good)
			return 1;
	}
}

int socket_subscribe(struct socket *socket, const void *topic, size_t size, struct error *err)
{
	assert(socket->role == SOCKET_WORKER_STATE);
	if (zmq_setsockopt(socket->zmq, ZMQ_SUBSCRIBE, topic, size))
		return fail(err, "subscribe");
	return 0;
}

int socket_poll(struct poll_item *items, size_t count, int64_t timeout_ms, struct error *err)
{
	assert(count <= POLL_ITEMS_MAX);
	zmq_pollitem_t *list = xcalloc(count, sizeof(*list));
	for (size_t i = 0; i < count; i++) {
		list[i].socket = items[i].socket ? items[i].socket->zmq : NULL;
		list[i].fd = items[i].fd;
		list[i].events = items[i].for_sending ? ZMQ_POLLOUT : ZMQ_POLLIN;
	}
	int status = zmq_poll(list, (int)count, timeout_ms < 0 ? -1 : (long)timeout_ms);
	int number = zmq_errno();
	for (size_t i = 0; i < count; i++)
		items[i].ready = status > 0 && list[i].revents != 0;
	free(list);
	if (status < 0 && number != EINTR)
		return error_set(err, ERROR_NETWORK, "wait for messages: %s", zmq_strerror(number));
	return 0;
}

int socket_remove(const char *address)
{
	const char *folder = address + strlen(IPC);
	DIR *list = strncmp(address, IPC, strlen(IPC)) == 0 ? opendir(folder) : NULL;
	if (!list)
		return -1;
	for (struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(list), entry->d_name, 0); /* rmdir tells */
	}
	(void)closedir(list); /* only read */
	return rmdir(folder);
}
