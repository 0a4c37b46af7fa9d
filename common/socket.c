/* SPDX-License-Identifier: MIT */
/* Besides keys.c and gate.c the only includer of zmq.h. */
#include "common/socket.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/endpoint.h"
#include "common/memory.h"

enum {
	SOCKETS_MAX = 4096,   /* of one context: three and a channel for each session */
	QUEUE_MAX = 1000,     /* messages queued by ZeroMQ where credits do not bound them */
	LARGE_QUEUE_MAX = 64, /* the same of the depot, for each worker */
	LINGER_MS = 2000,     /* how long close waits for results to leave */
	POLL_ITEMS_MAX = 16384,
	/* TCP */
	/* Who takes longer is cut off: half-open connections. With CURVE it is four times there and
	 * back: 2 s were not enough for a satellite's 600 ms. */
	HANDSHAKE_MS = 5000,
	CHANNEL_HANDSHAKE_MS = 10000, /* the same where a pause of a friend costs its session */
	KEEPALIVE_IDLE_S = 10, /* a machine that is gone without a word is noticed after these */
	KEEPALIVE_PAUSE_S = 5,
	KEEPALIVE_COUNT = 3,
	RECONNECT_MS = 100,
	RECONNECT_MAX_MS = 1000,
	/* Refuses everybody where no gate answers. Debian's libzmq has the option, its header calls
	 * it a draft and hides the name. */
	ZAP_ENFORCE_DOMAIN = 93,
};

struct socket {
	void *zmq;
	enum socket_role role;
	bool monitored;
	char sender[WIRE_NAME_MAX];
};

struct socket_context {
	void *zmq;
	bool secure;
	struct key_pair own;
	char master_key[KEYS_TEXT_SIZE]; /* "": this is the master */
};

struct role {
	int type;
	int send_max, receive_max; /* high-water marks; 0 is no limit */
	int linger_ms;
	bool binds;
	enum endpoint_part part;
	const char *name;
};

/* Channels have no high-water mark: credits bound them, and a mark of credit + 1 refuses sends
 * below the credit and costs a factor of 5 to 10. */
static const struct role roles[] = {
	[SOCKET_MASTER_RESULTS] = { ZMQ_PULL, 0, QUEUE_MAX, 0, true, ENDPOINT_RESULTS, "results" },
	[SOCKET_MASTER_STATE] = { ZMQ_PUB, QUEUE_MAX, 0, 0, true, ENDPOINT_STATE, "state" },
	[SOCKET_MASTER_CHANNEL] = { ZMQ_PUSH, 0, 0, 0, true, ENDPOINT_CHANNEL, "channel" },
	[SOCKET_WORKER_RESULTS] = { ZMQ_PUSH, QUEUE_MAX, 0, LINGER_MS, false, ENDPOINT_RESULTS,
		"results" },
	[SOCKET_WORKER_STATE] = { ZMQ_SUB, 0, QUEUE_MAX, 0, false, ENDPOINT_STATE, "state" },
	[SOCKET_MASTER_DEPOT] = { ZMQ_ROUTER, LARGE_QUEUE_MAX, LARGE_QUEUE_MAX, 0, true,
		ENDPOINT_DEPOT, "depot" },
	[SOCKET_WORKER_DEPOT] = { ZMQ_DEALER, LARGE_QUEUE_MAX, LARGE_QUEUE_MAX, 0, false,
		ENDPOINT_DEPOT, "depot" },
	[SOCKET_WORKER_CHANNEL] = { ZMQ_PULL, 0, 0, 0, false, ENDPOINT_CHANNEL, "channel" },
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
	struct socket_context *context = xcalloc(1, sizeof(*context));
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

void *socket_context_raw(const struct socket_context *context)
{
	return context->zmq;
}

void socket_context_secure(
	struct socket_context *context, const struct key_pair *own, const char *master_key)
{
	context->secure = true;
	context->own = *own;
	if (master_key)
		memcpy(context->master_key, master_key, sizeof(context->master_key));
}

static bool is_depot(enum socket_role role)
{
	return role == SOCKET_MASTER_DEPOT || role == SOCKET_WORKER_DEPOT;
}

static bool is_channel(enum socket_role role)
{
	return role == SOCKET_MASTER_CHANNEL || role == SOCKET_WORKER_CHANNEL;
}

static int set(void *zmq, int option, int value)
{
	return zmq_setsockopt(zmq, option, &value, sizeof(value));
}

static int set_options(void *zmq, enum socket_role number)
{
	const struct role *role = &roles[number];
	int64_t message_max =
		is_depot(number) ? SOCKET_LARGE_MAX : SOCKET_TOPIC_MAX + WIRE_MESSAGE_MAX;
	if (set(zmq, ZMQ_LINGER, role->linger_ms) || set(zmq, ZMQ_SNDHWM, role->send_max) ||
		set(zmq, ZMQ_RCVHWM, role->receive_max) ||
		zmq_setsockopt(zmq, ZMQ_MAXMSGSIZE, &message_max, sizeof(message_max)))
		return -1;
	/* on one host a channel, which never reconnects, is not cut by a pause of either side */
	if (set(zmq, ZMQ_HANDSHAKE_IVL, is_channel(number) ? 0 : HANDSHAKE_MS))
		return -1;
	if ((number == SOCKET_WORKER_RESULTS || number == SOCKET_WORKER_DEPOT) &&
		set(zmq, ZMQ_IMMEDIATE, 1))
		return -1;
	if (number == SOCKET_WORKER_CHANNEL && set(zmq, ZMQ_RECONNECT_IVL, -1))
		return -1;
	return 0;
}

/* What is needed besides where the other side is another machine. */
static int set_network(void *zmq, enum socket_role number, const char *address)
{
	if (set(zmq, ZMQ_IPV6, endpoint_is_ipv6(address)) || set(zmq, ZMQ_TCP_KEEPALIVE, 1) ||
		set(zmq, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S) ||
		set(zmq, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_PAUSE_S) ||
		set(zmq, ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_COUNT))
		return -1;
	if (is_channel(number))
		return set(zmq, ZMQ_HANDSHAKE_IVL, CHANNEL_HANDSHAKE_MS);
	return set(zmq, ZMQ_RECONNECT_IVL, RECONNECT_MS) ||
			       set(zmq, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS)
		       ? -1
		       : 0;
}

static int set_keys(void *zmq, const struct socket_context *context, const char *domain)
{
	const struct key_pair *own = &context->own;
	if (zmq_setsockopt(zmq, ZMQ_CURVE_PUBLICKEY, own->public_key, KEYS_TEXT_SIZE) ||
		zmq_setsockopt(zmq, ZMQ_CURVE_SECRETKEY, own->secret_key, KEYS_TEXT_SIZE))
		return -1;
	if (context->master_key[0])
		return zmq_setsockopt(
			zmq, ZMQ_CURVE_SERVERKEY, context->master_key, KEYS_TEXT_SIZE);
	return zmq_setsockopt(zmq, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) ||
			       set(zmq, ZAP_ENFORCE_DOMAIN, 1) || set(zmq, ZMQ_CURVE_SERVER, 1)
		       ? -1
		       : 0;
}

static int set_all(void *zmq, const struct socket_context *context, enum socket_role number,
	const char *address, uint32_t channel)
{
	char domain[SOCKET_DOMAIN_MAX];
	if (set_options(zmq, number))
		return -1;
	if (!endpoint_is_tcp(address))
		return 0;
	if (set_network(zmq, number, address))
		return -1;
	(void)snprintf(domain, sizeof(domain), is_channel(number) ? "%s-%u" : "%s",
		roles[number].name, channel); /* fits */
	return context->secure ? set_keys(zmq, context, domain) : 0;
}

struct socket *socket_open(struct socket_context *context, enum socket_role number,
	const char *address, uint32_t channel, struct error *err)
{
	const struct role *role = &roles[number];
	char endpoint[ENDPOINT_MAX];
	uint32_t channels = channel < UINT32_MAX ? channel + 1 : channel;
	if (endpoint_check(address, is_channel(number) ? channels : 0, err))
		return NULL;
	endpoint_make(endpoint, address, role->part, channel);
	void *zmq = zmq_socket(context->zmq, role->type);
	if (!zmq || set_all(zmq, context, number, address, channel) ||
		(role->binds ? zmq_bind(zmq, endpoint) : zmq_connect(zmq, endpoint))) {
		(void)fail(err, endpoint);
		if (zmq)
			(void)zmq_close(zmq); /* it was never used */
		return NULL;
	}
	struct socket *socket = xcalloc(1, sizeof(*socket));
	socket->zmq = zmq;
	socket->role = number;
	return socket;
}

int socket_monitor(struct socket *socket, const char *endpoint, struct error *err)
{
	const int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_DISCONNECTED |
			   ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
			   ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
	if (zmq_socket_monitor(socket->zmq, endpoint, events))
		return fail(err, endpoint);
	socket->monitored = true;
	return 0;
}

void socket_close(struct socket *socket)
{
	if (!socket)
		return;
	/* ZeroMQ goes on with a closed socket for a while; an event that nobody reads any more
	 * would hold it up */
	if (socket->monitored)
		(void)zmq_socket_monitor(socket->zmq, NULL, 0); /* ending one can't fail */
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

/* The gate's answer travels with each message. */
static void note_sender(struct socket *socket, zmq_msg_t *message)
{
	const char *name = zmq_msg_gets(message, "User-Id");
	(void)snprintf(socket->sender, sizeof(socket->sender), "%s", name ? name : "");
}

const char *socket_sender(const struct socket *socket)
{
	return socket->sender;
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
			note_sender(socket, &message);
		}
		(void)zmq_msg_close(&message); /* it is a message: see above */
		if (parts)
			drop_parts(socket);
		if (good)
			return 1;
	}
}

int socket_send_large(struct socket *socket, const struct socket_peer *peer, const void *bytes,
	size_t size, struct error *err)
{
	assert((peer != NULL) == (socket->role == SOCKET_MASTER_DEPOT));
	/* a peer that is gone or full gets nothing: it asks again */
	if (peer)
		(void)zmq_send(socket->zmq, peer->bytes, peer->size, ZMQ_DONTWAIT | ZMQ_SNDMORE);
	return sent(zmq_send(socket->zmq, bytes, size, ZMQ_DONTWAIT), err);
}

/* One part of a message: 1 and its bytes, as far as there is room, 0 nothing there, -1 failed. */
static int receive_part(
	struct socket *socket, void *buffer, size_t max, size_t *size, struct error *err)
{
	int got = zmq_recv(socket->zmq, buffer, max, ZMQ_DONTWAIT);
	if (got < 0)
		return zmq_errno() == EAGAIN || zmq_errno() == EINTR ? 0 : fail(err, "receive");
	*size = (size_t)got;
	return 1;
}

int socket_receive_large(struct socket *socket, struct socket_peer *peer, void *buffer,
	size_t *size, struct error *err)
{
	bool routed = socket->role == SOCKET_MASTER_DEPOT;
	for (;;) {
		int status = 1;
		if (routed)
			status = receive_part(
				socket, peer->bytes, sizeof(peer->bytes), &peer->size, err);
		if (status <= 0)
			return status;
		bool whole = !routed || (has_more(socket) && peer->size <= sizeof(peer->bytes));
		if (whole)
			status = receive_part(socket, buffer, SOCKET_LARGE_MAX, size, err);
		if (status <= 0)
			return status;
		if (whole && !has_more(socket) && *size <= SOCKET_LARGE_MAX)
			return 1;
		drop_parts(socket);
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

int socket_remove(const char *folder)
{
	DIR *list = opendir(folder);
	if (!list)
		return -1;
	for (struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(list), entry->d_name, 0); /* rmdir tells */
	}
	(void)closedir(list); /* only read */
	return rmdir(folder);
}
