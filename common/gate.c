/* SPDX-License-Identifier: MIT */
/*
 * One thread with its own sockets: ZeroMQ's requests (REP), orders of the owner (PAIR), and the
 * monitors of watched sockets (PAIR). Monitors have to be read soon: ZeroMQ's thread waits at a
 * full one (1,000 events at each end), so what has come is read before anything else is done.
 */
#include "common/gate.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

#include "common/endpoint.h"
#include "common/memory.h"

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ORDERS_ENDPOINT "inproc://sciame-gate-orders"

enum {
	WATCHED_MAX = 8,
	EVENTS_MAX = 1000,       /* read from one monitor before requests get a turn */
	DESCRIPTORS_MAX = 65536, /* of connections; of those above not all that fails is counted */
	FRAME_MAX = 256, /* bytes of a frame of a request with a NUL; libzmq makes none so long */
	KEY_BYTES = 32,
};

#define CHANNEL "channel-"

/* The frames of a request, RFC 27. */
enum {
	FRAME_VERSION,
	FRAME_REQUEST,
	FRAME_DOMAIN,
	FRAME_ADDRESS,
	FRAME_IDENTITY,
	FRAME_MECHANISM,
	FRAME_KEY,
	FRAMES,
};

struct frame_text {
	size_t size;
	char bytes[FRAME_MAX]; /* and a NUL */
};

struct request {
	size_t count;
	struct frame_text frames[FRAMES];
};

/* Which file the list was read from last. */
struct stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec time;
};

/*
 * A watched socket. ZeroMQ tells of most that fails, and then that the connection has ended; of
 * those that don't speak its protocol at all it tells the end only. An end was a failure if nothing
 * became of any connection since this one was accepted.
 */
struct watch {
	void *monitor;
	bool told;             /* that it failed: the end that follows is not another one */
	bool can_not_accept;   /* since the last time that it could */
	uint32_t became;       /* how many got in, or were refused by the gate */
	uint32_t *accepted_at; /* by descriptor: `became` then, plus one */
};

struct gate {
	struct socket_context *context;
	pthread_t thread;
	void *zap, *orders; /* of the thread; orders_out is the owner's end */
	void *orders_out;
	struct watch watched[WATCHED_MAX];
	size_t watched_count, watches; /* of the thread; of the owner */
	char *path;
	struct stamp stamp;
	bool unreadable;       /* the list, which was told */
	pthread_mutex_t mutex; /* for what follows */
	struct allowed_keys *allowed;
	char owners[ENDPOINT_CHANNELS_MAX][KEYS_NAME_MAX]; /* of channels; "": nobody */
	struct gate_counts counts;
};

static int fail(struct error *err, const char *what)
{
	return error_set(err, ERROR_START, "%s: %s", what, zmq_strerror(zmq_errno()));
}

/* 0 a message, all of whose frames there are; those too many are counted, too long ones empty. */
static int receive(void *socket, struct request *request)
{
	int more = 1;
	*request = (struct request) { 0 };
	while (more) {
		struct frame_text spare;
		size_t size = sizeof(more);
		size_t at = request->count++;
		struct frame_text *frame = at < FRAMES ? &request->frames[at] : &spare;
		int got = zmq_recv(socket, frame->bytes, FRAME_MAX - 1, ZMQ_DONTWAIT);
		if (got < 0)
			return -1; /* nothing is there */
		frame->size = got < FRAME_MAX ? (size_t)got : 0;
		frame->bytes[frame->size] = '\0';
		if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size))
			return -1;
	}
	return 0;
}

static bool is(const struct request *request, size_t frame, const char *text)
{
	const struct frame_text *f = &request->frames[frame];
	return f->size == strlen(text) && memcmp(f->bytes, text, f->size) == 0;
}

/* Whether a domain is one of the master's, and whose channel it is: NULL for everybody's. */
static bool find_domain(const struct gate *gate, const struct request *request, const char **owner)
{
	const struct frame_text *domain = &request->frames[FRAME_DOMAIN];
	const char *digits = domain->bytes + strlen(CHANNEL);
	*owner = NULL;
	if (is(request, FRAME_DOMAIN, "results") || is(request, FRAME_DOMAIN, "state") ||
		is(request, FRAME_DOMAIN, "depot"))
		return true;
	size_t count = domain->size - strlen(CHANNEL);
	if (strncmp(domain->bytes, CHANNEL, strlen(CHANNEL)) != 0 || count < 1 || count > 4 ||
		strspn(digits, "0123456789") != count)
		return false;
	unsigned long channel = strtoul(digits, NULL, 10);
	if (channel >= ENDPOINT_CHANNELS_MAX)
		return false;
	*owner = gate->owners[channel];
	return true;
}

/* Under the mutex: the name of whoever is let in, or NULL. */
static const char *judge(struct gate *gate, const struct request *request)
{
	char key[KEYS_TEXT_SIZE];
	const char *owner;
	const struct frame_text *raw = &request->frames[FRAME_KEY];
	const char *name = NULL;
	if (request->count == FRAMES && is(request, FRAME_MECHANISM, "CURVE") &&
		raw->size == KEY_BYTES &&
		zmq_z85_encode(key, (const uint8_t *)raw->bytes, KEY_BYTES))
		name = allowed_keys_find(gate->allowed, key);
	if (!name) {
		gate->counts.strangers++;
		(void)snprintf(gate->counts.last, sizeof(gate->counts.last), "%.63s",
			request->frames[FRAME_ADDRESS].bytes);
		return NULL;
	}
	if (find_domain(gate, request, &owner) && (!owner || strcmp(owner, name) == 0))
		return name;
	gate->counts.misdirected++;
	return NULL;
}

/* A lost answer only makes ZeroMQ refuse: there is nothing to do about one. */
static void answer(
	struct gate *gate, const struct request *request, const char *code, const char *name)
{
	const struct frame_text *id = &request->frames[FRAME_REQUEST];
	void *zap = gate->zap;
	(void)zmq_send(zap, "1.0", strlen("1.0"), ZMQ_SNDMORE);
	(void)zmq_send(zap, id->bytes, id->size, ZMQ_SNDMORE);
	(void)zmq_send(zap, code, strlen(code), ZMQ_SNDMORE);
	(void)zmq_send(zap, name ? "" : "refused", name ? 0 : strlen("refused"), ZMQ_SNDMORE);
	(void)zmq_send(zap, name ? name : "", name ? strlen(name) : 0, ZMQ_SNDMORE);
	(void)zmq_send(zap, "", 0, 0);
}

static void on_request(struct gate *gate)
{
	char name[KEYS_NAME_MAX] = "";
	struct request request;
	if (receive(gate->zap, &request))
		return;
	if (request.count < FRAME_KEY || !is(&request, FRAME_VERSION, "1.0")) {
		answer(gate, &request, "500", NULL);
		return;
	}
	(void)pthread_mutex_lock(&gate->mutex); /* fails only when it is misused */
	const char *known = judge(gate, &request);
	if (known)
		(void)snprintf(name, sizeof(name), "%s", known);
	(void)pthread_mutex_unlock(&gate->mutex);
	answer(gate, &request, known ? "200" : "400", known ? name : NULL);
}

static bool ended_untold(struct watch *watch, uint32_t descriptor)
{
	if (descriptor >= DESCRIPTORS_MAX)
		return false;
	uint32_t accepted_at = watch->accepted_at[descriptor];
	watch->accepted_at[descriptor] = 0;
	return !watch->told && accepted_at == watch->became + 1;
}

/* Under the mutex. value: as zmq_socket_monitor(3) has it for each event. */
static void count(struct watch *watch, struct gate_counts *counts, int event, uint32_t value)
{
	switch (event) {
	case ZMQ_EVENT_ACCEPTED:
		watch->can_not_accept = false;
		if (value < DESCRIPTORS_MAX)
			watch->accepted_at[value] = watch->became + 1;
		return;
	case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
	case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: /* the gate counted it */
		watch->became++;
		return;
	case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
		watch->told = true;
		if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
			counts->strangers++;
		else
			counts->broken++;
		return;
	case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
		watch->told = true;
		counts->broken++;
		return;
	case ZMQ_EVENT_DISCONNECTED:
		counts->broken += ended_untold(watch, value);
		watch->told = false;
		return;
	case ZMQ_EVENT_ACCEPT_FAILED: /* tried again at once, thousands of times a second */
		counts->broken += !watch->can_not_accept;
		watch->can_not_accept = true;
		return;
	}
}

static void on_monitor(struct gate *gate, struct watch *watch)
{
	struct request event;
	uint16_t number;
	uint32_t value;
	for (int i = 0; i < EVENTS_MAX && receive(watch->monitor, &event) == 0; i++) {
		if (event.frames[0].size != sizeof(number) + sizeof(value))
			continue;
		memcpy(&number, event.frames[0].bytes, sizeof(number));
		memcpy(&value, event.frames[0].bytes + sizeof(number), sizeof(value));
		(void)pthread_mutex_lock(&gate->mutex); /* as above */
		count(watch, &gate->counts, number, value);
		(void)pthread_mutex_unlock(&gate->mutex);
	}
}

/* A monitor to read from now on, or NULL: the end. */
static bool on_order(struct gate *gate)
{
	void *monitor = NULL;
	if (zmq_recv(gate->orders, &monitor, sizeof(monitor), ZMQ_DONTWAIT) != (int)sizeof(monitor))
		return true;
	if (!monitor)
		return false;
	assert(gate->watched_count < WATCHED_MAX);
	gate->watched[gate->watched_count++] = (struct watch) {
		.monitor = monitor,
		/* pages of it take memory as descriptors get used */
		.accepted_at = xcalloc(DESCRIPTORS_MAX, sizeof(uint32_t)),
	};
	return true;
}

static void *run(void *argument)
{
	struct gate *gate = argument;
	bool open = true;
	while (open) {
		zmq_pollitem_t items[2 + WATCHED_MAX] = { { gate->orders, 0, ZMQ_POLLIN, 0 },
			{ gate->zap, 0, ZMQ_POLLIN, 0 } };
		size_t watched = gate->watched_count;
		for (size_t i = 0; i < watched; i++)
			items[2 + i] =
				(zmq_pollitem_t) { gate->watched[i].monitor, 0, ZMQ_POLLIN, 0 };
		if (zmq_poll(items, (int)(2 + watched), -1) < 0) {
			assert(zmq_errno() == EINTR); /* else the context went before the gate */
			continue;
		}
		for (size_t i = 0; i < watched; i++)
			on_monitor(gate, &gate->watched[i]);
		if (items[1].revents)
			on_request(gate);
		if (items[0].revents)
			open = on_order(gate);
	}
	for (size_t i = 0; i < gate->watched_count; i++) {
		(void)zmq_close(gate->watched[i].monitor); /* fails only for what is no socket */
		free(gate->watched[i].accepted_at);
	}
	return NULL;
}

static int open_socket(
	struct gate *gate, void **socket, int type, const char *endpoint, struct error *err)
{
	int linger_ms = 0;
	*socket = zmq_socket(socket_context_raw(gate->context), type);
	if (!*socket || zmq_setsockopt(*socket, ZMQ_LINGER, &linger_ms, sizeof(linger_ms)) ||
		zmq_bind(*socket, endpoint))
		return fail(err, endpoint);
	return 0;
}

static int connect_orders(struct gate *gate, struct error *err)
{
	gate->orders_out = zmq_socket(socket_context_raw(gate->context), ZMQ_PAIR);
	if (!gate->orders_out || zmq_connect(gate->orders_out, ORDERS_ENDPOINT))
		return fail(err, ORDERS_ENDPOINT);
	return 0;
}

static struct stamp stamp_of(const char *path)
{
	struct stat status;
	if (stat(path, &status))
		return (struct stamp) { 0 };
	return (struct stamp) { status.st_dev, status.st_ino, status.st_size, status.st_mtim };
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->time.tv_sec == b->time.tv_sec && a->time.tv_nsec == b->time.tv_nsec;
}

static void close_sockets(struct gate *gate)
{
	void *const sockets[] = { gate->zap, gate->orders, gate->orders_out };
	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		if (sockets[i])
			(void)zmq_close(sockets[i]); /* fails only for what is no socket */
	}
}

static void gate_free(struct gate *gate)
{
	close_sockets(gate);
	allowed_keys_free(gate->allowed);
	(void)pthread_mutex_destroy(&gate->mutex); /* nobody holds it */
	free(gate->path);
	free(gate);
}

/* Signals are for the owner's thread. */
static int start_thread(struct gate *gate)
{
	sigset_t all, before;
	(void)sigfillset(&all);                            /* always succeeds */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before); /* fails only for wrong arguments */
	int status = pthread_create(&gate->thread, NULL, run, gate);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return status;
}

struct gate *gate_open(struct socket_context *context, const char *allowed, struct error *err)
{
	struct gate *gate = xcalloc(1, sizeof(*gate));
	gate->context = context;
	gate->path = xstrdup(allowed);
	(void)pthread_mutex_init(&gate->mutex, NULL); /* always succeeds */
	gate->stamp = stamp_of(allowed);
	gate->allowed = allowed_keys_read(allowed, err);
	if (!gate->allowed || open_socket(gate, &gate->zap, ZMQ_REP, ZAP_ENDPOINT, err) ||
		open_socket(gate, &gate->orders, ZMQ_PAIR, ORDERS_ENDPOINT, err) ||
		connect_orders(gate, err)) {
		gate_free(gate);
		return NULL;
	}
	int status = start_thread(gate);
	if (status == 0)
		return gate;
	(void)error_set(err, ERROR_START, "start a thread: %s", strerrordesc_np(status));
	gate_free(gate);
	return NULL;
}

static void order(struct gate *gate, void *monitor)
{
	while (zmq_send(gate->orders_out, &monitor, sizeof(monitor), 0) < 0)
		assert(zmq_errno() == EINTR);
}

void gate_close(struct gate *gate)
{
	if (!gate)
		return;
	order(gate, NULL);
	(void)pthread_join(gate->thread, NULL); /* it was started, and joined once */
	gate_free(gate);
}

int gate_watch(struct gate *gate, struct socket *socket, struct error *err)
{
	char endpoint[64];
	assert(gate->watches < WATCHED_MAX);
	(void)snprintf(
		endpoint, sizeof(endpoint), "inproc://sciame-gate-watch-%zu", gate->watches++);
	void *monitor = zmq_socket(socket_context_raw(gate->context), ZMQ_PAIR);
	if (!monitor)
		return fail(err, endpoint);
	/* the reader first: see socket_monitor */
	if (zmq_connect(monitor, endpoint)) {
		(void)fail(err, endpoint);
		(void)zmq_close(monitor); /* it was never used */
		return -1;
	}
	if (socket_monitor(socket, endpoint, err)) {
		(void)zmq_close(monitor); /* as above */
		return -1;
	}
	order(gate, monitor);
	return 0;
}

void gate_assign(struct gate *gate, uint32_t channel, const char *name)
{
	assert(channel < ENDPOINT_CHANNELS_MAX);
	(void)pthread_mutex_lock(&gate->mutex); /* as above */
	(void)snprintf(gate->owners[channel], KEYS_NAME_MAX, "%s", name ? name : "");
	(void)pthread_mutex_unlock(&gate->mutex);
}

int gate_refresh(struct gate *gate, struct error *err)
{
	struct stamp stamp = stamp_of(gate->path);
	bool same = same_stamp(&stamp, &gate->stamp);
	if (same && !gate->unreadable)
		return 0;
	gate->stamp = stamp;
	struct allowed_keys *allowed = allowed_keys_read(gate->path, err);
	/* one that can't be read is tried again each time, and told of once */
	bool told = same && gate->unreadable;
	gate->unreadable = !allowed;
	if (!allowed)
		return told ? 0 : -1;
	(void)pthread_mutex_lock(&gate->mutex); /* as above */
	struct allowed_keys *old = gate->allowed;
	gate->allowed = allowed;
	(void)pthread_mutex_unlock(&gate->mutex);
	allowed_keys_free(old);
	return 1;
}

bool gate_allows(struct gate *gate, const char *name)
{
	(void)pthread_mutex_lock(&gate->mutex); /* as above */
	bool have = allowed_keys_have(gate->allowed, name);
	(void)pthread_mutex_unlock(&gate->mutex);
	return have;
}

void gate_take_counts(struct gate *gate, struct gate_counts *counts)
{
	(void)pthread_mutex_lock(&gate->mutex); /* as above */
	*counts = gate->counts;
	gate->counts = (struct gate_counts) { 0 };
	(void)pthread_mutex_unlock(&gate->mutex);
}
