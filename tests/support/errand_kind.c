/* SPDX-License-Identifier: MIT */
/*
 * A kind of one's own that does what the parameters of its jobs say: "echo TEXT", "pid",
 * "sleep MS", "fail TEXT", "exit STATUS", "kill SIGNAL", "open FILE", "copy", "long". "WORD ..."
 * anything else fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sciame/kind.h>

static int refuse(struct sciame_error *err, enum sciame_status status, const char *text)
{
	err->status = status;
	err->number = status == SCIAME_SYSTEM ? errno : 0;
	(void)snprintf(err->message, sizeof(err->message), "%s", text);
	return -1;
}

static void rest(long ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };
	while (nanosleep(&left, &left) && errno == EINTR) {
	}
}

static int open_file(const char *name, struct sciame_error *err)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return refuse(err, SCIAME_PROTOCOL, strerrordesc_np(errno));
	return close(fd);
}

static int copy(const struct sciame_task *task, struct sciame_error *err)
{
	char bytes[4096];
	ssize_t got;
	while ((got = read(task->input, bytes, sizeof(bytes))) > 0) {
		if (task->outputs_count != 1 || write(task->outputs[0], bytes, (size_t)got) != got)
			return refuse(err, SCIAME_SYSTEM, "write");
	}
	return got < 0 ? refuse(err, SCIAME_SYSTEM, "read") : 0;
}

static int execute(struct sciame_task *task, struct sciame_error *err)
{
	char text[512] = "", word[16] = "", rest_of[512] = "";
	size_t size =
		task->parameters_size < sizeof(text) - 1 ? task->parameters_size : sizeof(text) - 1;
	if (size)
		memcpy(text, task->parameters, size);
	(void)sscanf(text, "%15s %511[^\n]", word, rest_of);
	if (strcmp(word, "echo") == 0)
		task->report_size = (size_t)snprintf(task->report, 512, "%s", rest_of);
	else if (strcmp(word, "pid") == 0)
		task->report_size = (size_t)snprintf(task->report, 512, "%d", (int)getpid());
	else if (strcmp(word, "sleep") == 0)
		rest(atol(rest_of));
	else if (strcmp(word, "fail") == 0)
		return refuse(err, SCIAME_FAILED, rest_of);
	else if (strcmp(word, "exit") == 0)
		_exit(atoi(rest_of));
	else if (strcmp(word, "kill") == 0)
		(void)raise(atoi(rest_of));
	else if (strcmp(word, "open") == 0)
		return open_file(rest_of, err);
	else if (strcmp(word, "copy") == 0)
		return copy(task, err);
	else if (strcmp(word, "long") == 0)
		task->report_size = SCIAME_KIND_REPORT_MAX + 1;
	else
		return refuse(err, SCIAME_PROTOCOL, "there is no such errand");
	return 0;
}

#ifdef ERRAND_CRASHES
__attribute__((constructor)) static void crash(void)
{
	abort();
}
#endif

#ifndef ERRAND_ABI
#define ERRAND_ABI SCIAME_KIND_ABI
#endif
#ifndef ERRAND_NAME
#define ERRAND_NAME "errand"
#endif

extern const struct sciame_kind worker_kind;
const struct sciame_kind worker_kind = {
	.abi = ERRAND_ABI,
	.name = ERRAND_NAME,
	.execute = execute,
};
