/* SPDX-License-Identifier: MIT */
#include "master/entrance.h"

#include <assert.h>
#include <stdlib.h>

#include "common/endpoint.h"
#include "common/memory.h"

struct entrance {
	struct entrance_options options;
	struct socket_context *context;
	struct gate *gate; /* NULL: nobody is asked for a key */
	struct socket *results, *state, *depot;
	bool *taken; /* ports; NULL where there are none */
	uint32_t next;
};

static int open_gate(struct entrance *e, struct error *err)
{
	if (!e->options.keys)
		return 0;
	e->gate = gate_open(e->context, e->options.allowed, err);
	if (!e->gate)
		return -1;
	socket_context_secure(e->context, e->options.keys, NULL);
	return 0;
}

static int open_sockets(struct entrance *e, struct error *err)
{
	const char *address = e->options.address;
	e->results = socket_open(e->context, SOCKET_MASTER_RESULTS, address, 0, err);
	if (!e->results)
		return -1;
	e->state = socket_open(e->context, SOCKET_MASTER_STATE, address, 0, err);
	if (!e->state)
		return -1;
	if (e->options.depot)
		e->depot = socket_open(e->context, SOCKET_MASTER_DEPOT, address, 0, err);
	if (e->options.depot && !e->depot)
		return -1;
	if (!e->gate)
		return 0;
	return gate_watch(e->gate, e->results, err) || gate_watch(e->gate, e->state, err) ? -1 : 0;
}

struct entrance *entrance_open(const struct entrance_options *options, struct error *err)
{
	if (endpoint_check(options->address, options->channels, err))
		return NULL;
	struct entrance *e = xcalloc(1, sizeof(*e));
	e->options = *options;
	if (endpoint_is_tcp(options->address)) {
		assert(options->channels > 0 && options->channels <= ENDPOINT_CHANNELS_MAX);
		e->taken = xcalloc(options->channels, sizeof(*e->taken));
	}
	e->context = socket_context_open(err);
	if (e->context && open_gate(e, err) == 0 && open_sockets(e, err) == 0)
		return e;
	entrance_close(e);
	return NULL;
}

void entrance_close(struct entrance *e)
{
	if (!e)
		return;
	socket_close(e->results);
	socket_close(e->state);
	socket_close(e->depot);
	gate_close(e->gate);
	socket_context_close(e->context);
	free(e->taken);
	free(e);
}

bool entrance_is_remote(const struct entrance *e)
{
	return endpoint_is_tcp(e->options.address);
}

struct socket *entrance_results(const struct entrance *e)
{
	return e->results;
}

struct socket *entrance_state(const struct entrance *e)
{
	return e->state;
}

struct socket *entrance_depot(const struct entrance *e)
{
	return e->depot;
}

static struct socket *open_port(
	struct entrance *e, uint32_t port, const char *sender, struct error *err)
{
	if (e->gate)
		gate_assign(e->gate, port, sender);
	struct socket *socket =
		socket_open(e->context, SOCKET_MASTER_CHANNEL, e->options.address, port, err);
	if (!socket && e->gate)
		gate_assign(e->gate, port, NULL);
	return socket;
}

/* A port that was closed a moment ago, or that somebody else has, may not be had: then the next. */
static int take_port(
	struct entrance *e, const char *sender, struct channel *channel, struct error *err)
{
	(void)error_set(err, ERROR_LIMIT, "%u workers are here already; see --channels",
		e->options.channels);
	for (uint32_t i = 0; i < e->options.channels; i++) {
		uint32_t port = (e->next + i) % e->options.channels;
		if (e->taken[port])
			continue;
		channel->socket = open_port(e, port, sender, err);
		if (!channel->socket)
			continue;
		channel->port = port;
		e->taken[port] = true;
		e->next = port + 1;
		return 0;
	}
	return -1;
}

int entrance_open_channel(struct entrance *e, uint32_t number, const char *sender,
	struct channel *channel, struct error *err)
{
	*channel = (struct channel) { 0 };
	if (e->taken)
		return take_port(e, sender, channel, err);
	channel->socket =
		socket_open(e->context, SOCKET_MASTER_CHANNEL, e->options.address, number, err);
	return channel->socket ? 0 : -1;
}

void entrance_close_channel(struct entrance *e, struct channel *channel)
{
	socket_close(channel->socket);
	if (channel->socket && e->taken) {
		e->taken[channel->port] = false;
		if (e->gate)
			gate_assign(e->gate, channel->port, NULL);
	}
	channel->socket = NULL;
}

int entrance_refresh(struct entrance *e, struct error *err)
{
	return e->gate ? gate_refresh(e->gate, err) : 0;
}

bool entrance_allows(struct entrance *e, const char *sender)
{
	return !e->gate || gate_allows(e->gate, sender);
}

void entrance_take_counts(struct entrance *e, struct gate_counts *counts)
{
	*counts = (struct gate_counts) { 0 };
	if (e->gate)
		gate_take_counts(e->gate, counts);
}
