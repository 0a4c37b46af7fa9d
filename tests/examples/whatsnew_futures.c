/* SPDX-License-Identifier: MIT */
/*
 * whatsnew [-c CONCURRENCY] [-l LIMIT] LIST PAGE: futures of an executor. LIST has an address of a
 * feed in each line, PAGE becomes an HTML page with its newest LIMIT entries.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sciame/sciame.h>

enum { LINE_BYTES = 2048, FEEDS_MAX = 10000 };

static void escape(const char *text, FILE *page)
{
	for (; *text; text++) {
		if (strchr("<>&\"", *text))
			(void)fprintf(page, "&#%d;", *text);
		else
			(void)fputc(*text, page);
	}
}

static void write_feed(const struct sciame_feed *feed, size_t limit, FILE *page)
{
	(void)fputs("<h2>", page);
	escape(sciame_feed_title(feed), page);
	(void)fputs("</h2>\n<ul>\n", page);
	for (size_t i = 0; i < sciame_feed_count(feed) && i < limit; i++) {
		struct sciame_entry entry = sciame_feed_entry(feed, i);
		(void)fputs("<li><a href=\"", page);
		escape(entry.link, page);
		(void)fputs("\">", page);
		escape(entry.title, page);
		(void)fputs("</a></li>\n", page);
	}
	(void)fputs("</ul>\n", page);
}

int main(int argc, char **argv)
{
	char line[LINE_BYTES], folder[] = "/tmp/whatsnew-XXXXXX", path[64], root[64], target[32];
	static struct sciame_future *futures[FEEDS_MAX];
	struct sciame_executor_options options = { .transfers = 32, .allow_private = true };
	struct sciame_executor *executor;
	struct sciame_feed *feed;
	struct sciame_error err;
	size_t limit = 10, count = 0, done = 0;
	int option;
	while ((option = getopt(argc, argv, "c:l:")) != -1) {
		if (option == 'c')
			options.lanes = atoi(optarg);
		else if (option == 'l')
			limit = (size_t)atol(optarg);
		else
			return 2;
	}
	if (argc - optind != 2)
		return 2;
	FILE *list = fopen(argv[optind], "r"), *page = fopen(argv[optind + 1], "w");
	if (!list || !page || !mkdtemp(folder)) {
		perror(argv[optind]);
		return 3;
	}
	(void)snprintf(root, sizeof(root), "cache=%s", folder);
	options.roots = (const char *const[]) { root };
	options.roots_count = 1;
	if (sciame_executor_open(&executor, &options, &err) != SCIAME_OK) {
		(void)fprintf(stderr, "%s\n", err.message);
		return 3;
	}
	while (count < FEEDS_MAX && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\r\n")] = '\0';
		(void)snprintf(target, sizeof(target), "cache:%zu", count);
		const char *const words[] = { "--allow-private", NULL };
		const struct sciame_job job = {
			.kind = "feeds", .options = words, .source = line, .target = target
		};
		if (!line[0] || line[0] == '#')
			continue;
		if (sciame_submit(executor, &job, &futures[count], &err) == SCIAME_OK)
			count++;
		else
			(void)fprintf(stderr, "%s: %s\n", line, err.message);
	}
	(void)fputs("<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>What's new</title>\n", page);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), "%s/%zu", folder, i);
		if (sciame_future_result(futures[i], SCIAME_FOREVER, NULL, &err) == SCIAME_OK &&
			sciame_feed_read(&feed, path, &err) == SCIAME_OK) {
			write_feed(feed, limit, page);
			sciame_feed_close(feed);
			done++;
		} else {
			(void)fprintf(stderr, "%s\n", err.message);
		}
		(void)unlink(path); /* it is not there if its job failed */
		sciame_future_release(futures[i]);
	}
	sciame_executor_close(executor);
	(void)rmdir(folder);
	(void)fclose(list); /* only read */
	(void)printf("read %zu ", done);
	if (done < count)
		(void)printf("skipped %zu ", count - done);
	(void)printf("using %d processes\n",
		options.lanes ? options.lanes : (int)sysconf(_SC_NPROCESSORS_ONLN));
	return fclose(page) || done < count ? 1 : 0;
}
