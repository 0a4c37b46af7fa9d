/* SPDX-License-Identifier: MIT */
#include "master/depot.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/depot.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/store.h"
#include "common/table.h"

enum {
	POLL_MS = 100,   /* how soon the thread notices that it is to end */
	GONE_MAX = 1024, /* withdrawn jobs noted at once; more wait */
	STRIKES_LOGGED_MAX = 3,
};

/* An output that comes. */
struct arrival {
	struct output output;
	uint64_t received;
	bool stored; /* all of it is there */
};

/* One attempt of a job, while its files travel. Only the thread knows it. */
struct load {
	struct load *next;
	struct job *job; /* a copy of the offer's with its attempt */
	struct input input;
	uint32_t arrivals_count;
	struct arrival arrivals[]; /* one for each of its outputs */
};

struct depot {
	struct depot_options options;
	struct store *store; /* the thread's */
	pthread_t thread;
	const struct log_sink *log; /* of the thread that opened it */
	atomic_bool stopping;
	pthread_mutex_t mutex; /* for offers and gone */
	struct table offers;   /* by number: jobs whose files may travel, without parameters */
	uint64_t *gone;        /* jobs that were withdrawn and may have loads */
	size_t gone_count, gone_capacity;
	struct load *loads;
	unsigned strikes;
	struct depot_decoder *decoder;
	uint8_t *in, *out; /* SOCKET_LARGE_MAX */
	uint8_t *piece;    /* DEPOT_PIECE_MAX */
};

void depot_offer(struct depot *d, const struct job *job)
{
	(void)pthread_mutex_lock(&d->mutex); /* fails only when it is misused */
	if (!table_find(&d->offers, job->id)) {
		struct job places = *job;
		places.parameters_size = 0;
		table_insert(&d->offers, job->id, job_copy(&places));
	}
	(void)pthread_mutex_unlock(&d->mutex);
}

void depot_withdraw(struct depot *d, uint64_t job)
{
	(void)pthread_mutex_lock(&d->mutex); /* as above */
	struct job *offer = table_remove(&d->offers, job);
	if (offer) {
		if (d->gone_count == d->gone_capacity) {
			d->gone_capacity = d->gone_capacity ? 2 * d->gone_capacity : GONE_MAX;
			d->gone = xreallocarray(d->gone, d->gone_capacity, sizeof(*d->gone));
		}
		d->gone[d->gone_count++] = job;
	}
	(void)pthread_mutex_unlock(&d->mutex);
	free(offer);
}

static void load_free(struct load *load)
{
	input_close(&load->input);
	for (uint32_t i = 0; i < load->arrivals_count; i++)
		store_discard(&load->arrivals[i].output);
	free(load->job);
	free(load);
}

/* Takes job. */
static struct load *load_new(struct job *job)
{
	uint32_t count = job_outputs(job);
	struct load *load = xcalloc(1, sizeof(*load) + count * sizeof(load->arrivals[0]));
	load->job = job;
	load->input.fd = -1;
	load->arrivals_count = count;
	for (uint32_t i = 0; i < count; i++)
		load->arrivals[i].output.fd = -1;
	return load;
}

/* Ends the loads of jobs that were withdrawn. */
static void forget_gone(struct depot *d)
{
	(void)pthread_mutex_lock(&d->mutex); /* as above */
	for (size_t i = 0; i < d->gone_count; i++) {
		for (struct load **link = &d->loads; *link;) {
			struct load *load = *link;
			if (load->job->id != d->gone[i]) {
				link = &load->next;
				continue;
			}
			*link = load->next;
			load_free(load);
		}
	}
	d->gone_count = 0;
	(void)pthread_mutex_unlock(&d->mutex);
}

/* A worker that has not noticed that its master was started anew speaks of other jobs. */
static bool is_ours(const struct depot *d, const struct depot_message *m)
{
	return m->epoch == d->options.epoch && memcmp(&m->run, &d->options.run, WIRE_ID_SIZE) == 0;
}

/* The load of an attempt; NULL and *err when its job is in nobody's hands. */
static struct load *find_load(struct depot *d, const struct depot_message *m, struct error *err)
{
	if (!is_ours(d, m)) {
		(void)error_set(err, ERROR_CANCELED, "the master was started anew");
		return NULL;
	}
	for (struct load *load = d->loads; load; load = load->next) {
		if (load->job->id == m->job && load->job->attempt == m->attempt)
			return load;
	}
	(void)pthread_mutex_lock(&d->mutex); /* as above */
	const struct job *offer = table_find(&d->offers, m->job);
	struct job *job = offer ? job_copy(offer) : NULL;
	(void)pthread_mutex_unlock(&d->mutex);
	if (!job) {
		(void)error_set(err, ERROR_CANCELED, "the job is no longer to be done");
		return NULL;
	}
	job->attempt = m->attempt;
	struct load *load = load_new(job);
	load->input.mtime_ns = job->source_mtime_ns; /* of a source that is no file here */
	load->next = d->loads;
	d->loads = load;
	return load;
}

static int read_piece(
	struct depot *d, const struct input *input, uint64_t offset, size_t size, struct error *err)
{
	size_t done = 0;
	while (done < size) {
		ssize_t got =
			pread(input->fd, d->piece + done, size - done, (off_t)(offset + done));
		if (got == 0)
			return error_set(
				err, ERROR_IO, "the source became shorter while it was read");
		if (got < 0 && errno != EINTR)
			return error_errno(err, ERROR_IO, "read");
		done += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

static int get(struct depot *d, struct load *load, const struct depot_message *m,
	struct depot_message *answer, struct error *err)
{
	struct input *input = &load->input;
	if (input->fd < 0 && store_open(d->store, load->job->source, input, err))
		return -1;
	if (input->fd < 0 || m->offset > input->size)
		return error_set(err, ERROR_PROTOCOL, "a piece beyond the end of the source");
	uint64_t left = input->size - m->offset;
	size_t size = left < DEPOT_PIECE_MAX ? (size_t)left : DEPOT_PIECE_MAX;
	if (read_piece(d, input, m->offset, size, err))
		return -1;
	answer->act = DEPOT_PIECE;
	answer->total = input->size;
	answer->mtime_ns = input->mtime_ns;
	answer->data = d->piece;
	answer->size = size;
	return 0;
}

static int write_piece(int fd, const struct depot_message *m, struct error *err)
{
	size_t done = 0;
	while (done < m->size) {
		ssize_t put = pwrite(fd, m->data + done, m->size - done, (off_t)(m->offset + done));
		if (put < 0 && errno != EINTR)
			return error_errno(err, ERROR_IO, "write");
		done += put > 0 ? (size_t)put : 0;
	}
	return 0;
}

static int open_arrival(struct depot *d, struct load *load, uint32_t number, struct error *err)
{
	const struct store_request request = { load->job, number, &load->input };
	/* what an output must not replace is its source */
	if (load->input.fd < 0 && load->job->source[0] && !strstr(load->job->source, "://") &&
		store_open(d->store, load->job->source, &load->input, err))
		return -1;
	return store_create(d->store, &request, &load->arrivals[number].output, err);
}

static int store_piece(
	struct depot *d, struct load *load, const struct depot_message *m, struct error *err)
{
	struct arrival *arrival = &load->arrivals[m->output];
	struct output *output = &arrival->output;
	if (output->fd < 0 && open_arrival(d, load, m->output, err))
		return -1;
	if (write_piece(output->fd, m, err)) {
		(void)store_blames_target(load->job->target, err->number, err);
		return -1;
	}
	arrival->received = m->offset + m->size;
	if (arrival->received < m->total)
		return 0;
	/* its name is made here, of what the worker measured: never the worker's */
	const struct produced produced = {
		.bytes = m->total, .width = m->width, .height = m->height
	};
	if (store_commit(d->store, output, &produced, err))
		return -1;
	arrival->stored = true;
	return 0;
}

/* Pieces come in order; what was lost on the way, and what came twice, is answered alike. */
static int put(struct depot *d, struct load *load, const struct depot_message *m,
	struct depot_message *answer, struct error *err)
{
	if (m->output >= load->arrivals_count)
		return error_set(err, ERROR_PROTOCOL, "an output of a job that has none such");
	struct arrival *arrival = &load->arrivals[m->output];
	if (!arrival->stored && m->offset == arrival->received && store_piece(d, load, m, err)) {
		store_discard(&arrival->output);
		arrival->received = 0;
		return -1;
	}
	answer->act = DEPOT_STORED;
	answer->offset = arrival->received;
	answer->total = m->total; /* all of it: then it can be seen */
	return 0;
}

static void answer(struct depot *d, const struct socket_peer *peer, const struct depot_message *m)
{
	struct depot_message reply = {
		.act = DEPOT_FAILED,
		.run = m->run,
		.epoch = m->epoch,
		.job = m->job,
		.attempt = m->attempt,
		.offset = m->offset,
		.output = m->output,
	};
	struct error ignored;
	struct load *load = find_load(d, m, &reply.why);
	int status = -1;
	if (load && m->act == DEPOT_GET)
		status = get(d, load, m, &reply, &reply.why);
	else if (load && m->act == DEPOT_PUT)
		status = put(d, load, m, &reply, &reply.why);
	else if (load)
		(void)error_set(&reply.why, ERROR_PROTOCOL, "not what a worker says");
	if (status)
		reply.act = DEPOT_FAILED;
	size_t size = depot_pack(d->out, &reply);
	/* who has gone, or takes no more now, asks again */
	(void)socket_send_large(d->options.socket, peer, d->out, size, &ignored);
}

static void serve(struct depot *d)
{
	struct socket_peer peer;
	struct depot_message m;
	struct error err;
	size_t size;
	int got = socket_receive_large(d->options.socket, &peer, d->in, &size, &err);
	while (got > 0 && !atomic_load(&d->stopping)) {
		forget_gone(d);
		if (depot_unpack(d->decoder, d->in, size, &m, &err) == 0)
			answer(d, &peer, &m);
		else if (d->strikes++ < STRIKES_LOGGED_MAX)
			log_line("depot: message dropped: %s", err.message);
		got = socket_receive_large(d->options.socket, &peer, d->in, &size, &err);
	}
}

static void *run(void *argument)
{
	struct depot *d = argument;
	struct error err;
	log_divert(d->log);
	while (!atomic_load(&d->stopping)) {
		struct poll_item item = { .socket = d->options.socket };
		if (socket_poll(&item, 1, POLL_MS, &err)) {
			log_line("depot: %s", err.message);
			break; /* its jobs fail, for nobody answers */
		}
		forget_gone(d);
		serve(d);
	}
	return NULL;
}

static void depot_free(struct depot *d)
{
	while (d->loads) {
		struct load *load = d->loads;
		d->loads = load->next;
		load_free(load);
	}
	store_free(d->store);
	size_t cursor = 0;
	for (void *offer = table_next(&d->offers, &cursor); offer;
		offer = table_next(&d->offers, &cursor))
		free(offer);
	table_release(&d->offers);
	(void)pthread_mutex_destroy(&d->mutex); /* nobody holds it */
	free(d->gone);
	depot_decoder_free(d->decoder);
	free(d->in);
	free(d->out);
	free(d->piece);
	free(d);
}

struct depot *depot_open(const struct depot_options *options, struct error *err)
{
	/* as in a run on this host alone, links are the user's own */
	const struct store_options store = { options->sync, true };
	struct depot *d = xcalloc(1, sizeof(*d));
	int status = 0;
	d->options = *options;
	d->store = store_new(&store);
	d->decoder = depot_decoder_new();
	d->in = xmalloc(SOCKET_LARGE_MAX);
	d->out = xmalloc(SOCKET_LARGE_MAX);
	d->piece = xmalloc(DEPOT_PIECE_MAX);
	d->log = log_diverted();
	(void)pthread_mutex_init(&d->mutex, NULL); /* always succeeds */
	for (size_t i = 0; i < options->roots_count && status == 0; i++)
		status = store_add_root(d->store, options->roots[i], err);
	int number = status ? 0 : pthread_create(&d->thread, NULL, run, d);
	if (number)
		status = error_set(err, ERROR_START, "start a thread: %s", strerrordesc_np(number));
	if (status == 0)
		return d;
	depot_free(d);
	return NULL;
}

void depot_close(struct depot *d)
{
	if (!d)
		return;
	atomic_store(&d->stopping, true);
	(void)pthread_join(d->thread, NULL); /* it was started, and joined once */
	depot_free(d);
}
