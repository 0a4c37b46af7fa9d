/* SPDX-License-Identifier: MIT */
#include "master/kinds/feeds_publish.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/startup.h"
#include "master/browser.h"
#include "master/kinds/feeds_digest.h"
#include "master/kinds/feeds_output.h"

static bool is_ok(const struct feed *feed)
{
	return feed->outcome == FEED_READ || feed->outcome == FEED_UNCHANGED;
}

/* What to remember of a feed after this run. */
static struct ledger_feed learned(const struct feeds_run *run, const struct feed *feed)
{
	struct ledger_feed now = feed->known;
	if (feed->outcome == FEED_NOT_RUN)
		return now;
	now.http_status = feed->http_status;
	now.failures = is_ok(feed) ? 0 : feed->known.failures + 1;
	now.not_before_s = feed->retry_after_s ? run->now_s + feed->retry_after_s : 0;
	if (is_ok(feed))
		now.checked_s = run->now_s;
	return now;
}

void feeds_publish_forget(struct feeds_run *run, const struct error *why)
{
	log_line("%s; what is shown is not remembered", why->message);
	feeds_ledger_close(run->ledger);
	run->ledger = NULL;
}

/* shown: NULL when nothing was. */
static void remember(struct feeds_run *run, const struct feed *feed, const struct digest *shown)
{
	struct error err;
	const struct ledger_feed now = learned(run, feed);
	const char *url = feed->item->url;
	if (!run->ledger)
		return;
	int status = feeds_ledger_store(run->ledger, url, &now, run->now_s, &err);
	if (status == 0 && shown && shown->count > 0) {
		const struct ledger_entries entries = { shown->identities, shown->count };
		status = feeds_ledger_add_seen(run->ledger, url, &entries, run->now_s, &err);
	}
	if (status)
		feeds_publish_forget(run, &err);
}

static void describe(struct output_feed *to, const struct feeds_run *run, const struct feed *feed,
	const Sciame__Feed *copy)
{
	*to = (struct output_feed) {
		.url = feed->item->url,
		.list_title = feed->item->title,
		.category = feed->item->category,
		.title = copy ? copy->title : "",
		.link = copy ? copy->link : "",
		.ok = is_ok(feed) && copy,
		.kept = copy && feed->outcome != FEED_READ,
		.error = feed->error ? feed->error : "",
		.moved_to = "",
		.salvaged = copy ? copy->salvaged : "",
		.http_status =
			feed->outcome == FEED_NOT_RUN ? feed->known.http_status : feed->http_status,
		.checked_s = is_ok(feed) ? run->now_s : feed->known.checked_s,
		.duration_ms = feed->duration_ms,
	};
	if (is_ok(feed) && !copy)
		to->error = "its copy can't be read";
}

static void make_digest(struct feeds_run *run, const struct feed *feed, const Sciame__Feed *copy,
	struct digest *digest)
{
	const struct digest_options options = {
		.limit = run->settings->limit,
		.since_s = run->settings->since_ms ? run->now_s - run->settings->since_ms / 1000
						   : INT64_MIN,
		.only_new = run->settings->only_new,
		.now_s = run->now_s,
	};
	struct error err;
	struct digest_known known = { run->ledger, feed->item->url };
	if (feeds_digest_make(digest, copy, &known, &options, &err) == 0)
		return;
	feeds_publish_forget(run, &err);
	known.ledger = NULL;
	(void)feeds_digest_make(digest, copy, &known, &options, &err); /* only ledgers fail */
}

static char *moved_to(const Sciame__Feed *copy)
{
	if (!copy || !copy->response)
		return xstrdup("");
	const ProtobufCBinaryData *url = &copy->response->moved_to;
	return xasprintf("%.*s", (int)url->len, url->len ? (const char *)url->data : "");
}

/* One feed: from its copy, whoever wrote that, to the output and the ledger. */
static int publish_feed(
	struct feeds_run *run, const struct feed *feed, struct output *output, struct error *err)
{
	struct digest digest = { 0 };
	struct output_feed shown;
	Sciame__Feed *copy = feeds_cache_read(run->cache, feed->name);
	char *moved = moved_to(copy);
	describe(&shown, run, feed, copy);
	shown.moved_to = moved;
	if (copy) {
		make_digest(run, feed, copy, &digest);
		if (feed->outcome != FEED_READ)
			feeds_cache_touch(run->cache, feed->name);
		shown.entries = digest.entries;
		shown.entries_count = digest.count;
	}
	int status = output_feed(output, &shown, err);
	if (status == 0)
		remember(run, feed, &digest);
	feeds_digest_release(&digest);
	sciame__feed__free_unpacked(copy, NULL);
	free(moved);
	return status;
}

void feeds_publish_begin(struct feeds_run *run)
{
	const struct output_options options = {
		.format = (enum output_format)run->settings->format,
		.by_date = run->by_date,
		.now_s = run->now_s,
		.title = "What's new",
	};
	run->output = output_new(run->target.out, &options);
}

static void publish_next(struct feeds_run *run)
{
	const struct feed *feed = &run->feeds[run->published++];
	run->publish_status = publish_feed(run, feed, run->output, &run->publish_error);
}

void feeds_publish_settled(struct feeds_run *run)
{
	/* what can't be taken back, such as a pipe, is not begun before the end is known */
	while (run->target.final && run->publish_status == 0 && run->published < run->list.count &&
		run->feeds[run->published].settled)
		publish_next(run);
}

static int write_rest(struct feeds_run *run, const struct summary *summary, struct error *err)
{
	const struct output_report report = {
		.feeds = summary->todo,
		.ok = summary->counts[0],
		.transfers = run->transfers,
		.elapsed_ms = summary->elapsed_ms,
		.problems = run->list.problems,
		.problems_count = run->list.problems_count,
	};
	while (run->publish_status == 0 && run->published < run->list.count)
		publish_next(run);
	*err = run->publish_error;
	if (run->publish_status || output_end(run->output, &report, err))
		return error_wrap(err, run->target.path);
	return 0;
}

/* Of a run that was canceled: how long hosts want to be left alone, but not what was shown. */
static void note_hosts(struct feeds_run *run)
{
	struct error err;
	if (run->ledger && feeds_ledger_drop(run->ledger, &err))
		feeds_publish_forget(run, &err);
	for (size_t i = 0; i < run->list.count; i++) {
		const struct feed *feed = &run->feeds[i];
		if (feed->outcome != FEED_NOT_RUN)
			remember(run, feed, NULL);
	}
}

static void commit_ledger(struct feeds_run *run)
{
	struct error err;
	if (run->ledger && feeds_ledger_commit(run->ledger, &err))
		log_line("%s; what was shown is not remembered", err.message);
}

static void open_page(const struct feeds_run *run)
{
	struct error err;
	if (run->settings->format != OUTPUT_HTML || run->settings->no_open || !run->target.final ||
		!browser_is_possible())
		return;
	if (browser_open(run->target.final, &err))
		log_line("%s", err.message);
}

static void end_canceled(struct feeds_run *run)
{
	if (!run->quiet)
		log_line("canceled: %s was not written", run->target.path);
	note_hosts(run);
	commit_ledger(run);
}

int feeds_publish_end(struct feeds_run *run, const struct summary *summary, struct error *err)
{
	if (summary->canceled) {
		end_canceled(run);
		return 0;
	}
	if (!run->target.final)
		startup_unblock(); /* whoever reads a pipe may take for ever, and nothing is lost */
	if (write_rest(run, summary, err) || output_file_commit(&run->target, run->sync, err))
		return -1;
	commit_ledger(run);
	feeds_cache_prune(run->cache, run->now_s);
	open_page(run);
	if (!run->quiet && !run->settings->output)
		log_line("%s", run->target.path);
	return 0;
}
