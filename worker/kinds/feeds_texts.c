/* SPDX-License-Identifier: MIT */
/* Texts that are kept beside a document. */
#include "worker/kinds/feeds_texts.h"

#include <stdlib.h>

#include "common/memory.h"

enum { ROOM_FIRST = 64 };

void feeds_texts_init(struct feeds_texts *texts, size_t bytes_max)
{
	*texts = (struct feeds_texts) { 0 };
	feeds_buffer_init(&texts->bytes, bytes_max);
}

void feeds_texts_release(struct feeds_texts *texts)
{
	feeds_buffer_release(&texts->bytes);
	free(texts->pieces);
	*texts = (struct feeds_texts) { 0 };
}

static size_t append(struct feeds_texts *texts, struct feeds_texts_piece piece)
{
	if (texts->count == texts->room) {
		texts->room = texts->room == 0 ? ROOM_FIRST : texts->room * 2;
		texts->pieces = xreallocarray(texts->pieces, texts->room, sizeof(*texts->pieces));
	}
	texts->pieces[texts->count] = piece;
	return texts->count++;
}

size_t feeds_texts_add(struct feeds_texts *texts, const char *text, size_t size)
{
	return append(texts, (struct feeds_texts_piece) { .text = text, .size = size });
}

size_t feeds_texts_add_written(struct feeds_texts *texts, size_t at)
{
	return append(
		texts, (struct feeds_texts_piece) { .at = at, .size = texts->bytes.size - at });
}

const char *feeds_texts_get(const struct feeds_texts *texts, size_t number, size_t *size)
{
	if (number >= texts->count)
		return NULL;
	const struct feeds_texts_piece *piece = &texts->pieces[number];
	*size = piece->size;
	return piece->text != NULL ? piece->text : texts->bytes.bytes + piece->at;
}
