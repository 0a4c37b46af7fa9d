/* SPDX-License-Identifier: MIT */
/*
 * sciame-lane-own: the program of the lanes of kinds that others have written. It loads a shared
 * object; library/include/sciame/kind.h is what the two agree on.
 */
#include <assert.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/kind.h"
#include "common/log.h"
#include "common/sanitizer.h"
#include "common/startup.h"
#include "sciame/kind.h"
#include "worker/kind.h"
#include "worker/lane_main.h"

#define BYTES_DEFAULT (2ULL << 30)

_Static_assert((int)SCIAME_KIND_REPORT_MAX == (int)RESULT_REPORT_MAX, "a report fits");

static const char *file; /* the shared object */
static const struct sciame_kind *loaded;

/* From what a kind says to what the project says. */
static int refuse(const struct sciame_error *why, struct error *err)
{
	enum error_code code = ERROR_INPUT;
	if (why->status == SCIAME_SYSTEM)
		code = ERROR_IO;
	else if (why->status == SCIAME_LIMIT)
		code = ERROR_LIMIT;
	char message[SCIAME_MESSAGE_MAX];
	(void)snprintf(message, sizeof(message), "%.*s", (int)sizeof(message) - 1, why->message);
	(void)error_set(err, code, "%s", message[0] ? message : "the kind gave no reason");
	err->number = why->status == SCIAME_SYSTEM ? why->number : 0;
	return -1;
}

static int load(struct error *err)
{
	void *object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (!object)
		return error_set(err, ERROR_START, "%s", dlerror());
	const struct sciame_kind *kind = dlsym(object, "worker_kind");
	if (!kind)
		return error_set(err, ERROR_START, "%s exports no worker_kind", file);
	if (kind->abi != SCIAME_KIND_ABI)
		return error_set(err, ERROR_START,
			"%s is built for version %u of the interface of kinds, this is version %u",
			file, kind->abi, (unsigned)SCIAME_KIND_ABI);
	if (!kind->name || !kind_name_valid(kind->name))
		return error_set(err, ERROR_START, "%s: '%s' is no name of a kind", file,
			kind->name ? kind->name : "");
	if (!kind->execute)
		return error_set(err, ERROR_START, "%s has no execute", file);
	loaded = kind;
	return 0;
}

static struct worker_kind own;

static int own_start(struct error *err)
{
	struct sciame_error why = { .status = SCIAME_OK };
	if (load(err))
		return -1;
	own.limits = (struct sandbox_limits) {
		.memory_bytes = loaded->memory_bytes ? loaded->memory_bytes : BYTES_DEFAULT,
		.output_bytes = loaded->output_bytes ? loaded->output_bytes : BYTES_DEFAULT,
		.no_files = !loaded->opens_files,
	};
	if (SANITIZED) /* a sanitizer reserves terabytes of address space for its own books */
		own.limits.memory_bytes = 0;
	return loaded->start && loaded->start(&why) ? refuse(&why, err) : 0;
}

static uint64_t size_of(int fd)
{
	struct stat status;
	return fd >= 0 && fstat(fd, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static int own_execute(const struct job *job, int in_fd, const int *out_fds, struct result *result,
	struct error *err)
{
	struct sciame_error why = { .status = SCIAME_OK };
	struct sciame_task task = {
		.parameters = job->parameters,
		.parameters_size = job->parameters_size,
		.input = in_fd,
		.outputs = out_fds,
		.outputs_count = job_outputs(job),
		.report = result->report,
	};
	result->input_bytes = size_of(in_fd);
	if (loaded->execute(&task, &why))
		return refuse(&why, err);
	if (task.report_size > RESULT_REPORT_MAX)
		return error_set(err, ERROR_LIMIT, "a report may have %d bytes, not %zu",
			RESULT_REPORT_MAX, task.report_size);
	result->report_size = (uint32_t)task.report_size;
	for (uint32_t i = 0; i < job_outputs(job); i++) {
		const struct produced produced = { .bytes = size_of(out_fds[i]) };
		result_produced(result, &produced);
	}
	return 0;
}

static struct worker_kind own = {
	.name = "own",
	.start = own_start,
	.execute = own_execute,
};

/* In place of worker/kind.c: the worker gives this lane jobs of its kind only. */
const struct worker_kind *worker_kind_find(uint32_t number)
{
	return number & KIND_OWN ? &own : NULL;
}

/* For the worker: "=NAME" of what is in the file, or "!" and why it can't be used. */
static int describe(void)
{
	struct error err;
	int status = load(&err);
	int written = printf("%c%s", status ? '!' : '=', status ? err.message : loaded->name);
	return written < 0 || fflush(stdout) ? 3 : 0;
}

int main(int argc, char **argv)
{
	startup_descriptors();
	startup_dispositions();
	log_open("sciame-worker: kind");
	if (argc == 3 && strcmp(argv[1], "--describe") == 0) {
		file = argv[2];
		_exit(describe()); /* its destructors are nobody's business */
	}
	log_open("sciame-worker: lane");
	if (argc != 5 || strcmp(argv[1], "--lane") != 0) {
		log_line("lanes are started by sciame-worker");
		return 2;
	}
	file = argv[4];
	bool best_effort = strcmp(argv[3], "--sandbox=best-effort") == 0;
	/* as in lane_program.c: nothing is left to tidy up */
	_exit(lane_main(argv[2], best_effort ? SANDBOX_BEST_EFFORT : SANDBOX_REQUIRED));
}
