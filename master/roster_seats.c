/* SPDX-License-Identifier: MIT */
/* Who is there: sessions and their seats, the processes that they belong to, their connections. */
#include "master/roster_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

enum {
	READY_MS = 10000,   /* a seat without its Ready is given to others after this */
	CONNECTED_MS = 100, /* how often connections are looked at */
	EXPECTED_MS = 10,   /* the same while somebody is expected to go */
	EXPECT_MS = 1000,   /* and for how long somebody is */
	DRAIN_MS = 50,      /* from a broken connection to its end: what was sent is read by then */
	RETURN_MS = 1000,   /* so much later its process is taken for dead, if it came over TCP */
};

struct seat *roster_session(struct roster *r, const struct wire_id *session)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->seats[i].member.number &&
			memcmp(&r->seats[i].session, session, sizeof(*session)) == 0)
			return &r->seats[i];
	}
	return NULL;
}

struct seat *roster_seat(struct roster *r, uint32_t number)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->seats[i].member.number == number)
			return &r->seats[i];
	}
	return NULL;
}

const struct member *roster_find(const struct roster *r, uint32_t number)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->seats[i].member.number == number)
			return &r->seats[i].member;
	}
	return NULL;
}

const struct member *roster_find_local(const struct roster *r, uint32_t pid)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct member *member = &r->seats[i].member;
		if (member->number && !r->seats[i].superseded && member->pid == pid &&
			strcmp(member->name, r->host) == 0)
			return member;
	}
	return NULL;
}

struct node *roster_node(struct roster *r, const struct wire_id *instance)
{
	for (size_t i = 0; i < ROSTER_NODES_MAX && r->nodes[i].number; i++) {
		if (memcmp(&r->nodes[i].instance, instance, sizeof(*instance)) == 0)
			return &r->nodes[i];
	}
	struct node *node = &r->nodes[r->last_node % ROSTER_NODES_MAX];
	*node = (struct node) { .instance = *instance, .number = ++r->last_node };
	return node;
}

static struct seat *free_seat(struct roster *r)
{
	for (size_t i = 0; i < r->count; i++) {
		if (!r->seats[i].member.number)
			return &r->seats[i];
	}
	return r->count < ROSTER_MEMBERS_MAX ? &r->seats[r->count++] : NULL;
}

/* Sessions of a process that has just begun another one; a forged one was never active. */
static void supersede(struct roster *r, uint32_t node)
{
	for (size_t i = 0; i < r->count; i++) {
		struct seat *seat = &r->seats[i];
		if (seat->member.number && seat->member.node == node)
			seat->superseded = true;
	}
}

void roster_release(struct seat *seat)
{
	if (seat->entrance)
		entrance_close_channel(seat->entrance, &seat->channel);
	for (size_t i = 0; i < seat->given; i++)
		free(seat->copies[i]);
	free(seat->copies);
	free(seat->outbox);
	*seat = (struct seat) { 0 };
}

struct seat *roster_admit(
	struct roster *r, const struct message *hello, struct entrance *entrance, struct error *err)
{
	struct channel channel;
	const char *sender = socket_sender(entrance_results(entrance));
	uint32_t number = r->last_number + 1;
	struct seat *seat = free_seat(r);
	if (!seat) {
		(void)error_set(err, ERROR_LIMIT, "more than %d workers", ROSTER_MEMBERS_MAX);
		return NULL;
	}
	if (entrance_open_channel(entrance, number, sender, &channel, err))
		return NULL;
	r->last_number = number;
	uint32_t node = roster_node(r, &hello->instance)->number;
	supersede(r, node);
	*seat = (struct seat) {
		.member = { .number = number,
			.node = node,
			.lanes = hello->lanes,
			.pid = hello->pid,
			.remote = entrance_is_remote(entrance) },
		.welcomed_ms = clock_ms(),
		.session = hello->header.session,
		.instance = hello->instance,
		.entrance = entrance,
		.channel = channel,
	};
	(void)snprintf(seat->member.name, sizeof(seat->member.name), "%s", hello->text);
	(void)snprintf(seat->member.key, sizeof(seat->member.key), "%s", sender);
	(void)snprintf(seat->build, sizeof(seat->build), "%s", hello->build);
	return seat;
}

static bool takes_part(const struct seat *seat)
{
	return seat->member.number && seat->member.active && !seat->superseded;
}

size_t roster_count(const struct roster *r)
{
	size_t count = 0;
	for (size_t i = 0; i < r->count; i++)
		count += takes_part(&r->seats[i]);
	return count;
}

size_t roster_count_remote(const struct roster *r)
{
	size_t count = 0;
	for (size_t i = 0; i < r->count; i++)
		count += takes_part(&r->seats[i]) && r->seats[i].member.remote;
	return count;
}

struct roster_peak roster_peak(const struct roster *r)
{
	return r->peak;
}

void roster_activate(struct roster *r, struct seat *seat)
{
	struct roster_peak now = { 0 };
	seat->member.active = true;
	for (size_t i = 0; i < r->count; i++) {
		if (takes_part(&r->seats[i])) {
			now.workers++;
			now.lanes += r->seats[i].member.lanes;
		}
	}
	if (now.workers > r->peak.workers)
		r->peak.workers = now.workers;
	if (now.lanes > r->peak.lanes)
		r->peak.lanes = now.lanes;
}

/* Notes whether the connection of an active seat stands. */
static void look(struct seat *seat, int64_t now_ms)
{
	bool writable = socket_writable(seat->channel.socket);
	seat->connected = seat->connected || writable;
	if (writable || !seat->connected)
		seat->broken_ms = 0;
	else if (seat->broken_ms == 0)
		seat->broken_ms = now_ms;
}

void roster_expect_gone(struct roster *r)
{
	r->expect_until_ms = clock_ms() + EXPECT_MS;
}

static int64_t look_again_ms(const struct roster *r, int64_t now_ms)
{
	return now_ms + (now_ms < r->expect_until_ms ? EXPECTED_MS : CONNECTED_MS);
}

bool roster_is_cut_off(const struct seat *seat, int64_t now_ms)
{
	return seat->member.active && seat->broken_ms && now_ms - seat->broken_ms >= DRAIN_MS;
}

/* Between machines it may be the connection that died, not the process: that one is soon back. */
static bool has_gone(const struct seat *seat, int64_t now_ms)
{
	int64_t wait_ms = seat->member.remote ? RETURN_MS : 0;
	return seat->superseded || roster_is_cut_off(seat, now_ms - wait_ms);
}

const struct member *roster_gone(struct roster *r, int64_t now_ms, bool *blame)
{
	bool looks = now_ms >= r->look_at_ms;
	const struct member *gone = NULL;
	for (size_t i = 0; i < r->count; i++) {
		struct seat *seat = &r->seats[i];
		if (!seat->member.number)
			continue;
		if (!seat->member.active &&
			(seat->superseded || now_ms - seat->welcomed_ms >= READY_MS)) {
			roster_release(seat); /* nobody but us knows of it */
			continue;
		}
		if (seat->member.active && looks)
			look(seat, now_ms);
		if (seat->member.active && has_gone(seat, now_ms)) {
			*blame = !seat->superseded;
			gone = &seat->member;
		}
	}
	if (looks)
		r->look_at_ms = look_again_ms(r, now_ms);
	return gone;
}

void roster_ban(struct roster *r, uint32_t number, const char *why)
{
	const struct seat *seat = roster_seat(r, number);
	assert(seat);
	roster_node(r, &seat->instance)->banned = why;
}

void roster_drop(struct roster *r, uint32_t number)
{
	struct seat *seat = roster_seat(r, number);
	if (seat)
		roster_release(seat);
}
