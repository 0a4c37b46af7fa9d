/* SPDX-License-Identifier: MIT */
#include "worker/object_type.h"

#include <string.h>

/* The first bytes of formats that pictures are written in (libvips' own list of them). */
static const struct {
	const char *type;
	size_t offset;
	const char *bytes;
	size_t size;
} beginnings[] = {
	{ "image/jpeg", 0, "\xff\xd8\xff", 3 },
	{ "image/png", 0, "\x89PNG\r\n\x1a\n", 8 },
	{ "image/webp", 8, "WEBP", 4 },
	{ "image/gif", 0, "GIF8", 4 },
	{ "image/tiff", 0, "II*\0", 4 },
	{ "image/tiff", 0, "MM\0*", 4 },
	{ "image/avif", 4, "ftypavif", 8 },
	{ "image/heic", 4, "ftypheic", 8 },
	{ "image/jxl", 0, "\xff\x0a", 2 },
	{ "image/jxl", 0, "\0\0\0\x0cJXL ", 8 },
};

const char *object_type(const void *bytes, size_t size)
{
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++) {
		size_t offset = beginnings[i].offset, length = beginnings[i].size;
		if (offset + length <= size &&
			memcmp((const char *)bytes + offset, beginnings[i].bytes, length) == 0)
			return beginnings[i].type;
	}
	return NULL;
}
