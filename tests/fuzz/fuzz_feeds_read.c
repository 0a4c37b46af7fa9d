/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: any bytes as the body of a feed. The first byte chooses the content type; what comes
 * out must keep every promise of proto/feeds.proto.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/quote.h"
#include "worker/kinds/feeds_read.h"
#include "worker/kinds/feeds_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t max)
{
	size_t size = strlen(text);
	assert(size <= max);
	assert(utf8_valid(text, size));
	for (size_t i = 0; i < size; i++)
		assert((unsigned char)text[i] >= ' ' && text[i] != 0x7F);
}

static void check_link(const char *link)
{
	check_text(link, FEED_LINK_MAX);
	assert(*link == '\0' || feeds_url_kind(link, strlen(link)) != FEEDS_URL_NONE);
	assert(strpbrk(link, " <>") == NULL);
}

static void check_feed(const Sciame__Feed *feed)
{
	check_text(feed->title, FEED_TITLE_MAX);
	check_link(feed->link);
	check_text(feed->salvaged, FEED_TITLE_MAX);
	assert(feed->n_entries <= FEED_ENTRIES_MAX);
	for (size_t i = 0; i < feed->n_entries; i++) {
		const Sciame__FeedEntry *entry = feed->entries[i];
		check_text(entry->id, FEED_TITLE_MAX);
		check_text(entry->title, FEED_TITLE_MAX);
		check_link(entry->link);
		check_text(entry->author, FEED_TITLE_MAX);
		check_text(entry->summary, FEED_SUMMARY_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "", "text/xml", "text/xml; charset=iso-8859-1",
		"application/xml; charset=utf-8", "text/html; charset=shift_jis",
		"application/feed+json", "x; charset=utf-16", "x; charset=gb2312" };
	if (size == 0)
		return 0;
	struct feeds_body body = {
		.bytes = data + 1,
		.size = size - 1,
		.url = "https://example.org/a/feed?x=1",
		.content_type = types[data[0] % (sizeof(types) / sizeof(*types))],
	};
	struct error err = { 0 };
	Sciame__Feed *feed = feeds_read(&body, &err);
	if (feed == NULL) {
		assert(err.code == ERROR_INPUT && err.message[0] != '\0');
		return 0;
	}
	check_feed(feed);
	sciame__feed__free_unpacked(feed, NULL);
	return 0;
}
