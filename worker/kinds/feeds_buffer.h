/* SPDX-License-Identifier: MIT */
/* Bytes that grow up to a limit. Out of memory ends the process; a full buffer does not. */
#ifndef SCIAME_WORKER_KINDS_FEEDS_BUFFER_H
#define SCIAME_WORKER_KINDS_FEEDS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct feeds_buffer {
	char *bytes; /* size bytes without NUL; NULL until something was added */
	size_t size;
	size_t room;
	size_t max;
	bool full; /* something did not fit */
};

/* max: of size. The caller releases *buffer. */
void feeds_buffer_init(struct feeds_buffer *buffer, size_t max);
void feeds_buffer_release(struct feeds_buffer *buffer);

/* Empties it and keeps the memory. */
void feeds_buffer_clear(struct feeds_buffer *buffer);

/* Adds all of bytes, or nothing and false when they don't fit. */
static inline bool feeds_buffer_add(struct feeds_buffer *buffer, const void *bytes, size_t size);

/* The same for a text and for a character (nothing for what is no character). */
bool feeds_buffer_add_text(struct feeds_buffer *buffer, const char *text);
bool feeds_buffer_add_character(struct feeds_buffer *buffer, uint32_t character);

/* Adds as much of UTF-8 as fits, cut between characters. */
void feeds_buffer_add_head(struct feeds_buffer *buffer, const char *text, size_t size);

/* The bytes with a NUL behind them, valid until the next call. */
const char *feeds_buffer_text(struct feeds_buffer *buffer);

/* What feeds_buffer_add() does when there is no room yet. */
bool feeds_buffer_add_slowly(struct feeds_buffer *buffer, const void *bytes, size_t size);

/* Here because it is called for nearly each tag and word, mostly with a size that is known. */
static inline bool feeds_buffer_add(struct feeds_buffer *buffer, const void *bytes, size_t size)
{
	/* max may have been lowered below room */
	if (size >= buffer->room - buffer->size || size > buffer->max - buffer->size)
		return feeds_buffer_add_slowly(buffer, bytes, size);
	memcpy(buffer->bytes + buffer->size, bytes, size);
	buffer->size += size;
	return true;
}

#endif
