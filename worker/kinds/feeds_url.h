/* SPDX-License-Identifier: MIT */
/*
 * Links of feeds: relative ones resolved (RFC 3986, 5.2, with the tolerance of 5.2.2 and 5.4.2),
 * and only schemes that may leave. IRIs stay as they are; what cannot stand in a link is escaped.
 */
#ifndef SCIAME_WORKER_KINDS_FEEDS_URL_H
#define SCIAME_WORKER_KINDS_FEEDS_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/kinds/feeds_buffer.h"

enum feeds_url_kind {
	FEEDS_URL_NONE, /* no scheme that may leave, or no host */
	FEEDS_URL_WEB,  /* http, https */
	FEEDS_URL_MAIL, /* mailto */
};

/*
 * Replaces *out by reference resolved against base (absolute; may be empty). White space around
 * and line ends inside the reference are dropped. false: nothing that can be resolved, or too
 * long for out.
 */
bool feeds_url_resolve(
	struct feeds_buffer *out, const char *base, const char *reference, size_t size);

/* What an absolute link is. */
enum feeds_url_kind feeds_url_kind(const char *url, size_t size);

#endif
