/* SPDX-License-Identifier: MIT */
/*
 * GIF: blocks between header and trailer. Kept are pictures with their control blocks, texts that
 * are drawn, loops and profiles; comments and other applications' blocks go. XMP lies in an
 * application block whose content is the packet itself, with a trailer that leads readers of
 * sub-blocks out of it.
 */
#include "worker/kinds/scale_weave_parts.h"

#include <string.h>

enum {
	HEADER_BYTES = 13, /* signature and screen */
	FLAGS_AT = 10,
	HAS_COLOURS = 0x80,
	COLOURS_MASK = 7,
	EXTENSION = 0x21,
	PICTURE = 0x2c,
	TRAILER = 0x3b,
	PICTURE_BYTES = 10, /* with the separator */
	PICTURE_FLAGS_AT = 9,
	LABEL_TEXT = 0x01,
	LABEL_CONTROL = 0xf9,
	LABEL_APPLICATION = 0xff,
	APPLICATION_BYTES = 11,
	APPLICATION_AT = 3, /* in an extension */
	PACKET_AT = APPLICATION_AT + APPLICATION_BYTES,
	XMP_TRAILER = 258, /* with the NUL that ends the block */
};

static const char xmp_name[] = "XMP DataXMP";

static size_t colours(uint8_t flags)
{
	return flags & HAS_COLOURS ? (size_t)3 << ((flags & COLOURS_MASK) + 1) : 0;
}

/* The end of the sub-blocks that begin at `at`, behind their NUL; 0 when they don't end. */
static size_t end_of_blocks(const struct weave *weave, size_t at)
{
	while (at < weave->size && weave->in[at] != 0)
		at += 1 + (size_t)weave->in[at];
	return at < weave->size ? at + 1 : 0;
}

static bool is_application(const struct weave *weave, size_t at, const char *name)
{
	const uint8_t *block = weave->in + at;
	return weave->size - at > PACKET_AT && block[1] == LABEL_APPLICATION &&
	       block[2] == APPLICATION_BYTES &&
	       memcmp(block + APPLICATION_AT, name, APPLICATION_BYTES) == 0;
}

static bool is_kept(const struct weave *weave, size_t at)
{
	uint8_t label = weave->in[at + 1];
	return label == LABEL_TEXT || label == LABEL_CONTROL ||
	       is_application(weave, at, "NETSCAPE2.0") ||
	       is_application(weave, at, "ANIMEXTS1.0") || is_application(weave, at, "ICCRGBG1012");
}

static void take_extension(struct weave *weave, size_t at, size_t end)
{
	if (is_kept(weave, at))
		weave_keep(weave, at, end);
	else if (is_application(weave, at, xmp_name) && weave->found.xmp.size == 0 &&
		 end - at > PACKET_AT + XMP_TRAILER)
		weave->found.xmp = (struct block) { .bytes = weave->in + at + PACKET_AT,
			.size = end - at - PACKET_AT - XMP_TRAILER };
}

/* The end of the block at `at`; 0 when it is none, or does not end. */
static size_t end_of(const struct weave *weave, size_t at)
{
	const uint8_t *block = weave->in + at;
	size_t left = weave->size - at;
	if (block[0] == EXTENSION && left > 2)
		return end_of_blocks(weave, at + 2);
	if (block[0] != PICTURE || left < PICTURE_BYTES)
		return 0;
	/* 1: how many bits the codes begin with */
	return end_of_blocks(weave, at + PICTURE_BYTES + colours(block[PICTURE_FLAGS_AT]) + 1);
}

bool weave_part_gif(struct weave *weave)
{
	const uint8_t *in = weave->in;
	if (weave->size < HEADER_BYTES || memcmp(in, "GIF8", 4) != 0)
		return false;
	size_t at = HEADER_BYTES + colours(in[FLAGS_AT]);
	if (at > weave->size)
		return false;
	weave_keep(weave, 0, at);
	while (at < weave->size) {
		if (in[at] == TRAILER) {
			weave->insert_at = weave->used;
			weave_keep(weave, at, at + 1);
			return true;
		}
		size_t end = end_of(weave, at);
		if (end == 0)
			return false;
		if (in[at] == EXTENSION)
			take_extension(weave, at, end);
		else
			weave_keep(weave, at, end);
		at = end;
	}
	return false;
}

bool weave_join_gif(struct weave *weave, const struct metadata_made *made)
{
	if (!made->xmp)
		return true;
	if (weave->out[4] != '9')
		return false; /* GIF87a has no extensions */
	uint8_t head[PACKET_AT] = { EXTENSION, LABEL_APPLICATION, APPLICATION_BYTES };
	memcpy(head + APPLICATION_AT, xmp_name, APPLICATION_BYTES);
	/* 1, then each byte says how far it is to the last NUL but one */
	uint8_t trailer[XMP_TRAILER] = { 1 };
	for (unsigned i = 0; i < 256; i++)
		trailer[1 + i] = (uint8_t)(255 - i);
	weave_insert(weave, head, sizeof(head));
	weave_insert(weave, made->xmp + METADATA_XMP_PREFIX, made->xmp_size - METADATA_XMP_PREFIX);
	weave_insert(weave, trailer, sizeof(trailer));
	return true;
}
