/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/cpus.h"
#include "common/memory.h"
#include "common/random.h"
#include "common/startup.h"
#include "common/wire.h"
#include "library/error.h"
#include "library/executor_state.h"

enum {
	RETRIES = 3,
	GRACE_MS = 5000,
	TARGET_WAIT_MS = 60000, /* as the command's --target-wait */
	WORKERS = 64,           /* as the command's --channels */
	WORKERS_MAX = 1024,
	PER_LANE_MAX = 1000000000,
};

static const char *keep(struct sciame_executor *e, char *text)
{
	e->texts = xreallocarray(e->texts, e->texts_count + 1, sizeof(*e->texts));
	e->texts[e->texts_count++] = text;
	return text;
}

/* NULL stays NULL. */
static const char *copy(struct sciame_executor *e, const char *text)
{
	return text ? keep(e, xstrdup(text)) : NULL;
}

/* The path of what is there, or NULL and *err. */
static const char *find(
	struct sciame_executor *e, const char *what, const char *path, struct sciame_error *err)
{
	char *real = realpath(path, NULL);
	if (real)
		return keep(e, real);
	(void)library_errno(err, "%s %s", what, path);
	return NULL;
}

static enum sciame_status copy_roots(struct sciame_executor *e,
	const struct sciame_executor_options *options, struct sciame_error *err)
{
	if (options->roots_count > WIRE_ROOTS_MAX)
		return library_error(err, SCIAME_LIMIT, "there may be %d roots, not %zu",
			WIRE_ROOTS_MAX, options->roots_count);
	e->roots = xcalloc(options->roots_count + 1, sizeof(*e->roots));
	for (size_t i = 0; i < options->roots_count; i++) {
		const char *text = options->roots[i], *equals = strchr(text, '=');
		if (!equals || equals == text || equals - text >= WIRE_ROOT_NAME_MAX)
			return library_error(
				err, SCIAME_MISUSED, "the root '%s' is not NAME=FOLDER", text);
		const char *folder = find(e, "root", equals + 1, err);
		if (!folder)
			return SCIAME_SYSTEM;
		e->roots[i] = keep(e, xasprintf("%.*s=%s", (int)(equals - text), text, folder));
	}
	e->options.roots = (char *const *)e->roots;
	e->options.roots_count = options->roots_count;
	return SCIAME_OK;
}

static enum sciame_status copy_kinds(struct sciame_executor *e,
	const struct sciame_executor_options *options, struct sciame_error *err)
{
	e->kinds = xcalloc(options->kinds_count + 1, sizeof(*e->kinds));
	for (size_t i = 0; i < options->kinds_count; i++) {
		e->kinds[i] = find(e, "kind", options->kinds[i], err);
		if (!e->kinds[i])
			return SCIAME_SYSTEM;
	}
	e->options.kinds = e->kinds;
	e->options.kinds_count = options->kinds_count;
	return SCIAME_OK;
}

static char *beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	return slash ? xasprintf("%.*s/%s", (int)(slash - path), path, name) : NULL;
}

/* Where programs are, as seen from this library: installed, or where it was built. */
static char *find_installed(void)
{
	static const char *const places[] = { SCIAME_WORKER_FROM_LIBRARY, "bin/sciame-worker" };
	static const char here;
	Dl_info info;
	if (!dladdr(&here, &info) || !info.dli_fname)
		return NULL;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char *path = beside(info.dli_fname, places[i]);
		if (path && access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

static enum sciame_status find_worker(
	struct sciame_executor *e, const char *wanted, struct sciame_error *err)
{
	struct error why;
	if (wanted) {
		e->options.program = find(e, "worker", wanted, err);
		return e->options.program ? SCIAME_OK : SCIAME_SYSTEM;
	}
	char *path = startup_program("sciame-worker", &why);
	if (!path || access(path, X_OK)) {
		free(path);
		path = find_installed();
	}
	if (!path) {
		errno = ENOENT;
		return library_errno(err, "sciame-worker is neither beside this program nor where "
					  "the library was installed");
	}
	e->options.program = keep(e, path);
	return SCIAME_OK;
}

static enum sciame_status check(
	const struct sciame_executor_options *options, struct sciame_error *err)
{
	struct rlimit files;
	for (size_t i = 0; i < sizeof(options->reserved) / sizeof(options->reserved[0]); i++) {
		if (options->reserved[i])
			return library_error(
				err, SCIAME_MISUSED, "reserved members of options are to be 0");
	}
	if (options->lanes < SCIAME_NO_LANES || options->lanes > WIRE_LANES_MAX)
		return library_error(err, SCIAME_MISUSED, "there can't be %d lanes (1 to %d)",
			options->lanes, WIRE_LANES_MAX);
	if (options->lanes == SCIAME_NO_LANES && !options->listen)
		return library_error(err, SCIAME_MISUSED,
			"an executor without lanes needs an address to listen at");
	if (!options->listen && (options->keys || options->insecure || options->inline_files ||
					options->workers || options->wait_workers))
		return library_error(err, SCIAME_MISUSED,
			"keys, insecure, inline_files, workers and wait_workers are for use with "
			"listen");
	if (options->transfers > WIRE_LANES_MAX)
		return library_error(err, SCIAME_LIMIT, "%d transfers may go on at once, not %u",
			WIRE_LANES_MAX, options->transfers);
	if (options->workers > WORKERS_MAX)
		return library_error(err, SCIAME_LIMIT, "%d workers may take part, not %u",
			WORKERS_MAX, options->workers);
	if (options->grace_ms < 0 || options->wait_timeout_ms < 0)
		return library_error(err, SCIAME_MISUSED, "a time is not negative");
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < STARTUP_FILES_MIN)
		return library_error(err, SCIAME_LIMIT,
			"at least %d open files are needed, %llu are allowed", STARTUP_FILES_MIN,
			(unsigned long long)files.rlim_cur);
	return SCIAME_OK;
}

static void copy_rest(struct sciame_executor *e, const struct sciame_executor_options *options)
{
	struct loop_options *o = &e->options;
	random_bytes(o->id, sizeof(o->id));
	o->epoch = 1;
	o->client = &e->client;
	o->signals = -1;
	o->worker_stderr = -1;
	o->afterwards = "";
	o->retries = options->retries > 0 ? (uint32_t)options->retries : 0;
	if (options->retries == 0)
		o->retries = RETRIES;
	o->grace_ms = options->grace_ms ? options->grace_ms : GRACE_MS;
	o->target_wait_ms = TARGET_WAIT_MS;
	o->lanes = options->lanes > 0 ? options->lanes : 0;
	if (options->lanes == 0)
		o->lanes = cpus_usable();
	o->transfers = options->transfers;
	o->jobs_per_lane =
		options->jobs_per_lane < PER_LANE_MAX ? options->jobs_per_lane : PER_LANE_MAX;
	o->sync = options->sync;
	o->allow_private = options->allow_private;
	o->listen = copy(e, options->listen);
	o->keys = copy(e, options->keys);
	o->insecure = options->insecure;
	o->depot = options->inline_files;
	o->channels = options->workers ? options->workers : WORKERS;
	o->wait_workers = options->wait_workers;
	o->wait_timeout_ms = options->wait_timeout_ms;
	e->say = options->log;
	e->say_context = options->log_context;
}

enum sciame_status executor_options_init(struct sciame_executor *e,
	const struct sciame_executor_options *options, struct sciame_error *err)
{
	static const struct sciame_executor_options none;
	if (!options)
		options = &none;
	enum sciame_status status = check(options, err);
	if (status != SCIAME_OK)
		return status;
	copy_rest(e, options);
	status = copy_roots(e, options, err);
	if (status == SCIAME_OK)
		status = copy_kinds(e, options, err);
	if (status == SCIAME_OK && e->options.lanes > 0)
		status = find_worker(e, options->worker, err);
	return status;
}

void executor_options_free(struct sciame_executor *e)
{
	for (size_t i = 0; i < e->texts_count; i++)
		free(e->texts[i]);
	free(e->texts);
	free(e->roots);
	free(e->kinds);
}
