/* SPDX-License-Identifier: MIT */
/*
 * Bytes of a feed -> what it says. RSS 0.9x, 1.0, 2.0, Atom 0.3, 1.0, JSON Feed; malformed ones
 * are salvaged. Opens nothing, loads nothing: no external entity, no DTD.
 */
#ifndef SCIAME_WORKER_KINDS_FEEDS_READ_H
#define SCIAME_WORKER_KINDS_FEEDS_READ_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "proto/feeds.pb-c.h"

enum {
	FEED_ENTRIES_MAX = 5000,  /* entries that are kept of one feed */
	FEED_TITLE_MAX = 4096,    /* bytes of a title, an author, an id */
	FEED_LINK_MAX = 4096,     /* bytes of a link; a longer one is dropped */
	FEED_SUMMARY_MAX = 4096,  /* bytes of a summary; cut at a character */
	FEED_BYTES_MAX = 8 << 20, /* of all text of one feed; further entries are left out */
};

/* A body and where it came from. Texts are NUL-terminated; content_type may be empty. */
struct feeds_body {
	const uint8_t *bytes;
	size_t size;
	const char *url;          /* after redirects: the base of relative links */
	const char *content_type; /* of the HTTP response */
};

/*
 * A message that the caller frees with sciame__feed__free_unpacked(feed, NULL), or NULL and *err
 * (ERROR_INPUT: "not a feed", with what it is instead when that is known: "a web page, which names
 * the feed https://...").
 */
Sciame__Feed *feeds_read(const struct feeds_body *body, struct error *err);

#endif
