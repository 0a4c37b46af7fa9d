/* SPDX-License-Identifier: MIT */
/* JSON Feed 1 and 1.1 (jsonfeed.org/version/1.1) -> a feed. */
#ifndef SCIAME_WORKER_KINDS_FEEDS_JSON_H
#define SCIAME_WORKER_KINDS_FEEDS_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/kinds/feeds_draft.h"

/* Whether text is an object, which no XML is: for the choice of the reader. */
bool feeds_json_sniff(const char *text, size_t size);

/*
 * Fills *draft; url: the base of relative links. text: valid UTF-8. false: not a JSON Feed.
 * *cut: the text ended before its time; the entries before that were read.
 */
bool feeds_json_read(
	struct feeds_draft *draft, const char *text, size_t size, const char *url, bool *cut);

#endif
