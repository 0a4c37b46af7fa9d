/* SPDX-License-Identifier: MIT */
/*
 * An HTTP/1.1 server on loopback for one test, that misbehaves as its handler likes: a thread for
 * each connection calls the handler for each request until the handler or the client ends it.
 */
#ifndef SCIAME_TESTS_SUPPORT_HTTP_SERVER_H
#define SCIAME_TESTS_SUPPORT_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HTTP_REQUEST_MAX = 16384,    /* bytes of a request's head with a NUL */
	HTTP_CONNECTIONS_MAX = 1024, /* that one server takes in its life */
};

struct http_server;

struct http_request {
	struct http_server *server;
	void *context;  /* the handler's, of http_server_start */
	int fd;         /* the connection */
	unsigned count; /* which request of this server it is, from 1 */
	char path[HTTP_REQUEST_MAX];
	char head[HTTP_REQUEST_MAX]; /* request line and fields, as sent */
};

/* Answers with the functions below. false: the connection is to be closed. */
typedef bool http_handler(const struct http_request *request);

/* Listens on a port of 127.0.0.1 that the kernel chooses. Fails the test when it can't. */
struct http_server *http_server_start(http_handler *handler, void *context);
/* Ends all connections, also those whose handler is at work. */
void http_server_stop(struct http_server *server);

uint16_t http_server_port(const struct http_server *server);
/* How many connections and requests there have been. */
unsigned http_server_connections(struct http_server *server);
unsigned http_server_requests(struct http_server *server);

/* All of these return false when the client has gone or the server stops. */
bool http_send(const struct http_request *request, const void *bytes, size_t size);
bool http_print(const struct http_request *request, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A whole answer with its Content-Length; fields end with CRLF each. */
bool http_answer(const struct http_request *request, const char *status, const char *fields,
	const char *body);
/* Waits so long for the client to go or the server to stop; negative: for ever. */
bool http_wait(const struct http_request *request, int wait_ms);

/* Whether the request has this line, such as "If-None-Match: \"a\"". */
bool http_has(const struct http_request *request, const char *line);

/* Ends the connection with a reset instead of a regular end. Returns false. */
bool http_reset(const struct http_request *request);

#endif
