/* SPDX-License-Identifier: MIT */
#include "worker/kinds/scale_srgb.h"

#include <assert.h>
#include <string.h>

enum {
	HEADER_BYTES = 128,
	TAG_BYTES = 12,
	XYZ_BYTES = 20,
	CURVE_BYTES = 32,
	TEXT_HEAD_BYTES = 28, /* of a text in one language, in front of its letters */
	VERSION = 0x04200000,
	CURVE_TYPE = 3, /* Y = (a X + b)^g from d on, below it c X */
};

/* s15Fixed16: 1 is 65536. */
static const int32_t white[] = { 63190, 65536, 54061 };
static const int32_t red[] = { 28578, 14582, 912 };
static const int32_t green[] = { 25240, 46983, 6363 };
static const int32_t blue[] = { 9372, 3971, 46787 };
static const int32_t curve[] = { 157286, 62119, 3417, 5072, 2651 };
/* From D65, as sRGB is defined, to D50, as profiles are. */
static const int32_t adaptation[] = { 68674, 1502, -3290, 1939, 64913, -1118, -605, 987, 49263 };

struct builder {
	uint8_t *bytes;
	size_t tags, end;
};

static void put(uint8_t *to, uint32_t value, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		to[i] = (uint8_t)(value >> 8 * (count - 1 - i));
}

/* A tag whose data begin at the end, with its type; returns where. Data begin at multiples of 4. */
static uint8_t *add(struct builder *b, const char *name, const char *type, size_t size)
{
	uint8_t *entry = b->bytes + HEADER_BYTES + 4 + b->tags * TAG_BYTES;
	uint8_t *data = b->bytes + b->end;
	assert(b->end + size <= SRGB_PROFILE_MAX);
	memcpy(entry, name, 4);
	put(entry + 4, (uint32_t)b->end, 4);
	put(entry + 8, (uint32_t)size, 4);
	memcpy(data, type, 4);
	b->tags++;
	b->end += (size + 3) / 4 * 4;
	return data;
}

static void add_numbers(
	struct builder *b, const char *name, const char *type, const int32_t *numbers, size_t count)
{
	uint8_t *data = add(b, name, type, 8 + 4 * count);
	for (size_t i = 0; i < count; i++)
		put(data + 8 + 4 * i, (uint32_t)numbers[i], 4);
}

static void add_text(struct builder *b, const char *name, const char *text)
{
	size_t length = strlen(text);
	uint8_t *data = add(b, name, "mluc", TEXT_HEAD_BYTES + 2 * length);
	put(data + 8, 1, 4);   /* one language, */
	put(data + 12, 12, 4); /* so many bytes to say which */
	memcpy(data + 16, "enUS", 4);
	put(data + 20, (uint32_t)(2 * length), 4);
	put(data + 24, TEXT_HEAD_BYTES, 4);
	for (size_t i = 0; i < length; i++)
		data[TEXT_HEAD_BYTES + 2 * i + 1] = (uint8_t)text[i];
}

/* All three channels have one curve: two more entries for the same data. */
static void add_curves(struct builder *b)
{
	uint8_t *entry = b->bytes + HEADER_BYTES + 4 + b->tags * TAG_BYTES;
	uint8_t *data = add(b, "rTRC", "para", CURVE_BYTES);
	put(data + 8, CURVE_TYPE, 2);
	for (size_t i = 0; i < sizeof(curve) / sizeof(curve[0]); i++)
		put(data + 12 + 4 * i, (uint32_t)curve[i], 4);
	memcpy(entry + TAG_BYTES, entry, TAG_BYTES);
	memcpy(entry + 2 * (size_t)TAG_BYTES, entry, TAG_BYTES);
	entry[TAG_BYTES] = 'g';
	entry[2 * TAG_BYTES] = 'b';
	b->tags += 2;
}

static void put_header(struct builder *b)
{
	uint8_t *to = b->bytes;
	put(to, (uint32_t)b->end, 4);
	put(to + 8, VERSION, 4);
	memcpy(to + 12, "mntrRGB XYZ ", 12);
	put(to + 24, 2026, 2);
	put(to + 26, 1, 2);
	put(to + 28, 1, 2);
	memcpy(to + 36, "acsp", 4);
	for (size_t i = 0; i < 3; i++)
		put(to + 68 + 4 * i, (uint32_t)white[i], 4);
	put(to + HEADER_BYTES, (uint32_t)b->tags, 4);
}

size_t srgb_profile(uint8_t profile[SRGB_PROFILE_MAX])
{
	enum { TAGS = 10 };
	struct builder b = { .bytes = profile, .end = HEADER_BYTES + 4 + TAGS * TAG_BYTES };
	memset(profile, 0, SRGB_PROFILE_MAX);
	add_text(&b, "desc", "sRGB");
	add_text(&b, "cprt", "CC0");
	add_numbers(&b, "wtpt", "XYZ ", white, 3);
	add_numbers(&b, "chad", "sf32", adaptation, 9);
	add_numbers(&b, "rXYZ", "XYZ ", red, 3);
	add_numbers(&b, "gXYZ", "XYZ ", green, 3);
	add_numbers(&b, "bXYZ", "XYZ ", blue, 3);
	add_curves(&b);
	assert(b.tags == TAGS);
	put_header(&b);
	return b.end;
}
