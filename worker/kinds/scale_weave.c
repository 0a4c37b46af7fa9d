/* SPDX-License-Identifier: MIT */
/* The table of formats, and bytes that move from one buffer to the other. */
#include "worker/kinds/scale_weave.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "worker/kinds/scale_weave_parts.h"

static const struct {
	bool (*part)(struct weave *weave);
	bool (*join)(struct weave *weave, const struct metadata_made *made);
} formats[PICTURE_FORMATS] = {
	[PICTURE_JPEG] = { weave_part_jpeg, weave_join_jpeg },
	[PICTURE_PNG] = { weave_part_png, weave_join_png },
	[PICTURE_WEBP] = { weave_part_webp, weave_join_webp },
	[PICTURE_TIFF] = { weave_part_tiff, weave_join_tiff },
	[PICTURE_GIF] = { weave_part_gif, weave_join_gif },
	[PICTURE_JXL] = { weave_part_jxl, weave_join_jxl },
};

uint32_t weave_big(const uint8_t *bytes, unsigned count)
{
	uint32_t value = 0;
	for (unsigned i = 0; i < count; i++)
		value = value << 8 | bytes[i];
	return value;
}

void weave_put_big(uint8_t *to, uint32_t value, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		to[i] = (uint8_t)(value >> 8 * (count - 1 - i));
}

void weave_keep(struct weave *weave, size_t start, size_t end)
{
	assert(start <= end);
	assert(end <= weave->size);
	assert(end - start <= weave->room - weave->used);
	if (weave->out)
		memcpy(weave->out + weave->used, weave->in + start, end - start);
	weave->used += end - start;
}

void weave_insert(struct weave *weave, const void *bytes, size_t size)
{
	if (size > weave->room - weave->used) {
		weave->room = weave->used + size;
		weave->out = xreallocarray(weave->out, weave->room, 1);
	}
	uint8_t *place = weave->out + weave->insert_at;
	memmove(place + size, place, weave->used - weave->insert_at);
	memcpy(place, bytes, size);
	weave->insert_at += size;
	weave->used += size;
}

bool weave_knows(enum picture_format format)
{
	return formats[format].part != NULL;
}

bool weave_part(struct weave *weave, enum picture_format format, const uint8_t *bytes, size_t size)
{
	assert(weave_knows(format));
	*weave = (struct weave) { .in = bytes, .size = size, .room = size };
	weave->out = xmalloc(size + 1); /* never none */
	return formats[format].part(weave);
}

bool weave_look(struct weave *weave, enum picture_format format, const uint8_t *bytes, size_t size)
{
	assert(format == PICTURE_PNG || format == PICTURE_GIF || format == PICTURE_JXL);
	*weave = (struct weave) { .in = bytes, .size = size, .room = size };
	return formats[format].part(weave);
}

bool weave_join(struct weave *weave, enum picture_format format, const struct metadata_made *made)
{
	return formats[format].join(weave, made);
}

void weave_release(struct weave *weave)
{
	free(weave->out);
	free(weave->inflated);
	weave->out = NULL;
	weave->inflated = NULL;
}
