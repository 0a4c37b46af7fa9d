/* SPDX-License-Identifier: MIT */
/*
 * PNG: chunks between signature and IEND. Kept are those that say how the pixels look; texts,
 * times, EXIF and what nobody knows go.
 */
#include "worker/kinds/scale_weave_parts.h"

#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "common/memory.h"

enum {
	SIGNATURE_BYTES = 8,
	TYPE_BYTES = 4,
	DATA_AT = 8, /* in a chunk: behind length and type */
	CRC_BYTES = 4,
	CHUNK_BYTES = DATA_AT + CRC_BYTES, /* of an empty chunk */
	CHUNK_DATA_MAX = 0x7fffffff,
	ANCILLARY = 0x20,     /* in the first byte of the type: decoders may do without */
	PACKET_MAX = 1 << 20, /* bytes of a compressed XMP packet, inflated */
};

static const char xmp_keyword[] = "XML:com.adobe.xmp";

/* Those with an upper case first letter are the pixels; without the others they look different. */
static const char *const kept[] = { "IHDR", "PLTE", "IDAT", "IEND", "tRNS", "cHRM", "gAMA", "iCCP",
	"sBIT", "sRGB", "cICP", "mDCV", "mDCv", "cLLI", "cLLi", "bKGD", "hIST", "sPLT", "pHYs",
	"acTL", "fcTL", "fdAT" };

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

static struct block inflate(struct weave *weave, const uint8_t *data, size_t size)
{
	struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
	uint8_t *text = xmalloc(PACKET_MAX);
	size_t text_size = 0;
	if (weave->inflated || !inflater ||
		libdeflate_zlib_decompress(inflater, data, size, text, PACKET_MAX, &text_size) !=
			LIBDEFLATE_SUCCESS) {
		free(text);
		libdeflate_free_decompressor(inflater);
		return (struct block) { 0 };
	}
	libdeflate_free_decompressor(inflater);
	weave->inflated = text;
	return (struct block) { .bytes = text, .size = text_size };
}

/* iTXt: keyword, NUL, is it compressed, how, language, NUL, keyword in it, NUL, text. */
static struct block text_of(struct weave *weave, const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	const uint8_t *at = memchr(data, '\0', size);
	if (!at || end - at < 3)
		return (struct block) { 0 };
	bool compressed = at[1] != 0;
	at += 3;
	for (int i = 0; i < 2; i++) {
		at = memchr(at, '\0', (size_t)(end - at));
		if (!at)
			return (struct block) { 0 };
		at++;
	}
	size_t length = (size_t)(end - at);
	return compressed ? inflate(weave, at, length)
			  : (struct block) { .bytes = at, .size = length };
}

static bool names(const uint8_t *data, size_t size, const char *keyword)
{
	return size > strlen(keyword) && memcmp(data, keyword, strlen(keyword) + 1) == 0;
}

static void take_text(struct weave *weave, const uint8_t *type, const uint8_t *data, size_t size)
{
	struct rights *said = &weave->found.said;
	bool international = is(type, "iTXt");
	if (international && names(data, size, xmp_keyword)) {
		if (weave->found.xmp.size == 0)
			weave->found.xmp = text_of(weave, data, size);
		return;
	}
	bool creator = names(data, size, "Author") || names(data, size, "Artist");
	if (!creator && !names(data, size, "Copyright"))
		return;
	size_t skipped = strlen((const char *)data) + 1;
	struct block text = { .bytes = data + skipped, .size = size - skipped };
	if (international)
		text = text_of(weave, data, size);
	rights_add(said, creator ? RIGHT_CREATOR : RIGHT_COPYRIGHT, text.bytes, text.size);
}

static void take_chunk(struct weave *weave, const uint8_t *type, size_t size)
{
	const uint8_t *data = type + TYPE_BYTES;
	if (is(type, "eXIf") && weave->found.exif.size == 0)
		weave->found.exif = (struct block) { .bytes = data, .size = size };
	else if (is(type, "iTXt") || is(type, "tEXt"))
		take_text(weave, type, data, size);
}

bool weave_part_png(struct weave *weave)
{
	static const uint8_t signature[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
	const uint8_t *in = weave->in;
	if (weave->size < SIGNATURE_BYTES || memcmp(in, signature, SIGNATURE_BYTES) != 0)
		return false;
	weave_keep(weave, 0, SIGNATURE_BYTES);
	size_t at = SIGNATURE_BYTES;
	while (weave->size - at >= CHUNK_BYTES) {
		size_t data = weave_big(in + at, 4);
		const uint8_t *type = in + at + 4;
		if (data > CHUNK_DATA_MAX || data > weave->size - at - CHUNK_BYTES)
			return false;
		size_t end = at + CHUNK_BYTES + data;
		if (weave->insert_at == 0 && is(type, "IDAT"))
			weave->insert_at = weave->used;
		if (is_kept(type))
			weave_keep(weave, at, end);
		else if (type[0] & ANCILLARY)
			take_chunk(weave, type, data);
		else
			return false;
		if (is(type, "IEND"))
			return weave->insert_at != 0;
		at = end;
	}
	return false;
}

static void insert_chunk(struct weave *weave, const char *type, const uint8_t *data, size_t size)
{
	uint8_t head[DATA_AT];
	weave_put_big(head, (uint32_t)size, 4);
	memcpy(head + 4, type, TYPE_BYTES);
	uint32_t sum = libdeflate_crc32(0, head + 4, TYPE_BYTES);
	sum = libdeflate_crc32(sum, data, size);
	uint8_t tail[CRC_BYTES];
	weave_put_big(tail, sum, CRC_BYTES);
	weave_insert(weave, head, sizeof(head));
	weave_insert(weave, data, size);
	weave_insert(weave, tail, sizeof(tail));
}

bool weave_join_png(struct weave *weave, const struct metadata_made *made)
{
	if (made->exif)
		insert_chunk(weave, "eXIf", made->exif + METADATA_EXIF_PREFIX,
			made->exif_size - METADATA_EXIF_PREFIX);
	if (!made->xmp)
		return true;
	/* behind the keyword: not compressed, no language, no keyword in it */
	size_t head = sizeof(xmp_keyword) + 4;
	size_t packet = made->xmp_size - METADATA_XMP_PREFIX;
	uint8_t *data = xcalloc(1, head + packet);
	memcpy(data, xmp_keyword, sizeof(xmp_keyword));
	memcpy(data + head, made->xmp + METADATA_XMP_PREFIX, packet);
	insert_chunk(weave, "iTXt", data, head + packet);
	free(data);
	return true;
}
