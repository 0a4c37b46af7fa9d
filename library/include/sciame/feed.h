/* SPDX-License-Identifier: MIT */
/*
 * What a job of the kind "feeds" has written to its target: one feed, already read and made safe.
 * Texts are UTF-8 without markup or control characters other than tab and newline; links are
 * absolute, http or https (of entries also mailto), or "".
 *
 *     job: { .kind = "feeds", .source = "https://example.org/feed.xml", .target = "cache:one" }
 */
#ifndef SCIAME_FEED_H
#define SCIAME_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sciame/error.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct sciame_feed;

/* Borrowed from its feed. */
struct sciame_entry {
	const char *id, *title, *link, *author, *summary;
	bool dated;
	int64_t published_s; /* since 1970, UTC; of a dated one */
};

/* SCIAME_SYSTEM: it can't be read; SCIAME_PROTOCOL: it is no such file. The caller closes it. */
enum sciame_status sciame_feed_read(
	struct sciame_feed **feed, const char *path, struct sciame_error *err);

const char *sciame_feed_title(const struct sciame_feed *feed);
const char *sciame_feed_link(const struct sciame_feed *feed);
size_t sciame_feed_count(const struct sciame_feed *feed);

/* The entry with this index, in the order of the feed; one that is not there is an assertion. */
struct sciame_entry sciame_feed_entry(const struct sciame_feed *feed, size_t index);

/* Of NULL it does nothing. */
void sciame_feed_close(struct sciame_feed *feed);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
