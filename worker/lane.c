/* SPDX-License-Identifier: MIT */
/*
 * Lanes are executed anew instead of forked, so that they inherit no ZeroMQ threads or locks, and
 * with an environment of their own, so that pictures come out the same wherever they are made.
 */
#include "worker/lane.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/kind.h"
#include "common/memory.h"
#include "common/startup.h"

enum { ENVIRONMENT_MAX = 16 };

/* What of the worker's environment a lane may see: where libraries are, and sanitizers' options. */
static const char *const environment_kept[] = {
	"LD_LIBRARY_PATH",
	"ASAN_OPTIONS",
	"UBSAN_OPTIONS",
	"LSAN_OPTIONS",
	"TSAN_OPTIONS",
	"PATH",
};

static char **environment(void)
{
	size_t n = 0;
	char **list = xcalloc(ENVIRONMENT_MAX, sizeof(*list));
	list[n++] = xstrdup("MALLOC_ARENA_MAX=2");
	list[n++] = xstrdup("LC_ALL=C.UTF-8");
	for (size_t i = 0; i < sizeof(environment_kept) / sizeof(environment_kept[0]); i++) {
		const char *value = getenv(environment_kept[i]);
		if (value)
			list[n++] = xasprintf("%s=%s", environment_kept[i], value);
	}
	assert(n < ENVIRONMENT_MAX);
	return list;
}

static void environment_free(char **list)
{
	for (size_t i = 0; list[i]; i++)
		free(list[i]);
	free(list);
}

static const char *const programs[KINDS_MAX] = {
#define KIND(number, name) [number] = "sciame-lane-" #name,
#include "common/kinds.def"
#undef KIND
};

bool lane_knows(const struct own_kinds *own, uint32_t kind)
{
	return own_kinds_find(own, kind) || (kind < KINDS_MAX && programs[kind]);
}

/* The child inherits exactly these three descriptors besides 0, 1 and 2, under the same numbers. */
static int spawn(pid_t *pid, char *const *arguments, const int inherited[3], struct error *err)
{
	bool own = arguments[4] != NULL;
	char *program = startup_program(own ? "sciame-lane-own" : arguments[0], err);
	if (!program)
		return -1;
	char **variables = environment();
	/* libraries open some without: sockets of transfers are none of a lane's business */
	(void)close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
	posix_spawn_file_actions_t actions;
	int status = posix_spawn_file_actions_init(&actions);
	/* stdout may hold what the run is for */
	for (int fd = STDIN_FILENO; fd <= STDOUT_FILENO && status == 0; fd++)
		status = posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
	for (int i = 0; i < 3 && status == 0; i++) {
		if (inherited[i] >= 0)
			status = posix_spawn_file_actions_adddup2(
				&actions, inherited[i], inherited[i]);
	}
	if (status == 0)
		status = posix_spawn(pid, program, &actions, NULL, arguments, variables);
	(void)posix_spawn_file_actions_destroy(&actions); /* always succeeds */
	environment_free(variables);
	if (status)
		(void)error_set(
			err, ERROR_START, "start a lane: %s: %s", program, strerrordesc_np(status));
	free(program);
	return status ? -1 : 0;
}

/* fds: the lane's end of the socketpair, its board, the leash. */
static int set_up(
	struct lane *lane, const struct lane_options *options, const int fds[3], struct error *err)
{
	char descriptors[64]; /* four numbers */
	const struct own_kind *own = own_kinds_find(options->own, options->kind);
	char name[KIND_NAME_MAX + 16];
	(void)snprintf(name, sizeof(name), "sciame-lane-%s", own ? own->name : "");
	char *arguments[] = { own ? name : (char *)programs[options->kind], "--lane", descriptors,
		"--sandbox=require", own ? own->path : NULL, NULL };
	int flags = fcntl(lane->fd, F_GETFL);
	if (fcntl(lane->fd, F_SETFL, flags | O_NONBLOCK))
		return error_errno(err, ERROR_START, "start a lane: set up its socket");
	if (options->need == SANDBOX_BEST_EFFORT)
		arguments[3] = "--sandbox=best-effort";
	(void)snprintf(descriptors, sizeof(descriptors), "%d,%d,%d,%d", fds[0], fds[1], fds[2],
		(int)getpid());
	return spawn(&lane->pid, arguments, fds, err);
}

int lane_start(struct lane *lane, const struct lane_options *options, struct error *err)
{
	int pair[2];
	assert(lane->pid == 0 && lane->count == 0);
	assert(lane_knows(options->own, options->kind));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return error_errno(err, ERROR_START, "start a lane: make its socket");
	*lane = (struct lane) { .fd = pair[0], .kind = options->kind };
	int status = board_create(&lane->board, err);
	if (status == 0) {
		const int fds[] = { pair[1], board_fd(&lane->board), options->leash };
		status = set_up(lane, options, fds, err);
	}
	(void)close(pair[1]); /* the child has its own */
	if (status) {
		(void)close(pair[0]); /* nothing was sent */
		board_close(&lane->board);
		lane->pid = 0;
	}
	return status;
}

size_t lane_room(const struct lane *lane)
{
	return lane->pid ? LANE_HELD_MAX - lane->count : 0;
}

static struct lane_job *held(struct lane *lane, size_t position)
{
	return &lane->held[(lane->first + position) % LANE_HELD_MAX];
}

static void add_descriptors(struct packet *packet, const struct lane_job *job)
{
	uint32_t outputs = job_outputs(job->job);
	if (job->in_fd >= 0)
		packet->descriptors[packet->count++] = job->in_fd;
	memcpy(packet->descriptors + packet->count, job->out_fds,
		outputs * sizeof(job->out_fds[0]));
	packet->count += outputs;
}

/* How many of the jobs have room in a packet with their files. */
static size_t count_fitting(const struct lane_job *jobs, size_t count)
{
	size_t descriptors = 0, n = 0;
	while (n < count) {
		descriptors += 1 + job_outputs(jobs[n].job);
		if (descriptors > PACKET_DESCRIPTORS_MAX)
			break;
		n++;
	}
	return n;
}

int lane_submit(struct lane *lane, const struct lane_job *jobs, size_t count, struct packet *packet,
	int64_t now_ms)
{
	struct job list[WIRE_BATCH_MAX];
	struct error err;
	assert(count > 0 && count <= WIRE_BATCH_MAX && count <= lane_room(lane));
	count = count_fitting(jobs, count);
	for (size_t i = 0; i < count; i++)
		list[i] = *jobs[i].job;
	struct message message = { .type = MESSAGE_JOBS, .jobs = list, .count = count };
	size_t taken = wire_pack(&packet->frame, &message);
	packet->count = 0;
	for (size_t i = 0; i < taken; i++)
		add_descriptors(packet, &jobs[i]);
	int status = packet_send(lane->fd, packet, &err);
	if (status <= 0)
		return status;
	if (lane->count == 0)
		lane->since_ms = now_ms;
	for (size_t i = 0; i < taken; i++)
		*held(lane, lane->count++) = jobs[i];
	assert(jobs[0].job->kind == lane->kind);
	assert(taken == 1 || !jobs[0].job->alone);
	lane->alone = lane->alone || jobs[0].job->alone;
	return (int)taken;
}

int lane_receive(struct lane *lane, struct wire_decoder *decoder, struct packet *packet,
	struct message *message, int64_t now_ms)
{
	struct error err;
	int status = packet_receive(lane->fd, packet, &err);
	if (status <= 0)
		return status;
	for (size_t i = 0; i < packet->count; i++)
		(void)close(packet->descriptors[i]); /* a lane has none to give */
	lane->since_ms = now_ms;
	/* a lane that no longer speaks our language has been taken over by its input */
	if (wire_unpack(decoder, &packet->frame, message, &err) || message->type != MESSAGE_RESULTS)
		return -1;
	return 1;
}

bool lane_take(struct lane *lane, struct lane_job *job)
{
	if (lane->count == 0)
		return false;
	*job = *held(lane, 0);
	lane->first = (lane->first + 1) % LANE_HELD_MAX;
	lane->count--;
	return true;
}

int64_t lane_deadline_ms(const struct lane *lane)
{
	if (!lane->pid || lane->count == 0)
		return -1;
	uint32_t limit_ms = lane->held[lane->first].job->deadline_ms;
	/* by what the worker saw of it, not by what it says: a lane may be in a picture's hands */
	return limit_ms ? lane->since_ms + limit_ms : -1;
}

static void describe(char *reason, size_t size, int status)
{
	const char *signal = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;
	if (signal)
		(void)snprintf(reason, size, "lane ended by SIG%s", signal);
	else if (WIFSIGNALED(status))
		(void)snprintf(reason, size, "lane ended by signal %d", WTERMSIG(status));
	else
		(void)snprintf(reason, size, "lane ended with status %d", WEXITSTATUS(status));
}

void lane_bury(struct lane *lane, struct lane_death *death)
{
	int status = 0;
	assert(lane->pid > 0);
	(void)kill(lane->pid, SIGKILL); /* fails only when it has ended already */
	while (waitpid(lane->pid, &status, 0) < 0 && errno == EINTR) {
	}
	describe(death->reason, sizeof(death->reason), status);
	death->blame = board_read(&lane->board);
	board_close(&lane->board);
	(void)close(lane->fd); /* the other side is gone */
	lane->fd = -1;
	lane->pid = 0;
}
