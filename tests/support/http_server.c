/* SPDX-License-Identifier: MIT */
#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"

enum {
	BACKLOG = 512,
	STACK_BYTES = 256 * 1024, /* of a thread: a request is 32 KiB */
	PRINT_MAX = 16384,        /* bytes of one http_print */
};

struct http_server {
	http_handler *handler;
	void *context;
	int listener;
	int stop; /* eventfd, readable from http_server_stop on */
	uint16_t port;
	pthread_t acceptor;
	pthread_mutex_t lock; /* of all below */
	unsigned requests, connections;
	pthread_t threads[HTTP_CONNECTIONS_MAX];
};

struct connection {
	struct http_server *server;
	int fd;
};

/* Waits for fd; -1 when the server stops or the time is over, else what poll saw. */
static int await(const struct http_server *server, int fd, short events, int wait_ms)
{
	struct pollfd items[] = { { .fd = server->stop, .events = POLLIN },
		{ .fd = fd, .events = events } };
	int got = poll(items, 2, wait_ms);
	if (got <= 0 || items[0].revents)
		return -1;
	return items[1].revents;
}

/* The head of the next request, byte for byte so that nothing of the one after it is taken. */
static bool read_head(struct http_request *request)
{
	size_t size = 0;
	while (size < sizeof(request->head) - 1) {
		if (await(request->server, request->fd, POLLIN, -1) < 0 ||
			recv(request->fd, request->head + size, 1, 0) != 1)
			return false;
		request->head[++size] = '\0';
		if (size >= 4 && memcmp(request->head + size - 4, "\r\n\r\n", 4) == 0)
			return sscanf(request->head, "%*s %16383s", request->path) == 1;
	}
	return false;
}

static void *serve(void *argument)
{
	struct connection *connection = argument;
	struct http_server *server = connection->server;
	struct http_request *request = xcalloc(1, sizeof(*request));
	request->server = server;
	request->context = server->context;
	request->fd = connection->fd;
	bool more = true;
	while (more && read_head(request)) {
		(void)pthread_mutex_lock(&server->lock);
		request->count = ++server->requests;
		(void)pthread_mutex_unlock(&server->lock);
		more = server->handler(request);
	}
	(void)close(connection->fd);
	free(connection);
	free(request);
	return NULL;
}

static void take(struct http_server *server, int fd)
{
	struct connection *connection = xcalloc(1, sizeof(*connection));
	*connection = (struct connection) { .server = server, .fd = fd };
	pthread_attr_t attributes;
	(void)pthread_attr_init(&attributes); /* can't fail on Linux */
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	(void)pthread_mutex_lock(&server->lock);
	bool taken = server->connections < HTTP_CONNECTIONS_MAX &&
		     pthread_create(&server->threads[server->connections], &attributes, serve,
			     connection) == 0;
	server->connections += taken;
	(void)pthread_mutex_unlock(&server->lock);
	(void)pthread_attr_destroy(&attributes);
	if (!taken) { /* the test will miss it */
		(void)close(fd);
		free(connection);
	}
}

static void *take_all(void *argument)
{
	struct http_server *server = argument;
	while (await(server, server->listener, POLLIN, -1) >= 0) {
		int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			take(server, fd);
	}
	return NULL;
}

struct http_server *http_server_start(http_handler *handler, void *context)
{
	struct http_server *server = xcalloc(1, sizeof(*server));
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->handler = handler;
	server->context = context;
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	server->stop = eventfd(0, EFD_CLOEXEC);
	assert_true(server->listener >= 0 && server->stop >= 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(server->listener, BACKLOG), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
	server->port = ntohs(address.sin_port);
	assert_int_equal(pthread_mutex_init(&server->lock, NULL), 0);
	assert_int_equal(pthread_create(&server->acceptor, NULL, take_all, server), 0);
	return server;
}

void http_server_stop(struct http_server *server)
{
	if (!server)
		return;
	assert_int_equal(eventfd_write(server->stop, 1), 0);
	assert_int_equal(pthread_join(server->acceptor, NULL), 0);
	for (unsigned i = 0; i < server->connections; i++)
		assert_int_equal(pthread_join(server->threads[i], NULL), 0);
	(void)close(server->listener);
	(void)close(server->stop);
	(void)pthread_mutex_destroy(&server->lock);
	free(server);
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->port;
}

unsigned http_server_connections(struct http_server *server)
{
	(void)pthread_mutex_lock(&server->lock);
	unsigned count = server->connections;
	(void)pthread_mutex_unlock(&server->lock);
	return count;
}

unsigned http_server_requests(struct http_server *server)
{
	(void)pthread_mutex_lock(&server->lock);
	unsigned count = server->requests;
	(void)pthread_mutex_unlock(&server->lock);
	return count;
}

bool http_send(const struct http_request *request, const void *bytes, size_t size)
{
	const char *rest = bytes;
	while (size > 0) {
		int events = await(request->server, request->fd, POLLOUT, -1);
		if (events < 0 || events & (POLLERR | POLLHUP))
			return false;
		ssize_t sent = send(request->fd, rest, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN)
			return false;
		rest += sent < 0 ? 0 : sent;
		size -= sent < 0 ? 0 : (size_t)sent;
	}
	return true;
}

bool http_print(const struct http_request *request, const char *format, ...)
{
	char text[PRINT_MAX];
	va_list list;
	va_start(list, format);
	int size = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	return size >= 0 && size < PRINT_MAX && http_send(request, text, (size_t)size);
}

bool http_answer(const struct http_request *request, const char *status, const char *fields,
	const char *body)
{
	return http_print(request, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, fields,
		       strlen(body)) &&
	       http_send(request, body, strlen(body));
}

bool http_wait(const struct http_request *request, int wait_ms)
{
	struct pollfd items[] = { { .fd = request->server->stop, .events = POLLIN },
		{ .fd = request->fd, .events = POLLRDHUP } };
	return poll(items, 2, wait_ms) == 0;
}

bool http_has(const struct http_request *request, const char *line)
{
	size_t length = strlen(line);
	for (const char *at = strstr(request->head, "\r\n"); at; at = strstr(at + 2, "\r\n")) {
		if (strncasecmp(at + 2, line, length) == 0 &&
			strncmp(at + 2 + length, "\r\n", 2) == 0)
			return true;
	}
	return false;
}

bool http_reset(const struct http_request *request)
{
	struct linger linger = { .l_onoff = 1 };
	(void)setsockopt(request->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return false;
}
