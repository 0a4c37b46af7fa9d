/* SPDX-License-Identifier: MIT */
/* wordcount KIND.so FOLDER [HOST:PORT KEYS]: counts words here, or on the workers that come. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sciame/sciame.h>

static unsigned long long total;
static void add(void *context, struct sciame_future *future)
{
	struct sciame_result result;
	struct sciame_error err;
	unsigned long long words;
	int *failed = context;
	if (sciame_future_result(future, 0, &result, &err) == SCIAME_OK) {
		memcpy(&words, result.report, sizeof(words));
		total += words;
	} else {
		(void)fprintf(stderr, "%s\n", err.message);
		++*failed;
	}
}

int main(int argc, char **argv)
{
	char root[4096], source[512];
	int failed = 0;
	struct sciame_executor *executor;
	struct sciame_future *future;
	struct sciame_error err;
	(void)snprintf(root, sizeof(root), "texts=%s", argc < 3 ? "" : argv[2]);
	struct sciame_executor_options options = {
		.kinds = (const char *const *)&argv[1],
		.roots = (const char *const[]) { root },
	};
	options.kinds_count = options.roots_count = 1;
	if (argc > 4) { /* sciame-worker --master HOST:PORT --keys KEYS --kind KIND.so */
		options.lanes = SCIAME_NO_LANES;
		options.listen = argv[3];
		options.keys = argv[4];
		options.inline_files = true;
	}
	DIR *folder = opendir(argc < 3 ? "" : argv[2]);
	if (!folder || sciame_executor_open(&executor, &options, &err) != SCIAME_OK) {
		(void)fprintf(stderr, "%s\n", folder ? err.message : "which FOLDER?");
		return 3;
	}
	const struct sciame_job job = { .kind = "wordcount", .source = source };
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		(void)snprintf(source, sizeof(source), "texts:%s", entry->d_name);
		if (entry->d_type == DT_REG &&
			sciame_submit(executor, &job, &future, &err) == SCIAME_OK) {
			sciame_future_on_done(future, add, &failed);
			sciame_future_release(future);
		}
	}
	sciame_executor_close(executor); /* when all is done */
	(void)printf("%llu words\n", total);
	return closedir(folder) || failed ? 1 : 0;
}
