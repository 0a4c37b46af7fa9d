/* SPDX-License-Identifier: MIT */
/* A web page that was found where a feed should be: which feed it names. */
#ifndef SCIAME_WORKER_KINDS_FEEDS_PAGE_H
#define SCIAME_WORKER_KINDS_FEEDS_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/kinds/feeds_buffer.h"

/*
 * Finds the first <link rel=alternate> of a feed's type near the start of a page. *link is its
 * address, resolved against the page's url; false: there is none.
 */
bool feeds_page_find(struct feeds_buffer *link, const char *html, size_t size, const char *url);

#endif
