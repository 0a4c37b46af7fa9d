/* SPDX-License-Identifier: MIT */
#include "tests/sim/books.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count + 1, size); /* an empty plan has arrays, too */
	if (!memory)
		abort();
	return memory;
}

/* Zeroed beyond what was there. */
static void *enlarge(void *memory, size_t from, size_t to, size_t size)
{
	char *grown = realloc(memory, (to + 1) * size);
	if (!grown)
		abort();
	memset(grown + from * size, 0, (to + 1 - from) * size);
	return grown;
}

void checker_fail(struct checker *c, const char *format, ...)
{
	if (c->broken[0] != '\0')
		return;
	va_list list;
	va_start(list, format);
	(void)vsnprintf(c->broken, sizeof(c->broken), format, list); /* a cut message is fine */
	va_end(list);
}

uint32_t books_job(const struct checker *c, uint64_t number)
{
	uint64_t index = number / c->plan->job_stride - 1;
	bool known = number > 0 && number % c->plan->job_stride == 0 && index < c->plan->jobs;
	return known ? (uint32_t)index : c->plan->jobs;
}

uint32_t books_worker(const struct checker *c, uint32_t number)
{
	uint32_t index = number - c->plan->worker_first;
	return index < c->workers_capacity ? index : c->workers_capacity;
}

uint64_t books_job_number(const struct checker *c, uint32_t index)
{
	return (index + UINT64_C(1)) * c->plan->job_stride;
}

uint32_t books_worker_number(const struct checker *c, uint32_t index)
{
	return c->plan->worker_first + index;
}

bool books_present(const struct book_worker *w)
{
	return w->presence == PRESENCE_HERE || w->presence == PRESENCE_DRAINING;
}

/* Whether a chain has the worker as it should. */
static void place(struct chain *chain, struct chain_node *nodes, uint32_t index, bool in)
{
	if (in && !nodes[index].linked)
		chain_push_last(chain, nodes, index);
	else if (!in && nodes[index].linked)
		chain_remove(chain, nodes, index);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void count_free(struct checker *c, struct book_worker *w, bool must, bool may)
{
	uint64_t low = smaller(w->credit.low, w->credit_of_all.low);
	uint64_t high = larger(w->credit.high, w->credit_of_all.high);
	low = must && low > w->held.count ? low - w->held.count : 0;
	high = may && high > w->held.count ? high - w->held.count : 0;
	if (w->presence == PRESENCE_HERE && !may && w->held.count == 0)
		high = 1; /* for a probe */
	c->free_low += low - w->free_low;
	c->free_high += high - w->free_high;
	w->free_low = low;
	w->free_high = high;
}

static void note_peak(struct checker *c, struct book_worker *w)
{
	uint64_t high = larger(w->credit.high, w->credit_of_all.high);
	if (books_present(w) && high > w->credit_peak) {
		c->credit_peaks += high - w->credit_peak;
		w->credit_peak = high;
	}
	if (c->credit_peaks > c->in_flight_max)
		c->in_flight_max = c->credit_peaks;
}

void books_recount(struct checker *c, uint32_t index)
{
	struct book_worker *w = &c->workers[index];
	struct book_node *node = &c->nodes[w->node];
	bool may = w->presence == PRESENCE_HERE && !w->suspect && w->alone == BOOKS_NONE &&
		   c->now_ms >= node->rest_until_ms && node->paused != ANSWER_YES;
	bool must = may && node->paused == ANSWER_NO;
	count_free(c, w, must, may);
	note_peak(c, w);
	bool took = c->idle_nodes[index].linked || c->waiting_nodes[index].linked;
	if (w->free_low > 0 && !c->waiting_nodes[index].linked)
		w->waiting_since = c->sends;
	place(&c->waiting, c->waiting_nodes, index, w->free_low > 0);
	place(&c->idle, c->idle_nodes, index, must && w->held.count == 0);
	bool takes = c->idle_nodes[index].linked || c->waiting_nodes[index].linked;
	node->takes += (uint32_t)takes - (uint32_t)took;
	c->takes += (uint64_t)takes - (uint64_t)took;
}

void books_pause(struct checker *c, uint32_t index, enum answer paused)
{
	struct book_node *node = &c->nodes[index];
	c->here_unpaused += node->paused == ANSWER_YES && paused != ANSWER_YES ? node->here : 0;
	c->here_unpaused -= node->paused != ANSWER_YES && paused == ANSWER_YES ? node->here : 0;
	node->paused = paused;
	for (uint32_t i = node->sessions.first; i != CHAIN_END; i = c->session_nodes[i].next)
		books_recount(c, i);
}

bool books_is_alone(const struct book_job *job)
{
	return job->blames > 0;
}

int64_t books_delay_ms(struct checker *c)
{
	while (c->delays.count > 0) {
		const struct due_item *first = &c->delays.items[0];
		const struct book_job *job = &c->jobs[first->number];
		if (job->stage == STAGE_DELAYED && job->delayed_ms == first->at_ms)
			break;
		uint32_t number = 0;
		(void)due_take(&c->delays, first->at_ms, &number); /* of no use any more */
	}
	return due_first_ms(&c->delays);
}

static uint64_t *kind_of(struct checker *c, const struct book_job *job)
{
	if (books_is_alone(job))
		return &c->alone;
	return job->avoid != BOOKS_NONE ? &c->elsewhere : &c->ordinary;
}

void books_pend(struct checker *c, uint32_t job)
{
	struct book_job *j = &c->jobs[job];
	j->stage = STAGE_PENDING;
	++*kind_of(c, j);
	if (j->attempt == 0 && !books_is_alone(j))
		chain_push_last(&c->fresh, c->pending_nodes, job);
}

void books_unpend(struct checker *c, uint32_t job)
{
	struct book_job *j = &c->jobs[job];
	assert(j->stage == STAGE_PENDING);
	--*kind_of(c, j);
	if (c->pending_nodes[job].linked)
		chain_remove(&c->fresh, c->pending_nodes, job);
}

void books_end(struct checker *c, uint32_t job, enum error_code code, uint32_t attempt)
{
	struct book_job *j = &c->jobs[job];
	if (j->stage == STAGE_OUTSTANDING)
		c->outstanding--;
	for (int i = 0; i < COPIES_MAX; i++) {
		uint32_t copy = j->copies[i];
		if (copy != BOOKS_NONE && c->sent_nodes[copy].linked)
			chain_remove(&c->sent, c->sent_nodes, copy);
	}
	j->stage = STAGE_ENDED;
	j->code = j->other_code = code;
	j->end_attempt = attempt;
	c->ended++;
}

uint32_t books_copies(const struct checker *c, uint32_t job)
{
	uint32_t count = 0;
	for (int i = 0; i < COPIES_MAX; i++)
		count += c->jobs[job].copies[i] != BOOKS_NONE;
	return count;
}

uint32_t books_copy(const struct checker *c, const struct event *event)
{
	const struct book_job *job = &c->jobs[books_job(c, event->job)];
	uint32_t worker = books_worker(c, event->worker);
	if (job->stage == STAGE_UNKNOWN)
		return BOOKS_NONE;
	for (int i = 0; i < COPIES_MAX; i++) {
		uint32_t copy = job->copies[i];
		if (copy != BOOKS_NONE && c->copies[copy].worker == worker &&
			c->copies[copy].attempt == event->attempt)
			return copy;
	}
	return BOOKS_NONE;
}

static uint32_t copy_new(struct checker *c)
{
	uint32_t index = c->copies_free;
	if (index != BOOKS_NONE) {
		c->copies_free = c->copies[index].next_free;
		return index;
	}
	if (c->copies_count == c->copies_capacity) {
		uint32_t from = c->copies_capacity, to = from ? from * 2 : 256;
		c->copies = enlarge(c->copies, from, to, sizeof(*c->copies));
		c->held_nodes = enlarge(c->held_nodes, from, to, sizeof(*c->held_nodes));
		c->sent_nodes = enlarge(c->sent_nodes, from, to, sizeof(*c->sent_nodes));
		c->copies_capacity = to;
	}
	return c->copies_count++;
}

/* Only a job with one copy, of which nobody died, may get a twin. */
static void place_sent(struct checker *c, uint32_t job)
{
	const struct book_job *j = &c->jobs[job];
	bool single = j->stage == STAGE_OUTSTANDING && books_copies(c, job) == 1 && j->blames == 0;
	for (int i = 0; i < COPIES_MAX; i++) {
		if (j->copies[i] != BOOKS_NONE)
			place(&c->sent, c->sent_nodes, j->copies[i], single);
	}
}

static void note_sending(struct checker *c, struct book_worker *w)
{
	if (w->sent == w->sent_capacity) {
		w->sent_capacity = w->sent_capacity ? w->sent_capacity * 2 : 16;
		w->sent_ms = realloc(w->sent_ms, w->sent_capacity * sizeof(*w->sent_ms));
		if (!w->sent_ms)
			abort();
	}
	w->sent_ms[w->sent++] = c->now_ms;
}

void books_send(struct checker *c, const struct action *action)
{
	uint32_t job = books_job(c, action->job), worker = books_worker(c, action->worker);
	struct book_job *j = &c->jobs[job];
	struct book_worker *w = &c->workers[worker];
	uint32_t copy = copy_new(c);
	c->copies[copy] = (struct copy) {
		.job = job, .worker = worker, .attempt = action->attempt, .sent_ms = c->now_ms
	};
	j->copies[j->copies[0] == BOOKS_NONE ? 0 : 1] = copy;
	j->attempt = action->attempt;
	if (j->stage == STAGE_PENDING) {
		books_unpend(c, job);
		j->stage = STAGE_OUTSTANDING;
		c->outstanding++;
	}
	chain_push_last(&w->held, c->held_nodes, copy);
	if (books_is_alone(j))
		w->alone = copy;
	note_sending(c, w);
	c->sends += j->avoid == BOOKS_NONE && !action->twin && !books_is_alone(j); /* for all */
	place_sent(c, job);
	if (c->waiting_nodes[worker].linked) { /* begins to wait anew, behind the others */
		chain_remove(&c->waiting, c->waiting_nodes, worker);
		chain_push_last(&c->waiting, c->waiting_nodes, worker);
		w->waiting_since = c->sends;
	}
	books_recount(c, worker);
}

void books_drop_copy(struct checker *c, uint32_t copy)
{
	uint32_t worker = c->copies[copy].worker, job = c->copies[copy].job;
	struct book_job *j = &c->jobs[job];
	j->copies[j->copies[0] == copy ? 0 : 1] = BOOKS_NONE;
	chain_remove(&c->workers[worker].held, c->held_nodes, copy);
	if (c->sent_nodes[copy].linked)
		chain_remove(&c->sent, c->sent_nodes, copy);
	if (c->workers[worker].alone == copy)
		c->workers[worker].alone = BOOKS_NONE;
	c->copies[copy].next_free = c->copies_free;
	c->copies_free = copy;
	books_recount(c, worker);
}

static void grow_workers(struct checker *c, uint32_t index)
{
	uint32_t from = c->workers_capacity, to = from ? from : 64;
	while (to <= index)
		to *= 2;
	if (to == from)
		return;
	c->workers = enlarge(c->workers, from, to, sizeof(*c->workers));
	c->heard_nodes = enlarge(c->heard_nodes, from, to, sizeof(*c->heard_nodes));
	c->waiting_nodes = enlarge(c->waiting_nodes, from, to, sizeof(*c->waiting_nodes));
	c->idle_nodes = enlarge(c->idle_nodes, from, to, sizeof(*c->idle_nodes));
	c->session_nodes = enlarge(c->session_nodes, from, to, sizeof(*c->session_nodes));
	c->workers_capacity = to;
}

static void grow_nodes(struct checker *c, uint32_t index)
{
	uint32_t from = c->nodes_capacity, to = from ? from : 16;
	while (to <= index)
		to *= 2;
	if (to != from)
		c->nodes = enlarge(c->nodes, from, to, sizeof(*c->nodes));
	for (uint32_t i = from; i < to; i++)
		chain_init(&c->nodes[i].sessions);
	c->nodes_capacity = to;
	if (c->nodes_count <= index)
		c->nodes_count = index + 1;
}

void books_join(struct checker *c, const struct event *event)
{
	grow_nodes(c, event->node - c->plan->node_first);
	uint32_t index = event->worker - c->plan->worker_first;
	grow_workers(c, index);
	struct book_worker *w = &c->workers[index];
	assert(w->presence == PRESENCE_UNKNOWN);
	*w = (struct book_worker) { .presence = PRESENCE_HERE,
		.node = event->node - c->plan->node_first,
		.lanes = event->lanes,
		.alone = BOOKS_NONE,
		.heard_ms = c->now_ms };
	chain_init(&w->held);
	credit_init(&w->credit, event->slots);
	w->credit_of_all = w->credit;
	c->present++;
	c->here++;
	c->nodes[w->node].here++;
	c->here_unpaused += c->nodes[w->node].paused != ANSWER_YES;
	chain_push_last(&c->nodes[w->node].sessions, c->session_nodes, index);
	chain_push_last(&c->heard, c->heard_nodes, index);
	books_recount(c, index);
}

void books_heard(struct checker *c, uint32_t worker)
{
	struct book_worker *w = &c->workers[worker];
	chain_remove(w->suspect ? &c->suspects : &c->heard, c->heard_nodes, worker);
	chain_push_last(&c->heard, c->heard_nodes, worker);
	w->heard_ms = c->now_ms;
	if (w->suspect) {
		w->suspect = false;
		books_recount(c, worker);
	}
}

void books_leave(struct checker *c, uint32_t worker)
{
	struct book_worker *w = &c->workers[worker];
	struct book_node *node = &c->nodes[w->node];
	chain_remove(w->suspect ? &c->suspects : &c->heard, c->heard_nodes, worker);
	chain_remove(&node->sessions, c->session_nodes, worker);
	if (w->presence == PRESENCE_HERE) {
		c->here--;
		node->here--;
		c->here_unpaused -= node->paused != ANSWER_YES;
	}
	w->presence = PRESENCE_LEAVING;
	w->forget_owed = true;
	c->forgets_owed++;
	c->present--;
	c->credit_peaks -= w->credit_peak;
	w->credit_peak = 0;
	books_recount(c, worker);
	if (node->sessions.count == 0 && node->paused == ANSWER_YES)
		node->paused = ANSWER_MAYBE; /* whether that is remembered is not said */
}

void books_leave_if_drained(struct checker *c, uint32_t worker)
{
	const struct book_worker *w = &c->workers[worker];
	if (w->presence == PRESENCE_DRAINING && w->held.count == 0)
		books_leave(c, worker);
}

void books_init(struct checker *c, const struct plan *plan)
{
	c->plan = plan;
	c->jobs = allocate(plan->jobs, sizeof(*c->jobs));
	c->pending_nodes = allocate(plan->jobs, sizeof(*c->pending_nodes));
	for (uint32_t i = 0; i <= plan->jobs; i++) {
		c->jobs[i].avoid = c->jobs[i].failed_on[0] = c->jobs[i].failed_on[1] = BOOKS_NONE;
		c->jobs[i].copies[0] = c->jobs[i].copies[1] = BOOKS_NONE;
		c->jobs[i].owed[0].worker = c->jobs[i].owed[1].worker = BOOKS_NONE;
	}
	c->copies_free = BOOKS_NONE;
	c->shortest_us = UINT64_MAX;
	grow_workers(c, 0);
	grow_nodes(c, 0);
	c->nodes_count = 0;
	struct chain *chains[] = { &c->fresh, &c->sent, &c->heard, &c->suspects, &c->waiting,
		&c->idle };
	for (size_t i = 0; i < sizeof(chains) / sizeof(*chains); i++)
		chain_init(chains[i]);
}

void books_release(struct checker *c)
{
	for (uint32_t i = 0; i < c->workers_capacity; i++)
		free(c->workers[i].sent_ms);
	void *arrays[] = { c->jobs, c->pending_nodes, c->nodes, c->workers, c->copies,
		c->held_nodes, c->sent_nodes, c->heard_nodes, c->waiting_nodes, c->idle_nodes,
		c->session_nodes };
	for (size_t i = 0; i < sizeof(arrays) / sizeof(*arrays); i++)
		free(arrays[i]);
	due_release(&c->delays);
	due_release(&c->rests);
}
