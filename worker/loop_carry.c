/* SPDX-License-Identifier: MIT */
#include "worker/loop_carry.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/naming.h"
#include "worker/loop_work.h"

enum { MEAN_WEIGHT = 16 };

/* A job while its input comes, or while its outputs go. */
struct carry {
	struct carry *before, *behind; /* in the list of its kind */
	const struct carrier *carrier;
	struct cargo cargo;
	struct job *job;      /* IN */
	struct work *work;    /* OUT */
	struct result result; /* OUT: what the lane said */
	char *location;       /* OUT: of the output that goes */
};

struct list {
	struct carry *first, *last;
	size_t count;
};

struct carries {
	const struct carriers *carriers;
	struct session *session;
	struct lanes *lanes;
	struct list waiting, coming, going;
	uint64_t mean_bytes; /* of inputs that have come; 0: none has */
};

static void list_append(struct list *list, struct carry *carry)
{
	carry->before = list->last;
	carry->behind = NULL;
	*(list->last ? &list->last->behind : &list->first) = carry;
	list->last = carry;
	list->count++;
}

static void list_remove(struct list *list, struct carry *carry)
{
	*(carry->before ? &carry->before->behind : &list->first) = carry->behind;
	*(carry->behind ? &carry->behind->before : &list->last) = carry->before;
	list->count--;
}

struct carries *carries_open(
	const struct carriers *carriers, struct session *session, struct lanes *lanes)
{
	struct carries *c = xcalloc(1, sizeof(*c));
	c->carriers = carriers;
	c->session = session;
	c->lanes = lanes;
	return c;
}

static void carry_free(struct carry *carry)
{
	if (carry->cargo.way == CARGO_IN && carry->cargo.fd >= 0)
		(void)close(carry->cargo.fd); /* memory: nothing to flush */
	if (carry->work)
		work_free(carry->work);
	free(carry->job);
	free(carry->location);
	free(carry);
}

/* One that is on its way ends here. */
static void drop(struct list *list, struct carry *carry)
{
	carry->carrier->class->drop(carry->carrier->self, &carry->cargo);
	list_remove(list, carry);
}

void carries_fence(struct carries *c)
{
	struct list *const moving[] = { &c->coming, &c->going };
	while (c->waiting.first) {
		struct carry *carry = c->waiting.first;
		list_remove(&c->waiting, carry);
		carry_free(carry);
	}
	for (size_t i = 0; i < sizeof(moving) / sizeof(moving[0]); i++) {
		while (moving[i]->first) {
			struct carry *carry = moving[i]->first;
			drop(moving[i], carry);
			carry_free(carry);
		}
	}
}

void carries_close(struct carries *c)
{
	if (!c)
		return;
	carries_fence(c);
	free(c);
}

bool carries_wanted(const struct carries *c, const struct job *job)
{
	return carriers_find(c->carriers, job->source) != NULL;
}

void carries_add(struct carries *c, const struct job *job)
{
	struct carry *carry = xcalloc(1, sizeof(*carry));
	carry->job = job_copy(job);
	carry->carrier = carriers_find(c->carriers, job->source);
	carry->cargo = (struct cargo) {
		.way = CARGO_IN,
		.job = carry->job,
		.location = carry->job->source,
		.fd = -1,
		.owner = carry,
	};
	list_append(&c->waiting, carry);
	lanes_expect(c->lanes, job->kind);
}

static int fail(struct carries *c, struct carry *carry, const struct error *why, struct error *err)
{
	struct result *result = &carry->result;
	const struct job *job = carry->work ? carry->work->job : carry->job;
	result_fail(result, why);
	result->outputs_count = 0;
	result->output_bytes = 0;
	result->job = job->id;
	result->attempt = job->attempt;
	int status = session_report(c->session, result, err);
	carry_free(carry);
	return status;
}

static int refuse(struct carries *c, struct carry *carry, struct error *err)
{
	const struct job *job = carry->work ? carry->work->job : carry->job;
	int status = session_refuse(c->session, job->id, job->attempt, err);
	carry_free(carry);
	return status;
}

static int begin(struct carries *c, struct list *list, struct carry *carry, struct error *err)
{
	struct error why;
	if (carry->cargo.way == CARGO_IN) {
		carry->cargo.fd = memfd_create("sciame-input", MFD_CLOEXEC);
		if (carry->cargo.fd < 0) {
			(void)error_errno(&why, ERROR_IO, "make room for the input");
			return fail(c, carry, &why, err);
		}
	}
	if (carry->carrier->class->begin(carry->carrier->self, &carry->cargo, &why))
		return fail(c, carry, &why, err);
	list_append(list, carry);
	return 0;
}

/*
 * As many at once as the lanes have jobs each and one more; and because far ones wait for distance
 * more than for bandwidth, as many as have room if they are as large as those before.
 */
static size_t inputs_most(const struct carries *c)
{
	size_t least = 2 * lanes_count(c->lanes) + 1;
	size_t room = c->mean_bytes ? CARRIES_BYTES_MAX / c->mean_bytes : 0;
	if (room > CARRIES_COMING_MAX)
		room = CARRIES_COMING_MAX;
	return room > least ? room : least;
}

static int begin_inputs(struct carries *c, struct error *err)
{
	size_t most = inputs_most(c);
	while (c->waiting.first && c->coming.count < most &&
		lanes_carried_bytes(c->lanes) < CARRIES_BYTES_MAX) {
		struct carry *carry = c->waiting.first;
		list_remove(&c->waiting, carry);
		if (begin(c, &c->coming, carry, err))
			return -1;
	}
	return 0;
}

/* Sends one of the outputs of a job on its way. */
static int begin_output(struct carries *c, struct carry *carry, uint32_t number, struct error *err)
{
	struct error why;
	const struct work *work = carry->work;
	const struct produced *produced = &carry->result.outputs[number];
	if (!carry->location)
		carry->location = xmalloc(JOB_LOCATION_MAX);
	carry->cargo = (struct cargo) {
		.way = CARGO_OUT,
		.job = work->job,
		.location = carry->location,
		.output = number,
		.fd = work->out_fds[number],
		.width = produced->width,
		.height = produced->height,
		.bytes = produced->bytes,
		.owner = carry,
	};
	if (naming_location(work->job, number, produced, carry->location, &why))
		return fail(c, carry, &why, err);
	return begin(c, &c->going, carry, err);
}

static int begin_outputs(struct carries *c, struct error *err)
{
	struct result result;
	struct work *work;
	while ((work = lanes_take_outgoing(c->lanes, &result))) {
		struct carry *carry = xcalloc(1, sizeof(*carry));
		carry->work = work;
		carry->result = result;
		carry->carrier = carriers_find(c->carriers, work->job->target);
		assert(carry->carrier); /* that is why it is outgoing */
		if (begin_output(c, carry, 0, err))
			return -1;
	}
	return 0;
}

static int on_input(struct carries *c, struct carry *carry, struct error *err)
{
	struct cargo *cargo = &carry->cargo;
	list_remove(&c->coming, carry);
	if (cargo->why.code != ERROR_NONE)
		return fail(c, carry, &cargo->why, err);
	/* a large one counts at once, small ones by and by */
	if (cargo->bytes > c->mean_bytes)
		c->mean_bytes = cargo->bytes;
	else
		c->mean_bytes -= (c->mean_bytes - cargo->bytes) / MEAN_WEIGHT;
	const struct carried carried = { cargo->fd, cargo->bytes, cargo->mtime_ns };
	lanes_add_carried(c->lanes, carry->job, &carried);
	cargo->fd = -1;
	carry->job = NULL;
	carry_free(carry);
	return 0;
}

static int on_output(struct carries *c, struct carry *carry, struct error *err)
{
	list_remove(&c->going, carry);
	if (carry->cargo.why.code != ERROR_NONE)
		return fail(c, carry, &carry->cargo.why, err);
	uint32_t next = carry->cargo.output + 1;
	work_taken(carry->work, carry->cargo.output);
	if (next < carry->work->outputs_count)
		return begin_output(c, carry, next, err);
	int status = session_report(c->session, &carry->result, err);
	carry_free(carry);
	return status;
}

static int take_all(struct carries *c, const struct carrier *carrier, struct error *err)
{
	struct cargo *cargo;
	while ((cargo = carrier->class->take(carrier->self))) {
		if ((cargo->way == CARGO_IN ? on_input : on_output)(c, cargo->owner, err))
			return -1;
	}
	return 0;
}

void carries_poll(const struct carries *c, struct poll_item *items)
{
	for (size_t i = 0; i < CARRIERS_MAX; i++) {
		const struct carrier *carrier = &c->carriers->list[i];
		items[i] = (struct poll_item) { .fd = -1 };
		if (i < c->carriers->count)
			carrier->class->poll(carrier->self, &items[i]);
	}
}

int64_t carries_deadline_ms(const struct carries *c)
{
	int64_t first = -1;
	for (size_t i = 0; i < c->carriers->count; i++) {
		const struct carrier *carrier = &c->carriers->list[i];
		int64_t deadline_ms = carrier->class->deadline_ms(carrier->self);
		if (deadline_ms >= 0 && (first < 0 || deadline_ms < first))
			first = deadline_ms;
	}
	return first;
}

int carries_step(struct carries *c, int64_t now_ms, struct error *err)
{
	for (size_t i = 0; i < c->carriers->count; i++) {
		const struct carrier *carrier = &c->carriers->list[i];
		if (carrier->class->step(carrier->self, now_ms, err) || take_all(c, carrier, err))
			return -1;
	}
	return begin_outputs(c, err) || begin_inputs(c, err) ? -1 : 0;
}

int carries_stop(struct carries *c, struct error *err)
{
	while (c->waiting.first) {
		struct carry *carry = c->waiting.first;
		list_remove(&c->waiting, carry);
		if (refuse(c, carry, err))
			return -1;
	}
	while (c->coming.first) {
		struct carry *carry = c->coming.first;
		drop(&c->coming, carry);
		if (refuse(c, carry, err))
			return -1;
	}
	return 0;
}

int carries_kill(struct carries *c, struct error *err)
{
	struct error why;
	(void)error_set(&why, ERROR_CANCELED, "canceled");
	if (begin_outputs(c, err))
		return -1;
	while (c->going.first) {
		struct carry *carry = c->going.first;
		drop(&c->going, carry);
		if (fail(c, carry, &why, err))
			return -1;
	}
	return 0;
}

int carries_abandon(struct carries *c, struct error *err)
{
	if (begin_outputs(c, err))
		return -1;
	while (c->going.first) {
		struct carry *carry = c->going.first;
		drop(&c->going, carry);
		if (refuse(c, carry, err))
			return -1;
	}
	return 0;
}

bool carries_idle(const struct carries *c)
{
	return c->going.count == 0 && !lanes_have_outgoing(c->lanes);
}

size_t carries_count(const struct carries *c)
{
	return c->waiting.count + c->coming.count + c->going.count;
}
