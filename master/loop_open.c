/* SPDX-License-Identifier: MIT */
#include "master/loop_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cpus.h"
#include "common/log.h"
#include "common/startup.h"

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
		if (length + 5 <= SOCKET_ADDRESS_MAX && mkdtemp(loop->folder)) {
			(void)snprintf(
				loop->address, sizeof(loop->address), "ipc:%s", loop->folder);
			return 0;
		}
	}
	loop->folder[0] = '\0';
	return error_errno(err, ERROR_START, "make a private folder in /tmp");
}

/* What comes over the network is read by no more lanes than there are cores. */
static int64_t lanes_of(const struct run *run)
{
	int64_t most = run->settings->concurrency;
	if (run->kind->transfers_per_core && most > cpus_usable())
		return cpus_usable();
	return most;
}

int loop_open(struct loop *loop, struct error *err)
{
	bool transfers = loop->run->kind->transfers_per_core > 0;
	const struct settings *settings = loop->run->settings;
	uint64_t files;
	if (startup_files(&files, err))
		return -1;
	loop->signals = startup_signals(err);
	if (loop->signals < 0 || make_folder(loop, err))
		return -1;
	struct roster_options roster = {
		.address = loop->address,
		.grace_ms = (uint32_t)settings->grace_ms,
		.epoch = loop->run->epoch,
	};
	memcpy(&roster.run, loop->run->id, sizeof(roster.run));
	loop->roster = roster_open(&roster, err);
	if (!loop->roster)
		return -1;
	loop->worker_options = (struct local_worker_options) {
		.address = loop->address,
		.lanes = lanes_of(loop->run),
		.transfers = transfers ? settings->concurrency : 0,
		.sync = settings->sync,
		.sandbox_best_effort = settings->sandbox == 1,
		.roots = loop->run->kind_run.roots,
		.roots_count = loop->run->kind_run.roots_count,
	};
	if (local_worker_start(&loop->worker, &loop->worker_options, err))
		return -1;
	const struct enumerator_options enumerator = {
		.listing = &loop->run->listing,
		.kind_number = master_kind_number(loop->run->kind),
		.deadline_ms = (uint32_t)settings->job_timeout_ms,
	};
	loop->enumerator = enumerator_open(&enumerator, err);
	return loop->enumerator ? 0 : -1;
}

void loop_close(struct loop *loop)
{
	char reason[64];
	bool failed;
	if (loop->enumerator)
		loop->run->summary.todo = enumerator_found(loop->enumerator);
	enumerator_close(loop->enumerator);
	local_worker_kill(&loop->worker);
	while (loop->worker.pid &&
		!local_worker_reap(&loop->worker, reason, sizeof(reason), &failed)) {
		struct poll_item item = { .fd = loop->worker.leash };
		struct error err;
		if (socket_poll(&item, 1, -1, &err))
			break; /* the leash ends it with us */
	}
	leftovers_sweep(
		&loop->leftovers, loop->run->kind_run.roots, loop->run->kind_run.roots_count);
	roster_close(loop->roster);
	scheduler_free(loop->scheduler);
	actions_release(&loop->actions);
	loop_jobs_release(&loop->jobs);
	if (loop->folder[0] && socket_remove(loop->address))
		log_line("%s could not be removed", loop->folder);
	if (loop->signals >= 0)
		(void)close(loop->signals); /* only read */
}
