/* SPDX-License-Identifier: MIT */
/*
 * Each cargo is a row of pieces of which DEPOT_WINDOW may be on their way. What was lost is asked
 * for or sent again from the first piece that is missing; what comes out of order is dropped.
 */
#include "worker/carrier_depot.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/depot.h"
#include "common/memory.h"

enum {
	AGAIN_MS = 2000,    /* without an answer: once more */
	GIVE_UP_MS = 60000, /* the same: it has failed */
};

/* A cargo on its way. */
struct trip {
	struct trip *before, *behind;
	struct cargo *cargo;
	uint64_t asked; /* bytes that were asked for, or sent */
	uint64_t done;  /* bytes that have come, or arrived */
	uint64_t total;
	bool known; /* total is; of an output from the beginning */
	int64_t begun_ms;
	int64_t moved_ms; /* the last time that it came closer to its end */
	int64_t asked_ms; /* the last time that something was said */
};

struct carrier_depot {
	struct socket *socket;
	struct wire_header header;
	struct trip *first, *last;
	struct cargo *ended, **ended_last;
	struct depot_decoder *decoder;
	uint8_t *buffer; /* SOCKET_LARGE_MAX */
	uint8_t *piece;  /* DEPOT_PIECE_MAX */
};

struct carrier_depot *carrier_depot_new(void)
{
	struct carrier_depot *d = xcalloc(1, sizeof(*d));
	d->ended_last = &d->ended;
	return d;
}

void carrier_depot_free(struct carrier_depot *d)
{
	if (!d)
		return;
	assert(!d->first);
	carrier_depot_use(d, NULL, NULL);
	free(d);
}

void carrier_depot_use(
	struct carrier_depot *d, struct socket *socket, const struct wire_header *header)
{
	if (header)
		d->header = *header;
	socket_abandon(d->socket);
	d->socket = socket;
	free(d->buffer);
	free(d->piece);
	depot_decoder_free(d->decoder);
	d->buffer = socket ? xmalloc(SOCKET_LARGE_MAX) : NULL;
	d->piece = socket ? xmalloc(DEPOT_PIECE_MAX) : NULL;
	d->decoder = socket ? depot_decoder_new() : NULL;
}

static void unlink_trip(struct carrier_depot *d, struct trip *trip)
{
	*(trip->before ? &trip->before->behind : &d->first) = trip->behind;
	*(trip->behind ? &trip->behind->before : &d->last) = trip->before;
}

static void end(struct carrier_depot *d, struct trip *trip, const struct error *why)
{
	struct cargo *cargo = trip->cargo;
	cargo->why = why ? *why : (struct error) { .code = ERROR_NONE };
	cargo->duration_us = (uint32_t)(clock_ms() - trip->begun_ms) * 1000;
	if (cargo->way == CARGO_IN)
		cargo->bytes = trip->total;
	cargo->state = NULL;
	cargo->next = NULL;
	*d->ended_last = cargo;
	d->ended_last = &cargo->next;
	unlink_trip(d, trip);
	free(trip);
}

/* Roots are names and a colon; what has "//" behind it goes other ways. */
static bool takes(const void *self, const char *location)
{
	const struct carrier_depot *d = self;
	const char *colon = strchr(location, ':');
	return d->socket && colon && strncmp(colon, "://", 3) != 0;
}

/* 1 said, 0 not now, -1 failed. */
static int say(struct carrier_depot *d, const struct depot_message *message, struct error *err)
{
	size_t size = depot_pack(d->buffer, message);
	return socket_send_large(d->socket, NULL, d->buffer, size, err);
}

static int ask(struct carrier_depot *d, struct trip *trip, struct error *err)
{
	const struct job *job = trip->cargo->job;
	int status = 1;
	/* of a source nobody knows the size before its first piece has come */
	while (status > 0 && trip->asked < trip->done + DEPOT_WINDOW * (uint64_t)DEPOT_PIECE_MAX &&
		(trip->known ? trip->asked < trip->total : trip->asked == 0)) {
		const struct depot_message get = {
			.act = DEPOT_GET,
			.run = d->header.run,
			.epoch = d->header.epoch,
			.job = job->id,
			.attempt = job->attempt,
			.offset = trip->asked,
		};
		status = say(d, &get, err);
		if (status > 0) {
			trip->asked += DEPOT_PIECE_MAX;
			trip->asked_ms = clock_ms();
		}
	}
	return status < 0 ? -1 : 0;
}

static int read_piece(struct carrier_depot *d, int fd, uint64_t offset, size_t size)
{
	size_t done = 0;
	while (done < size) {
		ssize_t got = pread(fd, d->piece + done, size - done, (off_t)(offset + done));
		if (got == 0 || (got < 0 && errno != EINTR))
			return -1;
		done += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

static int send_pieces(struct carrier_depot *d, struct trip *trip, struct error *err)
{
	const struct cargo *cargo = trip->cargo;
	bool empty = trip->total == 0 && trip->asked_ms == 0;
	int status = 1;
	while (status > 0 && (trip->asked < trip->total || empty) &&
		trip->asked < trip->done + DEPOT_WINDOW * (uint64_t)DEPOT_PIECE_MAX) {
		uint64_t left = trip->total - trip->asked;
		size_t size = left < DEPOT_PIECE_MAX ? (size_t)left : DEPOT_PIECE_MAX;
		if (read_piece(d, cargo->fd, trip->asked, size))
			return error_errno(err, ERROR_IO, "read the output");
		const struct depot_message put = {
			.act = DEPOT_PUT,
			.run = d->header.run,
			.epoch = d->header.epoch,
			.job = cargo->job->id,
			.attempt = cargo->job->attempt,
			.offset = trip->asked,
			.total = trip->total,
			.data = d->piece,
			.size = size,
			.output = cargo->output,
			.width = size == left ? cargo->width : 0,
			.height = size == left ? cargo->height : 0,
		};
		status = say(d, &put, err);
		if (status > 0) {
			trip->asked += size;
			trip->asked_ms = clock_ms();
			empty = false;
		}
	}
	return status < 0 ? -1 : 0;
}

static int move(struct carrier_depot *d, struct trip *trip, struct error *err)
{
	return trip->cargo->way == CARGO_IN ? ask(d, trip, err) : send_pieces(d, trip, err);
}

static int begin(void *self, struct cargo *cargo, struct error *err)
{
	struct carrier_depot *d = self;
	struct trip *trip = xcalloc(1, sizeof(*trip));
	trip->cargo = cargo;
	trip->begun_ms = trip->moved_ms = clock_ms();
	trip->known = cargo->way == CARGO_OUT;
	trip->total = trip->known ? cargo->bytes : 0;
	trip->before = d->last;
	*(d->last ? &d->last->behind : &d->first) = trip;
	d->last = trip;
	cargo->state = trip;
	if (move(d, trip, err) == 0)
		return 0;
	unlink_trip(d, trip);
	free(trip);
	return -1;
}

static void drop(void *self, struct cargo *cargo)
{
	struct carrier_depot *d = self;
	struct trip *trip = cargo->state;
	if (trip) {
		unlink_trip(d, trip);
		free(trip);
		return;
	}
	/* it has ended, and was not taken yet */
	struct cargo **link = &d->ended;
	while (*link != cargo)
		link = &(*link)->next;
	*link = cargo->next;
	if (d->ended_last == &cargo->next)
		d->ended_last = link;
}

static struct cargo *take(void *self)
{
	struct carrier_depot *d = self;
	struct cargo *cargo = d->ended;
	if (!cargo)
		return NULL;
	d->ended = cargo->next;
	if (!d->ended)
		d->ended_last = &d->ended;
	return cargo;
}

static struct trip *find(struct carrier_depot *d, const struct depot_message *m)
{
	bool in = m->act == DEPOT_PIECE;
	for (struct trip *trip = d->first; trip; trip = trip->behind) {
		const struct cargo *cargo = trip->cargo;
		/* a failure ends either; a job has only one of them on its way at a time */
		if (cargo->job->id == m->job && cargo->job->attempt == m->attempt &&
			cargo->output == m->output &&
			(m->act == DEPOT_FAILED || in == (cargo->way == CARGO_IN)))
			return trip;
	}
	return NULL;
}

static int write_piece(int fd, const struct depot_message *m)
{
	size_t done = 0;
	while (done < m->size) {
		ssize_t put = pwrite(fd, m->data + done, m->size - done, (off_t)(m->offset + done));
		if (put < 0 && errno != EINTR)
			return -1;
		done += put > 0 ? (size_t)put : 0;
	}
	return 0;
}

/* What is wrong with a piece of a source; 0: nothing. */
static int check_piece(const struct trip *trip, const struct depot_message *m, struct error *why)
{
	if (m->total > CARGO_BYTES_MAX)
		return error_set(why, ERROR_LIMIT, "%llu bytes are more than the limit of %d bytes",
			(unsigned long long)m->total, CARGO_BYTES_MAX);
	if (trip->known && (m->total != trip->total || m->mtime_ns != trip->cargo->mtime_ns))
		return error_set(why, ERROR_IO, "the source changed while it was read");
	if (m->size == 0 && m->total > m->offset)
		return error_set(why, ERROR_PROTOCOL, "an empty piece of the source");
	return 0;
}

static void on_piece(struct carrier_depot *d, struct trip *trip, const struct depot_message *m)
{
	struct error why;
	if (m->offset != trip->done)
		return; /* it came before, or something before it was lost */
	int status = check_piece(trip, m, &why);
	if (status == 0 && write_piece(trip->cargo->fd, m))
		status = error_errno(&why, ERROR_IO, "keep the input");
	trip->known = true;
	trip->total = m->total;
	trip->cargo->mtime_ns = m->mtime_ns;
	trip->done += m->size;
	trip->moved_ms = clock_ms();
	if (status || trip->done == trip->total)
		end(d, trip, status ? &why : NULL);
}

static void on_stored(struct carrier_depot *d, struct trip *trip, const struct depot_message *m)
{
	if (m->offset > trip->done)
		trip->moved_ms = clock_ms();
	trip->done = m->offset <= trip->total ? m->offset : trip->total;
	if (trip->done == trip->total)
		end(d, trip, NULL);
}

static void on_message(struct carrier_depot *d, const struct depot_message *m)
{
	struct trip *trip = find(d, m);
	if (!trip)
		return; /* of one that was dropped */
	switch (m->act) {
	case DEPOT_PIECE:
		on_piece(d, trip, m);
		return;
	case DEPOT_STORED:
		on_stored(d, trip, m);
		return;
	case DEPOT_FAILED:
		end(d, trip, &m->why);
		return;
	case DEPOT_GET:
	case DEPOT_PUT:
		return; /* no depot says this */
	}
}

static int receive_all(struct carrier_depot *d, struct error *err)
{
	struct depot_message m;
	struct error strike;
	size_t size;
	int got = socket_receive_large(d->socket, NULL, d->buffer, &size, err);
	while (got > 0) {
		/* what makes no sense is asked for again, and in the end given up */
		if (depot_unpack(d->decoder, d->buffer, size, &m, &strike) == 0)
			on_message(d, &m);
		got = socket_receive_large(d->socket, NULL, d->buffer, &size, err);
	}
	return got;
}

/* Moves one on, begins it again where something was lost, or gives it up. */
static int push(struct carrier_depot *d, struct trip *trip, int64_t now_ms, struct error *err)
{
	struct error why;
	if (now_ms - trip->moved_ms >= GIVE_UP_MS) {
		(void)error_set(&why, ERROR_NETWORK, "the master's depot has not answered for %d s",
			GIVE_UP_MS / 1000);
		end(d, trip, &why);
		return 0;
	}
	if (now_ms - trip->moved_ms >= AGAIN_MS && now_ms - trip->asked_ms >= AGAIN_MS) {
		trip->asked = trip->done;
		trip->asked_ms = 0;
	}
	return move(d, trip, err);
}

static int step(void *self, int64_t now_ms, struct error *err)
{
	struct carrier_depot *d = self;
	if (!d->socket)
		return 0;
	if (receive_all(d, err) < 0)
		return -1;
	for (struct trip *trip = d->first; trip;) {
		struct trip *behind = trip->behind;
		if (push(d, trip, now_ms, err))
			return -1;
		trip = behind;
	}
	return 0;
}

static void poll_depot(const void *self, struct poll_item *items)
{
	const struct carrier_depot *d = self;
	items[0] = (struct poll_item) { .socket = d->socket, .fd = -1 };
}

static int64_t deadline_ms(const void *self)
{
	const struct carrier_depot *d = self;
	return d->first ? clock_ms() + AGAIN_MS / 4 : -1;
}

struct carrier carrier_depot(struct carrier_depot *depot)
{
	static const struct carrier_class class = {
		"depot",
		takes,
		begin,
		drop,
		take,
		poll_depot,
		deadline_ms,
		step,
	};
	return (struct carrier) { &class, depot };
}
