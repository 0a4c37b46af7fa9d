/* SPDX-License-Identifier: MIT */
/* whatsnew [-c CONCURRENCY] [-l LIMIT] LIST PAGE: a joinable queue, and threads. LIST has an
 * address of a feed in each line, PAGE becomes an HTML page with its newest LIMIT entries. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <curl/curl.h>
#include <libxml/xpath.h>
#include <sciame/sciame.h>

enum { LINE_BYTES = 2048, THREADS_MAX = 256, BODY_MAX = 16 << 20 };
enum { PARSE_OPTIONS = XML_PARSE_RECOVER | XML_PARSE_NONET | XML_PARSE_NOERROR };

struct work {
	struct sciame_queue *queue; /* of char[LINE_BYTES]; "" ends a thread */
	pthread_mutex_t lock;       /* of what follows */
	FILE *page;
	int limit, done, skipped;
};

static size_t append(char *bytes, size_t size, size_t count, void *body)
{
	xmlBuffer *buffer = body;
	if ((size_t)xmlBufferLength(buffer) + size * count > BODY_MAX)
		return 0; /* then curl fails */
	return xmlBufferAdd(buffer, (xmlChar *)bytes, (int)(size * count)) ? 0 : size * count;
}

/* The titles of RSS and Atom, the feed's own first. */
static int write_titles(xmlDoc *feed, const struct work *work)
{
	xmlXPathContext *context = xmlXPathNewContext(feed);
	xmlXPathObject *found = xmlXPathEval(BAD_CAST "//*[local-name()='title']", context);
	int count = found && found->nodesetval ? found->nodesetval->nodeNr : 0;
	for (int i = 0; i < count && i <= work->limit; i++) {
		xmlChar *text = xmlNodeGetContent(found->nodesetval->nodeTab[i]);
		xmlChar *escaped = xmlEncodeSpecialChars(NULL, text);
		(void)fprintf(work->page, "%s%s\n", i ? "<li>" : "<h2>", (char *)escaped);
		xmlFree(escaped);
		xmlFree(text);
	}
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(context);
	return count > 0;
}

static int fetch(const char *address, xmlBuffer *body)
{
	CURL *curl = curl_easy_init();
	curl_easy_setopt(curl, CURLOPT_URL, address);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_cleanup(curl);
	if (code != CURLE_OK)
		(void)fprintf(stderr, "%s: %s\n", address, curl_easy_strerror(code));
	return code == CURLE_OK ? 0 : -1;
}

static void *serve(void *argument)
{
	char address[LINE_BYTES];
	struct work *work = argument;
	while (!sciame_queue_get(work->queue, address, SCIAME_FOREVER, NULL) && address[0]) {
		xmlBuffer *body = xmlBufferCreate();
		const xmlChar *text = fetch(address, body) ? NULL : xmlBufferContent(body);
		xmlDoc *feed = xmlReadDoc(text, address, NULL, PARSE_OPTIONS); /* NULL of NULL */
		(void)pthread_mutex_lock(&work->lock);
		*(write_titles(feed, work) ? &work->done : &work->skipped) += 1;
		(void)pthread_mutex_unlock(&work->lock);
		xmlFreeDoc(feed);
		xmlBufferFree(body);
		(void)sciame_queue_task_done(work->queue, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	char line[LINE_BYTES];
	pthread_t threads[THREADS_MAX];
	struct work work = { .limit = 10, .lock = PTHREAD_MUTEX_INITIALIZER };
	int concurrency = 4 * (int)sysconf(_SC_NPROCESSORS_ONLN), option, started = 0;
	while ((option = getopt(argc, argv, "c:l:")) != -1)
		*(option == 'c' ? &concurrency : &work.limit) = option == '?' ? 0 : atoi(optarg);
	if (argc - optind != 2 || concurrency < 1 || concurrency > THREADS_MAX)
		return 2;
	FILE *list = fopen(argv[optind], "r");
	work.page = fopen(argv[optind + 1], "w");
	if (!list || !work.page || curl_global_init(CURL_GLOBAL_ALL) ||
		sciame_queue_open(&work.queue,
			&(struct sciame_queue_options) { 64, LINE_BYTES, false }, NULL))
		return 3;
	(void)fputs("<!DOCTYPE html>\n<meta charset=utf-8><title>What's new</title>\n", work.page);
	while (started < concurrency && !pthread_create(&threads[started], NULL, serve, &work))
		started++;
	while (started && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] && line[0] != '#')
			(void)sciame_queue_put(work.queue, line, SCIAME_FOREVER, NULL);
	}
	(void)sciame_queue_join(work.queue, SCIAME_FOREVER, NULL);
	for (int i = line[0] = 0; i < started; i++)
		(void)sciame_queue_put(work.queue, line, SCIAME_FOREVER, NULL);
	for (int i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
	sciame_queue_close(work.queue);
	(void)printf("read %d ", work.done);
	if (work.skipped)
		(void)printf("skipped %d ", work.skipped);
	(void)printf("using %d threads\n", started);
	return fclose(list) || fclose(work.page) || work.skipped ? 1 : 0;
}
