/* SPDX-License-Identifier: MIT */
/*
 * The yardstick of the kind "feeds": one process fetches a list of URLs with libcurl's multi
 * interface over epoll, N at once, and reads each with libxml2's SAX parser. No master, no
 * messages, no sandbox, no cache, no salvage of broken feeds: what those cost is what sciame takes
 * beyond it.
 *
 *     feeds_limit N PARSERS TIMEOUT_S LIST
 *
 * PARSERS 0 parses what arrives in the thread that fetches; more gives that many threads whole
 * feeds to parse while it fetches. Of each feed it keeps title, link, date and the items with
 * title, link and date. Last line: feeds read, items, and bytes; exit status 1 when some feed was
 * not read.
 */
#include <assert.h>
#include <curl/curl.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "common/clock.h"
#include "common/memory.h"

enum {
	FEEDS_MAX = 100000,
	IN_FLIGHT_MAX = 4096,
	PARSERS_MAX = 64,
	BODY_BYTES_MAX = 15 << 20,
	BODY_BYTES_FIRST = 1 << 17,
	TEXT_BYTES_MAX = 65536, /* of one title, link or date */
	EVENTS_MAX = 64,
	REDIRECTS_MAX = 5,
};

struct item {
	char *title, *link, *date;
	struct item *next;
};

/* One URL from start to end: first its transfer, then what was read. */
struct feed {
	char *url;
	char *body;
	size_t size, capacity;
	struct item head;    /* of the feed itself */
	struct item *latest; /* first of the list */
	size_t items;
	bool read;
	struct reading *reading; /* while it is parsed as it arrives */
	struct feed *next;       /* in the queue of those to parse */
};

/* A parser, used again and again, and what it is in the middle of. */
struct reading {
	xmlParserCtxt *parser;
	struct feed *feed;
	struct item *item; /* the feed's head outside of items */
	char **wanted;     /* where the text goes; NULL: nobody wants it */
	int wanted_depth, depth, item_depth;
	struct reading *next; /* in the list of the idle */
	size_t size;
	char text[TEXT_BYTES_MAX];
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct feed *first, **last;
	bool closed;
};

struct fetcher {
	CURLM *multi;
	int epoll_fd;
	int64_t deadline_ms; /* of libcurl's timer; -1: none */
	long timeout_s;
	struct feed *feeds;
	size_t count, started, done;
	CURL *idle[IN_FLIGHT_MAX]; /* handles are used again */
	size_t idle_count;
	struct queue *queue;      /* NULL: parsed here */
	struct reading *readings; /* idle */
};

static _Noreturn void fail(const char *what)
{
	(void)fprintf(stderr, "feeds_limit: %s\n", what);
	exit(3);
}

static bool is(const xmlChar *name, const char *word)
{
	return strcmp((const char *)name, word) == 0;
}

/* Where the text of an element is kept, if nothing better came before. */
static char **place_of(struct item *item, const xmlChar *name)
{
	if (is(name, "title"))
		return item->title ? NULL : &item->title;
	if (is(name, "link"))
		return item->link ? NULL : &item->link;
	if (is(name, "pubDate") || is(name, "published") || is(name, "updated") || is(name, "date"))
		return item->date ? NULL : &item->date;
	return NULL;
}

/* Atom has the link in an attribute; attributes are groups of five pointers. */
static char *href(int count, const xmlChar **attributes)
{
	const xmlChar **found = NULL;
	for (int i = 0; i < count; i++, attributes += 5) {
		size_t size = (size_t)(attributes[4] - attributes[3]);
		bool alternate = size == 9 && memcmp(attributes[3], "alternate", 9) == 0;
		if (is(attributes[0], "href"))
			found = attributes;
		else if (is(attributes[0], "rel") && !alternate)
			return NULL;
	}
	return found ? strndup((const char *)found[3], (size_t)(found[4] - found[3])) : NULL;
}

static void begin_item(struct reading *reading)
{
	struct item *item = xcalloc(1, sizeof(*item));
	item->next = reading->feed->latest;
	reading->feed->latest = item;
	reading->feed->items++;
	reading->item = item;
	reading->item_depth = reading->depth;
}

/* The parameters are those of libxml2. */
static void on_start(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
	int namespaces_count, const xmlChar **namespaces, int attributes_count, int defaulted,
	const xmlChar **attributes)
{
	struct reading *reading = data;
	(void)prefix;
	(void)uri;
	(void)namespaces_count;
	(void)namespaces;
	(void)defaulted;
	reading->depth++;
	if (!reading->item_depth && (is(name, "item") || is(name, "entry"))) {
		begin_item(reading);
		return;
	}
	if (reading->wanted)
		return;
	reading->wanted = place_of(reading->item, name);
	reading->wanted_depth = reading->depth;
	reading->size = 0;
	if (reading->wanted == &reading->item->link && attributes_count > 0) {
		*reading->wanted = href(attributes_count, attributes);
		reading->wanted = NULL;
	}
}

static void on_end(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct reading *reading = data;
	(void)name;
	(void)prefix;
	(void)uri;
	if (reading->wanted && reading->wanted_depth == reading->depth) {
		*reading->wanted = strndup(reading->text, reading->size);
		reading->wanted = NULL;
	}
	if (reading->item_depth == reading->depth) {
		reading->item_depth = 0;
		reading->item = &reading->feed->head;
	}
	reading->depth--;
}

static void on_text(void *data, const xmlChar *text, int size)
{
	struct reading *reading = data;
	if (!reading->wanted)
		return;
	size_t left = sizeof(reading->text) - reading->size;
	size_t taken = (size_t)size < left ? (size_t)size : left;
	memcpy(reading->text + reading->size, text, taken);
	reading->size += taken;
}

static void on_complaint(void *data, const char *format, ...)
{
	(void)data;
	(void)format;
}

static struct reading *reading_new(void)
{
	static xmlSAXHandler handler = {
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_text,
		.cdataBlock = on_text,
		.warning = on_complaint,
		.error = on_complaint,
	};
	struct reading *reading = xcalloc(1, sizeof(*reading));
	reading->parser = xmlCreatePushParserCtxt(&handler, reading, NULL, 0, NULL);
	if (!reading->parser)
		fail("no parser");
	return reading;
}

static void reading_free(struct reading *reading)
{
	xmlFreeParserCtxt(reading->parser);
	free(reading);
}

static void reading_begin(struct reading *reading, struct feed *feed)
{
	reading->feed = feed;
	reading->item = &feed->head;
	reading->wanted = NULL;
	reading->depth = reading->item_depth = 0;
	(void)xmlCtxtResetPush(reading->parser, NULL, 0, NULL, NULL);
	(void)xmlCtxtUseOptions(reading->parser, XML_PARSE_NONET);
}

static void reading_end(struct reading *reading, const char *data, size_t size)
{
	int wrong = xmlParseChunk(reading->parser, data, (int)size, 1);
	reading->feed->read = !wrong && reading->parser->wellFormed;
}

static void queue_put(struct queue *queue, struct feed *feed)
{
	assert(pthread_mutex_lock(&queue->lock) == 0);
	if (feed) {
		*queue->last = feed;
		queue->last = &feed->next;
		assert(pthread_cond_signal(&queue->filled) == 0);
	} else {
		queue->closed = true;
		assert(pthread_cond_broadcast(&queue->filled) == 0);
	}
	assert(pthread_mutex_unlock(&queue->lock) == 0);
}

/* NULL when nothing more will come. */
static struct feed *queue_get(struct queue *queue)
{
	assert(pthread_mutex_lock(&queue->lock) == 0);
	while (!queue->first && !queue->closed)
		assert(pthread_cond_wait(&queue->filled, &queue->lock) == 0);
	struct feed *feed = queue->first;
	if (feed) {
		queue->first = feed->next;
		if (!queue->first)
			queue->last = &queue->first;
	}
	assert(pthread_mutex_unlock(&queue->lock) == 0);
	return feed;
}

static void *run_parser(void *data)
{
	struct queue *queue = data;
	struct reading *reading = reading_new();
	for (struct feed *feed = queue_get(queue); feed; feed = queue_get(queue)) {
		reading_begin(reading, feed);
		reading_end(reading, feed->body, feed->size);
		free(feed->body);
		feed->body = NULL;
	}
	reading_free(reading);
	return NULL;
}

static size_t on_body(char *data, size_t one, size_t count, void *owner)
{
	struct feed *feed = owner;
	size_t size = one * count;
	if (feed->size + size > BODY_BYTES_MAX)
		return 0;
	if (feed->reading) {
		(void)xmlParseChunk(feed->reading->parser, data, (int)size, 0);
		feed->size += size;
		return size;
	}
	if (feed->size + size > feed->capacity) {
		size_t wanted = feed->capacity ? 2 * feed->capacity : BODY_BYTES_FIRST;
		feed->capacity = wanted > feed->size + size ? wanted : feed->size + size;
		feed->body = xreallocarray(feed->body, feed->capacity, 1);
	}
	memcpy(feed->body + feed->size, data, size);
	feed->size += size;
	return size;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *known)
{
	struct fetcher *fetcher = owner;
	struct epoll_event event = { .data.fd = fd };
	(void)easy;
	if (what == CURL_POLL_REMOVE)
		return epoll_ctl(fetcher->epoll_fd, EPOLL_CTL_DEL, fd, NULL) ? -1 : 0;
	event.events |= what & CURL_POLL_IN ? EPOLLIN : 0u;
	event.events |= what & CURL_POLL_OUT ? EPOLLOUT : 0u;
	if (!known)
		(void)curl_multi_assign(fetcher->multi, fd, fetcher);
	return epoll_ctl(fetcher->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) ? -1
											       : 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *owner)
{
	struct fetcher *fetcher = owner;
	(void)multi;
	fetcher->deadline_ms = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
	return 0;
}

static CURL *new_handle(const struct fetcher *fetcher)
{
	CURL *easy = curl_easy_init();
	if (!easy)
		fail("no handle");
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, fetcher->timeout_s);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "feeds_limit");
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	return easy;
}

static void start_next(struct fetcher *fetcher)
{
	struct feed *feed = &fetcher->feeds[fetcher->started++];
	if (!fetcher->queue) {
		feed->reading = fetcher->readings ? fetcher->readings : reading_new();
		fetcher->readings = feed->reading->next;
		reading_begin(feed->reading, feed);
	}
	CURL *easy =
		fetcher->idle_count ? fetcher->idle[--fetcher->idle_count] : new_handle(fetcher);
	curl_easy_setopt(easy, CURLOPT_URL, feed->url);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, feed);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, feed);
	if (curl_multi_add_handle(fetcher->multi, easy))
		fail("a transfer can't be started");
}

static void settle(struct fetcher *fetcher, struct feed *feed, CURLcode code)
{
	if (code)
		(void)fprintf(stderr, "%s: %s\n", feed->url, curl_easy_strerror(code));
	if (!code && fetcher->queue)
		queue_put(fetcher->queue, feed);
	if (!feed->reading)
		return;
	if (!code)
		reading_end(feed->reading, NULL, 0);
	feed->reading->next = fetcher->readings;
	fetcher->readings = feed->reading;
	feed->reading = NULL;
}

static void take_done(struct fetcher *fetcher)
{
	int left;
	for (CURLMsg *message; (message = curl_multi_info_read(fetcher->multi, &left));) {
		CURL *easy = message->easy_handle;
		CURLcode code = message->data.result;
		struct feed *feed = NULL;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &feed);
		curl_multi_remove_handle(fetcher->multi, easy);
		fetcher->idle[fetcher->idle_count++] = easy;
		fetcher->done++;
		settle(fetcher, feed, code);
		if (fetcher->started < fetcher->count)
			start_next(fetcher);
	}
}

static int wait_ms(const struct fetcher *fetcher)
{
	if (fetcher->deadline_ms < 0)
		return -1;
	int64_t left = fetcher->deadline_ms - clock_ms();
	return left < 0 ? 0 : (int)left;
}

static void fetch(struct fetcher *fetcher, size_t in_flight)
{
	struct epoll_event events[EVENTS_MAX];
	int running;
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
	curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, (long)in_flight);
	while (fetcher->started < fetcher->count && fetcher->started < in_flight)
		start_next(fetcher);
	while (fetcher->done < fetcher->count) {
		int count = epoll_wait(fetcher->epoll_fd, events, EVENTS_MAX, wait_ms(fetcher));
		for (int i = 0; i < count; i++) {
			int what = events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)
					   ? CURL_CSELECT_IN
					   : 0;
			what |= events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0;
			curl_multi_socket_action(fetcher->multi, events[i].data.fd, what, &running);
		}
		if (fetcher->deadline_ms >= 0 && fetcher->deadline_ms <= clock_ms()) {
			fetcher->deadline_ms = -1;
			curl_multi_socket_action(fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		}
		take_done(fetcher);
	}
}

/* One URL in each line. */
static size_t read_list(const char *path, struct feed *feeds)
{
	size_t count = 0, capacity = 0;
	char *line = NULL;
	FILE *file = fopen(path, "re");
	if (!file)
		fail("the list can't be opened");
	while (count < FEEDS_MAX && getline(&line, &capacity, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		feeds[count++].url = xstrdup(line);
	}
	free(line);
	(void)fclose(file);
	return count;
}

static int print_totals(const struct feed *feeds, size_t count)
{
	size_t read = 0, items = 0, bytes = 0, dated = 0;
	for (size_t i = 0; i < count; i++) {
		read += feeds[i].read;
		items += feeds[i].read ? feeds[i].items : 0;
		bytes += feeds[i].read ? feeds[i].size : 0;
		for (const struct item *item = feeds[i].latest; item; item = item->next)
			dated += item->title && item->link && item->date;
	}
	(void)printf("read %zu/%zu feeds, %zu items, %zu complete, %zu bytes\n", read, count, items,
		dated, bytes);
	return read < count;
}

/* What was read stays in memory until the end of the process, as a reader would have it. */
int main(int argc, char **argv)
{
	pthread_t threads[PARSERS_MAX];
	struct queue queue = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.filled = PTHREAD_COND_INITIALIZER,
		.last = &queue.first,
	};
	if (argc != 5) {
		(void)fprintf(stderr, "usage: feeds_limit N PARSERS TIMEOUT_S LIST\n");
		return 2;
	}
	size_t in_flight = strtoul(argv[1], NULL, 10), parsers = strtoul(argv[2], NULL, 10);
	if (!in_flight || in_flight > IN_FLIGHT_MAX || parsers > PARSERS_MAX)
		fail("too many at once, or none");
	if (curl_global_init(CURL_GLOBAL_ALL))
		fail("libcurl can't be started");
	xmlInitParser();
	struct fetcher *fetcher = xcalloc(1, sizeof(*fetcher));
	fetcher->feeds = xcalloc(FEEDS_MAX, sizeof(*fetcher->feeds));
	fetcher->count = read_list(argv[4], fetcher->feeds);
	fetcher->timeout_s = strtol(argv[3], NULL, 10);
	fetcher->multi = curl_multi_init();
	fetcher->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	fetcher->queue = parsers ? &queue : NULL;
	for (size_t i = 0; i < parsers; i++)
		assert(pthread_create(&threads[i], NULL, run_parser, &queue) == 0);
	fetch(fetcher, in_flight);
	queue_put(&queue, NULL);
	for (size_t i = 0; i < parsers; i++)
		assert(pthread_join(threads[i], NULL) == 0);
	return print_totals(fetcher->feeds, fetcher->count);
}
