/* SPDX-License-Identifier: MIT */
/* imagescale [-c CONCURRENCY] [-s SIZE] SOURCE TARGET: futures of an executor. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sciame/sciame.h>

enum { PATH_BYTES = 4096 };

struct futures {
	struct sciame_future **list;
	size_t count;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static int submit_all(struct sciame_executor *executor, const char *source, const char *size,
	struct futures *futures)
{
	char from[PATH_BYTES], to[PATH_BYTES];
	const char *const options[] = { "--size", size, NULL };
	const struct sciame_job job = {
		.kind = "scale", .options = options, .source = from, .target = to
	};
	struct sciame_error err = { .status = SCIAME_OK };
	DIR *folder = opendir(source);
	struct dirent *entry;
	while (folder && err.status == SCIAME_OK && (entry = readdir(folder))) {
		if (entry->d_type != DT_REG)
			continue;
		(void)snprintf(from, sizeof(from), "source:%s", entry->d_name);
		(void)snprintf(to, sizeof(to), "target:%s", entry->d_name);
		futures->list =
			reallocarray(futures->list, futures->count + 1, sizeof(*futures->list));
		if (futures->list && sciame_submit(executor, &job, &futures->list[futures->count],
					     &err) == SCIAME_OK)
			sciame_future_set_tag(
				futures->list[futures->count++], (uintptr_t)strdup(entry->d_name));
	}
	if (err.status != SCIAME_OK)
		(void)fprintf(stderr, "%s\n", err.message);
	return folder && err.status == SCIAME_OK ? closedir(folder) : -1;
}

int main(int argc, char **argv)
{
	const char *size = "400", *source, *target;
	int option, copied = 0, scaled = 0, skipped = 0;
	struct sciame_executor_options options = { .lanes = 0 }; /* one for each core */
	struct futures futures = { NULL, 0 };
	struct sciame_executor *executor;
	struct sciame_completed *completed;
	struct sciame_future *future;
	struct sciame_result result;
	struct sciame_error err;
	char roots[2][PATH_BYTES + 8];
	while ((option = getopt(argc, argv, "c:s:")) != -1) {
		if (option == 'c')
			options.lanes = atoi(optarg);
		else if (option == 's')
			size = optarg;
		else
			return 2;
	}
	if (argc - optind != 2)
		return 2;
	source = argv[optind];
	target = argv[optind + 1];
	(void)mkdir(target, 0777); /* it may be there */
	(void)snprintf(roots[0], sizeof(roots[0]), "source=%s", source);
	(void)snprintf(roots[1], sizeof(roots[1]), "target=%s", target);
	options.roots = (const char *const[]) { roots[0], roots[1] };
	options.roots_count = 2;
	(void)signal(SIGINT, on_interrupt);
	if (sciame_executor_open(&executor, &options, &err) != SCIAME_OK) {
		(void)fprintf(stderr, "%s\n", err.message);
		return 3;
	}
	if (submit_all(executor, source, size, &futures) ||
		sciame_as_completed(
			&completed, futures.list, futures.count, SCIAME_FOREVER, &err) != SCIAME_OK)
		return 3;
	while (!interrupted && sciame_completed_next(completed, &future, &err) == SCIAME_OK) {
		if (sciame_future_result(future, 0, &result, &err) != SCIAME_OK) {
			skipped++;
			(void)fprintf(
				stderr, "%s: %s\n", (char *)sciame_future_tag(future), err.message);
		} else if (strcmp(result.outcome, "copied") == 0) {
			copied++;
		} else {
			scaled++;
		}
	}
	sciame_completed_close(completed);
	(void)sciame_executor_shutdown(executor, true, true, NULL);
	(void)printf("copied %d scaled %d ", copied, scaled);
	if (skipped)
		(void)printf("skipped %d ", skipped);
	(void)printf("using %u processes%s\n", sciame_executor_lanes(executor),
		interrupted ? " [canceled]" : "");
	for (size_t i = 0; i < futures.count; i++) {
		free((char *)sciame_future_tag(futures.list[i]));
		sciame_future_release(futures.list[i]);
	}
	free(futures.list);
	sciame_executor_close(executor);
	return skipped || interrupted ? 1 : 0;
}
