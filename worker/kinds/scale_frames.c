/* SPDX-License-Identifier: MIT */
/*
 * PNG says it in a chunk in front of its pixels, AVIF and HEIC in a box of the film that they hold
 * besides the picture (ISO/IEC 14496-12), JPEG XL in a bit of its header (ISO/IEC 18181-1, A.6).
 */
#include "worker/kinds/scale_frames.h"

#include <stdint.h>
#include <string.h>

#include "worker/kinds/scale_file.h"

enum {
	PARTS_MAX = 64,       /* chunks or boxes that are looked at */
	HEAD_BYTES = 8,       /* of both: length and type */
	LONG_HEAD_BYTES = 16, /* of a box whose length does not fit there */
	PNG_SIGNATURE = 8,
	PNG_CHUNK_FRAME = 12, /* length, type, and the check sum behind the data */
	JXL_NUMBER_BYTES = 4, /* of a part of a codestream, in front of it */
	JXL_HEADER_BYTES = 32 /* more than the bits that are looked at */
};

static uint64_t number_at(const uint8_t *bytes, unsigned count)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < count; i++)
		value = value << 8 | bytes[i];
	return value;
}

static bool is(const uint8_t *head, const char *type)
{
	return memcmp(head + 4, type, 4) == 0;
}

static size_t read_at(int fd, uint8_t *bytes, size_t size, uint64_t at)
{
	struct error ignored;
	ssize_t got = file_read_at(fd, bytes, size, at, &ignored);
	return got < 0 ? 0 : (size_t)got;
}

static bool is_animated_png(int fd)
{
	uint64_t at = PNG_SIGNATURE;
	uint8_t head[HEAD_BYTES];
	for (int i = 0; i < PARTS_MAX; i++) {
		if (read_at(fd, head, sizeof(head), at) < HEAD_BYTES || is(head, "IDAT"))
			return false;
		if (is(head, "acTL"))
			return true;
		at += number_at(head, 4) + PNG_CHUNK_FRAME;
	}
	return false;
}

/* Where the data of the first box of one of two types begin; 0: there is none. */
static uint64_t find_box(int fd, const char *type, const char *other)
{
	uint64_t at = 0;
	for (int i = 0; i < PARTS_MAX; i++) {
		uint8_t head[LONG_HEAD_BYTES];
		size_t got = read_at(fd, head, sizeof(head), at);
		if (got < HEAD_BYTES)
			return 0;
		uint64_t size = number_at(head, 4);
		bool is_long = size == 1;
		if (is(head, type) || is(head, other))
			return at + (is_long ? LONG_HEAD_BYTES : HEAD_BYTES);
		if (is_long)
			size = got < LONG_HEAD_BYTES ? 0 : number_at(head + HEAD_BYTES, 8);
		if (size < HEAD_BYTES || size > UINT32_MAX)
			return 0;
		at += size;
	}
	return 0;
}

/* The least significant bit of the first byte first; zeros behind the end. */
struct bits {
	uint8_t bytes[JXL_HEADER_BYTES];
	unsigned at;
};

static unsigned take(struct bits *bits, unsigned count)
{
	unsigned value = 0;
	for (unsigned i = 0; i < count; i++, bits->at++) {
		unsigned byte = bits->at / 8;
		if (byte < JXL_HEADER_BYTES)
			value |= (unsigned)(bits->bytes[byte] >> bits->at % 8 & 1) << i;
	}
	return value;
}

static void skip_side(struct bits *bits, bool is_small)
{
	static const unsigned widths[] = { 9, 13, 18, 30 };
	(void)take(bits, is_small ? 5 : widths[take(bits, 2)]);
}

/* Height, then a ratio or the width. */
static void skip_size(struct bits *bits)
{
	bool is_small = take(bits, 1);
	skip_side(bits, is_small);
	if (take(bits, 3) == 0)
		skip_side(bits, is_small);
}

static bool is_animated_jxl(int fd)
{
	struct bits bits = { .at = 16 }; /* behind the codestream's signature */
	if (read_at(fd, bits.bytes, 2, 0) < 2)
		return false;
	uint64_t at = 0;
	if (bits.bytes[0] != 0xff) {
		uint8_t head[HEAD_BYTES];
		at = find_box(fd, "jxlc", "jxlp");
		if (at < HEAD_BYTES ||
			read_at(fd, head, sizeof(head), at - HEAD_BYTES) < HEAD_BYTES)
			return false;
		at += is(head, "jxlp") ? JXL_NUMBER_BYTES : 0;
	}
	(void)read_at(fd, bits.bytes, sizeof(bits.bytes), at);
	if (bits.bytes[0] != 0xff || bits.bytes[1] != 0x0a)
		return false;
	skip_size(&bits);
	bool all_default = take(&bits, 1);
	if (all_default || take(&bits, 1) == 0)
		return false;
	(void)take(&bits, 3); /* orientation */
	if (take(&bits, 1))
		skip_size(&bits);
	bool preview = take(&bits, 1);
	return !preview && take(&bits, 1);
}

bool frames_are_hidden(enum picture_format format, int fd)
{
	switch (format) {
	case PICTURE_PNG:
		return is_animated_png(fd);
	case PICTURE_JXL:
		return is_animated_jxl(fd);
	case PICTURE_HEIF:
	case PICTURE_AVIF:
		return find_box(fd, "moov", "moov") != 0;
	default:
		return false;
	}
}
