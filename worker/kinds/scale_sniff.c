/* SPDX-License-Identifier: MIT */
/* What a file is, by its first bytes. One table for fixed bytes, one function for each odd case. */
#include "worker/kinds/scale_sniff.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const struct magic {
	enum picture_format format;
	size_t offset;
	size_t size;
	const char *bytes;
} magics[] = {
	{ PICTURE_JPEG, 0, 2, "\xff\xd8" },
	{ PICTURE_PNG, 0, 8, "\x89PNG\r\n\x1a\n" },
	{ PICTURE_WEBP, 8, 4, "WEBP" },
	{ PICTURE_GIF, 0, 6, "GIF87a" },
	{ PICTURE_GIF, 0, 6, "GIF89a" },
	{ PICTURE_TIFF, 0, 4, "II*\0" },
	{ PICTURE_TIFF, 0, 4, "MM\0*" },
	{ PICTURE_TIFF, 0, 4, "II+\0" },
	{ PICTURE_TIFF, 0, 4, "MM\0+" },
	{ PICTURE_AVIF, 4, 8, "ftypavif" },
	{ PICTURE_AVIF, 4, 8, "ftypavis" },
	{ PICTURE_BMP, 0, 2, "BM" },
	{ PICTURE_ICO, 0, 4, "\0\0\1\0" },
	{ PICTURE_PSD, 0, 4, "8BPS" },
	{ PICTURE_DDS, 0, 4, "DDS " },
	{ PICTURE_SGI, 0, 2, "\x01\xda" },
	{ PICTURE_SUN, 0, 4, "\x59\xa6\x6a\x95" },
	{ PICTURE_PCX, 0, 3, "\x0a\x05\x01" },
	{ PICTURE_XPM, 0, 9, "/* XPM */" },
	{ PICTURE_XBM, 0, 8, "#define " },
	{ PICTURE_PDF, 0, 5, "%PDF-" },
	{ PICTURE_PS, 0, 4, "%!PS" },
	{ PICTURE_PS, 0, 4, "\xc5\xd0\xd3\xc6" },
	{ PICTURE_SVG, 0, 4, "<svg" },
};

static const char *const names[PICTURE_FORMATS] = {
	[PICTURE_UNKNOWN] = "unknown",
	[PICTURE_JPEG] = "jpeg",
	[PICTURE_PNG] = "png",
	[PICTURE_WEBP] = "webp",
	[PICTURE_GIF] = "gif",
	[PICTURE_TIFF] = "tiff",
	[PICTURE_HEIF] = "heif",
	[PICTURE_AVIF] = "avif",
	[PICTURE_JP2] = "jp2",
	[PICTURE_JXL] = "jxl",
	[PICTURE_PPM] = "ppm",
	[PICTURE_HDR] = "hdr",
	[PICTURE_BMP] = "bmp",
	[PICTURE_ICO] = "ico",
	[PICTURE_TGA] = "tga",
	[PICTURE_PSD] = "psd",
	[PICTURE_DDS] = "dds",
	[PICTURE_SGI] = "sgi",
	[PICTURE_SUN] = "sun",
	[PICTURE_PCX] = "pcx",
	[PICTURE_XBM] = "xbm",
	[PICTURE_XPM] = "xpm",
	[PICTURE_PDF] = "pdf",
	[PICTURE_PS] = "ps",
	[PICTURE_SVG] = "svg",
};

/* TGA has no magic: every field of its header that has few legal values must have one. */
static bool is_tga(const uint8_t *bytes, size_t size)
{
	if (size < 18 || bytes[1] > 1)
		return false;
	uint8_t type = bytes[2] & 0x7;
	if ((bytes[2] & ~0xb) != 0 || type < 1 || type > 3 || (type == 1) > bytes[1])
		return false;
	uint8_t depth = bytes[16];
	bool sized = (bytes[12] | bytes[13]) != 0 && (bytes[14] | bytes[15]) != 0;
	return sized && (depth == 8 || depth == 15 || depth == 16 || depth == 24 || depth == 32);
}

/*
 * A file whose first brand is that of all such pictures and films, and which is AVIF by one of the
 * others (ISO/IEC 14496-12, 4.3: size, "ftyp", brand, version, more brands).
 */
static bool is_compatible_avif(const uint8_t *bytes, size_t size)
{
	if (size < 16 ||
		(memcmp(bytes + 4, "ftypmif1", 8) != 0 && memcmp(bytes + 4, "ftypmsf1", 8) != 0))
		return false;
	size_t said = (size_t)bytes[2] << 8 | bytes[3];
	size_t end = said < size ? said : size;
	for (size_t at = 16; at + 4 <= end; at += 4) {
		if (memcmp(bytes + at, "avif", 4) == 0 || memcmp(bytes + at, "avis", 4) == 0)
			return true;
	}
	return false;
}

enum picture_format sniff(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		const struct magic *magic = &magics[i];
		if (magic->offset + magic->size <= size &&
			memcmp(bytes + magic->offset, magic->bytes, magic->size) == 0)
			return magic->format;
	}
	if (is_compatible_avif(bytes, size))
		return PICTURE_AVIF;
	return is_tga(bytes, size) ? PICTURE_TGA : PICTURE_UNKNOWN;
}

static const struct {
	const char *suffix;
	enum picture_format format;
} suffixes[] = {
	{ "jpg", PICTURE_JPEG },
	{ "jpeg", PICTURE_JPEG },
	{ "jpe", PICTURE_JPEG },
	{ "png", PICTURE_PNG },
	{ "webp", PICTURE_WEBP },
	{ "gif", PICTURE_GIF },
	{ "tif", PICTURE_TIFF },
	{ "tiff", PICTURE_TIFF },
	{ "avif", PICTURE_AVIF },
	{ "heic", PICTURE_HEIF },
	{ "heif", PICTURE_HEIF },
	{ "jxl", PICTURE_JXL },
	{ "jp2", PICTURE_JP2 },
	{ "bmp", PICTURE_BMP },
	{ "psd", PICTURE_PSD },
	{ "svg", PICTURE_SVG },
	{ "pdf", PICTURE_PDF },
};

bool suffix_lies(const char *name, enum picture_format format)
{
	const char *slash = strrchr(name, '/');
	const char *dot = strrchr(slash ? slash : name, '.');
	for (size_t i = 0; dot && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (strcasecmp(dot + 1, suffixes[i].suffix) == 0)
			return suffixes[i].format != format;
	}
	return false;
}

const char *sniff_name(enum picture_format format)
{
	assert(format < PICTURE_FORMATS);
	return names[format];
}
