/* SPDX-License-Identifier: MIT */
/*
 * WebP: RIFF chunks. Only a file that begins with VP8X has a place for metadata; its flags say
 * what comes. Sizes are those of RIFF: least significant byte first, chunks at even offsets.
 */
#include "worker/kinds/scale_weave_parts.h"

#include <string.h>

enum {
	RIFF_BYTES = 12, /* "RIFF", size, "WEBP" */
	HEAD_BYTES = 8,  /* of a chunk */
	TYPE_BYTES = 4,
	VP8X_BYTES = 10,
	FLAGS_AT = RIFF_BYTES + HEAD_BYTES, /* in a file that begins with VP8X */
	FLAG_XMP = 0x04,
	FLAG_EXIF = 0x08,
};

#define RIFF_SIZE_MAX 0xfffffff0U /* that a chunk more can be counted */

static const char *const kept[] = { "VP8X", "ICCP", "ANIM", "ANMF", "ALPH", "VP8 ", "VP8L" };

static uint32_t little(const uint8_t *bytes)
{
	return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 |
	       bytes[0];
}

static void put_little(uint8_t *to, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static bool is(const uint8_t *type, const char *name)
{
	return memcmp(type, name, TYPE_BYTES) == 0;
}

static bool is_kept(const uint8_t *type)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		if (is(type, kept[i]))
			return true;
	}
	return false;
}

static bool is_extended(const struct weave *weave)
{
	return weave->used >= FLAGS_AT + VP8X_BYTES && is(weave->out + RIFF_BYTES, "VP8X");
}

static void take_chunk(struct weave *weave, const uint8_t *chunk, size_t size)
{
	struct block block = { .bytes = chunk + HEAD_BYTES, .size = size };
	if (is(chunk, "EXIF") && weave->found.exif.size == 0)
		weave->found.exif = block;
	else if (is(chunk, "XMP ") && weave->found.xmp.size == 0)
		weave->found.xmp = block;
}

/* The size in the head, and the flags, are of what is in out. */
static void correct(struct weave *weave, uint8_t flags)
{
	put_little(weave->out + 4, (uint32_t)(weave->used - HEAD_BYTES));
	if (is_extended(weave))
		weave->out[FLAGS_AT] =
			(uint8_t)((weave->out[FLAGS_AT] & ~(FLAG_EXIF | FLAG_XMP)) | flags);
}

bool weave_part_webp(struct weave *weave)
{
	const uint8_t *in = weave->in;
	if (weave->size < RIFF_BYTES + HEAD_BYTES || memcmp(in, "RIFF", 4) != 0 ||
		memcmp(in + 8, "WEBP", 4) != 0)
		return false;
	size_t said = (size_t)little(in + 4) + HEAD_BYTES;
	if (said < RIFF_BYTES + HEAD_BYTES || said > weave->size)
		return false;
	weave_keep(weave, 0, RIFF_BYTES);
	size_t at = RIFF_BYTES;
	while (said - at >= HEAD_BYTES) {
		size_t size = little(in + at + 4);
		if (size > said - at - HEAD_BYTES)
			return false;
		size_t end = at + HEAD_BYTES + size;
		end += end % 2 && end < said; /* some leave the last filling byte out */
		if (is_kept(in + at))
			weave_keep(weave, at, end);
		else
			take_chunk(weave, in + at, size);
		at = end;
	}
	weave->insert_at = weave->used;
	correct(weave, 0);
	return weave->used > RIFF_BYTES;
}

static void insert_chunk(struct weave *weave, const char *type, const uint8_t *data, size_t size)
{
	static const uint8_t filling[1] = { 0 };
	if (weave->used % 2)
		weave_insert(weave, filling, sizeof(filling));
	uint8_t head[HEAD_BYTES];
	memcpy(head, type, TYPE_BYTES);
	put_little(head + TYPE_BYTES, (uint32_t)size);
	weave_insert(weave, head, sizeof(head));
	weave_insert(weave, data, size);
	if (size % 2)
		weave_insert(weave, filling, sizeof(filling));
}

bool weave_join_webp(struct weave *weave, const struct metadata_made *made)
{
	uint8_t flags = 0;
	if (!made->exif && !made->xmp)
		return true;
	if (!is_extended(weave) || made->exif_size + made->xmp_size > RIFF_SIZE_MAX - weave->used)
		return false;
	if (made->exif) {
		insert_chunk(weave, "EXIF", made->exif + METADATA_EXIF_PREFIX,
			made->exif_size - METADATA_EXIF_PREFIX);
		flags |= FLAG_EXIF;
	}
	if (made->xmp) {
		insert_chunk(weave, "XMP ", made->xmp + METADATA_XMP_PREFIX,
			made->xmp_size - METADATA_XMP_PREFIX);
		flags |= FLAG_XMP;
	}
	correct(weave, flags);
	return true;
}
