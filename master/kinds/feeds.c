/* SPDX-License-Identifier: MIT */
/* The master's half of "feeds": which feeds there are, and what became of each. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "master/kind.h"
#include "master/kinds/feeds_output.h"
#include "master/kinds/feeds_publish.h"
#include "master/kinds/feeds_run.h"
#include "master/xdg.h"
#include "proto/feeds.pb-c.h"

enum {
	BODY_BYTES_MAX = 15 << 20, /* of one feed, decoded */
	FIELD_MAX = 1024,          /* bytes of a validator that is sent back */
	ADDRESS_MAX = 1024,        /* bytes of a proxy's URL */
	LIMIT_MAX = 1000000,
	HTTP_NOT_MODIFIED = 304,
	WISH_S_MAX = 7 * 24 * 3600, /* as in worker/transfer.h */
};

/* Milliseconds. */
#define DAY_MS (24LL * 3600 * 1000)
#define SINCE_MAX (36500 * DAY_MS)

static const char *const formats[] = { "html", "json", "atom", "opml", "text", NULL };
static const char *const endings[] = { ".html", ".json", ".atom", ".opml", ".txt" };
static const char *const sorts[] = { "list", "date", NULL };
enum { SORT_DATE = 1 };

static const struct option_spec specs[] = {
	{ .name = "limit",
		.letter = 'l',
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct feeds_settings, limit),
		.maximum = LIMIT_MAX,
		.help = "items of each feed, the newest (default 0: all)" },
	{ .name = "since",
		.argument = "TIME",
		.parse = option_duration,
		.offset = offsetof(struct feeds_settings, since_ms),
		.minimum = 1000,
		.maximum = SINCE_MAX,
		.help = "only items that are not older, such as 36h or 7d" },
	{ .name = "new",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct feeds_settings, only_new),
		.help = "only items that no earlier run has shown" },
	{ .name = "output",
		.letter = 'o',
		.argument = "FILE",
		.parse = option_string,
		.offset = offsetof(struct feeds_settings, output),
		.help = "what to write; - is stdout (default: whatsnew.html in the temporary "
			"folder)" },
	{ .name = "format",
		.argument = "FORMAT",
		.parse = option_choice,
		.choices = formats,
		.offset = offsetof(struct feeds_settings, format),
		.help = "html, json, atom, opml or text (default html)" },
	{ .name = "sort",
		.argument = "ORDER",
		.parse = option_choice,
		.choices = sorts,
		.offset = offsetof(struct feeds_settings, sort),
		.help = "list: feed after feed; date: all items, the newest first (default list)" },
	{ .name = "no-open",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct feeds_settings, no_open),
		.help = "do not open the page in the browser" },
	{ .name = "timeout",
		.argument = "TIME",
		.parse = option_duration,
		.offset = offsetof(struct feeds_settings, timeout_ms),
		.minimum = 100,
		.maximum = 3600 * 1000,
		.help = "for one feed from the first byte to the last (default 20s)" },
	{ .name = "per-host",
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct feeds_settings, per_host),
		.minimum = 1,
		.maximum = 1000,
		.help = "transfers from one host at once (default 4)" },
	{ .name = "proxy",
		.argument = "URL",
		.parse = option_string,
		.offset = offsetof(struct feeds_settings, proxy),
		.help = "fetch through this proxy, which is then trusted to refuse private "
			"addresses" },
	{ .name = "allow-private",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct feeds_settings, allow_private),
		.help = "also fetch from addresses that are not public: this host, the local "
			"network" },
	{ 0 },
};

static void *feeds_settings_new(void)
{
	struct feeds_settings *own = xcalloc(1, sizeof(*own));
	own->timeout_ms = 20000;
	own->per_host = 4;
	return own;
}

/* The list that is read when none is named; NULL and *err when there is none. */
static char *default_list(struct error *err)
{
	static const char *const names[] = { "sciame/feeds.opml", "feeds.opml" };
	char *path = NULL;
	if (access("whatsnew.dat", F_OK) == 0)
		return xstrdup("whatsnew.dat");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		free(path);
		path = xdg_path(XDG_CONFIG, names[i], err);
		if (path && access(path, F_OK) == 0)
			return path;
	}
	(void)error_set(err, ERROR_USAGE,
		"a list of feeds is missing: name one; there is neither whatsnew.dat here nor %s",
		path ? path : "a folder for settings");
	free(path);
	return NULL;
}

static int read_lists(struct feeds_run *run, const struct settings *settings, struct error *err)
{
	int status = 0;
	char *path = NULL;
	if (settings->operands_count == 0) {
		path = default_list(err);
		if (!path)
			return -1;
		status = feeds_list_add(&run->list, path, err);
		free(path);
	}
	for (int i = 0; i < settings->operands_count && status == 0; i++)
		status = feeds_list_add(&run->list, settings->operands[i], err);
	if (status)
		err->code = ERROR_USAGE; /* nothing was done, and the list is the user's */
	return status;
}

static int compare_urls(const void *a, const void *b)
{
	const struct feed *const *x = a, *const *y = b;
	return strcmp((*x)->item->url, (*y)->item->url);
}

static struct feed *find(const struct feeds_run *run, const char *url)
{
	const struct feeds_item item = { .url = (char *)url };
	const struct feed wanted = { .item = &item }, *key = &wanted;
	struct feed **found =
		bsearch(&key, run->by_url, run->list.count, sizeof(*run->by_url), compare_urls);
	assert(found); /* every job is one of ours */
	return *found;
}

struct place {
	struct feed *feed;
	char *host;
	size_t turn; /* it is so many feeds of its host come before it */
};

static int compare_hosts(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int hosts = strcmp(x->host, y->host);
	return hosts ? hosts : (x->feed > y->feed) - (x->feed < y->feed);
}

static int compare_turns(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->turn != y->turn)
		return x->turn < y->turn ? -1 : 1;
	return (x->feed > y->feed) - (x->feed < y->feed);
}

/* Hosts take turns, so that many feeds of a slow one don't stand before those of all others. */
static void set_order(struct feeds_run *run)
{
	size_t count = run->list.count;
	struct place *places = xcalloc(count, sizeof(*places));
	for (size_t i = 0; i < count; i++) {
		places[i].feed = &run->feeds[i];
		places[i].host = feeds_list_host(run->feeds[i].item->url);
	}
	qsort(places, count, sizeof(*places), compare_hosts);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(places[i].host, places[i - 1].host) == 0)
			places[i].turn = places[i - 1].turn + 1;
	}
	qsort(places, count, sizeof(*places), compare_turns);
	run->order = xcalloc(count, sizeof(struct feed *));
	for (size_t i = 0; i < count; i++) {
		run->order[i] = places[i].feed;
		free(places[i].host);
	}
	free(places);
}

/* A host that asked for it is left alone until its time comes. */
static void heed_wish(const struct feeds_run *run, struct feed *feed)
{
	int64_t left_s = feed->known.not_before_s - run->now_s;
	/* more than anybody may ask for comes from a clock that was wrong once */
	if (left_s <= 0 || left_s > WISH_S_MAX)
		return;
	feed->error =
		xasprintf("HTTP %u earlier, and it asks to be left alone for another %" PRId64 " s",
			feed->known.http_status, left_s);
	feed->settled = true;
}

static int make_feeds(struct feeds_run *run, struct error *err)
{
	size_t count = run->list.count;
	run->feeds = xcalloc(count, sizeof(*run->feeds));
	run->by_url = xcalloc(count, sizeof(struct feed *));
	for (size_t i = 0; i < count; i++) {
		struct feed *feed = &run->feeds[i];
		feed->item = &run->list.items[i];
		feeds_cache_name(feed->item->url, feed->name);
		run->by_url[i] = feed;
		if (run->ledger &&
			feeds_ledger_load(run->ledger, feed->item->url, &feed->known, err)) {
			if (run->settings->only_new)
				return error_wrap(err, "--new");
			feeds_publish_forget(run, err);
		}
		heed_wish(run, feed);
	}
	qsort(run->by_url, count, sizeof(struct feed *), compare_urls);
	set_order(run);
	return 0;
}

/* Without a ledger a run is as good as any first one; --new alone makes no sense then. */
static int open_ledger(struct feeds_run *run, struct error *err)
{
	char *path = xdg_path(XDG_STATE, "sciame/feeds.sqlite", err);
	run->ledger = path ? feeds_ledger_open(path, err) : NULL;
	free(path);
	if (run->ledger)
		return 0;
	if (run->settings->only_new)
		return error_wrap(err, "--new");
	log_line("%s; what is shown is not remembered", err->message);
	return 0;
}

static int open_target(struct feeds_run *run, struct error *err)
{
	const char *path = run->settings->output, *folder = getenv("TMPDIR");
	if (!path) {
		run->default_output =
			xasprintf("%s/whatsnew%s", folder && folder[0] == '/' ? folder : "/tmp",
				endings[run->settings->format]);
		path = run->default_output;
	}
	return run->default_output ? output_file_open_shared(&run->target, path, err)
				   : output_file_open(&run->target, path, err);
}

static void feeds_close(void *state)
{
	struct feeds_run *run = state;
	output_free(run->output);
	output_file_discard(&run->target);
	feeds_ledger_close(run->ledger);
	feeds_cache_close(run->cache);
	for (size_t i = 0; run->feeds && i < run->list.count; i++)
		free(run->feeds[i].error);
	free(run->feeds);
	free(run->by_url);
	free(run->order);
	free(run->default_output);
	feeds_list_release(&run->list);
	free(run);
}

static int feeds_open(struct kind_run *kind_run, const struct settings *settings, struct error *err)
{
	struct feeds_run *run = xcalloc(1, sizeof(*run));
	kind_run->state = run;
	run->settings = settings->kind_settings;
	run->transfers = settings->serial ? 0 : settings->concurrency;
	run->sync = settings->sync;
	run->quiet = settings->quiet;
	run->by_date = run->settings->sort == SORT_DATE;
	run->now_s = clock_wall_s();
	if (run->settings->proxy && strlen(run->settings->proxy) >= ADDRESS_MAX)
		return error_set(err, ERROR_USAGE, "--proxy: the URL is too long");
	if (settings->json && run->settings->output && strcmp(run->settings->output, "-") == 0)
		return error_set(err, ERROR_USAGE, "--json and --output - both want stdout");
	if (read_lists(run, settings, err))
		return -1;
	run->cache = feeds_cache_open(err);
	if (!run->cache || open_ledger(run, err) || make_feeds(run, err) || open_target(run, err))
		return -1;
	feeds_publish_begin(run);
	kind_run->stdout_taken = run->target.is_stdout;
	kind_run->roots[kind_run->roots_count++] =
		xasprintf("cache=%s", feeds_cache_folder(run->cache));
	return 0;
}

static ProtobufCBinaryData validator(ProtobufCBinaryData field)
{
	return field.len < FIELD_MAX ? field : (ProtobufCBinaryData) { 0 };
}

/* Parameters of a job: with the validators of the copy, where there is one. */
static size_t pack_parameters(struct feeds_run *run, const Sciame__Feed *copy)
{
	const struct feeds_settings *settings = run->settings;
	Sciame__FeedsParameters p = SCIAME__FEEDS_PARAMETERS__INIT;
	if (copy && copy->response) {
		p.etag = validator(copy->response->etag);
		p.last_modified = validator(copy->response->last_modified);
	}
	p.timeout_ms = (uint32_t)settings->timeout_ms;
	p.body_bytes_max = BODY_BYTES_MAX;
	p.allow_private = settings->allow_private;
	p.per_host = (uint32_t)settings->per_host;
	if (settings->proxy)
		p.proxy = (char *)settings->proxy;
	assert(sciame__feeds_parameters__get_packed_size(&p) <= sizeof(run->parameters));
	return sciame__feeds_parameters__pack(&p, run->parameters);
}

static int feeds_next(void *state, struct job *job, struct error *err)
{
	struct feeds_run *run = state;
	if (run->next_problem < run->list.problems_count)
		return error_set(err, ERROR_INPUT, "%s", run->list.problems[run->next_problem++]);
	if (run->next == run->list.count)
		return 0;
	struct feed *feed = run->order[run->next++];
	if (feed->settled)
		return error_set(err, ERROR_NETWORK, "%s: %s", feed->item->url, feed->error);
	Sciame__Feed *copy = feeds_cache_read(run->cache, feed->name);
	job->parameters = run->parameters;
	job->parameters_size = pack_parameters(run, copy);
	sciame__feed__free_unpacked(copy, NULL);
	(void)snprintf(run->location, sizeof(run->location), "cache:%s", feed->name);
	job->source = feed->item->url;
	job->target = run->location;
	return 1;
}

static void take_report(struct feed *feed, const struct result *result)
{
	Sciame__FeedsReport *report =
		sciame__feeds_report__unpack(NULL, result->report_size, result->report);
	feed->duration_ms = result->duration_us / 1000;
	if (!report)
		return;
	feed->http_status = report->http_status;
	feed->retry_after_s = report->retry_after_s;
	sciame__feeds_report__free_unpacked(report, NULL);
}

static int feeds_fold(
	void *state, const struct job *job, const struct result *result, struct error *err)
{
	struct feeds_run *run = state;
	struct feed *feed = find(run, job->source);
	take_report(feed, result);
	feed->outcome = feed->http_status == HTTP_NOT_MODIFIED ? FEED_UNCHANGED : FEED_READ;
	if (!feeds_cache_has(run->cache, feed->name))
		return error_set(err, ERROR_IO, "its copy has gone from the cache");
	feed->settled = true;
	feeds_publish_settled(state);
	return 0;
}

static void feeds_fail(void *state, const struct job *job, const struct result *result)
{
	struct feed *feed = find(state, job->source);
	take_report(feed, result);
	feed->outcome = FEED_FAILED;
	free(feed->error);
	feed->error = xstrdup(result->detail);
	feed->settled = true;
	feeds_publish_settled(state);
}

static int feeds_finish(void *state, const struct summary *summary, struct error *err)
{
	struct feeds_run *run = state;
	return feeds_publish_end(run, summary, err);
}

/* "read 38/40 feeds using 16 transfers": the line of the classic whatsnew. */
static void feeds_line(const struct summary *summary, char *line, size_t size)
{
	int length = snprintf(line, size, "read %" PRIu64 "/%" PRIu64 " feeds ", summary->counts[0],
		summary->todo);
	size -= (size_t)length;
	line += length;
	const char *end = summary->canceled ? " [canceled]" : "";
	/* how many transfers other machines make is their own affair */
	if (summary->open)
		(void)snprintf(line, size, "using %" PRIu32 " processes on %" PRIu32 " worker%s%s",
			summary->processes, summary->workers, summary->workers == 1 ? "" : "s",
			end);
	else if (summary->processes)
		(void)snprintf(
			line, size, "using %" PRIu32 " transfers%s", summary->processes, end);
	else
		(void)snprintf(line, size, "single-threaded%s", end);
}

const struct master_kind master_kind_feeds = {
	.name = "feeds",
	.operands = "[LIST...]",
	.summary = "what's new in hundreds of feeds, on one page",
	.help = "Fetches the feeds (RSS, Atom, JSON Feed) that LIST names, many at once, and "
		"writes "
		"one page.\n"
		"LIST is OPML, or text: a title line before each URL line, title<TAB>URL, or one "
		"URL a\n"
		"line; - is stdin. Without LIST: whatsnew.dat here, else sciame/feeds.opml or\n"
		"feeds.opml in XDG_CONFIG_HOME.",
	.unit = "feeds",
	.counters = { "read" },
	.transfers_per_core = 4,
	.options = specs,
	.settings_new = feeds_settings_new,
	.open = feeds_open,
	.next = feeds_next,
	.fold = feeds_fold,
	.fail = feeds_fail,
	.finish = feeds_finish,
	.line = feeds_line,
	.close = feeds_close,
};
