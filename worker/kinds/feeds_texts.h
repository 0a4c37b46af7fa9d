/* SPDX-License-Identifier: MIT */
/*
 * Texts that are kept beside a document, which has a number in place of each: libxml2 reads text at
 * fifty instructions for a byte, and most of a feed is text. What needs no change is not copied.
 */
#ifndef SCIAME_WORKER_KINDS_FEEDS_TEXTS_H
#define SCIAME_WORKER_KINDS_FEEDS_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/kinds/feeds_buffer.h"

struct feeds_texts {
	struct feeds_buffer bytes; /* of the texts that had to be changed */
	struct feeds_texts_piece {
		const char *text; /* borrowed; NULL: at in bytes */
		size_t at;
		size_t size;
	} * pieces;
	size_t count;
	size_t room;
};

/* bytes_max: of texts that had to be changed. The caller releases *texts. */
void feeds_texts_init(struct feeds_texts *texts, size_t bytes_max);
void feeds_texts_release(struct feeds_texts *texts);

/* Adds a text, which must outlive *texts; returns its number. */
size_t feeds_texts_add(struct feeds_texts *texts, const char *text, size_t size);

/* Adds what was written to bytes from at on. */
size_t feeds_texts_add_written(struct feeds_texts *texts, size_t at);

/* The text of a number, NULL when there is none, and its size. Valid until bytes are written. */
const char *feeds_texts_get(const struct feeds_texts *texts, size_t number, size_t *size);

#endif
