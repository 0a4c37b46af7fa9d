/* SPDX-License-Identifier: MIT */
/*
 * JPEG XL: a bare codestream, which has no place for metadata, or boxes of ISO/IEC 18181-2 around
 * it. Kept are the boxes of the codestream. What rebuilds an old JPEG file bit by bit goes: it
 * holds all of that file's metadata.
 */
#include "worker/kinds/scale_weave_parts.h"

#include <string.h>

enum {
	HEAD_BYTES = 8, /* of a box: size and type */
	LONG_HEAD_BYTES = 16,
	TYPE_BYTES = 4,
	EXIF_OFFSET = 4, /* bytes in front of the block that say where it begins */
};

static const uint8_t signature[] = { 0, 0, 0, 12, 'J', 'X', 'L', ' ', '\r', '\n', 0x87, '\n' };
static const uint8_t file_type[] = { 0, 0, 0, 20, 'f', 't', 'y', 'p', 'j', 'x', 'l', ' ', 0, 0, 0,
	0, 'j', 'x', 'l', ' ' };

static const char *const kept[] = { "JXL ", "ftyp", "jxlc", "jxlp", "jxll", "jxli" };

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

static bool is_bare(const uint8_t *bytes, size_t size)
{
	return size >= 2 && bytes[0] == 0xff && bytes[1] == 0x0a;
}

static void take_box(struct weave *weave, const uint8_t *type, struct block data)
{
	if (is(type, "Exif") && data.size > EXIF_OFFSET && weave->found.exif.size == 0) {
		size_t skipped = EXIF_OFFSET + (size_t)weave_big(data.bytes, EXIF_OFFSET);
		if (skipped < data.size)
			weave->found.exif = (struct block) { .bytes = data.bytes + skipped,
				.size = data.size - skipped };
	} else if (is(type, "xml ") && weave->found.xmp.size == 0) {
		weave->found.xmp = data;
	}
}

/* The box at `at`: how long its head is, and it all. False when it does not fit. */
static bool measure(const struct weave *weave, size_t at, size_t *head, size_t *box)
{
	const uint8_t *bytes = weave->in + at;
	size_t left = weave->size - at;
	if (left < HEAD_BYTES)
		return false;
	*head = HEAD_BYTES;
	*box = weave_big(bytes, 4);
	if (*box == 0) { /* to the end of the file */
		*box = left;
	} else if (*box == 1 && left >= LONG_HEAD_BYTES) {
		*head = LONG_HEAD_BYTES;
		*box = (size_t)weave_big(bytes + HEAD_BYTES, 4) << 32 |
		       weave_big(bytes + HEAD_BYTES + 4, 4);
	}
	return *box >= *head && *box <= left;
}

bool weave_part_jxl(struct weave *weave)
{
	const uint8_t *in = weave->in;
	size_t at = 0;
	bool ends = false; /* the last box has no size: nothing can follow it */
	if (is_bare(in, weave->size)) {
		weave_keep(weave, 0, weave->size);
		weave->insert_at = weave->used;
		return true;
	}
	if (weave->size < sizeof(signature) || memcmp(in, signature, sizeof(signature)) != 0)
		return false;
	for (size_t head, box; at < weave->size; at += box) {
		if (!measure(weave, at, &head, &box))
			return false;
		const uint8_t *type = in + at + 4;
		ends = weave_big(in + at, 4) == 0;
		struct block data = { .bytes = in + at + head, .size = box - head };
		if (!is_kept(type)) {
			take_box(weave, type, data);
			continue;
		}
		size_t copied = weave->used;
		weave_keep(weave, at, at + box);
		if (weave->out && ends && box <= UINT32_MAX)
			weave_put_big(weave->out + copied, (uint32_t)box, 4);
	}
	weave->insert_at = weave->used;
	return true;
}

static void insert_box(struct weave *weave, const char *type, struct block start, struct block data)
{
	uint8_t head[HEAD_BYTES];
	weave_put_big(head, (uint32_t)(HEAD_BYTES + start.size + data.size), 4);
	memcpy(head + 4, type, TYPE_BYTES);
	weave_insert(weave, head, sizeof(head));
	if (start.size > 0)
		weave_insert(weave, start.bytes, start.size);
	weave_insert(weave, data.bytes, data.size);
}

/* The boxes that come in front of a bare codestream. */
static void wrap(struct weave *weave)
{
	uint8_t head[HEAD_BYTES] = { 0, 0, 0, 0, 'j', 'x', 'l', 'c' };
	weave_put_big(head, (uint32_t)(weave->used + HEAD_BYTES), 4);
	weave->insert_at = 0;
	weave_insert(weave, signature, sizeof(signature));
	weave_insert(weave, file_type, sizeof(file_type));
	weave_insert(weave, head, sizeof(head));
	weave->insert_at = weave->used;
}

bool weave_join_jxl(struct weave *weave, const struct metadata_made *made)
{
	if (!made->exif && !made->xmp)
		return true;
	if (weave->used > UINT32_MAX - HEAD_BYTES)
		return false;
	if (is_bare(weave->out, weave->used))
		wrap(weave);
	static const uint8_t offset[EXIF_OFFSET] = { 0 };
	if (made->exif)
		insert_box(weave, "Exif", (struct block) { offset, sizeof(offset) },
			(struct block) { made->exif + METADATA_EXIF_PREFIX,
				made->exif_size - METADATA_EXIF_PREFIX });
	if (made->xmp)
		insert_box(weave, "xml ", (struct block) { 0 },
			(struct block) { made->xmp + METADATA_XMP_PREFIX,
				made->xmp_size - METADATA_XMP_PREFIX });
	return true;
}
