/* SPDX-License-Identifier: MIT */
/* Orientation and profile of a small picture. Everything that is read here came from a file. */
#include "worker/kinds/scale_pixels.h"

#include <assert.h>
#include <math.h>
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

/* The data of a tag, inside the profile, of at least so many bytes; NULL when there is none. */
static const uint8_t *find_tag(
	const uint8_t *profile, size_t size, const char *name, size_t least, size_t *length)
{
	uint32_t tags = number_at(profile + ICC_TAGS_AT, 4, true);
	size_t at = ICC_TAGS_AT + 4;
	for (uint32_t i = 0; i < tags && i < ICC_TAGS_MAX; i++, at += ICC_TAG_BYTES) {
		if (at + ICC_TAG_BYTES > size)
			return NULL;
		if (memcmp(profile + at, name, 4) != 0)
			continue;
		size_t offset = number_at(profile + at + 4, 4, true);
		*length = number_at(profile + at + 8, 4, true);
		bool inside = offset <= size && *length <= size - offset && *length >= least;
		return inside ? profile + offset : NULL;
	}
	return NULL;
}

/* s15Fixed16 */
static double fixed_at(const uint8_t *bytes)
{
	return (int32_t)number_at(bytes, 4, true) / 65536.0;
}

/* What a curve (ICC.1:2022, 10.6 and 10.18) makes of x; -1: of one that is never sRGB's. */
static double curve_at(const uint8_t *curve, size_t length, double x)
{
	uint32_t count = number_at(curve + 8, 4, true); /* of a table */
	if (memcmp(curve, "curv", 4) == 0 && count > 1 && count <= (length - 12) / 2) {
		double place = x * (count - 1);
		const uint8_t *entry = curve + 12 + 2 * (size_t)place;
		double low = number_at(entry, 2, true), high = number_at(entry + 2, 2, true);
		return (low + (high - low) * (place - (double)(size_t)place)) / 65535;
	}
	uint32_t type = number_at(curve + 8, 2, true);
	if (memcmp(curve, "para", 4) != 0 || type != 3 || length < 32)
		return -1;
	double gamma = fixed_at(curve + 12);
	double base = fixed_at(curve + 16) * x + fixed_at(curve + 20);
	return x < fixed_at(curve + 28) || base < 0 ? fixed_at(curve + 24) * x : pow(base, gamma);
}

static bool has_curve(const uint8_t *profile, size_t size, const char *name)
{
	static const struct {
		double x, y, tolerance; /* a power of 2.2 is more than that away */
	} points[] = { { 0.1, 0.01002, 0.002 }, { 0.5, 0.21404, 0.005 }, { 0.9, 0.78741, 0.005 } };
	size_t length = 0;
	const uint8_t *curve = find_tag(profile, size, name, 12, &length);
	for (size_t i = 0; curve && i < sizeof(points) / sizeof(points[0]); i++) {
		double off = curve_at(curve, length, points[i].x) - points[i].y;
		if (!(fabs(off) <= points[i].tolerance))
			return false;
	}
	return curve != NULL;
}

/* The colour of a primary, seen by D50, as a profile has it. */
static bool has_primary(const uint8_t *profile, size_t size, const char *name, const double *xyz)
{
	size_t length = 0;
	const uint8_t *data = find_tag(profile, size, name, 20, &length);
	for (size_t i = 0; data && i < 3; i++) {
		if (fabs(fixed_at(data + 8 + 4 * i) - xyz[i]) > 0.01)
			return false;
	}
	return data != NULL;
}

/* "Linear sRGB" and the like have the name, but neither the curve nor always the colours. */
bool pixels_profile_is_srgb(const uint8_t *profile, size_t size)
{
	static const double red[] = { 0.436, 0.2225, 0.0139 }, green[] = { 0.385, 0.717, 0.097 },
			    blue[] = { 0.143, 0.0606, 0.714 };
	if (size < ICC_TAGS_AT + 4 || memcmp(profile + 16, "RGB ", 4) != 0)
		return false;
	size_t length = 0;
	const uint8_t *text = find_tag(profile, size, "desc", 0, &length);
	if (!text ||
		!has_srgb(text, length < ICC_DESCRIPTION_BYTES ? length : ICC_DESCRIPTION_BYTES))
		return false;
	return has_primary(profile, size, "rXYZ", red) &&
	       has_primary(profile, size, "gXYZ", green) &&
	       has_primary(profile, size, "bXYZ", blue) && has_curve(profile, size, "rTRC") &&
	       has_curve(profile, size, "gTRC") && has_curve(profile, size, "bTRC");
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
