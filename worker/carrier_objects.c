/* SPDX-License-Identifier: MIT */
#include "worker/carrier_objects.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/random.h"
#include "common/s3.h"
#include "common/socket.h"
#include "worker/object_task.h"
#include "worker/transfer.h"

/* A task on its way. */
struct errand {
	struct errand *next, **link; /* in pausing, which link points into */
	struct object_task *task;
	struct cargo *cargo; /* NULL: it was dropped, and only the server is still to be told */
	int64_t wake_ms;     /* of one that pauses, or -1 */
	int64_t tried_ms;    /* when the request in hand was sent first */
	int64_t begun_us;
};

struct carrier_objects {
	struct carrier_objects_options options;
	struct transfers *transfers; /* NULL until the first cargo */
	struct object_access access;
	int64_t access_ms; /* when it was read, or -1: it was not */
	bool own_endpoint; /* the user has named one */
	struct errand *pausing;
	struct cargo *ended, **last;
	size_t dropped; /* errands without cargo */
};

struct carrier_objects *carrier_objects_open(const struct carrier_objects_options *options)
{
	struct carrier_objects *o = xcalloc(1, sizeof(*o));
	o->options = *options;
	o->access_ms = -1;
	o->last = &o->ended;
	return o;
}

static bool takes(const void *self, const char *location)
{
	(void)self;
	return s3_is_location(location) || strncasecmp(location, "http://", 7) == 0 ||
	       strncasecmp(location, "https://", 8) == 0;
}

static int read_access(struct carrier_objects *o, struct error *err)
{
	struct aws_settings *settings = &o->access.settings;
	int64_t now_ms = clock_ms();
	if (o->access_ms >= 0 && now_ms - o->access_ms < OBJECTS_CREDENTIALS_MS)
		return 0;
	o->access_ms = -1;
	if (aws_settings_read(settings, err))
		return -1;
	const char *endpoint = o->options.endpoint ? o->options.endpoint : settings->endpoint;
	if (s3_endpoint_init(&o->access.endpoint, endpoint, settings->region, err))
		return -1;
	o->own_endpoint = *endpoint != '\0';
	o->access_ms = now_ms;
	return 0;
}

static void pause_errand(struct carrier_objects *o, struct errand *errand, uint32_t pause_ms)
{
	errand->wake_ms = clock_ms() + pause_ms;
	errand->next = o->pausing;
	errand->link = &o->pausing;
	if (errand->next)
		errand->next->link = &errand->next;
	o->pausing = errand;
}

static void wake_errand(struct errand *errand)
{
	*errand->link = errand->next;
	if (errand->next)
		errand->next->link = errand->link;
	errand->wake_ms = -1;
}

static void errand_free(struct carrier_objects *o, struct errand *errand)
{
	o->dropped -= errand->cargo ? 0 : 1;
	object_task_free(errand->task);
	free(errand);
}

/* A task that has ended: its cargo is there to be taken. */
static void end(struct carrier_objects *o, struct errand *errand)
{
	struct cargo *cargo = errand->cargo;
	const struct object_task *task = errand->task;
	if (cargo) {
		int64_t duration_us = clock_us() - errand->begun_us;
		cargo->duration_us = duration_us < UINT32_MAX ? (uint32_t)duration_us : UINT32_MAX;
		cargo->why = task->error;
		if (cargo->way == CARGO_IN) {
			cargo->bytes = task->bytes;
			cargo->mtime_ns = task->mtime_ns;
		}
		cargo->state = NULL;
		cargo->next = NULL;
		*o->last = cargo;
		o->last = &cargo->next;
	}
	errand_free(o, errand);
}

/* Hands the request of its state to libcurl. */
static int send_request(struct carrier_objects *o, struct errand *errand, struct error *err)
{
	struct object_request request;
	if (errand->task->retries == 0)
		errand->tried_ms = clock_ms();
	bool is_signed = object_task_is_signed(errand->task);
	if (is_signed && read_access(o, err)) {
		err->code = ERROR_IO; /* nobody has called this worker wrongly */
		return -1;
	}
	if (object_task_request(errand->task, &o->access, clock_wall_s(), &request, err))
		return -1;
	request.transfer.allow_private = o->options.allow_private || (is_signed && o->own_endpoint);
	int status = transfers_add(o->transfers, &request.transfer, errand, err);
	object_request_release(&request);
	return status;
}

/* What can't be sent fails; then the server may have to be told, which may fail, too. */
static void go_on(struct carrier_objects *o, struct errand *errand)
{
	struct error why;
	while (send_request(o, errand, &why)) {
		if (object_task_give_up(errand->task, &why))
			continue;
		end(o, errand);
		return;
	}
}

static struct object_task *task_of(const struct cargo *cargo, struct error *err)
{
	if (cargo->way == CARGO_IN)
		return object_task_get(cargo->location, cargo->fd, CARGO_BYTES_MAX, err);
	if (!s3_is_location(cargo->location)) {
		(void)error_set(err, ERROR_INPUT, "nothing can be written to a URL");
		return NULL;
	}
	return object_task_put(cargo->location, cargo->fd, cargo->bytes, err);
}

static int begin(void *self, struct cargo *cargo, struct error *err)
{
	struct carrier_objects *o = self;
	if (!o->transfers)
		o->transfers = transfers_open("sciame/" SCIAME_VERSION, err);
	struct object_task *task = o->transfers ? task_of(cargo, err) : NULL;
	if (!task)
		return -1;
	struct errand *errand = xcalloc(1, sizeof(*errand));
	*errand = (struct errand) {
		.task = task, .cargo = cargo, .wake_ms = -1, .begun_us = clock_us()
	};
	cargo->state = errand;
	go_on(o, errand);
	return 0;
}

static void drop(void *self, struct cargo *cargo)
{
	struct carrier_objects *o = self;
	struct errand *errand = cargo->state;
	struct error why;
	if (!errand) { /* it had ended: it is in the list */
		struct cargo **link = &o->ended;
		while (*link != cargo)
			link = &(*link)->next;
		*link = cargo->next;
		o->last = cargo->next ? o->last : link;
		return;
	}
	if (errand->wake_ms >= 0)
		wake_errand(errand);
	else
		transfers_drop(o->transfers, errand);
	errand->cargo = cargo->state = NULL;
	o->dropped++;
	(void)error_set(&why, ERROR_CANCELED, "canceled"); /* nobody reads it */
	if (object_task_give_up(errand->task, &why))
		go_on(o, errand);
	else
		errand_free(o, errand);
}

static struct cargo *take(void *self)
{
	struct carrier_objects *o = self;
	struct cargo *first = o->ended;
	if (!first)
		return NULL;
	o->ended = first->next;
	if (!o->ended)
		o->last = &o->ended;
	return first;
}

static void poll_objects(const void *self, struct poll_item *items)
{
	const struct carrier_objects *o = self;
	*items = (struct poll_item) { .fd = o->transfers ? transfers_fd(o->transfers) : -1 };
}

static int64_t deadline_ms(const void *self)
{
	const struct carrier_objects *o = self;
	if (o->ended)
		return 0; /* what ended as it began is there to be taken */
	int64_t first_ms = o->transfers ? transfers_deadline_ms(o->transfers) : -1;
	for (const struct errand *e = o->pausing; e; e = e->next) {
		if (first_ms < 0 || e->wake_ms < first_ms)
			first_ms = e->wake_ms;
	}
	return first_ms;
}

/* Many may have been turned away at once: chance spreads them. */
static uint32_t pause_before(unsigned retry)
{
	uint32_t chance, most = (uint32_t)OBJECT_PAUSE_MS << (retry - 1);
	random_bytes(&chance, sizeof(chance));
	return most / 2 + chance % (most / 2);
}

static void take_answers(struct carrier_objects *o)
{
	struct transfer *transfer;
	while ((transfer = transfers_take(o->transfers))) {
		struct errand *errand = transfer->owner;
		bool more = object_task_answer(errand->task, transfer);
		transfer_free(transfer);
		bool late = more && errand->task->retries > 0 &&
			    clock_ms() - errand->tried_ms >= OBJECTS_TRIES_MS;
		if (late)
			more = object_task_give_up(errand->task, &errand->task->passing);
		if (!more)
			end(o, errand);
		else if (errand->task->retries > 0)
			pause_errand(o, errand, pause_before(errand->task->retries));
		else
			go_on(o, errand);
	}
}

static int step(void *self, int64_t now_ms, struct error *err)
{
	struct carrier_objects *o = self;
	if (!o->transfers)
		return 0;
	if (transfers_step(o->transfers, now_ms, err))
		return -1;
	take_answers(o);
	for (struct errand *errand = o->pausing, *next; errand; errand = next) {
		next = errand->next;
		if (errand->wake_ms > now_ms)
			continue;
		wake_errand(errand);
		go_on(o, errand);
	}
	return 0;
}

struct carrier carrier_objects(struct carrier_objects *o)
{
	static const struct carrier_class class = {
		.name = "objects",
		.takes = takes,
		.begin = begin,
		.drop = drop,
		.take = take,
		.poll = poll_objects,
		.deadline_ms = deadline_ms,
		.step = step,
	};
	return (struct carrier) { &class, o };
}

/* One round of what is left to be told; -1: it can't go on, or the time is over. */
static int tidy_up(struct carrier_objects *o, int64_t end_ms)
{
	struct error err;
	struct poll_item item;
	int64_t now_ms = clock_ms(), wake_ms = deadline_ms(o);
	poll_objects(o, &item);
	if (wake_ms < 0 || wake_ms > end_ms)
		wake_ms = end_ms;
	if (now_ms >= end_ms ||
		socket_poll(&item, 1, wake_ms > now_ms ? wake_ms - now_ms : 0, &err))
		return -1;
	return step(o, clock_ms(), &err);
}

/* Those that could not be told: such uploads are nowhere to be seen, and end by themselves. */
static void forget(struct carrier_objects *o)
{
	while (o->pausing) {
		struct errand *errand = o->pausing;
		wake_errand(errand);
		errand_free(o, errand);
	}
	transfers_cancel(o->transfers);
	for (struct transfer *t = transfers_take(o->transfers); t;
		t = transfers_take(o->transfers)) {
		errand_free(o, t->owner);
		transfer_free(t);
	}
}

void carrier_objects_close(struct carrier_objects *o)
{
	if (!o)
		return;
	int64_t end_ms = clock_ms() + OBJECTS_CLOSE_MS;
	while (o->dropped > 0 && tidy_up(o, end_ms) == 0) {
	}
	if (o->transfers)
		forget(o);
	assert(o->dropped == 0 && !o->ended); /* else somebody still has a cargo under way */
	transfers_close(o->transfers);
	aws_settings_clear(&o->access.settings);
	free(o);
}
