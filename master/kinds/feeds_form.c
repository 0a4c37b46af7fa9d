/* SPDX-License-Identifier: MIT */
#include "master/kinds/feeds_form.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "master/kinds/feeds_stamp.h"

enum { HTTP_GONE = 410 };

const char *form_name(const struct output_feed *feed)
{
	if (*feed->list_title)
		return feed->list_title;
	return *feed->title ? feed->title : feed->url;
}

const char *form_title(const struct output_feed *feed)
{
	return *feed->title ? feed->title : feed->list_title;
}

bool form_is_dated(const struct output_entry *entry)
{
	return entry->dated && stamp_is_writable(entry->published_s);
}

int64_t form_river_s(const struct output *output, const struct output_entry *entry)
{
	int64_t s = form_is_dated(entry) ? entry->published_s : entry->first_seen_s;
	bool known = form_is_dated(entry) || (s > 0 && stamp_is_writable(s));
	return known && s < output->options.now_s ? s : output->options.now_s;
}

bool form_in_group(const struct output_feed *feed, enum form_group group)
{
	bool gone = !feed->ok && feed->http_status == HTTP_GONE;
	switch (group) {
	case FORM_FAILED:
		return !feed->ok && !gone && !feed->kept;
	case FORM_STALE:
		return !feed->ok && !gone && feed->kept;
	case FORM_GONE:
		return gone;
	case FORM_MOVED:
		return *feed->moved_to != '\0';
	case FORM_SALVAGED:
		return *feed->salvaged != '\0';
	case FORM_GROUPS:
		break;
	}
	return false;
}

const char *form_group_name(enum form_group group)
{
	static const char *const names[] = {
		[FORM_FAILED] = "Failed",
		[FORM_STALE] = "Stale: an earlier copy is shown",
		[FORM_GONE] = "Gone: better removed from the list",
		[FORM_MOVED] = "Moved: the list should have the new address",
		[FORM_SALVAGED] = "Not well-formed, but read",
	};
	assert(group < FORM_GROUPS);
	return names[group];
}

static const char *reason(const struct output_feed *feed)
{
	return *feed->error ? feed->error : "not read";
}

/* "copy of 3 days ago (2026-11-19 21:30 UTC)" */
static char *age(const struct output *output, const struct output_feed *feed)
{
	if (feed->checked_s <= 0 || !stamp_is_writable(feed->checked_s))
		return xstrdup("copy of an earlier run");
	struct stamp span, minute;
	int64_t seconds = output->options.now_s - feed->checked_s;
	return xasprintf("copy of %s ago (%s UTC)", stamp_span(&span, seconds),
		stamp_minute(&minute, feed->checked_s));
}

char *form_words(const struct output *output, const struct output_feed *feed, enum form_group group)
{
	switch (group) {
	case FORM_STALE: {
		char *copy = age(output, feed);
		char *words = xasprintf("%s; %s", copy, reason(feed));
		free(copy);
		return words;
	}
	case FORM_MOVED:
		return xasprintf("now at %s", feed->moved_to);
	case FORM_SALVAGED:
		return xstrdup(feed->salvaged);
	case FORM_FAILED:
	case FORM_GONE:
	case FORM_GROUPS:
		break;
	}
	return xstrdup(reason(feed));
}

char *form_run(const struct output *output, const struct output_report *report)
{
	struct stamp minute;
	return xasprintf("read %zu/%zu feeds using %" PRId64 " transfers in %" PRId64 ".%" PRId64
			 " s, %s UTC",
		report->ok, report->feeds, report->transfers, report->elapsed_ms / 1000,
		report->elapsed_ms % 1000 / 100, stamp_minute(&minute, output->options.now_s));
}

uint64_t form_identity(const char *text)
{
	uint8_t digest[HASH_SHA256_SIZE];
	uint64_t identity;
	hash_sha256(text, strlen(text), digest);
	memcpy(&identity, digest, sizeof(identity));
	return identity;
}
