/* SPDX-License-Identifier: MIT */
/*
 * The yardstick: as many forked processes as lanes take the next file of a list from an atomic
 * counter and run the very pixel code and store of the worker on it. No messages, no master, no
 * time limits, nobody to notice a crash: what distribution costs is what sciame takes beyond it.
 *
 *     ideal LANES SIZE SOURCE TARGET
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/tree.h"
#include "proto/scale.pb-c.h"
#include "worker/kind.h"
#include "common/store.h"

extern const struct worker_kind worker_kind_scale;

struct list {
	char **names;
	size_t count, capacity;
};

struct shared {
	atomic_size_t next, failed;
};

static void fail(const struct error *err)
{
	(void)fprintf(stderr, "ideal: %s\n", err->message);
	exit(3);
}

static void read_list(struct list *list, const char *source)
{
	const struct tree_options options = { .without = -1 };
	struct error err;
	const char *path;
	struct tree *tree = tree_open(source, &options, &err);
	if (!tree)
		fail(&err);
	for (int got = tree_next(tree, &path, &err); got != 0; got = tree_next(tree, &path, &err)) {
		if (got < 0)
			fail(&err);
		if (list->count == list->capacity) {
			list->capacity = list->capacity ? 2 * list->capacity : 1024;
			list->names = xreallocarray(list->names, list->capacity, sizeof(char *));
		}
		list->names[list->count++] = xstrdup(path);
	}
	tree_close(tree);
}

static struct store *open_store(const char *source, const char *target)
{
	const struct store_options options = { .sync = false, .follow_links = true };
	struct store *store = store_new(&options);
	struct error err;
	char *roots[] = { xasprintf("source=%s", source), xasprintf("target=%s", target) };
	for (size_t i = 0; i < 2; i++) {
		if (store_add_root(store, roots[i], &err))
			fail(&err);
		free(roots[i]);
	}
	return store;
}

static int scale(struct store *store, struct job *job, struct error *err)
{
	struct input input;
	struct output output = { .fd = -1 };
	struct result result = { .job = job->id };
	int status = store_open(store, job->source, &input, err);
	if (status == 0)
		status = store_create(
			store, &(struct store_request) { job, 0, &input }, &output, err);
	if (status == 0)
		status = worker_kind_scale.execute(job, input.fd, &output.fd, &result, err);
	if (status == 0)
		status = store_commit(store, &output, &result.outputs[0], err);
	else
		store_discard(&output);
	input_close(&input);
	return status;
}

static void work(
	const struct list *list, struct shared *shared, struct store *store, const struct job *like)
{
	struct error err;
	struct job job = *like;
	if (worker_kind_scale.start(&err))
		fail(&err);
	for (;;) {
		size_t i = atomic_fetch_add(&shared->next, 1);
		if (i >= list->count)
			break;
		char *source = xasprintf("source:%s", list->names[i]);
		char *target = xasprintf("target:%s", list->names[i]);
		job.id = i + 1;
		job.source = source;
		job.target = target;
		if (scale(store, &job, &err))
			atomic_fetch_add(&shared->failed, 1);
		free(source);
		free(target);
	}
}

int main(int argc, char **argv)
{
	uint8_t packed[64];
	struct list list = { 0 };
	Sciame__ScaleParameters parameters = SCIAME__SCALE_PARAMETERS__INIT;
	if (argc != 5) {
		(void)fprintf(stderr, "usage: ideal LANES SIZE SOURCE TARGET\n");
		return 2;
	}
	Sciame__ScaleSize box = SCIAME__SCALE_SIZE__INIT, *boxes = &box;
	box.width = box.height = (uint32_t)strtoul(argv[2], NULL, 10);
	parameters.n_sizes = 1;
	parameters.sizes = &boxes;
	struct job job = { .attempt = 1, .parameters = packed };
	job.parameters_size = sciame__scale_parameters__pack(&parameters, packed);
	struct shared *shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 3;
	read_list(&list, argv[3]);
	for (unsigned long i = strtoul(argv[1], NULL, 10); i > 0; i--) {
		if (fork() == 0) {
			work(&list, shared, open_store(argv[3], argv[4]), &job);
			_exit(0);
		}
	}
	while (wait(NULL) > 0) {
	}
	(void)printf("%zu files, %zu failed\n", list.count, (size_t)shared->failed);
	return shared->failed > 0;
}
