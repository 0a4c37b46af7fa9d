/* SPDX-License-Identifier: MIT */
/* Orientation and profile of a small picture. Everything that is read here came from a file. */
#include "worker/kinds/scale_pixels.h"

#include <assert.h>
#include <string.h>

#include "common/memory.h"

enum {
	EXIF_HEADER = 6, /* "Exif\0\0", then a TIFF file whose offsets count from here */
	TIFF_HEADER = 8,
	ENTRY_BYTES = 12,
	TAG_ORIENTATION = 0x0112,
	TYPE_SHORT = 3,
	ICC_TAGS_AT = 128,
	ICC_TAG_BYTES = 12,
	ICC_TAGS_MAX = 100,
	ICC_DESCRIPTION_BYTES = 256, /* where its beginning is looked for */
};

static uint32_t number_at(const uint8_t *bytes, unsigned count, bool big)
{
	uint32_t value = 0;
	for (unsigned i = 0; i < count; i++)
		value |= (uint32_t)bytes[i] << 8 * (big ? count - 1 - i : i);
	return value;
}

unsigned pixels_orientation(const uint8_t *exif, size_t size)
{
	if (size < EXIF_HEADER + TIFF_HEADER || memcmp(exif, "Exif", 4) != 0)
		return ORIENTATION_UPRIGHT;
	const uint8_t *tiff = exif + EXIF_HEADER;
	size -= EXIF_HEADER;
	bool big = tiff[0] == 'M';
	size_t at = number_at(tiff + 4, 4, big);
	if (at + 2 > size)
		return ORIENTATION_UPRIGHT;
	uint32_t entries = number_at(tiff + at, 2, big);
	at += 2;
	for (; entries > 0 && at + ENTRY_BYTES <= size; entries--, at += ENTRY_BYTES) {
		if (number_at(tiff + at, 2, big) != TAG_ORIENTATION)
			continue;
		uint32_t value = number_at(tiff + at + 8, 2, big);
		bool legal =
			number_at(tiff + at + 2, 2, big) == TYPE_SHORT && value >= 1 && value <= 8;
		return legal ? value : ORIENTATION_UPRIGHT;
	}
	return ORIENTATION_UPRIGHT;
}

/* The text is ASCII in version 2 profiles and UTF-16 in version 4. */
static bool has_srgb(const uint8_t *text, size_t size)
{
	return memmem(text, size, "sRGB", 4) || memmem(text, size, "s\0R\0G\0B", 7);
}

bool pixels_profile_is_srgb(const uint8_t *profile, size_t size)
{
	if (size < ICC_TAGS_AT + 4 || memcmp(profile + 16, "RGB ", 4) != 0)
		return false;
	uint32_t tags = number_at(profile + ICC_TAGS_AT, 4, true);
	size_t at = ICC_TAGS_AT + 4;
	for (uint32_t i = 0; i < tags && i < ICC_TAGS_MAX; i++, at += ICC_TAG_BYTES) {
		if (at + ICC_TAG_BYTES > size)
			return false;
		if (memcmp(profile + at, "desc", 4) != 0)
			continue;
		size_t offset = number_at(profile + at + 4, 4, true);
		size_t length = number_at(profile + at + 8, 4, true);
		if (offset > size || length > size - offset)
			return false;
		if (length > ICC_DESCRIPTION_BYTES)
			length = ICC_DESCRIPTION_BYTES;
		return has_srgb(profile + offset, length);
	}
	return false;
}

/* Where the upright pixel (x, y) is stored; size is that of the stored picture. */
static size_t stored_at(unsigned orientation, struct size size, uint32_t x, uint32_t y)
{
	uint32_t right = size.width - 1;
	uint32_t bottom = size.height - 1;
	size_t width = size.width;
	switch (orientation) {
	case 2:
		return y * width + (right - x);
	case 3:
		return (bottom - y) * width + (right - x);
	case 4:
		return (bottom - y) * width + x;
	case 5:
		return x * width + y;
	case 6:
		return (bottom - x) * width + y;
	case 7:
		return (bottom - x) * width + (right - y);
	case 8:
		return x * width + (right - y);
	default:
		return y * width + x;
	}
}

uint8_t *pixels_upright(const struct pixels *pixels)
{
	struct size size = pixels->size;
	struct size upright = pixels->orientation >= ORIENTATION_SWAPS ? fit_swap(size) : size;
	assert(pixels->orientation >= 1 && pixels->orientation <= 8);
	uint8_t *bytes = xreallocarray(NULL, (size_t)size.width * size.height, pixels->bands);
	uint8_t *to = bytes;
	for (uint32_t y = 0; y < upright.height; y++) {
		for (uint32_t x = 0; x < upright.width; x++, to += pixels->bands) {
			size_t from = stored_at(pixels->orientation, size, x, y);
			memcpy(to, pixels->bytes + from * pixels->bands, pixels->bands);
		}
	}
	return bytes;
}
