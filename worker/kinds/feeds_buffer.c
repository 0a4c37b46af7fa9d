/* SPDX-License-Identifier: MIT */
/* Bytes that grow up to a limit. Room doubles, with one byte kept for a NUL. */
#include "worker/kinds/feeds_buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "worker/kinds/feeds_utf8.h"

enum { ROOM_FIRST = 256 };

void feeds_buffer_init(struct feeds_buffer *buffer, size_t max)
{
	*buffer = (struct feeds_buffer) { .max = max };
}

void feeds_buffer_release(struct feeds_buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct feeds_buffer) { 0 };
}

void feeds_buffer_clear(struct feeds_buffer *buffer)
{
	buffer->size = 0;
	buffer->full = false;
}

static void grow(struct feeds_buffer *buffer, size_t size)
{
	size_t room = buffer->room == 0 ? ROOM_FIRST : buffer->room;
	while (room <= size)
		room *= 2;
	if (room > buffer->max + 1)
		room = buffer->max + 1;
	buffer->bytes = xreallocarray(buffer->bytes, room, 1);
	buffer->room = room;
}

bool feeds_buffer_add_slowly(struct feeds_buffer *buffer, const void *bytes, size_t size)
{
	if (size > buffer->max - buffer->size) {
		buffer->full = true;
		return false;
	}
	if (size == 0)
		return true;
	if (buffer->size + size >= buffer->room)
		grow(buffer, buffer->size + size);
	memcpy(buffer->bytes + buffer->size, bytes, size);
	buffer->size += size;
	return true;
}

bool feeds_buffer_add_text(struct feeds_buffer *buffer, const char *text)
{
	return feeds_buffer_add(buffer, text, strlen(text));
}

bool feeds_buffer_add_character(struct feeds_buffer *buffer, uint32_t character)
{
	char bytes[UTF8_CHARACTER_MAX];
	return feeds_buffer_add(buffer, bytes, feeds_utf8_encode(character, bytes));
}

void feeds_buffer_add_head(struct feeds_buffer *buffer, const char *text, size_t size)
{
	size_t fits = buffer->max - buffer->size;
	if (size > fits) {
		size = fits;
		while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80)
			size--;
		buffer->full = true;
	}
	bool added = feeds_buffer_add(buffer, text, size);
	assert(added);
}

const char *feeds_buffer_text(struct feeds_buffer *buffer)
{
	if (buffer->bytes == NULL)
		grow(buffer, 0);
	buffer->bytes[buffer->size] = '\0';
	return buffer->bytes;
}
