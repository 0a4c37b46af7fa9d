/* SPDX-License-Identifier: MIT */
/*
 * Job after job in the order of arrival. This is the only process that touches untrusted bytes;
 * it has the descriptors of its jobs and nothing else.
 */
#include "worker/lane_main.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/job.h"
#include "common/log.h"
#include "common/wire.h"
#include "worker/board.h"
#include "worker/digest.h"
#include "worker/kind.h"
#include "worker/packet.h"
#include "worker/sandbox.h"

/* Results of jobs shorter than this travel together. */
enum { FLUSH_US = 2000 };

struct lane_state {
	int socket;
	struct board board;
	enum sandbox_need need;
	const struct worker_kind *kind; /* the one that was started; a lane serves one */
	struct wire_decoder *decoder;
	int64_t flushed_us;
	uint64_t packets; /* of results sent so far */
	size_t count;
	struct result results[WIRE_BATCH_MAX];
	struct packet received, sent;
};

static int start_kind(struct lane_state *lane, uint32_t number, struct error *err)
{
	const struct worker_kind *kind = worker_kind_find(number);
	if (!kind)
		return error_set(err, ERROR_PROTOCOL, "kind %u of jobs is not known here", number);
	if (lane->kind == kind)
		return 0;
	/* the worker never mixes kinds: their limits differ */
	assert(!lane->kind);
	if (kind->start && kind->start(err))
		return error_wrap(err, "start a lane");
	lane->kind = kind;
	return sandbox_close(&kind->limits, lane->need, err);
}

static int flush(struct lane_state *lane, struct error *err)
{
	size_t done = 0;
	while (done < lane->count) {
		struct message message = {
			.type = MESSAGE_RESULTS,
			.number = ++lane->packets,
			.results = lane->results + done,
			.count = lane->count - done,
		};
		done += wire_pack(&lane->sent.frame, &message);
		if (packet_send(lane->socket, &lane->sent, err) <= 0)
			return -1;
	}
	lane->count = 0;
	lane->flushed_us = clock_us();
	return 0;
}

/* The files of one job. */
struct files {
	int in_fd; /* -1: none */
	int out_fds[JOB_OUTPUTS_MAX];
	uint32_t outputs;
};

static void run(struct lane_state *lane, const struct job *job, const struct files *files)
{
	struct result *result = &lane->results[lane->count++];
	struct error err = { 0 };
	*result = (struct result) { .job = job->id, .attempt = job->attempt };
	if (!board_start(&lane->board, job->id, job->attempt)) {
		(void)error_set(&err, ERROR_CANCELED, "canceled");
		result_fail(result, &err);
		return;
	}
	int64_t start_us = clock_us();
	int in_fd = files->in_fd;
	int status = job->digest && in_fd >= 0 ? digest_source(in_fd, result, &err) : 0;
	if (status == 0)
		status = lane->kind->execute(job, in_fd, files->out_fds, result, &err);
	if (status)
		result_fail(result, &err);
	int64_t duration_us = clock_us() - start_us;
	result->duration_us = duration_us > UINT32_MAX ? UINT32_MAX : (uint32_t)duration_us;
	board_end(&lane->board);
}

/* The next descriptor of the packet; the worker has sent as many as its jobs need. */
static int next_descriptor(const struct packet *packet, size_t *used)
{
	return *used < packet->count ? packet->descriptors[(*used)++] : -1;
}

static void take_files(
	const struct packet *packet, size_t *used, const struct job *job, struct files *files)
{
	files->in_fd = job->source[0] ? next_descriptor(packet, used) : -1;
	files->outputs = job_outputs(job);
	files->out_fds[0] = -1; /* what a job without outputs is given */
	for (uint32_t i = 0; i < files->outputs; i++)
		files->out_fds[i] = next_descriptor(packet, used);
}

static void close_files(const struct files *files)
{
	if (files->in_fd >= 0)
		(void)close(files->in_fd); /* only read */
	for (uint32_t i = 0; i < files->outputs; i++) {
		if (files->out_fds[i] >= 0)
			(void)close(files->out_fds[i]); /* the worker checks its own */
	}
}

static int run_jobs(struct lane_state *lane, const struct message *message, struct error *err)
{
	size_t used = 0;
	for (size_t i = 0; i < message->count; i++) {
		const struct job *job = &message->jobs[i];
		struct files files;
		take_files(&lane->received, &used, job, &files);
		if (start_kind(lane, job->kind, err))
			return -1;
		run(lane, job, &files);
		close_files(&files);
		if (clock_us() - lane->flushed_us >= FLUSH_US && flush(lane, err))
			return -1;
	}
	return flush(lane, err);
}

static int serve(struct lane_state *lane, struct error *err)
{
	struct message message;
	for (;;) {
		if (packet_receive(lane->socket, &lane->received, err) <= 0)
			return 0; /* the worker is done with this lane, or gone */
		if (wire_unpack(lane->decoder, &lane->received.frame, &message, err))
			return -1;
		if (message.type != MESSAGE_JOBS)
			return error_set(err, ERROR_PROTOCOL, "a lane takes only jobs");
		if (run_jobs(lane, &message, err))
			return -1;
	}
}

static int take_board(struct lane_state *lane, int fd, struct error *err)
{
	int status = board_open(&lane->board, fd, err);
	(void)close(fd); /* the board keeps a duplicate */
	return status;
}

int lane_main(const char *descriptors, enum sandbox_need need)
{
	struct lane_state *lane = calloc(1, sizeof(*lane));
	struct error err;
	int board, leash, worker;
	/* what ends a lane is the worker: Ctrl+C reaches the whole process group */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	if (!lane ||
		sscanf(descriptors, "%d,%d,%d,%d", &lane->socket, &board, &leash, &worker) != 4) {
		log_line("lanes are started by sciame-worker");
		free(lane);
		return 2;
	}
	lane->need = need;
	lane->decoder = wire_decoder_new();
	int status = sandbox_open(&err) || take_board(lane, board, &err);
	/* a worker that died before sandbox_open could not take this lane, and its leash, along */
	if (status == 0 && getppid() == (pid_t)worker)
		status = serve(lane, &err);
	if (status)
		log_line("%s", err.message);
	board_close(&lane->board);
	wire_decoder_free(lane->decoder);
	free(lane);
	return status ? 3 : 0;
}
