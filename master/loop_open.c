/* SPDX-License-Identifier: MIT */
#include "master/loop_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/access.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/log.h"

/* A folder that only this user can enter (mkdtemp makes it 0700), for the sockets. */
static int make_folder(struct loop *loop, struct error *err)
{
	const char *const parents[] = { getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp" };
	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		if (!parents[i] || parents[i][0] != '/')
			continue;
		int length = snprintf(
			loop->folder, sizeof(loop->folder), "%s/sciame-XXXXXX", parents[i]);
		/* "ipc:" has to fit before it */
		if (length + 5 <= ENDPOINT_FOLDER_MAX && mkdtemp(loop->folder)) {
			(void)snprintf(
				loop->address, sizeof(loop->address), "ipc:%s", loop->folder);
			return 0;
		}
	}
	loop->folder[0] = '\0';
	return error_errno(err, ERROR_START, "make a private folder in /tmp");
}

static int read_keys(struct loop *loop, struct error *err)
{
	const char *folder = loop->options->keys;
	char *own = xasprintf("%s/master.key", folder);
	int status = keys_read(&loop->keys, own, err);
	free(own);
	loop->allowed = xasprintf("%s/allowed", folder);
	return status;
}

/* Where workers of other machines join. */
static int add_remote(struct loop *loop, struct roster_options *options, struct error *err)
{
	const struct loop_options *settings = loop->options;
	if (access_check(settings->listen, settings->keys != NULL, settings->insecure, err))
		return -1;
	if (settings->keys && read_keys(loop, err))
		return -1;
	options->entrances[options->entrances_count++] = (struct entrance_options) {
		.address = settings->listen,
		.keys = settings->keys ? &loop->keys : NULL,
		.allowed = loop->allowed,
		.channels = (uint32_t)settings->channels,
		.depot = settings->depot,
	};
	return 0;
}

static int open_roster(struct loop *loop, struct error *err)
{
	const struct loop_options *settings = loop->options;
	struct roster_options options = {
		.grace_ms = (uint32_t)settings->grace_ms,
		.epoch = loop->options->epoch,
		.roots = loop->options->roots,
		.roots_count = loop->options->roots_count,
	};
	memcpy(&options.run, loop->options->id, sizeof(options.run));
	if (settings->lanes > 0) {
		if (make_folder(loop, err))
			return -1;
		options.entrances[options.entrances_count++].address = loop->address;
	}
	if (settings->listen && add_remote(loop, &options, err))
		return -1;
	loop->opened_ms = clock_ms();
	loop->roster = roster_open(&options, err);
	return loop->roster ? 0 : -1;
}

static int open_depot(struct loop *loop, struct error *err)
{
	struct depot_options options = {
		.socket = roster_depot(loop->roster),
		.roots = loop->options->roots,
		.roots_count = loop->options->roots_count,
		.epoch = loop->options->epoch,
		.sync = loop->options->sync,
	};
	if (!options.socket)
		return 0;
	memcpy(&options.run, loop->options->id, sizeof(options.run));
	loop->depot = depot_open(&options, err);
	return loop->depot ? 0 : -1;
}

/* The worker of this host, if there is to be one. */
static int start_worker(struct loop *loop, struct error *err)
{
	const struct loop_options *settings = loop->options;
	if (settings->lanes == 0)
		return 0;
	loop->worker_options = (struct local_worker_options) {
		.program = settings->program,
		.stderr_fd = settings->worker_stderr,
		.address = loop->address,
		.lanes = settings->lanes,
		.transfers = settings->transfers,
		.jobs_per_lane = settings->jobs_per_lane,
		.kinds = settings->kinds,
		.kinds_count = settings->kinds_count,
		.sync = settings->sync,
		.sandbox_best_effort = settings->best_effort,
		.s3_endpoint = settings->s3_endpoint,
		.allow_private = settings->allow_private,
		.roots = loop->options->roots,
		.roots_count = loop->options->roots_count,
	};
	return local_worker_start(&loop->worker, &loop->worker_options, err);
}

int loop_open(struct loop *loop, struct error *err)
{
	return open_roster(loop, err) || open_depot(loop, err) || start_worker(loop, err) ? -1 : 0;
}

void loop_close(struct loop *loop)
{
	char reason[64];
	bool failed;
	local_worker_kill(&loop->worker);
	while (loop->worker.pid &&
		!local_worker_reap(&loop->worker, reason, sizeof(reason), &failed)) {
		struct poll_item item = { .fd = loop->worker.leash };
		struct error err;
		if (socket_poll(&item, 1, -1, &err))
			break; /* the leash ends it with us */
	}
	depot_close(loop->depot);
	leftovers_sweep(&loop->leftovers, loop->options->roots, loop->options->roots_count);
	roster_close(loop->roster);
	scheduler_free(loop->scheduler);
	actions_release(&loop->actions);
	loop_jobs_release(&loop->jobs);
	if (loop->folder[0] && socket_remove(loop->folder))
		log_line("%s could not be removed", loop->folder);
	keys_clear(&loop->keys);
	free(loop->allowed);
}
